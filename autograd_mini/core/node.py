"""Node: data, the operation and the parents it came from, its gradient; and how an operation is applied to nodes.

Two modes (support/modes.py) are asked for again and again: `meta_here()` is False under no_grad, else what a new node gets as its
`meta`; `recorder()` is the Trace of a function that is being compiled, else None.
"""

import copy
import operator
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from ..errors import GraphError, explained
from ..support.coercion import FLOAT_TYPES, LISTS
from ..support.modes import keeps_constants, meta_here, recorder
from ..support.quiet import quietly
from .engine import backward, reading_of_all
from .op import Op
from .quick import made_method
from .readings import ARRAYS, FLOATS, KINDS, Reading

new = object.__new__
ARRAY_LIKE = (np.ndarray, *LISTS)
CUT_BY_NO_GRAD = {"cut": "no_grad"}  # the meta of what no_grad cut off


class changes:  # only its count is used
    """Counts how often the data of any Tensor were replaced.

    A Tensor's `_version` is the count at the time when it was made or its data were last replaced; a Value's is always 0.
    Where a parent's is higher than its child's, the child read data that are gone, and backward refuses.
    """

    count = 0


def made(
    reading: Reading,
    data: Any,
    op: Op | None = None,
    parents: Sequence[Any] = (),
    requires_grad: bool = False,
    meta: dict[str, Any] | None = None,
) -> Any:
    """Return a node: a leaf, or the result of an operation on parents. Nodes are made only here and in quick methods (quick.py).

    One or two parents are kept in two slots: a tuple would be one more object for the garbage collector in each node.
    """
    node = new(reading.kind)
    if reading is ARRAYS:
        node._version = changes.count
    node._content, node.grad, node.meta, node.op = data, None, meta, op
    node.requires_grad, node._right = requires_grad, None
    count = len(parents)
    if count == 0:
        node._left = None
    elif count == 1:
        (node._left,) = parents
    elif count == 2:
        node._left, node._right = parents
    else:
        node._left = tuple(parents)
    return node


def leaf(kind: type, data: Any, requires_grad: bool = False, label: str | None = None) -> Any:
    """Return a node that no operation made."""
    meta = None if label is None else {"label": label}
    node = made(KINDS[kind], data, requires_grad=requires_grad, meta=meta)
    if (trace := recorder()) is not None:
        trace.born(node)
    return node


def restored(kind: type, data: Any, grad: Any, requires_grad: bool, meta: dict[str, Any] | None) -> Any:
    """Return a copied or unpickled leaf."""
    node = made(KINDS[kind], copy.copy(data), requires_grad=requires_grad, meta=copy.copy(meta))
    node.grad = copy.copy(grad)
    return node


def record(reading: Reading, op: Op, parents: Sequence[Any], data: Any) -> Any:
    """Return the result of an operation as a node: a variable if a parent is one and recording is on, else a constant.

    The first variable that a row of ours gives also makes the row's quick method: `ag.tanh(x)` uses it from then on.
    """
    meta = meta_here()
    if meta is not False and op.has_derivative:
        for parent in parents:
            if parent.requires_grad:
                if op.is_kept and reading.kind not in op.quick:
                    op.quick[reading.kind] = made_method(op, reading, applied, changes)
                    # the first operand may be an array: linear(X, W, b)
                    if reading is ARRAYS and len(parents) > 1:
                        op.quick[np.ndarray] = op.quick[reading.kind]
                return made(reading, data, op, parents, True, meta)
    if keeps_constants():
        return made(reading, data, op, parents)
    if reading is ARRAYS and data.base is not None:
        data = data.copy()  # a constant has numbers of its own: an optimiser changes parameters in place
    if meta is False:
        return made(reading, data, meta=CUT_BY_NO_GRAD)
    cut = next((p.meta for p in parents if p._cut_by), None)
    if cut is not None:  # what cut it, and where; a label stays with the node that bears it
        cut = {key: cut[key] for key in ("cut", "line") if key in cut}
    return made(reading, data, meta=cut)


def evaluate(op: Op, reading: Reading, operands: Sequence[Any]) -> Any:
    """Return the operation's value on raw operands; an error from NumPy is raised again with the operation and the shapes."""
    try:
        if op.is_ours and reading is ARRAYS:  # this is op.value, without two calls
            return np.asarray(quietly(op.forward, ARRAYS.xp, *operands))
        out = quietly(op.value, reading, operands)
    except Exception as error:
        raise explained(error, op.name, [np.shape(x) for x in operands], op.is_ours) from None
    if op.is_ours:
        return out
    op.check_parents(len(operands))
    return reading.result(out, op)


def apply(op: Op, *operands: Any) -> Any:
    """Return the node that `op` makes of nodes, numbers and arrays: a Value where none is an array or Tensor, else a Tensor.

    Where no operand is a node, the result is raw data. A list that holds nodes is stacked in their graph. Raises
    ShapeError where the shapes do not fit the operation, IndexError for an axis or index out of range, DTypeError for an
    operand that is neither a number nor an array. See `ag.Op`.
    """
    quick = op.quick.get(type(operands[0])) if operands else None
    return applied(op, *operands) if quick is None else quick(*operands)


