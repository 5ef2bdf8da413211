"""Rules as formulas in text, with the names of a graph's boxes: symbols.py reads them, and simplifies them for readers."""

import math
from collections.abc import Sequence
from typing import Any

from ..compile.text import text
from ..errors import GraphError
from ..symbols import EXPRESSIONS, Expr, Unreadable, constant, simplify, symbol
from .graph import Box

LONGEST = 60  # letters: longer formulas help nobody


def formula(
    box: Box, position: int, names: Sequence[str], out: str, gradient: str = "g", *, summed: bool = False
) -> str | None:
    """Return the local derivative of a box by one of its operands, as a formula; for a Tensor the operand's share.

    It is None where there is no derivative, where the formula would be too long, and for a user's rule that is no formula.

    Args:
        box: the box of an operation.
        position: that of the operand.
        names: the names of the operands.
        out: the name of the box.
        gradient: the name of the gradient that arrives at a Tensor.
        summed: whether a share stands in `sum(…)` where the engine sums it to the operand's shape.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.graph import Graph
    >>> x = ag.Value(2.0, label="x")
    >>> formula(Graph(x.tanh()).root, 0, ["x"], "y"), formula(Graph(x * 3.0).root, 0, ["x", "3"], "y")
    ('1 − tanh²(x)', '3')
    """
    node = box.node
    if node.op is None or not node.op.has_derivative or not node.parents[position].requires_grad:
        return None
    given = _named(gradient, node) if box.is_array else constant(1.0)
    wanted = [i == position for i in range(len(node.parents))]
    try:
        found = node.op.shares(EXPRESSIONS, given, _named(out, node), _operands(box, names), wanted)
        share = constant(found[position])
    except (Unreadable, GraphError):  # the rule is no formula, or does not fit its parents
        return None
    if share.shape is None:
        return None
    shown = _short(share)
    larger = summed and math.prod(share.shape) > node.parents[position].size
    return f"sum({shown})" if shown and larger else shown


def expression(box: Box, names: Sequence[str]) -> str | None:
    """Return the value of a box as a formula of its operands, with these names; None where `formula` would be None.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.graph import Graph
    >>> x = ag.Value(2.0, label="x")
    >>> expression(Graph(-x * 3.0).root, ["x", "3"])
    'x × 3'
    """
    if box.node.op is None or not box.parents:
        return None
    try:
        found = constant(box.node.op.value(EXPRESSIONS, _operands(box, names)))
    except Unreadable:
        return None
    return _short(found) if found.shape is not None else None


def _operands(box: Box, names: Sequence[str]) -> list[Expr]:
    return [_named(name, parent) for name, parent in zip(names, box.node.parents, strict=True)]


def _named(name: str, node: Any) -> Expr:
    return symbol(name.replace("-", "−"), node.shape, getattr(node, "dtype", float))


def _short(found: Expr) -> str | None:
    """The formula as text, or None where it is too long."""
    return text(simplify(found, for_readers=True), longest=LONGEST)
