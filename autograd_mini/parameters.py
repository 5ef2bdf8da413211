"""A model from outside: the numbers of its leaves, replaced together, all of them or none; and the modes of its parts."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import starmap
from typing import Any
from weakref import ref

from .core.engine import clock
from .core.node import set_data
from .core.tensor import Tensor


def assign(changes: Iterable[tuple[Any, str, Any]]) -> None:
    """Set attributes, each given as (object, name, value), from C: Ctrl-C comes before all of them, or after."""
    deque(starmap(setattr, list(changes)), maxlen=0)


def completed(function: Callable[..., object], *arguments: Any, pass_on: bool = True) -> None:
    """Call a function to its end, from its beginning again after each Ctrl-C, which is passed on at the end if wanted.

    The function must be one that can begin again: what it has done already, it leaves or does alike.
    """
    interrupted = False
    while True:
        try:
            function(*arguments)
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted and pass_on:
        raise KeyboardInterrupt


def replace_all(nodes: Iterable[Any], data: Iterable[Any]) -> None:
    """Give each node the data that belong to it, its own kind's and of its own shape and dtype.

    The data are set from C: Ctrl-C comes before or after.
    """
    nodes = list(nodes)
    touch(nodes)
    deque(map(set_data, nodes, data), maxlen=0)


def touch(nodes: Iterable[Any]) -> None:
    """Note that the data of these nodes are others now, so that no gradient is taken through a graph that had read the old."""
    clock.now += 1
    for node in nodes:
        if type(node) is Tensor:
            node.version = clock.now


def training_modes(model: Any) -> list[tuple[Any, bool]]:
    """Each part of a model that has a training mode, and the mode, to be put back with `set_modes`."""
    parts = model.modules() if callable(getattr(model, "modules", None)) else [model]
    return [(part, part.training) for part in parts if hasattr(part, "training")]


def set_modes(modes: Iterable[tuple[Any, bool]]) -> None:
    """Give parts of a model these training modes."""
    for part, mode in modes:
        part.training = mode


class Place:
    """What a graph keeps of a module in whose call it was made: a weak reference, as a module may itself hold what it computed.

    A module that goes away leaves its names here, for the graphs that outlive it.
    """

    __slots__ = ("_leaves", "_parts", "kind", "module")

    def __init__(self, module: Any) -> None:
        self.module, self.kind = ref(module), type(module).__name__
        self._parts: list[tuple[str, str, Any]] = []
        self._leaves: list[tuple[str, Any]] = []

    def leave(self, module: Any) -> None:
        """Keep the names below a module that goes away."""
        below = (
            part for part in module.named_modules() if part[1] is not module
        )  # its own place would be a cycle
        self._parts = [(path, type(part).__name__, getattr(part, "_place", None)) for path, part in below]
        self._leaves = list(module.named_leaves())

    def contents(self) -> tuple[list[tuple[str, str, Any]], list[tuple[str, Any]]]:
        """The path, class and Place (None where it was never called) of all modules below this one; the path and node of every leaf."""
        if (module := self.module()) is not None:
            self.leave(module)
        return self._parts, self._leaves