def applied(op: Op, *operands: Any) -> Any:
    """Return what `apply` returns. Quick methods call this where the case is not theirs."""
    if not operands:
        raise TypeError(f"{op.name}() needs an operand: a number, an array or a node")
    reading = reading_of_all(operands)
    if reading is not None and (reading is ARRAYS or not op.arrays_only):
        return record(reading, op, operands, evaluate(op, reading, [x._content for x in operands]))
    reading = ARRAYS if op.arrays_only else FLOATS
    dtypes, has_nodes = set(), False
    for x in operands:
        own = KINDS.get(type(x))  # the reading of a node, None for what is no node
        has_nodes = has_nodes or own is not None or holds_node(x)
        if own is ARRAYS or isinstance(x, ARRAY_LIKE):
            reading = ARRAYS
            dtypes.add(getattr(x, "dtype", None))
    dtypes &= FLOAT_TYPES
    dtype = dtypes.pop() if len(dtypes) == 1 else None  # what bare numbers become
    if not has_nodes:
        data = evaluate(op, reading, [reading.constant(x, dtype) for x in operands])
        return data[()] if reading is ARRAYS else data
    parents = [x if type(x) is reading.kind else reading.as_node(x, dtype) for x in operands]
    return record(reading, op, parents, evaluate(op, reading, [x._content for x in parents]))


Op.__call__ = apply  # type: ignore[method-assign]


def holds_node(data: Any, depth: int = 0) -> bool:
    """Return whether data are nested lists with a node anywhere in them. ValueError for lists more than 64 deep."""
    if depth > 64:
        raise ValueError("lists nested more than 64 deep (does one hold itself?)")
    return isinstance(data, LISTS) and any(type(x) in KINDS or holds_node(x, depth + 1) for x in data)


def plain(x: Any) -> Any:
    """Return the data of a node; anything else as it is."""
    return x.data if isinstance(x, Node) else x


def in_place(method: Callable[[Any, Any], Any], symbol: str) -> Callable[[Any, Any], Any]:
    """Return an augmented assignment: under no_grad it changes a leaf's data, else it is the plain operation."""

    def assign(x: Any, y: Any) -> Any:
        if x.op is not None:
            return method(x, y)
        if meta_here() is False:
            if (trace := recorder()) is not None:
                return trace.changed(x, method(x, y))
            x.data = KINDS[type(x)].fitted(x, method(x, y).data, f"'{symbol}'")
            return x
        if x.grad is not None and x.requires_grad:
            raise GraphError(
                f"'{symbol}' on the leaf {x._name}, which has a gradient, would grow the graph with every "
                "step: do it under ag.no_grad() or on .data, and then zero_grad(), as the next backward "
                "adds to this gradient; or take an optimiser of ag.optim"
            )
        return method(x, y)

    return assign


