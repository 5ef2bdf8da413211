"""The functions that users call where a row alone is not enough (static parameters, axes, raw masks); the methods of nodes; and
GRAPH, the reading that runs rules on nodes.

Nodes give a node; raw numbers and arrays give raw numbers and arrays.
"""

import functools
import math
import operator
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..support.coercion import describe, to_float
from . import array_rows, rows, special_rows
from .array_rows import Axis
from .node import Node, applied, changes, holds_node, in_place, leaf, made
from .op import Op
from .quick import IN_GENERAL, RECEIVED, TEXTS, Texts, made_method
from .readings import ARRAYS, FLOATS, KINDS, XP, Reading, sum_to
from .tensor import Tensor, index_part, plain_index, stacked, to_value
from .value import Value


def shape(x: Any) -> tuple[int, ...]:
    """Return the sizes of the axes of a node, of raw data, or of a list that holds nodes."""
    if isinstance(x, Node):
        return x.shape  # type: ignore[no-any-return]
    if holds_node(x):
        return (len(x), *shape(x[0]))
    return np.shape(x)


def power(x: Any, n: Any) -> Any:
    """Return x to the power n, element by element; NaN where it would be complex.

    A plain number n is a static exponent; an array or node is an operand with a gradient of its own. Shapes broadcast.

    >>> power(2.0, 3.0), power(-8.0, 1 / 3)
    (8.0, nan)
    """
    if not isinstance(x, Node) or not isinstance(n, int | float | np.number):
        return rows.power(x, n)
    n = n if isinstance(n, int) and -(2**53) < n < 2**53 else to_float(n)
    return rows.POW(n)(x)


