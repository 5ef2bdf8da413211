"""Value: a number in a graph; and the quick methods for its operators, made from the rows.

`x.tanh()` and `ag.tanh(x)` run a quick method, which makes the node itself. Where the case is not the common one it calls `applied`
(node.py), and that `evaluate`, which runs the row's forward, and `record`, which makes the node.
"""

import contextlib
import functools
from collections.abc import Callable
from operator import attrgetter
from typing import Any, final
from weakref import WeakSet

import numpy as np

from ..support.coercion import to_float
from ..support.modes import meta_here
from .node import Node, applied, leaf, made, new
from .op import UNREADABLE, Op, made_function, written
from .readings import ERRORS, FLOATS, KINDS, scalar


@final
class Value(Node):
    """A real number that records how it was made, so that it can be differentiated.

    Arguments: `data`, an int, float, bool or NumPy number (or an array of one element); `label`, a name for messages and
    pictures; `requires_grad=False` makes a constant. `.data` is the number; a number assigned to it becomes a float.
    Raises DTypeError for anything else, OverflowError for an int beyond the range of floats.

    >>> a, b = Value(2.0, label="a"), Value(-3.0)
    >>> loss = (a * b + 1).tanh()
    >>> loss.backward()
    >>> round(a.grad, 6), loss.op.name
    (-0.000545, 'tanh')
    """

    __slots__ = ()
    shape: tuple[int, ...] = ()
    ndim, size, dtype = 0, 1, np.dtype(float)

    def __new__(cls, data: Any, *, label: str | None = None, requires_grad: bool = True) -> "Value":
        return leaf(cls, to_float(data), requires_grad, label)  # type: ignore[no-any-return]

    def _set_data(self, data: Any) -> None:
        self._content = to_float(data)

    data = property(attrgetter("_content"), _set_data, doc="The number itself, outside the graph.")

    @property
    def T(self) -> "Value":
        """This Value itself, as it has no axes."""
        return self

    sum = mean = var = std = prod = max = min = cumsum = cumprod = reshape = ravel = flatten = Node._later
    transpose = squeeze = clip = round = Node._later


FLOATS.kind, KINDS[Value] = Value, FLOATS
FLOATS.as_node = lambda data, dtype=None: made(FLOATS, FLOATS.constant(data))  # type: ignore[method-assign]

# The quick methods do what `applied` does, written out for Values and one row, with the row's forward in the place of
# {forward}. They take half the time for a neuron's `w * x + b`. Every other case is left to `applied`.
UNARY = """
def method(x):
    meta = meta_here()
    if meta is False or not x.requires_grad:
        return applied(op, x)
    node, a = new(Value), x._content
    try:
        node._content = {forward}
    except ERRORS:
        node._content = FLOATS.read_again(op.forward, a)
    node.grad, node.meta, node.op = None, meta, op
    node._left, node._right, node.requires_grad = x, None, True
    return node
"""
BINARY = """
def method({parameters}):
    if {other}.__class__ is not Value:
        if {other}.__class__ is float:
            data = {other}
        elif {other}.__class__ is int and -(1 << 53) < {other} < 1 << 53:
            data = {other} + 0.0
        else:
            return applied(op, x, y)
        {other} = new(Value)
        {other}._content = data
        {other}.grad = {other}.meta = {other}.op = {other}._left = {other}._right = None
        {other}.requires_grad = False
    meta = meta_here()
    if meta is False or not (x.requires_grad or y.requires_grad):
        return applied(op, x, y)
    node, a, b = new(Value), x._content, y._content
    try:
        node._content = {forward}
    except ERRORS:
        node._content = FLOATS.read_again(op.forward, a, b)
    node.grad, node.meta, node.op = None, meta, op
    node._left, node._right, node.requires_grad = x, y, True
    return node
"""

quick_methods: Any = WeakSet()  # all that were made: ag.debug lets them leave every case to `applied`


def quick_method(
    op: Op, general: Callable[..., Any] = applied, is_reflected: bool = False
) -> Callable[..., Any]:
    """Return the method of Value for a row with one or two parents; reflected, the node is the right operand.

    Where the case is not the common one it calls `general`, which stands in its code as `applied`.
    """
    names = ["a", "b"][: len(op.operands)]
    source = UNARY if len(names) == 1 else BINARY
    other, own = ("x", "y") if is_reflected else ("y", "x")
    forward = written(op.forward, *names)
    parameters = f"{own}, {other}"  # Python passes the node first, to a reflected operator too
    text = source.format(forward=forward, other=other, parameters=parameters)
    space = {
        **vars(scalar), "ERRORS": ERRORS, "FLOATS": FLOATS, "Value": Value, "op": op, "applied": general,
        "new": new, "meta_here": meta_here,
    }  # fmt: skip
    method = made_function(text, space, f"the quick method of {op.name}")
    method.__name__ = method.__qualname__ = op.name
    quick_methods.add(method)
    return method  # type: ignore[no-any-return]


def _method_of(op: Op) -> Callable[..., Any] | None:
    """The quick method of a row, made on first use; None where it can have none."""
    if op.is_ours and op.has_derivative and len(op.operands) in (1, 2):
        with contextlib.suppress(*UNREADABLE):
            return quick_method(op)
    return None


Op.quick_method = functools.cached_property(_method_of)
Op.quick_method.__set_name__(Op, "quick_method")