def _compared(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A comparison of the data: plain booleans, no graph; while a function is being compiled, a mask node."""

    def method(x: Any, y: Any) -> Any:
        if (trace := recorder()) is not None:
            return trace.compared(function, x, y)
        return function(x.data, plain(y))

    return method


class Habit:
    """A name that users of other libraries type: `x.numpy()` works, `x.cuda()` raises an AttributeError that says what to write.

    The answers stand in support/advice.py, which is imported on the first use.
    """

    def __init__(self, name: str, answer: str = "habit") -> None:
        self.name, self.answer = name, answer

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        from ..support import advice

        return getattr(advice, self.answer)(self.name, owner)


# No __getattr__: with one, every look-up of an attribute would cost more (a step on Values a third, on Python 3.11)
HABITS = """
    add add_ all any arccos arcsin arctan arctan2 argsort astype bmm ceil clamp clamp_ clone contiguous
    copy copy_ cosh cpu cuda device dim div double erf expand expm1 fill_ float floor gather gelu
    grad_fn int is_leaf log10 log1p log2 log_sigmoid log_softmax logsumexp long masked_fill matmul
    maximum minimum mm mul mul_ norm numel numpy permute pow reciprocal register_hook requires_grad_
    retain_grad scatter_add sign silu sinh softmax sort sub sub_ t tan to tril triu trunc unsqueeze view
    zero_
""".split()  # noqa: SIM905


class Node:
    """A number or array that knows how it was made. Value and Tensor are its two kinds."""

    __slots__ = ("__weakref__", "_content", "_left", "_right", "grad", "meta", "op", "requires_grad")
    data: Any
    _content: Any  # the same: internal code reads and writes it here, past the property and its checks
    grad: Any  # a float or ndarray once a backward has reached the node, else None
    meta: dict[str, Any] | None  # label, scope, source line, what cut it off: empty unless asked for
    op: Op | None  # None for a leaf
    requires_grad: bool
    _left: Any  # the first parent; a tuple of all where there are more than two; None for a leaf
    _right: Any  # the second parent where there are exactly two, else None
    # a Series or DataFrame on the left leaves the operation to the node, whose error says what to do
    __pandas_priority__ = 5000
    _version = 0  # see `changes`
    shape: Any
    size: Any

    def __init_subclass__(cls) -> None:
        kind: Any = cls.__base__
        if kind is not Node:
            raise TypeError(f"{kind.__name__} is final: add an operation with ag.Op and ag.apply")

    @property
    def parents(self) -> tuple["Node", ...]:
        """The nodes that this one was made from, in order and with repetitions; () for a leaf."""
        left, right = self._left, self._right
        if right is not None:
            return (left, right)
        if left is None:
            return ()
        return left if type(left) is tuple else (left,)

    @property
    def vjps(self) -> Any:
        """The local derivatives of the operation that made this node, one for each parent; () for a leaf."""
        return self.op.vjps if self.op else ()

    @property
    def label(self) -> str | None:
        """The name that the user gave."""
        return self.meta.get("label") if self.meta else None

    @label.setter
    def label(self, label: str | None) -> None:
        self.meta = {**(self.meta or {}), "label": label}

    @property
    def _name(self) -> str:
        """What an error message calls this node."""
        return f"{type(self).__name__} {self.label!r}" if self.label else repr(self)

    @property
    def _cut_by(self) -> str | None:
        """What cut this constant off from a graph: "no_grad" or "detach"."""
        return self.meta.get("cut") if self.meta else None

    def backward(self, gradient: Any = None, **others: Any) -> None:
        """Store in `.grad` the gradient of this node with respect to every variable that it was made from.

        Interior nodes have it assigned, leaves have it added to their `.grad` (`zero_grad` sets None). `gradient`, of this
        node's shape, is the gradient that arrives from above; for a scalar it may be left out and is 1. GraphError where
        there is nothing to differentiate, or where the node is not a scalar and no `gradient` is given; ShapeError or
        DTypeError for a `gradient` that does not fit.

        >>> import autograd_mini as ag
        >>> x = ag.Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        if others:
            from ..support.advice import unknown

            raise unknown("backward", others, ["gradient"])
        backward(self, gradient)

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None again."""
        self.grad = None
        if (trace := recorder()) is not None:
            trace.forgotten(self)

    def detach(self) -> Self:
        """Return a constant with a copy of the data, outside the graph."""
        if (trace := recorder()) is not None:
            return trace.detached(self)  # type: ignore[no-any-return]
        return made(  # type: ignore[no-any-return]
            KINDS[type(self)], copy.copy(self.data), meta={"cut": "detach"}
        )

    def _refuse_to_cut(self, call: str) -> None:
        """Raise GraphError for a call that would leave the graph silently; CompileError while a function is compiled."""
        if (trace := recorder()) is not None:
            trace.refuse(call, self)
        if self.requires_grad:
            from ..support.advice import why_cut

            raise GraphError(why_cut(call, self))

    def __float__(self) -> float:
        self._refuse_to_cut("float()")
        return float(self.item())

    def __int__(self) -> int:
        self._refuse_to_cut("int()")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._refuse_to_cut("np.asarray()")
        return np.array(self.data, dtype=dtype, copy=copy)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of {self._name} is ambiguous: use (t.data != 0).any() or .all()")
        if (trace := recorder()) is not None:
            return trace.decided(self)  # type: ignore[no-any-return]
        return bool(self.data)

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise TypeError(
                f"the format {spec!r} is for one number, and {self._name} has shape {self.shape}: use .data"
            )
        return format(self.item(), spec) if spec else repr(self)

    def __reduce__(self) -> Any:
        if self.op is not None:
            raise GraphError(
                f"only leaves can be copied or pickled, and {self._name} is the result of '{self.op.name}': "
                "use .detach()"
            )
        return restored, (type(self), self.data, self.grad, self.requires_grad, self.meta)

    def item(self) -> float:
        """Return the number alone, outside the graph; ValueError where there are several.

        >>> import autograd_mini as ag
        >>> ag.Value(2.0).item(), ag.Tensor([3.0]).item()
        (2.0, 3.0)
        """
        if self.size != 1:
            raise ValueError(f"item: one number is needed, the shape is {self.shape}")
        return float(self.data.item() if self.shape else self.data)

    def __pos__(self) -> Self:
        return self

    def _later(self, *operands: Any) -> Any:
        """A placeholder: functions.py (array_functions.py for four of Tensor's) puts the row's own method in its place."""
        raise NotImplementedError

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _later
    __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __abs__ = _later
    exp = log = sqrt = square = sin = cos = tanh = abs = relu = sigmoid = softplus = _later
    __eq__, __ne__ = _compared(operator.eq), _compared(operator.ne)
    __lt__, __le__ = _compared(operator.lt), _compared(operator.le)
    __gt__, __ge__ = _compared(operator.gt), _compared(operator.ge)
    __hash__ = object.__hash__  # identity: a node is a key of its own


for _name in HABITS:
    setattr(Node, _name, Habit(_name))