def cast(x: Any, dtype: Any) -> Any:
    """Return x as float32 or float64; gradients come back in x's own dtype."""
    return array_rows.CAST(np.dtype(dtype))(x)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where x > 0, else slope · x, element by element; at 0 its derivative is `slope`, as in PyTorch.

    >>> leaky_relu(-2.0)
    -0.02
    """
    return special_rows.LEAKY_RELU(float(slope))(x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, else alpha · (eˣ − 1), element by element (arXiv:1511.07289).

    >>> elu(2.0), elu(0.0)
    (2.0, 0.0)
    """
    return special_rows.ELU(float(alpha))(x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """Return x · Φ(x), or with approximate="tanh" its approximation by tanh, element by element (arXiv:1606.08415).

    >>> round(gelu(1.0), 4), round(gelu(1.0, "tanh"), 4)
    (0.8413, 0.8412)
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return special_rows.GELU(approximate)(x)


def sinc(x: Any, order: int = 0) -> Any:
    """Return sin(πx) / (πx), or its derivative of the given order, element by element; exact at 0 too.

    >>> sinc(0.0), round(sinc(0.0, 2), 6)
    (1.0, -3.289868)
    """
    if order < 0:
        raise ValueError(f"sinc: the order of a derivative is 0 or more, got {order}")
    return special_rows.SINC(operator.index(order))(x)


def round(x: Any, decimals: int = 0) -> Any:
    """Return x rounded half to even, element by element; its derivative is 0.

    >>> round(2.5), round(0.125, 2)
    (2.0, 0.12)
    """
    return special_rows.ROUND(decimals)(x)


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Return x held between the bounds (None for no bound), element by element; on a bound the gradient still passes.

    >>> clip(2.0, 0.0, 1.0)
    1.0
    """
    return rows.clip(x, -math.inf if min is None else min, math.inf if max is None else max)


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y; all three broadcast.

    A NaN or infinite gradient of the branch *not* taken still spoils the result (0 · ∞ is NaN): make its input harmless
    first, `where(m, sqrt(where(m, x, 1.0)), 0.0)`.

    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if _is_node(condition):
        return rows.where(condition, x, y)
    mask = np.asarray(condition)
    if mask.dtype.kind not in "biuf" or isinstance(condition, np.ma.MaskedArray):
        raise DTypeError(f"where: the condition must be booleans or numbers, got {describe(condition)}")
    mask = mask if mask.dtype == bool else mask != 0
    # masks and indices are the only nodes whose data are no floats
    out = rows.where(made(ARRAYS, mask) if mask.ndim else made(FLOATS, bool(mask)), x, y)
    return out if _is_node(x) or _is_node(y) else _raw(out)


def _raw(node: Any) -> Any:
    """Return the data of a node, a single number as a number."""
    return node.data if type(node) is Value else node.data[()]


def _is_node(x: Any) -> bool:
    """Whether x is a node, or a list that holds one."""
    return isinstance(x, Node) or holds_node(x)


def _axis(axis: Any) -> Axis:
    """The axis or axes as a row takes them: an int, a tuple of ints, or None for all."""
    if axis is None or isinstance(axis, int):
        return axis
    return tuple(map(operator.index, axis)) if np.ndim(axis) else operator.index(axis)


def _one(axis: Any, x: Any, more: int = 0, name: str = "") -> int:
    """One axis of x (which may have `more` axes in the result) as a number from 0, or IndexError with the range."""
    i, ndim = operator.index(axis), len(shape(x)) + more
    if not -ndim <= i < ndim:
        where, known = f"{name}: " if name else "", f"{-ndim} to {ndim - 1}" if ndim else "it has no axes"
        raise IndexError(f"{where}axis {i} is out of range for shape {shape(x)}: {known}")
    return i % ndim


INDICES_TOO = "gives the indices too: write axis= here, and take those from x.arg{}(axis=…)"
BY_ONE_LESS = "divides by n − 1: write axis= and ddof=1"
OTHER_IN_PYTORCH = {"max": INDICES_TOO, "min": INDICES_TOO, "var": BY_ONE_LESS, "std": BY_ONE_LESS}


def _axes(name: str, axis: Any, x: Any, takes_number: bool = False, dim: Any = None) -> Axis:
    """The axes that a reduction of x removes, or IndexError with the range.

    `dim` is PyTorch's name for them: TypeError where PyTorch's function of this name gives something else. A number has no
    axes; but sum, prod, max and min of a number accept 0 and −1, as in NumPy.
    """
    if dim is not None and name in OTHER_IN_PYTORCH:
        raise TypeError(f"{name}: with dim= PyTorch {OTHER_IN_PYTORCH[name].format(name)}")
    found: Axis = _axis(axis if dim is None else dim)
    if found is not None:
        if takes_number and found in (0, -1) and not shape(x):
            return None
        places = [_one(i, x, name=name) for i in ((found,) if isinstance(found, int) else found)]
        if len(set(places)) < len(places):
            raise ShapeError(f"{name}: an axis of shape {shape(x)} is named twice: {axis}")
    return found


def sum(x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False) -> Any:
    """Return the sum over the axes (all, one, or a tuple); the sum of nothing is 0.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.])
    """
    return array_rows.SUM(_axes("sum", axis, x, True, dim), keepdims or keepdim)(x)


def mean(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Any:
    """Return the mean over the axes; the mean of nothing is NaN.

    >>> float(mean([1.0, 2.0]))
    1.5
    """
    return array_rows.MEAN(_axes("mean", axis, x, dim=dim), keepdims or keepdim)(x)


def var(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *, dim: Axis = None) -> Any:
    """Return the variance over the axes: squared distances from the mean, summed and divided by n − ddof.

    >>> float(var([1.0, 3.0]))
    1.0
    """
    return array_rows.VAR(_axes("var", axis, x, dim=dim), ddof, keepdims)(x)


def std(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False, *, dim: Axis = None) -> Any:
    """Return the standard deviation over the axes, √var; its gradient is 0 where all numbers are equal.

    >>> float(std([1.0, 3.0]))
    1.0
    """
    return array_rows.STD(_axes("std", axis, x, dim=dim), ddof, keepdims)(x)


def prod(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Any:
    """Return the product over the axes; its gradient is right where factors are 0.

    >>> float(prod([2.0, 3.0]))
    6.0
    """
    return array_rows.PROD(_axes("prod", axis, x, True, dim), keepdims or keepdim)(x)


def max(
    x: Any, axis: Axis = None, keepdims: bool = False, initial: float | None = None, *, dim: Axis = None
) -> Any:
    """Return the largest number over the axes, and at least `initial`; ties share the gradient evenly.

    ValueError where there is nothing, and no `initial`.

    >>> float(max([1.0, 3.0]))
    3.0
    """
    return array_rows.MAX(_axes("max", axis, x, True, dim), keepdims, initial)(x)


def min(
    x: Any, axis: Axis = None, keepdims: bool = False, initial: float | None = None, *, dim: Axis = None
) -> Any:
    """Return the smallest number over the axes, and at most `initial`; ties share the gradient evenly.

    ValueError where there is nothing, and no `initial`.

    >>> float(min([1.0, 3.0]))
    1.0
    """
    return array_rows.MIN(_axes("min", axis, x, True, dim), keepdims, initial)(x)


def logsumexp(
    x: Any, axis: Axis = None, keepdims: bool = False, *, dim: Axis = None, keepdim: bool = False
) -> Any:
    """Return log Σ eˣ over the axes without overflow; its gradient is the softmax.

    >>> float(logsumexp([1000.0, 0.0]))
    1000.0
    """
    return array_rows.LOGSUMEXP(_axes("logsumexp", axis, x, dim=dim), keepdims or keepdim)(x)


def softmax(x: Any, axis: Axis = -1, *, dim: Axis = None) -> Any:
    """Return eˣ / Σ eˣ, of x's shape, summing to 1 over the axes.

    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    return array_rows.SOFTMAX(_axes("softmax", axis, x, dim=dim))(x)


def log_softmax(x: Any, axis: Axis = -1, *, dim: Axis = None) -> Any:
    """Return the logarithm of the softmax, of x's shape, without cancellation.

    >>> log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    return array_rows.LOG_SOFTMAX(_axes("log_softmax", axis, x, dim=dim))(x)


def centred(x: Any, axis: Axis = None) -> Any:
    """Return x minus its mean over the axes, of x's shape; exactly 0 where all numbers are equal.

    >>> centred([1.0, 3.0])
    array([-1.,  1.])
    """
    return array_rows.CENTRED(_axes("centred", axis, x))(x)


def cumsum(x: Any, axis: int | None = None, *, dim: int | None = None) -> Any:
    """Return the running sum along an axis (of the flattened x where it is None).

    >>> cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.])
    """
    return _running(array_rows.CUMSUM, x, axis if dim is None else dim)


def cumprod(x: Any, axis: int | None = None, *, dim: int | None = None) -> Any:
    """Return the running product along an axis (of the flattened x where it is None); right where factors are 0.

    >>> cumprod([1.0, 2.0, 3.0])
    array([1., 2., 6.])
    """
    return _running(array_rows.CUMPROD, x, axis if dim is None else dim)


def _running(row: Callable[[int], Op], x: Any, axis: int | None) -> Any:
    if axis is None or (axis in (0, -1) and not shape(x)):  # a number is a vector of one, as for NumPy
        x, axis = ravel(x), 0
    return row(_one(axis, x))(x)


def recurrence(a: Any, b: Any, axis: int, reverse: bool = False) -> Any:
    """Return s with s[i] = b[i] + a[i] · s[i−1] along an axis (s[i+1] in reverse); a and b have the same shape.

    >>> recurrence(np.ones(3), np.ones(3), 0)
    array([1., 2., 3.])
    """
    return array_rows.RECURRENCE(_one(axis, b), reverse)(a, b)


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes or axes given as (2, 3) or as 2, 3."""
    given = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int | np.integer) else sizes
    return tuple(map(operator.index, given))


def reshape(x: Any, *sizes: Any) -> Any:
    """Return x in another shape of the same size, given as a tuple or as numbers; one of them may be -1.

    >>> reshape([1.0, 2.0, 3.0, 4.0], 2, -1)
    array([[1., 2.],
           [3., 4.]])
    """
    return array_rows.RESHAPE(_sizes(sizes))(x)


def ravel(x: Any) -> Any:
    """Return x flattened to one axis.

    >>> ravel([[1.0, 2.0]])
    array([1., 2.])
    """
    return reshape(x, (math.prod(shape(x)),))


def transpose(x: Any, *axes: Any) -> Any:
    """Return x with its axes in the order given (reversed, where no order is given).

    >>> transpose([[1.0, 2.0]]).shape
    (2, 1)
    """
    ndim = len(shape(x))
    if not axes or axes[0] is None:
        order = tuple(reversed(range(ndim)))
    else:
        order = tuple(_one(a, x) for a in _sizes(axes))
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"transpose: {order} is not an order of the {ndim} axes of shape {shape(x)}")
    return array_rows.TRANSPOSE(order)(x)


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Return x with two axes exchanged.

    >>> swapaxes([[1.0, 2.0]], 0, 1).shape
    (2, 1)
    """
    order = list(range(len(shape(x))))
    a, b = _one(axis1, x), _one(axis2, x)
    order[a], order[b] = b, a
    return transpose(x, order)


def squeeze(x: Any, axis: Axis = None, *, dim: Axis = None) -> Any:
    """Return x without its axes of length 1, or without the axes named; ShapeError where one of them is longer.

    >>> squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    named = _axes("squeeze", axis, x, True, dim)
    ones = [i for i, n in enumerate(shape(x)) if n == 1]
    lost = ones if named is None else array_rows.axes_of(named, len(shape(x)))
    if not set(lost) <= set(ones):
        raise ShapeError(f"squeeze: axis {named} of shape {shape(x)} is not of length 1")
    return reshape(x, tuple(n for i, n in enumerate(shape(x)) if i not in lost))


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Return x stretched to a shape that it broadcasts to.

    >>> broadcast_to(1.0, (2,))
    array([1., 1.])
    """
    return array_rows.BROADCAST_TO(_sizes((shape,)))(x)


def concatenate(xs: Any, axis: int | None = 0, *, dim: int | None = None) -> Any:
    """Return the arrays joined along one of their axes (all flattened, where it is None); ValueError for an empty list.

    >>> concatenate([[1.0], [2.0, 3.0]])
    array([1., 2., 3.])
    """
    axis = axis if dim is None else dim
    _some("concatenate", xs)
    if axis is None:
        return concatenate([ravel(x) for x in xs])
    return array_rows.CONCATENATE(_one(axis, xs[0]))(*xs)


def stack(xs: Any, axis: int = 0, *, dim: int | None = None) -> Any:
    """Return arrays of one shape, or Values, joined along a new axis.

    >>> stack([1.0, 2.0])
    array([1., 2.])
    """
    axis = axis if dim is None else dim
    _some("stack", xs)
    return array_rows.STACK(_one(axis, xs[0], 1))(*xs)


def _some(name: str, xs: Any) -> None:
    if isinstance(xs, Node | str) or not hasattr(xs, "__len__") or not len(xs):
        raise ValueError(f"{name}: a list of at least one array is needed, as {name}([a, b]), got {xs!r}")


def flip(x: Any, axis: Axis = None) -> Any:
    """Return x with the order of elements reversed along the axes.

    >>> flip([1.0, 2.0])
    array([2., 1.])
    """
    return array_rows.FLIP(_axis(axis))(x)


def roll(x: Any, shift: Any, axis: Axis = None) -> Any:
    """Return x with its elements moved by `shift` places along the axes; those that leave at one end come in at the other.

    >>> roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    return array_rows.ROLL(_axis(shift), _axis(axis))(x)


def tril(x: Any, k: int = 0) -> Any:
    """Return x with zeros above the k-th diagonal.

    >>> tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]])
    """
    return array_rows.TRIL(k)(x)


def triu(x: Any, k: int = 0) -> Any:
    """Return x with zeros below the k-th diagonal.

    >>> triu([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [0., 4.]])
    """
    return array_rows.TRIU(k)(x)


def getitem(x: Any, index: Any) -> Any:
    """Return x[index]: integers, slices, None, Ellipsis, boolean and integer arrays. IndexError with the range.

    >>> getitem([1.0, 2.0, 3.0], slice(1, None))
    array([2., 3.])
    """
    return array_rows.GETITEM(plain_index(index))(x)


def scatter(x: Any, sizes: tuple[int, ...], index: Any) -> Any:
    """Return zeros of the given shape with x added at the index; repeated places add up. It is the gradient of x[index].

    >>> scatter([1.0, 2.0], (3,), [0, 0])
    array([3., 0., 0.])
    """
    return array_rows.SCATTER(tuple(sizes), plain_index(index))(x)


def index_update(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x in which x[index] is `value`, which broadcasts.

    >>> index_update([1.0, 2.0], 0, 5.0)
    array([5., 2.])
    """
    return array_rows.INDEX_UPDATE(plain_index(index))(x, value)


