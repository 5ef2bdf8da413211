"""What a hand-written network spells out, as one box: 1 / (1 + exp(-z)) is a sigmoid, exp(z) / sum(exp(z)) a softmax."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .model import Box, Graph


class Pattern(NamedTuple):
    """The key of a group that is one operation, spelt out: its name, and the index of its result."""

    name: str
    result: int


Parts = set[int] | None  # the boxes of a pattern but its result, or None where it does not fit


def found(graph: Graph) -> list[Pattern | None]:
    """Return the pattern that each box belongs to, or None. What has a name, or another use, is no inner part of one."""
    users: dict[int, set[int]] = {}
    for parent, child, _ in graph.edges():
        users.setdefault(parent, set()).add(child)
    keys: list[Pattern | None] = [None] * len(graph)
    for box in reversed(graph.boxes):
        for name, parts in _candidates(graph, box):
            inside = {box.index, *parts} if parts else set()
            free = all(keys[i] is None for i in inside)
            if parts and free and all(users[i] <= inside and graph.boxes[i].name is None for i in parts):
                for i in inside:
                    keys[i] = Pattern(name, box.index)
                break
    return keys


def _candidates(graph: Graph, box: Box) -> Iterator[tuple[str, Parts]]:
    """What a box may be the result of: the name, and its other boxes."""
    if box.op in ("divide", "reciprocal", "power"):
        yield "sigmoid", _sigmoid(graph, box)
    if box.op == "divide":
        yield "softmax", _softmax(graph, box)
    if box.op in ("mean", "sum"):
        yield {"mean": "mean squared error", "sum": "squared error"}[box.op], _squares(graph, box)


def _operands(graph: Graph, box: Box) -> list[Box]:
    return [graph.boxes[i] for i in box.parents]


def _is_number(box: Box, number: float) -> bool:
    """Whether a box is a constant, all of it that number."""
    return box.kind == "constant" and box.op is None and bool(np.all(box.data == number))


def _pair(graph: Graph, box: Box, number: float) -> tuple[Box, Box] | None:
    """Of two operands the constant of that number, and the other."""
    operands = _operands(graph, box)
    for one, other in (operands, operands[::-1]) if len(operands) == 2 else ():
        if _is_number(one, number):
            return one, other
    return None


def _sigmoid(graph: Graph, box: Box) -> Parts:
    """1 / (1 + exp(-z)), or the reciprocal or the power -1 of 1 + exp(-z)."""
    operands, parts = _operands(graph, box), set()
    if box.op == "divide":
        if not _is_number(operands[0], 1.0):
            return None
        parts.add(operands[0].index)
    elif box.op == "power" and box.node.op.params.get("n") != -1:
        return None
    total = operands[-1]
    pair = _pair(graph, total, 1.0) if total.op == "add" else None
    if pair is None or pair[1].op != "exp":
        return None
    inner = _operands(graph, pair[1])[0]
    parts |= {total.index, pair[0].index, pair[1].index, inner.index}
    if inner.op == "negative":
        return parts
    scaled = _pair(graph, inner, -1.0) if inner.op == "multiply" else None
    return parts | {scaled[0].index} if scaled else None


def _softmax(graph: Graph, box: Box) -> Parts:
    """exp(z) / sum(exp(z)), with the largest of z taken from it first or not."""
    above, below = _operands(graph, box)
    if above.op != "exp" or below.op != "sum" or below.parents != (above.index,):
        return None
    parts, inner = {above.index, below.index}, _operands(graph, above)[0]
    if inner.op == "subtract":
        z, top = _operands(graph, inner)
        if top.op == "max" and top.parents == (z.index,):
            parts |= {inner.index, top.index}
    return parts


def _squares(graph: Graph, box: Box) -> Parts:
    """The mean, or the sum, of the squares of a difference."""
    square = _operands(graph, box)[0]
    is_square = square.op == "square" or (square.op == "power" and square.node.op.params.get("n") == 2)
    if box.node.op.params.get("axis") is not None or not is_square:
        return None
    inner = _operands(graph, square)[0]
    return {square.index, inner.index} if inner.op == "subtract" else None
