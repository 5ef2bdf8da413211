"""PyTorch, imported when it is first used: a test run that needs no peer imports none, and works where none is installed.

`from tests.helpers.peers import torch` stands in place of `import torch`. While test files are imported, `torch.add` is a name that
is looked up when it is called, so that tables of pairs may hold it. Before a test of a file that holds `torch` runs, PyTorch is
imported (tests/conftest.py), and `torch.add` is the function itself; where it is not installed, the test is skipped.
"""

import importlib
from functools import partial
from typing import Any

import pytest


class Later:
    """A dotted name of a module that need not be imported yet; it can be called, and its attributes are names too."""

    def __init__(self, peer: "Peer", path: tuple[str, ...]) -> None:
        self._peer, self._path = peer, path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Later(self._peer, (*self._path, name))

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._found()(*args, **options)

    def __repr__(self) -> str:
        return ".".join((self._peer.name, *self._path))

    def _found(self) -> Any:
        found = self._peer.module()
        for name in self._path:
            found = getattr(found, name)
        return found


class Peer:
    """A module that is imported by `module()`, or when one of its functions is called."""

    def __init__(self, name: str) -> None:
        self.name, self._module = name, None

    def module(self) -> Any:
        """The module itself; the test is skipped where it is not installed."""
        if self._module is None:
            self._module = pytest.importorskip(self.name)
            if self.name == "torch":
                self._module.set_num_threads(1)
        return self._module

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Later(self, (name,)) if self._module is None else self._attribute(name)

    def _attribute(self, name: str) -> Any:
        if not hasattr(self._module, name):
            importlib.import_module(f"{self.name}.{name}")
        return getattr(self._module, name)


torch: Any = Peer("torch")


def made(x: Any) -> Any:
    """What a table holds for later, now: `partial(torch.ones, 2)` called, `torch.nn.ReLU` looked up, in dicts too; the rest as it is."""
    if isinstance(x, dict):
        return {key: made(part) for key, part in x.items()}
    if isinstance(x, partial) and isinstance(x.func, Later):
        return made(x.func)(*map(made, x.args), **made(x.keywords))
    return x._found() if isinstance(x, Later) else x