def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    """Return the elements of x at integer indices along an axis, as np.take_along_axis.

    >>> take_along_axis([[1.0, 2.0]], np.array([[1]]), 1)
    array([[2.]])
    """
    axis, places = _one(axis, x), indices.data if isinstance(indices, Node) else index_part(indices)
    indices = indices if isinstance(indices, Node) else places
    if places.ndim == len(shape(x)):  # all axes but this one broadcast
        shapes = (shape(x), places.shape)
        rest = np.broadcast_shapes(*(s[:axis] + s[axis + 1 :] for s in shapes))
        wide, wanted = ((*rest[:axis], s[axis], *rest[axis:]) for s in shapes)
        x = x if shape(x) == wide else broadcast_to(x, wide)
        indices = indices if places.shape == wanted else np.broadcast_to(places, wanted)
    return _with_indices(array_rows.TAKE_ALONG_AXIS(axis), x, indices)


def scatter_along_axis(x: Any, indices: Any, axis: int, sizes: tuple[int, ...]) -> Any:
    """Return zeros of the given shape with x added at the indices along an axis: the gradient of take_along_axis."""
    return _with_indices(array_rows.SCATTER_ALONG_AXIS(axis, tuple(sizes)), x, indices)


def class_cross_entropy(logits: Any, labels: Any) -> Any:
    """Return −log softmax(logits)[label] of each sample, for integer labels of the logits' shape without the last axis."""
    return _with_indices(array_rows.class_cross_entropy, logits, labels)


