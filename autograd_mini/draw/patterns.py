"""What a hand-written network spells out, as one box: 1 / (1 + exp(-z)) is a sigmoid, exp(z) / sum(exp(z)) a softmax."""

import itertools
from typing import Any, NamedTuple

import numpy as np

from .model import COMMUTE, Box, Graph


class Pattern(NamedTuple):
    """The key of a group that is one operation, spelt out: its name, and the index of its result."""

    name: str
    result: int


# A form is an operation with the forms of its operands; a number, which is a constant; or a letter, one operand wherever it stands.
Form = Any
NEGATED = (("negative", "z"), ("multiply", -1.0, "z"))
BELOW = [("add", 1.0, ("exp", negated)) for negated in NEGATED]
POWERS = [("exp", ("subtract", "z", ("max", "z"))), ("exp", "z")]
SQUARES = [(square, ("subtract", "y", "t")) for square in ("square", "power 2")]
# of the operation that each ends in: what it is, and its form
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
    """Return the pattern that each box belongs to, or None. What has a name, or another use, is no inner part of one."""
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
    """The boxes that a form consists of, where this box has it; None where it has not."""
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
    """The operation, with what a form may ask of its parameters: `power 2`, and `sum along` for that of an axis."""
    params = box.node.op.params if box.op else {}
    if box.op == "power" and params.get("n") is not None:
        return f"power {params['n']:g}"
    return f"{box.op} along" if box.op in ("sum", "mean") and params.get("axis") is not None else box.op or ""
