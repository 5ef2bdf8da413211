"""Node: data, the operation and the parents it came from, its gradient; and the operators, one line a row."""

import copy
import operator
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from ..errors import GraphError, explained
from ..modes import is_recording, meta_here
from . import ops
from .engine import backward, clock
from .namespaces import ERRORS, QUIET, error_state, ieee, read, scalar
from .ops import Op

NO_GRAD, DETACH = (
    Op("no_grad", lambda xp, x: x),
    Op("detach", lambda xp, x: x),
)  # what cut a constant off is its op

SEVERAL = (np.ndarray, list, tuple)  # raw operands that make the result a Tensor


def leaf(kind: Any, data: Any, requires_grad: bool = False, label: str | None = None) -> Any:
    """A node that no operation made."""
    node = record(kind, None, (), data)
    node.requires_grad = requires_grad
    if label is not None:
        node.label = label
    return node


def restore(kind: Any, data: Any, grad: Any, requires_grad: bool, meta: Any) -> Any:
    """A copied leaf."""
    node = leaf(kind, copy.copy(data), requires_grad)
    node.grad, node.meta = copy.copy(grad), meta
    return node


new = object.__new__


def record(kind: Any, op: Op | None, parents: tuple[Any, ...], data: Any) -> Any:
    """The node that an operation makes: a variable where a parent is one and recording is on, else a constant."""
    node = new(kind)
    set_data(node, data)
    node.grad = node.meta = None
    if kind is Node.array_kind:
        node.version = clock.now
    for parent in parents:
        if parent.requires_grad and (meta := meta_here()) is not False:
            node.meta = meta
            node.op, node.parents, node.requires_grad = op, parents, bool(op.vjps)  # type: ignore[union-attr]
            return node
    node.parents, node.requires_grad, node.op = (), False, op if op is DETACH else None
    if parents:
        if kind is Node.array_kind and data.base is not None:
            set_data(
                node, data.copy()
            )  # a constant has numbers of its own: an optimiser changes parameters in place
        node.op = (
            NO_GRAD
            if not is_recording()
            else next((parent.op for parent in parents if parent.op and not parent.parents), None)
        )
    return node


def apply(op: Op, *operands: Any, kind: Any = None) -> Any:
    """Return the node that `op` makes of nodes, numbers and arrays: a Value where all are scalar, else a Tensor.

    Where none of the operands is a node, the raw result. Raises ShapeError where the shapes do not fit the operation,
    IndexError for an axis or index out of range, DTypeError for an operand that is no number or array. See `ag.Op`.
    """
    found, bare, tensor, value = False, False, Node.array_kind, Node.scalar_kind
    for x in operands:
        if type(x) is tensor:
            found, kind = True, kind or tensor
        elif type(x) is value:
            found = bare = True
        elif isinstance(x, SEVERAL):
            kind = kind or tensor
        else:
            bare = True
    kind = kind or value
    dtype = kind.common_dtype(operands) if bare else None
    parents = tuple([x if type(x) is kind else kind.constant(x, dtype) for x in operands])
    data = evaluate(op, kind.xp, [parent.data for parent in parents])
    if not op.builtin:
        data = kind.result(data, op)
    if type(op.vjps) is tuple and op.vjps and len(op.vjps) != len(parents):
        raise GraphError(
            f"{op.name!r} has {len(op.vjps)} vjps for {len(parents)} parents: give one for each, in order"
        )
    if found:
        return record(kind, op, parents, data)
    return data[()] if kind is Node.array_kind else data


def evaluate(op: Op, xp: Any, operands: Any) -> Any:
    """The operation's value, on raw operands; an error of NumPy's is told again with the operation and the shapes."""
    before = error_state.set(QUIET)
    try:
        out = op.forward(xp, *operands) if xp is not scalar else read(xp, op.forward, *operands)
    except Exception as error:
        raise explained(error, op.name, [np.shape(x) for x in operands], op.builtin) from None
    finally:
        error_state.reset(before)
    return out if xp is scalar or type(out) is np.ndarray or not op.builtin else np.asarray(out)


# ---- Operators: a row each. Two Values take the short way, anything else goes through apply. --------------------------