def _with_indices(op: Op, x: Any, indices: Any) -> Any:
    if not isinstance(indices, Node):
        indices = np.asarray(indices)
        if indices.dtype.kind not in "iu":
            raise IndexError(f"{op.name}: integer indices are needed, got {indices.dtype}")
        indices = made(ARRAYS, indices)
    out = op(x, indices)
    return out if _is_node(x) else out.data


def argsort(x: Any, axis: int = -1, kind: str = "stable") -> Any:
    """Return the indices that sort x along an axis; a node gives a node, without a derivative."""
    return array_rows.ARGSORT(_one(axis, x))(x)


def sort(x: Any, axis: int | None = -1, kind: str = "stable") -> Any:
    """Return x sorted along an axis (flattened where it is None); equal numbers keep their order, and NaN comes last.

    >>> sort([2.0, 1.0])
    array([1., 2.])
    """
    return sort(ravel(x)) if axis is None else array_rows.SORT(_one(axis, x))(x)


# ---- The methods of nodes ---------------------------------------------------------------------------------------------

METHODS = """
    sum mean var std prod max min cumsum cumprod reshape ravel transpose swapaxes squeeze clip round
""".split()  # noqa: SIM905
UNARY = {
    name: getattr(rows, name)
    for name in ["exp", "log", "sqrt", "square", "sin", "cos", "tanh", "abs", "relu", "sigmoid"]
}
UNARY |= {"softplus": special_rows.softplus, "__neg__": rows.negative, "__abs__": rows.abs}
OPERATORS = {  # Python's operators of two operands: the name of the method, the sign, the row
    "add": ("+", rows.add),
    "sub": ("-", rows.subtract),
    "mul": ("*", rows.multiply),
    "truediv": ("/", rows.divide),
    "mod": ("%", rows.remainder),
}


