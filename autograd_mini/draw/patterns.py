"""Operations that a hand-written network spells out, as one box: 1 / (1 + exp(-z)) is a sigmoid, exp(z) / sum(exp(z)) a softmax."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from .graph import COMMUTE, Box, Graph


class Pattern(NamedTuple):
    """The key of a group that spells out one operation: its name, and the index of its result."""

    name: str
    result: int


# A form is an operation with the forms of its operands; a number, for a constant; or a letter, for the same operand in each place.
Form = Any
NEGATED = (("negative", "z"), ("multiply", -1.0, "z"))
BELOW = [("add", 1.0, ("exp", negated)) for negated in NEGATED]
POWERS = [("exp", ("subtract", "z", ("max", "z"))), ("exp", "z")]
SQUARES = [(square, ("subtract", "y", "t")) for square in ("square", "power 2")]
# by the last operation of each: its name, and its form
FORMS: dict[str, list[tuple[str, Form]]] = {
    "divide": [
        *(("sigmoid", ("divide", 1.0, below)) for below in BELOW),
        *(("softmax", ("divide", e, (add, e))) for add, e in itertools.product(("sum", "sum along"), POWERS)),
    ],
    **{op: [("sigmoid", (op, below)) for below in BELOW] for op in ("reciprocal", "power -1")},
    "mean": [("mean squared error", ("mean", square)) for square in SQUARES],
    "sum": [("squared error", ("sum", square)) for square in SQUARES],
}


def found(graph: Graph) -> list[Pattern | None]:
    """Return the pattern of each box, or None. A box with a name, or with another use, is no inner part of a pattern."""
    users: dict[int, set[int]] = {}
    for parent, child, _ in graph.edges():
        users.setdefault(parent, set()).add(child)
    keys: list[Pattern | None] = [None] * len(graph)
    for box in reversed(graph.boxes):
        for name, form in FORMS.get(_called(box), ()):
            inside = _fitting(graph, box, form, {}) or set()
            inner = inside - {box.index}
            free = all(keys[i] is None for i in inside)
            if inner and free and all(users[i] <= inside and graph.boxes[i].name is None for i in inner):
                for i in inside:
                    keys[i] = Pattern(name, box.index)
                break
    return keys


def _fitting(graph: Graph, box: Box, form: Form, bound: dict[str, int]) -> set[int] | None:
    """The boxes of a form that ends in this box; None where it does not fit."""
    if isinstance(form, str):
        return set() if bound.setdefault(form, box.index) == box.index else None
    if isinstance(form, float):
        is_number = box.kind == "constant" and box.op is None and bool(np.all(box.data == form))
        return {box.index} if is_number else None
    op, *inner = form
    if _called(box) != op or len(inner) != len(box.parents):
        return None
    operands = [graph.boxes[i] for i in box.parents]
    for order in (operands, operands[::-1]) if box.op in COMMUTE else (operands,):
        parts = [_fitting(graph, *pair, bound) for pair in zip(order, inner, strict=True)]
        if all(part is not None for part in parts):
            return {box.index}.union(*filter(None, parts))
    return None


def _called(box: Box) -> str:
    """The operation with the parameters that forms depend on: `power 2`, or `sum along` for a sum along an axis."""
    params = box.node.op.params if box.op else {}
    if box.op == "power" and params.get("n") is not None:
        return f"power {params['n']:g}"
    return f"{box.op} along" if box.op in ("sum", "mean") and params.get("axis") is not None else box.op or ""