def unary(op: Op) -> Callable[[Any], Any]:
    """The method of a row with one parent."""
    forward, mask = op.forward, not op.vjps

    def method(x: Any) -> Any:
        if mask or not x.requires_grad or (meta := meta_here()) is False:
            return apply(op, x)
        if x.xp is not scalar:
            return record(x.__class__, op, (x,), evaluate(op, x.xp, (x.data,)))
        node = new(x.__class__)
        try:
            node.data = forward(scalar, x.data)
        except ERRORS:
            node.data = ieee(forward, x.data)
        node.grad, node.meta = None, meta
        node.op, node.parents, node.requires_grad = op, (x,), True
        return node

    return method


def binary(op: Op, other: Callable[..., Any] = apply) -> Callable[[Any, Any], Any]:
    """The method of a row with two parents; `other` is asked where they are not of one kind."""
    forward, mask = op.forward, not op.vjps

    def method(x: Any, y: Any) -> Any:
        kind = x.__class__
        if (
            y.__class__ is not kind
            or mask
            or not (x.requires_grad or y.requires_grad)
            or (meta := meta_here()) is False
        ):
            return other(op, x, y)
        if x.xp is not scalar:
            return record(kind, op, (x, y), evaluate(op, x.xp, (x.data, y.data)))
        node = new(kind)
        try:
            node.data = forward(scalar, x.data, y.data)
        except ERRORS:
            node.data = ieee(forward, x.data, y.data)
        node.grad, node.meta = None, meta
        node.op, node.parents, node.requires_grad = op, (x, y), True
        return node

    return method


def swapped(op: Op, other: Callable[..., Any] = apply) -> Callable[[Any, Any], Any]:
    """The reflected method: number or array on the left, node on the right."""
    return lambda x, y: other(op, y, x)


def times(op: Op, x: Any, y: Any) -> Any:
    """`*`, but not with np.matrix, for which it means the matrix product."""
    if isinstance(x, np.matrix) or isinstance(y, np.matrix):
        raise TypeError(
            "'*' between an np.matrix and a node would be elementwise: use @ (or np.multiply, if elementwise is meant)"
        )
    return apply(op, x, y)


power_of = ops.static(lambda n: unary(ops.POW(n)))  # the method of x to a static power


def power(x: Any, n: Any) -> Any:
    """x to the power n: a number is a static exponent, anything else a second parent."""
    if isinstance(n, int | float | np.number) and isinstance(x, Node):
        return power_of(n.item() if isinstance(n, np.number) else n)(x)
    return apply(ops.POWER, x, n)


def in_place(method: Callable[[Any, Any], Any], symbol: str) -> Callable[[Any, Any], Any]:
    """An augmented assignment: under no_grad it changes a leaf's data, else it is the plain operation."""

    def assign(x: Any, y: Any) -> Any:
        if x.parents or not x.requires_grad:
            return method(x, y)
        if not is_recording():
            x.data = x.like(method(x, y).data, f"'{symbol}'")
            return x
        if x.grad is not None:
            raise GraphError(
                f"'{symbol}' on the leaf {x.name}, which has a gradient, would grow the graph with every step: "
                "do it under ag.no_grad(), or on .data, or with an optimiser of ag.optim"
            )
        return method(x, y)

    return assign


def compare(function: Any) -> Callable[[Any, Any], Any]:
    """A comparison of the data: plain booleans, no graph."""

    def method(x: Any, y: Any) -> Any:
        return function(x.data, y.data if isinstance(y, Node) else y)

    return method


