"""What a constant factor between two gradients means: the batch, a 2, a sign, the loss, …"""

import itertools
from collections.abc import Iterator
from typing import Any

from .backward import Backward
from .mutate import PRODUCTS

Reading = tuple[str, str, float]  # a mistake ("" for the factor 1), how it reads, and how unlikely it is
Meaning = tuple[float, str, str, float]  # a factor, and that


class Factors:
    """The sizes of a problem, and what a factor is by them."""

    def __init__(self, b: Backward, lr: float | None) -> None:
        self.lr, self.loss = lr, float(b.values[b.loss].reshape(-1)[0])
        self.sizes = _sizes(b)
        self.batch = self.sizes.get("the batch", 1.0)
        numbers = {abs(float(x)) for n, x in b.values.items() if n not in b.at and x.ndim == 0}
        self.constants = sorted(numbers - {0.0, 1.0, 2.0, 0.5, *self.sizes.values()})
        self.meanings = [*self._plain(), *self._of_sizes(), *self._of_other()]

    def read(self, c: float) -> Reading | None:
        """The mistake that a factor tells of, or None where it has no meaning."""
        if c < 0:
            rest = self.read(-c)
            more = f", and {rest[1]}" if rest and rest[1] else ""
            text = f"the sign is wrong (it is negated){more}"
            return rest and (rest[0] or "wrong_sign", text, 0.4 + rest[2])
        for value, mistake, text, cost in self.meanings:
            if _same(c, value):
                return mistake, text.format(c=c), cost
        return None

    def _plain(self) -> Iterator[Meaning]:
        """The factors that a name of their own tells of."""
        m = self.batch
        yield 1.0, "", "", 0.0
        if m > 2:
            missing = "it is {c:g} times too large: the division by the batch, {c:g} (1/m), is missing"
            yield m, "not_divided_by_batch", missing, 0.0
            twice = f"it is {m:g} times too small: divided by the batch, {m:g}, once more (1/m twice)"
            yield 1 / m, "divided_by_batch_twice", twice, 0.0
        yield 2.0, "factor_two", "it is twice the right one (doubled): a 2 too much", 0.1
        yield 0.5, "factor_two", "it is half of the right one: the 2 of a square's derivative is missing", 0.1
        if self.lr:
            text = "it is multiplied by the learning rate {c:g} already"
            yield self.lr, "learning_rate_in_gradient", text, 0.1

    def _of_sizes(self) -> Iterator[Meaning]:
        """A size more or less, two of them, or a size and a 2."""
        mistake, sizes = "wrong_mean", list(self.sizes.items())
        more, less = "not divided", "divided once more"
        for name, n in sizes:
            text = f"it is {{c:.6g}} times the right one: {more} by {name} ({n:g})"
            yield n, mistake, f"{text}, over which the loss's mean runs", 0.3
            yield 1 / n, mistake, text.replace(more, less), 0.3
        for (name, n), (other, k) in itertools.permutations(sizes, 2):
            text = f"it is divided by {other} ({k:g}) for {name} ({n:g}): the ratio is {{c:.6g}}"
            yield n / k, mistake, text, 0.5
            text = f"it is {more} by {name} ({n:g}) and {other} ({k:g}): the ratio is {{c:.6g}}"
            yield n * k, mistake, text, 0.6
            yield 1 / (n * k), mistake, text.replace(more, less), 0.6
        for name, n in sizes:
            text = f"a factor 2 and {name} ({n:g}) are out of place: the ratio is {{c:.6g}}"
            yield from ((value, mistake, text, 0.7) for value in (2 * n, 2 / n, n / 2, 0.5 / n))

    def _of_other(self) -> Iterator[Meaning]:
        """The loss, the root of a size, a constant of the forward pass, a small number."""
        text = f"it is multiplied by the value of the loss, {self.loss:.6g}"
        if self.loss > 0:
            for n in (1, 2, 0.5, self.batch, self.batch / 2):
                yield n * self.loss, "multiplied_by_loss", text, 0.3
        for n in self.sizes.values():
            text = f"the factor is {{c:.6g}}: √{n:g}, the root of a size, is out of place"
            yield from ((value, "wrong_factor", text, 0.6) for value in (n**0.5, n**-0.5))
        for k in self.constants:
            text = f"the constant {k:g} is left out, or there once too often: the ratio is {{c:.6g}}"
            yield from ((value, "factor_missing", text, 0.5) for value in (k, 1 / k))
        for n, twice in ((4.0, " (four times: a 2 twice)"), (0.25, ""), (3.0, ""), (1 / 3, "")):
            yield n, "wrong_factor", f"it is {{c:.4g}} times the right one{twice}", 0.5


def _same(c: float, x: float) -> bool:
    return bool(x) and abs(c / x - 1) < 1e-6


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
