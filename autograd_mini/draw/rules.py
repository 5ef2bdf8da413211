"""The rules as formulas in text, with the names of a graph's boxes: what symbols.py reads, simplified for readers."""

import math
from collections.abc import Sequence
from typing import Any

from ..compile.text import text
from ..errors import GraphError
from ..symbols import EXPRESSIONS, Expr, Unreadable, constant, simplify, symbol
from .model import Box

LONGEST = 60  # letters of a formula that still helps


def formula(
    box: Box, position: int, names: Sequence[str], out: str, gradient: str = "g", *, summed: bool = False
) -> str | None:
    """Return the local derivative of a box by its operand at a position, as a formula; for a Tensor what that operand receives.

    `names` are those of the operands, `out` is the box's own, `gradient` what the gradient that arrives at a Tensor is called.
    With `summed` that is in `sum(…)` where the engine sums it to the operand's shape.
    None where there is no derivative, where the formula would be too long to help, and of a user's rule that is no formula.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.model import Graph
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
    except (Unreadable, GraphError):  # the rule is no formula, or does not fit its parents
        return None
    share = found[position]
    if share.shape is None:
        return None
    shown = _short(share)
    larger = summed and math.prod(share.shape) > node.parents[position].size
    return f"sum({shown})" if shown and larger else shown


def expression(box: Box, names: Sequence[str]) -> str | None:
    """Return how the value of a box comes about from its operands, of these names, as a formula; None where `formula` is None.

    >>> import autograd_mini as ag
    >>> from autograd_mini.draw.model import Graph
    >>> x = ag.Value(2.0, label="x")
    >>> expression(Graph(-x * 3.0).root, ["x", "3"])
    'x × 3'
    """
    if box.node.op is None or not box.parents:
        return None
    try:
        found = box.node.op.value(EXPRESSIONS, _operands(box, names))
    except Unreadable:
        return None
    return _short(found) if isinstance(found, Expr) and found.shape is not None else None


def _operands(box: Box, names: Sequence[str]) -> list[Expr]:
    return [_named(name, parent) for name, parent in zip(names, box.node.parents, strict=True)]


def _named(name: str, node: Any) -> Expr:
    return symbol(name.replace("-", "−"), node.shape, getattr(node, "dtype", float))


def _short(found: Expr) -> str | None:
    """The text, if it helps."""
    return text(simplify(found, for_readers=True), longest=LONGEST)
