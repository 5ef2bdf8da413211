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
        new = {self.node(key): np.asarray(x, float) for key, x in after.items()}
        steps = {node: self.b.values[node] - x for node, x in new.items()}
        both = next((n for n in steps if n in arrays), None)
        if both is not None and (steps[both].reshape(-1) @ arrays[both].reshape(-1)) < 0:
            arrays = {n: -x for n, x in arrays.items()}
            note = "Your arrays are the negated gradients and your update adds them: both together are right."
            self.notes.append(note)
        elif steps and both is None:
            lr = self._rate(steps) if lr is None else lr
            arrays |= {n: step / lr for n, step in steps.items()}
            self.notes.append(f"The gradients are read from your update: (before − after) / {lr:g}.")
        for node, x in arrays.items():
            self.tolerance[node] = self.allowed(node, x, x.dtype == np.float32)
            found = self._laid_out(node, x.astype(float))
            if found is None:
                self.shapeless[node] = x.astype(float)
            else:
                self.mine[node] = found
        for node, x in self.mine.items() if self.turned else ():  # then a square one may be transposed too
            right = self.b.grads[node]
            if x.shape == x.T.shape and not self.near(node, x, right) and self.near(node, x.T, right):
                self.mine[node] = x.T
                self.notes.append(f"Your {self.say(node)} is transposed as the others are, so it is right.")
        self._judge(batch)

    def _rate(self, steps: Arrays) -> float:
        """The learning rate that makes one of the steps right."""
        for node, step in steps.items():
            c = self.ratio(step, self.b.grads[node], 1e-7 * largest(step))
            if c is not None:
                return abs(c)
        raise ValueError("diagnose: after= alone does not say how long a step is: pass lr= too")

    def _laid_out(self, node: Any, x: Any) -> Any:
        """The array in its node's shape, a right one where one layout is right; None where it has another size."""
        b, right, first = self.b, self.b.grads[node], None
        for how, option, bias in _layouts(x, right.shape):
            found = self.near(node, option, right) or self.near(node, -option, right)
            if bias is None:
                first = option if first is None else first
            else:
                others = [n for n in b.order if n is not node and not n.parents and n.size == bias.size]
                for n in others:
                    found |= self.near(n, bias.reshape(n.shape), b.grads[n], self.allowed(n, bias))
            if found:
                if how:
                    shapes = f"{x.shape} for {right.shape}"
                    note = f"{how} ({shapes}): the same numbers, so it is right."
                    self.notes.append(f"Your {self.say(node)} {note}")
                self.turned |= how == "is transposed" and min(x.shape) > 1
                return option
        return first

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
        for node in [n for n in self.b.order if n in theirs]:
            x, ours, name = theirs[node], self.b.values[node], self.say(node)
            close = 1e-6 * max(1.0, largest(ours))
            layouts = [y for _, y, bias in _layouts(x, ours.shape) if bias is None]
            if not any(np.allclose(y, ours, rtol=1e-4, atol=close) for y in layouts):
                note = f"{name} is the first value that differs, {relation(x, ours)}"
                return finding("forward_differs", name, note, f"{name} = {self.words.forward(node)}")
        return None

    def of_shape(self, node: Any) -> Finding:
        """What an array of a wrong shape is: the gradient of every sample, not summed, or nothing that is known."""
        x, right = self.shapeless[node], self.b.grads[node]
        note, mistake = "", "not_summed" if x.size > right.size else "unexplained"
        for axis in range(x.ndim if x.size else 0):
            for total, word in ((x.sum(axis), "summed"), (x.mean(axis), "averaged")):
                options = [y.reshape(right.shape) for y in (total, total.T) if y.size == right.size]
                if any(self.near(node, option, right) for option in options):
                    mistake = "not_summed"
                    note = f"; it has a row for every sample: {word} over axis {axis}, the batch, it is right"
        note = f"{self.say(node)} has shape {right.shape}, and your array {x.shape}{note}"
        return finding(mistake, self.words.place(node), note, self.words.line(node))


def _layouts(x: Any, shape: tuple[int, ...]) -> Iterator[tuple[str, Any, Any]]:
    """The ways to read an array in a shape, what to call them, and the bias that is folded in with the weights."""
    if x.shape == shape:
        yield "", x, None
    elif x.shape == shape[::-1]:
        yield "is transposed", x.T, None
    if x.shape != shape and x.size == int(np.prod(shape)):
        yield from (("is in another shape", x.reshape(shape, order=order), None) for order in "CF")
    for y in (x, x.T) if x.ndim == 2 and len(shape) == 2 else ():
        for axis in (0, 1):
            if y.shape[axis] == shape[axis] + 1 and y.shape[1 - axis] == shape[1 - axis]:
                how = f"has the bias folded in as one more {'column' if axis else 'row'}"
                for first in (1, 0):
                    part = y.take(range(first, shape[axis] + first), axis)
                    yield how, part, y.take(0 if first else -1, axis)