def _times(op: Op, x: Any, y: Any) -> Any:
    """`*`, which refuses an np.matrix: for that `*` means the matrix product."""
    if isinstance(x, np.matrix) or isinstance(y, np.matrix):
        raise TypeError(
            "'*' between an np.matrix and a node would be elementwise: use @ "
            "(or np.multiply, if elementwise is meant)"
        )
    return applied(op, x, y)


def _attach(kind: Any, operators: dict[str, tuple[str, Op]]) -> None:
    """Give a class of nodes the operators and methods that come from the rows."""
    for name, op in UNARY.items():
        setattr(kind, name, made_method(op, KINDS[kind], applied, changes))
    for name, (sign, row) in operators.items():
        how = (row, KINDS[kind], _times if row is rows.multiply else applied, changes)
        method = made_method(*how)
        setattr(kind, f"__{name}__", method)
        setattr(kind, f"__r{name}__", made_method(*how, is_reflected=True))
        setattr(kind, f"__i{name}__", in_place(method, f"{sign}="))
    kind.__pow__, kind.__ipow__ = power, in_place(power, "**=")
    kind.__rpow__ = lambda x, y: power(y, x)


_attach(Value, OPERATORS)
_attach(Tensor, OPERATORS | {"matmul": ("@", array_rows.matmul)})
_OF_TENSORS = {name: globals()[name] for name in METHODS} | {"flatten": ravel, "__getitem__": getitem}


