"""What a constant factor between two gradients means: the batch, a 2, a sign, the loss, …"""

import itertools
from collections.abc import Iterator
from typing import Any

from .backward import Backward
from .mutate import PRODUCTS

Meaning = tuple[str, str, float]  # a mistake ("" for the factor 1), how it reads, and how unlikely it is


class Factors:
    """The sizes of a problem, and what a factor is by them."""

    def __init__(self, b: Backward, lr: float | None) -> None:
        self.lr, self.loss = lr, float(b.values[b.loss].reshape(-1)[0])
        self.sizes = _sizes(b)
        self.batch = self.sizes.get("the batch", 1.0)
        numbers = {abs(float(x)) for n, x in b.values.items() if n not in b.at and x.ndim == 0}
        self.constants = sorted(numbers - {0.0, 1.0, 2.0, 0.5, *self.sizes.values()})
        self.meanings = [*self._named(), *self._sized(), *self._other()]

    def read(self, c: float) -> Meaning | None:
        """The mistake that a factor tells of, or None where it has no meaning."""
        if c < 0:
            rest = self.read(-c)
            text = "the sign is wrong (it is negated)" + (f", and {rest[1]}" if rest and rest[1] else "")
            return rest and (rest[0] or "wrong_sign", text, 0.4 + rest[2])
        for value, mistake, text, cost in self.meanings:
            if value and abs(c / value - 1) < 1e-6:
                return mistake, text and f"it is {c:.6g} times the right one: {text}", cost
        return None

    def _named(self) -> Iterator[tuple[float, str, str, float]]:
        """The factors that a name of their own tells of."""
        m = f"by the batch, {self.batch:g}"
        yield 1.0, "", "", 0.0
        if self.batch > 2:
            yield self.batch, "not_divided_by_batch", f"too large, the division {m} (1/m), is missing", 0.0
            yield 1 / self.batch, "divided_by_batch_twice", f"divided {m}, once more (1/m twice)", 0.0
        yield 2.0, "factor_two", "twice (doubled), a 2 too much", 0.1
        yield 0.5, "factor_two", "half, the 2 of a square's derivative is missing", 0.1
        if self.lr:
            yield self.lr, "learning_rate_in_gradient", "the learning rate is in it already", 0.1

    def _sized(self) -> Iterator[tuple[float, str, str, float]]:
        """A size more or less, two of them, or a size and a 2."""
        mistake, sizes = "wrong_mean", [(f"{name} ({n:g})", n) for name, n in self.sizes.items()]
        for name, n in sizes:
            yield n, mistake, f"not divided by {name}, over which the loss's mean runs", 0.3
            yield 1 / n, mistake, f"divided once more by {name}", 0.3
        for (name, n), (other, k) in itertools.permutations(sizes, 2):
            yield n / k, mistake, f"divided by {other} for {name}", 0.5
            yield n * k, mistake, f"not divided by {name} and {other}", 0.6
            yield 1 / (n * k), mistake, f"divided once more by {name} and {other}", 0.6
        for name, n in sizes:
            for value in (2 * n, 2 / n, n / 2, 0.5 / n):
                yield value, mistake, f"a factor 2 and {name} are out of place", 0.7

    def _other(self) -> Iterator[tuple[float, str, str, float]]:
        """The loss, the root of a size, a constant of the forward pass, a small number."""
        for n in (1, 2, 0.5, self.batch, self.batch / 2) if self.loss > 0 else ():
            yield n * self.loss, "multiplied_by_loss", f"the value of the loss is {self.loss:.6g}", 0.3
        for n in self.sizes.values():
            for value in (n**0.5, n**-0.5):
                yield value, "wrong_factor", f"√{n:g}, the root of a size, is out of place", 0.6
        for k in self.constants:
            for value in (k, 1 / k):
                yield value, "factor_missing", f"the constant {k:g} is left out, or there once too often", 0.5
        for n in (4.0, 0.25, 3.0, 1 / 3):
            yield n, "wrong_factor", "a 2 twice (four times)" if n == 4 else f"{n:.4g}", 0.5


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
