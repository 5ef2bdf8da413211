"""Scopes: what a graph keeps of the module in whose call it was made."""

from typing import Any
from weakref import ref


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