def _of_number(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method of Value for a function of arrays: where the result is one number, it is a Value."""

    @functools.wraps(function)
    def method(x: Any, *args: Any, **kwargs: Any) -> Any:
        out = function(x, *args, **kwargs)
        return out if out.shape else to_value(out)

    return method


Value.clip, Value.round = clip, round  # type: ignore[assignment]
for _name, _function in _OF_TENSORS.items():
    setattr(Tensor, _name, _function)
    if vars(Value).get(_name) is Node._later:  # value.py says which of them a number has
        setattr(Value, _name, _of_number(_function))
Value.__round__ = Tensor.__round__ = round  # type: ignore[attr-defined]

# ---- GRAPH ------------------------------------------------------------------------------------------------------------


ONE: dict[str, Any] = {"one": True}  # the meta of the 1 that arrives at a root


class _Graph(Reading):
    """Rules run on nodes: their results are nodes, which can be differentiated again."""

    reads_content = False

    def without_one(self, g: Any) -> Any:
        """Return y in place of 1 · y where the 1 is the gradient that arrived at the root: cos(x), not 1 · cos(x), for sin(x).

        Otherwise the derivatives of every further order would multiply by it again. That 1 is known by its `meta`, which is
        the object ONE itself.
        """
        left, right = g._left, g._right
        if g.op is not rows.multiply or left.meta is not ONE or type(right) is not type(g):
            return g
        return right if right.dtype == g.dtype and right.shape == g.shape else g

    def add(self, parent: Any, held: Any, share: Any) -> Any:
        return self.without_one(held) + self.without_one(share)

    def zero(self, node: Any) -> Any:
        return leaf(type(node), KINDS[type(node)].zero(node))

    def share_for(self, parent: Any, share: Any, op: Op) -> Any:
        reading: Any = KINDS[type(parent)]
        if not isinstance(share, Node):
            share = made(reading, reading.result(share, op))
        if share.shape != parent.shape:
            share = sum_to(self.xp, share, parent.shape, op)
        if reading is FLOATS:
            return share if type(share) is Value else to_value(share)
        return share if type(share) is Tensor and share.dtype == parent.dtype else cast(share, parent.dtype)

    def arriving(self, root: Any, gradient: Any, what: str) -> Any:
        reading: Any = KINDS[type(root)]
        if holds_node(gradient):
            gradient = stacked(gradient)
        if not isinstance(gradient, Node):
            meta = ONE if gradient is None else None
            return made(reading, reading.arriving(root, gradient, what), meta=meta)
        if gradient.shape != root.shape:
            raise ShapeError(
                f"{what}: the gradient from above has shape {gradient.shape}, {root._name} has {root.shape}"
            )
        return self.share_for(root, gradient, rows.positive)


def _einsum(subscripts: str, *operands: Any, optimize: Any = None) -> Any:
    """A sum of products as rules write it: letters, and the result's after the arrow."""
    inputs, _, output = subscripts.partition("->")
    return array_rows.EINSUM(tuple(inputs.split(",")), output)(*operands)


GRAPH = _Graph()
TEXTS[GRAPH] = Texts("", "", arrived="\n    g = without_one(g)", received=RECEIVED + IN_GENERAL)
TABLE = {
    name: row
    for file in (rows, special_rows, array_rows)
    for name, row in vars(file).items()
    if isinstance(row, Op) or (name.isupper() and callable(row))
}
for _name, _made in TABLE.items():
    if not isinstance(_made, Op):
        _made.__qualname__ = _name  # by which a row of a family is pickled
GRAPH.xp = SimpleNamespace(
    **{name: row for name, row in TABLE.items() if isinstance(row, Op)},
    asarray=cast,
    eye=np.eye,
    ones=np.ones,
    last_written=ARRAYS.xp.last_written,
    pinv=lambda a, *how: array_rows.PINV(*how)(a),
    pad=lambda x, width, constant_values=0.0: array_rows.PAD(width, constant_values)(x),
    einsum=_einsum,
)
# Rules on nodes get a function of this file in place of the row of its name: `where` and `power` take raw masks and exponents too
vars(GRAPH.xp).update({name: globals()[name] for name in XP if name in globals()})