class Node:
    """A number or array that knows how it was made. Value and Tensor are its two kinds."""

    __slots__ = ("__weakref__", "data", "grad", "meta", "op", "parents", "requires_grad")
    data: Any
    grad: Any  # a float or ndarray once a backward has reached the node, else None
    meta: dict[str, Any] | None  # label, scope, source line: empty unless asked for
    op: Op | None
    parents: tuple["Node", ...]
    requires_grad: bool

    xp: Any  # how the kind reads a rule to numbers
    functions: Any  # how both read it to a graph: the module functions.py, which puts itself here
    from_numpy: Any  # NumPy's functions on both, which numpy_protocols.py puts here
    scalar_kind: Any  # Value and
    array_kind: Any  # Tensor, which put themselves here
    shape: Any
    size: Any
    dtype: Any
    version = 0  # when the data was last replaced, where the kind keeps count

    @property
    def vjps(self) -> Any:
        """The local derivative closures of the operation that made this node, one a parent; () for a leaf."""
        return self.op.vjps if self.op else ()

    @property
    def label(self) -> str | None:
        """The name that the user gave."""
        return self.meta.get("label") if self.meta else None

    @label.setter
    def label(self, label: str | None) -> None:
        self.meta = {**(self.meta or {}), "label": label}

    @property
    def name(self) -> str:
        """What an error message calls this node."""
        return f"{type(self).__name__} {self.label!r}" if self.label else repr(self)

    def backward(self, gradient: Any = None) -> None:
        """Store in `.grad` the gradient of this node with respect to every variable that it was made from.

        Interior nodes get it assigned, leaves get it added to what they hold (`zero_grad` sets None). `gradient`, of this
        node's shape, is what arrives from above: 1 for a scalar. GraphError where there is nothing to differentiate or the
        node is no scalar; ShapeError, DTypeError for a `gradient` that does not fit.

        >>> import autograd_mini as ag
        >>> x = ag.Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        backward(self, gradient)

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None again."""
        self.grad = None

    def detach(self) -> Self:
        """A constant with a copy of the data, outside the graph."""
        return record(type(self), DETACH, (), copy.copy(self.data))  # type: ignore[no-any-return]

    def cut(self, call: str) -> None:
        """Refuse a call that would leave the graph without a word."""
        if self.requires_grad:
            raise GraphError(
                f"{call} of {self.name} would cut the graph: np.exp(x) or x.exp() and the like stay in it; "
                ".item(), .data or .detach() leave it on purpose"
            )

    def __float__(self) -> float:
        self.cut("float()")
        return float(self.item())

    def __int__(self) -> int:
        self.cut("int()")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self.cut("np.asarray()")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **kwargs: Any) -> Any:
        return self.from_numpy(ufunc if method == "__call__" else getattr(ufunc, method), operands, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.from_numpy(function, args, kwargs)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of {self.name} is ambiguous: use (t.data != 0).any() or .all()")
        return bool(self.data)

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(
                f"the format {spec!r} is for one number, and {self.name} has shape {self.shape}: use .data"
            )
        return format(self.item(), spec) if spec else repr(self)

    def __reduce__(self) -> Any:
        if self.parents:
            raise GraphError(
                f"only leaves can be copied or pickled, and {self.name} is the result of '{self.op}': use .detach()"
            )
        return restore, (type(self), self.data, self.grad, self.requires_grad, self.meta)

    def item(self) -> float:
        """The number alone, outside the graph; ValueError where there are several."""
        raise NotImplementedError

    __add__, __radd__, __iadd__ = binary(ops.ADD), swapped(ops.ADD), in_place(binary(ops.ADD), "+=")
    __sub__, __rsub__, __isub__ = binary(ops.SUB), swapped(ops.SUB), in_place(binary(ops.SUB), "-=")
    __mul__, __rmul__, __imul__ = (
        binary(ops.MUL, times),
        swapped(ops.MUL, times),
        in_place(binary(ops.MUL, times), "*="),
    )
    __truediv__, __rtruediv__, __itruediv__ = (
        binary(ops.DIV),
        swapped(ops.DIV),
        in_place(binary(ops.DIV), "/="),
    )
    __mod__, __rmod__, __imod__ = (
        binary(ops.REMAINDER),
        swapped(ops.REMAINDER),
        in_place(binary(ops.REMAINDER), "%="),
    )
    __pow__, __rpow__, __ipow__ = power, swapped(ops.POWER), in_place(power, "**=")
    __neg__, __abs__ = unary(ops.NEG), unary(ops.ABS)

    def __pos__(self) -> Self:
        return self

    __eq__, __ne__ = compare(operator.eq), compare(operator.ne)
    __lt__, __le__, __gt__, __ge__ = (
        compare(operator.lt),
        compare(operator.le),
        compare(operator.gt),
        compare(operator.ge),
    )
    __hash__ = object.__hash__  # identity: a node is a key of its own

    exp, log, sqrt, square = unary(ops.EXP), unary(ops.LOG), unary(ops.SQRT), unary(ops.SQUARE)
    sin, cos, tanh, abs = unary(ops.SIN), unary(ops.COS), unary(ops.TANH), unary(ops.ABS)
    relu, sigmoid, softplus = unary(ops.RELU), unary(ops.SIGMOID), unary(ops.SOFTPLUS)


set_data: Any = vars(Node)["data"].__set__  # past the property by which a Tensor notices new data
