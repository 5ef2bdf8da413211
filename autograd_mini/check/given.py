"""What a person gave: each array in its node's layout, how far it may be off, and what is right by a convention."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import GraphError
from .backward import Arrays, Backward, is_node
from .report import Finding, finding, relation
from .words import Words

FLOAT64, FLOAT32 = 1e-9, 3e-5  # how far a right number may be off, in units of its condition


def largest(x: Any) -> float:
    """The largest absolute value, 0 of nothing."""
    return float(np.max(np.abs(x), initial=0.0))


class Given:
    """A person's arrays: `mine` by node; `right` and `wrong` nodes; `shapeless`, arrays of a wrong shape; `notes`."""

    def __init__(self, b: Backward, words: Words) -> None:
        self.b, self.words, self.say = b, words, words.name
        self.mine: Arrays = {}
        self.shapeless: Arrays = {}
        self.tolerance: dict[Any, float] = {}
        self.notes: list[str] = []
        self.right: list[Any] = []
        self.wrong: dict[Any, None] = {}
        self.negated = self.turned = False  # whether all are negated; whether some can only be transposed
        self.rounding = b.rounding()

    def node(self, key: Any) -> Any:
        """The variable that a key means: a node, or the label of one."""
        if is_node(key):
            if key in self.b.at:
                return key
            raise GraphError(f"diagnose: the loss does not depend on {key.label or key!r}")
        labelled = [node for node in self.b.order if node.label == key]
        if len(labelled) != 1:
            known = ", ".join(sorted({node.label for node in self.b.order if node.label}))
            raise GraphError(f"diagnose: {len(labelled)} variables are labelled {key!r}; there are: {known}")
        return labelled[0]

    def read(self, mine: Mapping[Any, Any], after: Mapping[Any, Any], lr: float | None, batch: float) -> None:
        """Take gradients, or parameters after an update, and judge them."""
        arrays = {self.node(key): np.asarray(x.data if is_node(x) else x) for key, x in mine.items()}
        steps = {
            n: self.b.values[n] - np.asarray(x, float)
            for n, x in ((self.node(k), x) for k, x in after.items())
        }
        both = next((n for n in steps if n in arrays), None)
        if both is not None and (steps[both].reshape(-1) @ arrays[both].reshape(-1)) < 0:
            arrays = {n: -x for n, x in arrays.items()}
            self.notes.append(
                "Your arrays are the negated gradients and your update adds them: both together are right."
            )
        elif steps and both is None:
            lr = self._rate(steps) if lr is None else lr
            arrays |= {n: step / lr for n, step in steps.items()}
            self.notes.append(f"The gradients are read from your update: (before − after) / {lr:g}.")
        for node, x in arrays.items():
            found = self._laid_out(node, x.astype(float), x.dtype == np.float32)
            (self.shapeless if found is None else self.mine)[node] = (
                x.astype(float) if found is None else found
            )
        self._turn_squares()
        self._judge(batch)

    def _rate(self, steps: Arrays) -> float:
        """The learning rate that makes one of the steps right."""
        for node, step in steps.items():
            c = self.ratio(step, self.b.grads[node], 1e-7 * largest(step))
            if c is not None:
                return abs(c)
        raise ValueError("diagnose: after= alone does not say how long a step is: pass lr= too")

    # ---- Layouts ---------------------------------------------------------------------------------------------------------

    def _laid_out(self, node: Any, x: Any, single: bool) -> Any:
        """The array in its node's shape, a right one where one layout is right; None where it has another size."""
        right, name = self.b.grads[node], self.say(node)
        self.tolerance[node] = self.allowed(node, x, single)
        options = list(_layouts(x, right.shape))
        for word, option in options:
            if self.near(node, option, right) or self.near(node, -option, right):
                if word:
                    self.notes.append(
                        f"Your {name} is {word} ({x.shape} for {right.shape}): the same "
                        "numbers, so it is right."
                    )
                    self.turned |= word == "transposed" and min(x.shape) > 1
                return option
        for word, part, bias in _unfolded(x, right.shape):
            others = [n for n in self.b.order if n is not node and not n.parents and n.size == bias.size]
            near = any(
                self.near(n, bias.reshape(n.shape), self.b.grads[n], self.allowed(n, bias)) for n in others
            )
            if near or self.near(node, part, right):
                self.notes.append(f"Your {name} has the bias folded in as one more {word}: that is right.")
                return part
        return options[0][1] if options else None

    def _turn_squares(self) -> None:
        """Where other arrays are transposed by their shape, a square one that is right as its transpose is meant so too."""
        for node, x in self.mine.items() if self.turned else ():
            right = self.b.grads[node]
            square = x.ndim == 2 and x.shape[0] == x.shape[1] and not self.near(node, x, right)
            if square and self.near(node, x.T, right):
                self.mine[node] = x.T
                self.notes.append(f"Your {self.say(node)} is transposed as the others are, so it is right.")

    def allowed(self, node: Any, x: Any, single: bool = False) -> float:
        """How far an array may be off: by its condition and precision, or by its printed decimals."""
        condition = float(np.nan_to_num(self.rounding.get(node, 0.0), posinf=0.0))
        with np.errstate(over="ignore"):
            single = single or bool(x.any() and np.array_equal(x, x.astype(np.float32)))
        allowed = max(condition, largest(self.b.grads[node])) * (FLOAT32 if single else FLOAT64) + 1e-300
        for places in range(4, 9):
            if np.array_equal(np.round(x, places), x) and np.any(np.round(x, places - 1) != x):
                return max(allowed, 0.51 * 10.0**-places)
        return allowed

    def near(self, node: Any, x: Any, y: Any, allowed: float | None = None) -> bool:
        """Whether two arrays are the same but for errors of rounding, which grow with the arrays."""
        allowed = self.tolerance[node] if allowed is None else allowed
        grown = largest(x) / (largest(self.b.grads[node]) + 1e-300)
        with np.errstate(all="ignore"):
            return bool(largest(x - y) <= allowed * min(max(1.0, grown), 1e6))

    def ratio(self, x: Any, y: Any, allowed: float) -> float | None:
        """The one number c of x = c · y, or None."""
        norm = float((y * y).sum())
        c = float((x * y).sum()) / norm if norm else 0.0
        return c if c and np.isfinite(c) and largest(x - c * y) <= allowed * max(1.0, abs(c)) else None

    # ---- Conventions -----------------------------------------------------------------------------------------------------

    def _judge(self, batch: float) -> None:
        """Say what is wrong: not deltas that are a constant times ours, nor arrays all negated, where the rest is right."""
        b, mine = self.b, self.mine
        wrong = {node for node, x in mine.items() if not self.near(node, x, b.grads[node])}
        nonzero = [node for node in mine if b.grads[node].any()]
        if nonzero and not self.shapeless and all(self.near(n, -mine[n], b.grads[n]) for n in nonzero):
            self.negated, wrong = True, set()
            text = "right if your update adds it (w += lr · d), wrong if it subtracts it."
            self.notes.append(f"Every array is exactly the negated gradient: {text}")
        for node in [n for n in mine if n in wrong and n.parents]:
            c = self.ratio(mine[node], b.grads[node], self.tolerance[node])
            below = [p for p in mine if not p.parents and node in b.path(p)]
            right = [p for p in below if p not in wrong]
            if c is not None and right and (len(right) == len(below) or np.isclose(abs(c), batch)):
                text = f"Your {self.say(node)} is {c:.6g} times the gradient, by convention, so it is right: "
                self.notes.append(text + "the division by the batch, or the sign, comes later.")
                mine[node] = b.grads[node]
                wrong.remove(node)
        self.wrong = dict.fromkeys([*(n for n in mine if n in wrong), *self.shapeless])
        self.right = [n for n in mine if n not in wrong]

    def forward(self, values: Mapping[Any, Any]) -> Finding | None:
        """The first of the person's own forward values that differs from the recorded one."""
        theirs = {self.node(key): np.asarray(x, float) for key, x in values.items()}
        for node in self.b.order:
            if node in theirs:
                ours, name = self.b.values[node], self.say(node)
                options = [x for _, x in _layouts(theirs[node], ours.shape)]
                if not any(
                    np.allclose(x, ours, rtol=1e-4, atol=1e-6 * max(1.0, largest(ours))) for x in options
                ):
                    note = f"{name} is the first value that differs, {relation(theirs[node], ours)}"
                    return finding("forward_differs", name, note, f"{name} = {self.words.forward(node)}")
        return None

    def of_shape(self, node: Any) -> Finding:
        """What an array of a wrong shape is: the gradient of every sample, not summed, or nothing that is known."""
        x, right = self.shapeless[node], self.b.grads[node]
        where, line = self.words.place(node), self.words.line(node)
        for axis in range(x.ndim if x.size else 0):
            for total, word in ((x.sum(axis), "summed"), (x.mean(axis), "averaged")):
                for option in (total, total.T) if total.size == right.size else ():
                    if self.near(node, option.reshape(right.shape), right):
                        note = (
                            f"it has a row for every sample, shape {x.shape} for {right.shape}: "
                            f"{word} over axis {axis}"
                        )
                        note = f"{note}, the batch, it is right (a matrix product sums)"
                        return finding("not_summed", where, note, line)
        note = f"{self.say(node)} has shape {right.shape}, and your array {x.shape}"
        return finding("not_summed" if x.size > right.size else "unexplained", where, note, line)


def _layouts(x: Any, shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """The ways to read an array in a shape, and what to call them; nothing where it has another size."""
    if x.shape == shape:
        yield "", x
        return
    if x.shape == shape[::-1]:
        yield "transposed", x.T
    if x.size == int(np.prod(shape)):
        yield "in another shape", x.reshape(shape)
        yield "in another shape", x.reshape(shape, order="F")


def _unfolded(x: Any, shape: tuple[int, ...]) -> Iterator[tuple[str, Any, Any]]:
    """The weights' and the bias's part of an array that has one row or column more than the weights."""
    for y in (x, x.T) if x.ndim == 2 and len(shape) == 2 else ():
        for axis in (0, 1):
            if y.shape[axis] == shape[axis] + 1 and y.shape[1 - axis] == shape[1 - axis]:
                for first in (1, 0):
                    part = y.take(range(first, shape[axis] + first), axis)
                    yield "column" if axis else "row", part, y.take(0 if first else -1, axis)
