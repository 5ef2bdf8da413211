"""What a constant factor between two gradients means: the batch, a 2, a sign, the loss, …"""

import itertools
from typing import Any

from .backward import Backward
from .mutate import PRODUCTS

Reading = tuple[str, str, float]  # a mistake ("" for the factor 1), how it reads, and how unlikely it is


class Factors:
    """The sizes of a problem, and what a factor is by them."""

    def __init__(self, b: Backward, lr: float | None) -> None:
        self.lr, self.loss = lr, float(b.values[b.loss].reshape(-1)[0])
        self.sizes = _sizes(b)
        self.batch = self.sizes.get("the batch", 1.0)
        numbers = {abs(float(x)) for n, x in b.values.items() if n not in b.at and x.ndim == 0}
        self.constants = sorted(numbers - {0.0, 1.0, 2.0, 0.5, *self.sizes.values()})

    def read(self, c: float) -> Reading | None:
        """The mistake that a factor tells of, or None where it has no meaning."""
        if c < 0:
            rest = self.read(-c)
            more = f", and {rest[1]}" if rest and rest[1] else ""
            return rest and (
                rest[0] or "wrong_sign",
                f"the sign is wrong (it is negated){more}",
                0.4 + rest[2],
            )
        if _same(c, 1.0):
            return "", "", 0.0
        if self.batch > 2 and _same(c, self.batch):
            text = f"it is {c:g} times too large: the division by the batch, {c:g} (1/m), is missing"
            return "not_divided_by_batch", text, 0.0
        if self.batch > 2 and _same(c, 1 / self.batch):
            text = (
                f"it is {self.batch:g} times too small: divided by the batch, {self.batch:g}, once "
                "more (1/m twice)"
            )
            return "divided_by_batch_twice", text, 0.0
        if _same(c, 2.0):
            return "factor_two", "it is twice the right one (doubled): a 2 too much", 0.1
        if _same(c, 0.5):
            return "factor_two", "it is half of the right one: the 2 of a square's derivative is missing", 0.1
        if self.lr and _same(c, self.lr):
            return "learning_rate_in_gradient", f"it is multiplied by the learning rate {c:g} already", 0.1
        return self._of_sizes(c) or self._of_other(c)

    def _of_sizes(self, c: float) -> Reading | None:
        mistake, missing = "wrong_mean", "not divided" if c > 1 else "divided once more"
        for name, n in self.sizes.items():
            if _same(c, n, 1 / n):
                mean = ", over which the loss's mean runs" if c > 1 else ""
                return mistake, f"it is {c:.6g} times the right one: {missing} by {name} ({n:g}){mean}", 0.3
        for (name, n), (other, m) in itertools.permutations(self.sizes.items(), 2):
            if _same(c, n / m):
                return (
                    mistake,
                    f"it is divided by {other} ({m:g}) for {name} ({n:g}): the ratio is {c:.6g}",
                    0.5,
                )
            if _same(c, n * m, 1 / (n * m)):
                return (
                    mistake,
                    f"it is {missing} by {name} ({n:g}) and {other} ({m:g}): the ratio is {c:.6g}",
                    0.6,
                )
            if _same(c, 2 * n, 2 / n, n / 2, 0.5 / n):
                return mistake, f"a factor 2 and {name} ({n:g}) are out of place: the ratio is {c:.6g}", 0.7
        return None

    def _of_other(self, c: float) -> Reading | None:
        if self.loss > 0 and _same(c / self.loss, 1, 2, 0.5, self.batch, self.batch / 2):
            return "multiplied_by_loss", f"it is multiplied by the value of the loss, {self.loss:.6g}", 0.3
        for n in self.sizes.values():
            if _same(c * c, n, 1 / n):
                return (
                    "wrong_factor",
                    f"the factor is {c:.6g}: √{n:g}, the root of a size, is out of place",
                    0.6,
                )
        for k in self.constants:
            if _same(c, k, 1 / k):
                text = f"the constant {k:g} is left out, or there once too often"
                return "factor_missing", f"it is {c:.6g} times the right one: {text}", 0.5
        if _same(c, 4.0, 0.25, 3.0, 1 / 3):
            twice = " (four times: a 2 twice)" if _same(c, 4.0) else ""
            return "wrong_factor", f"it is {c:.4g} times the right one{twice}", 0.5
        return None


def _same(c: float, *others: float) -> bool:
    return any(abs(c / x - 1) < 1e-6 for x in others if x)


def _sizes(b: Backward) -> dict[str, float]:
    """The sizes of the problem by name: the batch, the features, the outputs, other axes."""
    found: dict[str, Any] = {}
    for node in b.order:
        for k, parent in enumerate(node.parents[:2]):
            product = node.op.name in PRODUCTS and len(node.parents) > 1
            if product and parent in b.at and not parent.parents and b.values[parent].ndim:
                x, axis = b.values[node.parents[1 - k]], -1 if k == 0 else 0
                found.setdefault("the batch", x.shape[axis] if x.ndim > 1 else 1)
                found.setdefault("the features", x.shape[1 + axis] if x.ndim > 1 else x.size)
                found["the outputs"] = b.values[node].size // max(1, found["the batch"])
    top = [b.values[n] for n in b.order if n.parents and b.values[n].size > 1]
    found.setdefault("the batch", top[-1].shape[0] if top else 1)
    for n in dict.fromkeys(n for x in b.values.values() for n in x.shape):
        found.setdefault(f"an axis of length {n}", n)
    return {name: float(n) for name, n in found.items() if n > 1}
