"""Gradients that are never zeroed: found where a backward adds to a leaf's gradient; one warning in a program."""

import warnings
from collections.abc import Sequence
from typing import Any
from weakref import ref

from numpy import ndarray


class Sum:
    """A gradient to which a backward has added: how often it did so after a change of the leaf, while nobody set it to None."""

    LIMIT = 5  # the count at which the program is warned
    warned = False

    def __init__(self, leaf: Any, total: Any, last: "Sum | None") -> None:
        self.total = ref(total) if type(total) is ndarray else total
        self.state = leaf.data if type(total) is float else leaf._version
        self.count = 0
        if last is not None and last.holds(leaf):
            self.count = last.count + (last.state != self.state)

    def holds(self, leaf: Any) -> bool:
        """Return whether the leaf's gradient is still this sum."""
        total = self.total() if type(self.total) is ref else self.total
        return total is leaf.grad and total is not None

    def __reduce__(self) -> Any:
        return _no_sum, ()  # the gradient of a copied leaf is another array


def _no_sum() -> None:
    return None


def remember(leaves: Sequence[Any], totals: Sequence[Any]) -> None:
    """Note on the first and the last of these leaves, for all of them, that these sums become their gradients."""
    for i in {0, len(leaves) - 1}:
        leaf, last = leaves[i], leaves[i].meta.get("sum") if leaves[i].meta else None
        leaf.meta = {**(leaf.meta or {}), "sum": Sum(leaf, totals[i], last)}


def warn_if_piled_up(leaves: Sequence[Any]) -> None:
    """Warn, once in a program, where gradients grow from step to step."""
    if not Sum.warned and any(leaf.meta["sum"].count >= Sum.LIMIT for leaf in (leaves[0], leaves[-1])):
        Sum.warned = True
        shown = ", ".join(leaf._name for leaf in leaves[:4]) + (", …" if leaves[4:] else "")
        what = f"backward() has added to the gradients of {shown} {Sum.LIMIT} times while they changed"
        why = "and they were never zeroed, so each step repeats all steps before"
        advice = "call zero_grad() before backward(), or set w.grad = None"
        warnings.warn(f"{what}, {why}: {advice}", stacklevel=4)
