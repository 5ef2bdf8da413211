"""Gradients that are never zeroed: noticed where a backward adds to a leaf's gradient, and said once in a program."""

import warnings
from collections.abc import Sequence
from typing import Any
from weakref import ref

from numpy import ndarray


class Sum:
    """A gradient that was added to: how often that came after a change of its leaf, while nobody set it to None."""

    LIMIT = 5  # as often, and the program is warned, once
    warned = False

    def __init__(self, leaf: Any, total: Any, last: "Sum | None") -> None:
        self.total = ref(total) if type(total) is ndarray else total
        self.state = leaf.data if type(total) is float else leaf._version
        self.count = 0
        if last is not None and last.holds(leaf):
            self.count = last.count + (last.state != self.state)

    def holds(self, leaf: Any) -> bool:
        """Whether the leaf's gradient is still this sum."""
        total = self.total() if type(self.total) is ref else self.total
        return total is leaf.grad and total is not None

    def __reduce__(self) -> Any:
        return _no_sum, ()  # of a copy the gradient is another array


def _no_sum() -> None:
    return None


def noted(leaves: Sequence[Any], totals: Sequence[Any]) -> None:
    """Remember on two witnesses for all, the first and the last, that these leaves get these sums as their gradients."""
    for i in {0, len(leaves) - 1}:
        leaf, last = leaves[i], leaves[i].meta.get("sum") if leaves[i].meta else None
        leaf.meta = {**(leaf.meta or {}), "sum": Sum(leaf, totals[i], last)}


def warn_if_piled_up(leaves: Sequence[Any]) -> None:
    """Warn once in a program where gradients pile up from step to step."""
    if not Sum.warned and any(leaf.meta["sum"].count >= Sum.LIMIT for leaf in (leaves[0], leaves[-1])):
        Sum.warned = True
        shown = ", ".join(leaf._name for leaf in leaves[:4]) + (", …" if leaves[4:] else "")
        warnings.warn(
            f"backward() has added to the gradients of {shown} {Sum.LIMIT} times while they changed, "
            "and they were never zeroed, so each step repeats all that came before: "
            "call zero_grad() before backward(), or set w.grad = None",
            stacklevel=4,
        )
