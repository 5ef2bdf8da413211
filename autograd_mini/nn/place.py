"""Scopes: what a graph keeps of the module whose call made it."""

from typing import Any
from weakref import ref


class Place:
    """What a graph keeps of the module whose call made it: a weak reference, since the module may hold the graph.

    A module that is deleted leaves its names here, for the graphs that outlive it.
    """

    __slots__ = ("_leaves", "_parts", "kind", "module")

    def __init__(self, module: Any) -> None:
        self.module, self.kind = ref(module), type(module).__name__
        self._parts: list[tuple[str, str, Any]] = []
        self._leaves: list[tuple[str, Any]] = []

    def leave(self, module: Any) -> None:
        """Keep the names below a module that is deleted."""
        below = list(module.named_modules())[1:]  # without itself: its own place would make a cycle
        self._parts = [(path, type(part).__name__, getattr(part, "_place", None)) for path, part in below]
        self._leaves = list(module.named_leaves())

    def contents(self) -> tuple[list[tuple[str, str, Any]], list[tuple[str, Any]]]:
        """The path, class and Place (None for one that was never called) of each module below; the path and node of each leaf."""
        if (module := self.module()) is not None:
            self.leave(module)
        return self._parts, self._leaves
