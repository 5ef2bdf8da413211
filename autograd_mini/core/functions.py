"""The functions that users call: nodes in, node out; raw numbers and arrays in, raw out.

This module is itself a namespace `xp`, the one by which a rule is read to a graph.
"""

import builtins
import math
import operator
import string
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DTypeError, ShapeError
from . import node, ops
from .namespaces import arrays
from .node import Node, apply, evaluate
from .ops import Axis, Op


def shape(x: Any) -> tuple[int, ...]:
    """Return the sizes of the axes of a node or of raw data."""
    return x.shape if isinstance(x, Node) else np.shape(x)


def _array(op: Op, *operands: Any) -> Any:
    """apply, for a row that only arrays have: the result is a Tensor, of Values too."""
    if len(operands) == 1 and type(operands[0]) is Node.array_kind:  # the short way
        return node.record(Node.array_kind, op, operands, evaluate(op, arrays, (operands[0].data,)))
    return apply(op, *operands, kind=Node.array_kind)


# ---- Elementwise: a line a row, documented by the row -----------------------------------------------------------------


def _documented(function: Callable[..., Any], name: str, op: Op, operands: str) -> Callable[..., Any]:
    what, _, example = op.doc.partition("; ")
    call, _, result = example.partition(" = ")
    function.__name__ = function.__qualname__ = name
    if not op.vjps:  # a mask, for rules
        function.__doc__ = f"Return the mask `{name}` of {operands}: a node of nodes, without a derivative."
        return function
    function.__doc__ = f"""Return {what}, element by element.

    Arguments: {operands}, numbers, arrays, Values or Tensors; shapes broadcast, the result has the broadcast shape. Nodes
    give a node, raw data raw data. Raises ShapeError for shapes that do not fit, DTypeError for what is no number or array.

    >>> import autograd_mini as ag
    >>> ag.{call}
    {result}
    """
    return function


def _unary(name: str, op: Op) -> Callable[[Any], Any]:
    method = node.unary(op)

    def function(x: Any) -> Any:
        return method(x) if isinstance(x, Node) else apply(op, x)

    return _documented(function, name, op, "x")


def _binary(name: str, op: Op, operands: str = "x, y") -> Callable[[Any, Any], Any]:
    method = node.binary(op)

    def function(x: Any, y: Any) -> Any:
        return method(x, y) if isinstance(x, Node) else apply(op, x, y)

    return _documented(function, name, op, operands)


add = _binary("add", ops.ADD)
subtract = _binary("subtract", ops.SUB)
multiply = _binary("multiply", ops.MUL)
divide = _binary("divide", ops.DIV)
negative = _unary("negative", ops.NEG)
positive = _unary("positive", ops.POSITIVE)
remainder = _binary("remainder", ops.REMAINDER)
abs = _unary("abs", ops.ABS)
sign = _unary("sign", ops.SIGN)
floor = _unary("floor", ops.FLOOR)
ceil = _unary("ceil", ops.CEIL)
exp = _unary("exp", ops.EXP)
expm1 = _unary("expm1", ops.EXPM1)
log = _unary("log", ops.LOG)
log1p = _unary("log1p", ops.LOG1P)
log2 = _unary("log2", ops.LOG2)
log10 = _unary("log10", ops.LOG10)
sqrt = _unary("sqrt", ops.SQRT)
square = _unary("square", ops.SQUARE)
reciprocal = _unary("reciprocal", ops.RECIPROCAL)
sin = _unary("sin", ops.SIN)
cos = _unary("cos", ops.COS)
tan = _unary("tan", ops.TAN)
arcsin = _unary("arcsin", ops.ARCSIN)
arccos = _unary("arccos", ops.ARCCOS)
arctan = _unary("arctan", ops.ARCTAN)
arctan2 = _binary("arctan2", ops.ARCTAN2, "y, x")
sinh = _unary("sinh", ops.SINH)
cosh = _unary("cosh", ops.COSH)
tanh = _unary("tanh", ops.TANH)
sech2 = _unary("sech2", ops.SECH2)
logistic = _unary("logistic", ops.LOGISTIC)
arcsinh = _unary("arcsinh", ops.ARCSINH)
arccosh = _unary("arccosh", ops.ARCCOSH)
arctanh = _unary("arctanh", ops.ARCTANH)
hypot = _binary("hypot", ops.HYPOT)
logaddexp = _binary("logaddexp", ops.LOGADDEXP)
xlogy = _binary("xlogy", ops.XLOGY)
sigmoid = _unary("sigmoid", ops.SIGMOID)
log_sigmoid = _unary("log_sigmoid", ops.LOG_SIGMOID)
softplus = _unary("softplus", ops.SOFTPLUS)
relu = _unary("relu", ops.RELU)
silu = _unary("silu", ops.SILU)
erf = _unary("erf", ops.ERF)
normal_cdf = _unary("normal_cdf", ops.NORMAL_CDF)
normal_pdf = _unary("normal_pdf", ops.NORMAL_PDF)
maximum = _binary("maximum", ops.MAXIMUM)
minimum = _binary("minimum", ops.MINIMUM)
squared_error = _binary("squared_error", ops.SQUARED_ERROR)
sigmoid_cross_entropy = _binary("sigmoid_cross_entropy", ops.SIGMOID_CROSS_ENTROPY, "x, t")

greater, greater_equal = (
    _binary("greater", ops.GREATER),
    _binary("greater_equal", ops.GREATER_EQUAL),
)  # masks, for rules
less, less_equal = _binary("less", ops.LESS), _binary("less_equal", ops.LESS_EQUAL)
equal, not_equal = _binary("equal", ops.EQUAL), _binary("not_equal", ops.NOT_EQUAL)
logical_and, logical_or = _binary("logical_and", ops.LOGICAL_AND), _binary("logical_or", ops.LOGICAL_OR)
zeros_like = _unary("zeros_like", ops.ZEROS_LIKE)
eye, ones = np.eye, np.ones


def power(x: Any, n: Any) -> Any:
    """Return x to the power n, element by element, NaN where it would be complex.

    A plain number n is a static exponent; an array or node is an operand with a gradient of its own. Shapes broadcast.

    >>> power(2.0, 3.0), power(-8.0, 1 / 3)
    (8.0, nan)
    """
    return node.power(x, n) if isinstance(x, Node) else apply(ops.POWER, x, n)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """Return x where x > 0, else slope · x, element by element; at 0 its derivative is `slope`, as PyTorch's.

    >>> leaky_relu(-2.0)
    -0.02
    """
    return apply(ops.LEAKY_RELU(float(slope)), x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x where x > 0, else alpha · (eˣ − 1), element by element (arXiv:1511.07289).

    >>> elu(2.0), elu(0.0)
    (2.0, 0.0)
    """
    return apply(ops.ELU(float(alpha)), x)


def gelu(x: Any, approximate: str = "none") -> Any:
    """Return x · Φ(x), or with approximate="tanh" the form by tanh, element by element (arXiv:1606.08415).

    >>> round(gelu(1.0), 4), round(gelu(1.0, "tanh"), 4)
    (0.8413, 0.8412)
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return apply(ops.GELU if approximate == "none" else ops.GELU_TANH, x)


def sinc(x: Any, order: int = 0) -> Any:
    """Return sin(πx) / (πx), or its derivative of the given order, element by element; right at 0 too.

    >>> sinc(0.0), round(sinc(0.0, 2), 6)
    (1.0, -3.289868)
    """
    if order < 0:
        raise ValueError(f"sinc: the order of a derivative is 0 or more, got {order}")
    return apply(ops.SINC(order), x)


def round(x: Any, decimals: int = 0) -> Any:
    """Return x rounded half to even, element by element; its derivative is 0.

    >>> round(2.5), round(0.125, 2)
    (2.0, 0.12)
    """
    return apply(ops.ROUND(decimals), x)


def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Return x held between the bounds (None for no bound), element by element; on a bound the gradient still passes.

    >>> clip(2.0, 0.0, 1.0)
    1.0
    """
    return apply(ops.CLIP, x, -math.inf if min is None else min, math.inf if max is None else max)


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return x where the condition holds, else y; all three broadcast.

    A NaN or infinite gradient of the branch *not* taken still spoils the result (0 · ∞ is NaN): make its input harmless
    first, `where(m, sqrt(where(m, x, 1.0)), 0.0)`.

    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    if not isinstance(condition, Node):
        mask = np.asarray(condition)
        if mask.dtype.kind not in "biuf":
            raise DTypeError(f"where: the condition must be booleans or numbers, got {mask.dtype}")
        mask = mask if mask.dtype == bool else mask != 0
        if not (isinstance(x, Node) or isinstance(y, Node)):
            return np.where(mask, x, y)[()]
        condition = node.leaf(Node.array_kind, mask) if mask.ndim else node.leaf(Node.scalar_kind, bool(mask))
    return apply(ops.WHERE, condition, x, y)


# ---- Reductions -------------------------------------------------------------------------------------------------------


def _axis(axis: Any) -> Axis:
    if axis is None or isinstance(axis, int):
        return axis
    return tuple(map(operator.index, axis)) if isinstance(axis, Sequence) else operator.index(axis)


def _one(axis: Any, x: Any, more: int = 0) -> int:
    """One axis of x (or of what has `more` axes) as a number from 0, or IndexError with the range."""
    i, ndim = operator.index(axis), len(shape(x)) + more
    if not -ndim <= i < ndim:
        raise IndexError(f"axis {i} is out of range for shape {shape(x)}: {-ndim} to {ndim - 1}")
    return i % ndim


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the sum over the axes (all, one, or a tuple); that of nothing is 0.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.])
    """
    return _array(ops.SUM(_axis(axis), keepdims), x)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the mean over the axes; that of nothing is NaN.

    >>> float(mean([1.0, 2.0]))
    1.5
    """
    return _array(ops.MEAN(_axis(axis), keepdims), x)


def var(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Return the variance over the axes: squared distances from the mean, summed and divided by n − ddof.

    >>> float(var([1.0, 3.0]))
    1.0
    """
    return _array(ops.VAR(_axis(axis), ddof, keepdims), x)


def std(x: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Return the standard deviation over the axes, √var; of equal numbers its gradient is 0.

    >>> float(std([1.0, 3.0]))
    1.0
    """
    return _array(ops.STD(_axis(axis), ddof, keepdims), x)


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the product over the axes; its gradient is right where factors are 0.

    >>> float(prod([2.0, 3.0]))
    6.0
    """
    return _array(ops.PROD(_axis(axis), keepdims), x)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the largest over the axes; ties share the gradient evenly. ValueError where there is nothing.

    >>> float(max([1.0, 3.0]))
    3.0
    """
    return _array(ops.MAX(_axis(axis), keepdims), x)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the smallest over the axes; ties share the gradient evenly. ValueError where there is nothing.

    >>> float(min([1.0, 3.0]))
    1.0
    """
    return _array(ops.MIN(_axis(axis), keepdims), x)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return log Σ eˣ over the axes without overflow; its gradient is the softmax.

    >>> float(logsumexp([1000.0, 0.0]))
    1000.0
    """
    return _array(ops.LOGSUMEXP(_axis(axis), keepdims), x)


def softmax(x: Any, axis: Axis = -1) -> Any:
    """Return eˣ / Σ eˣ, of x's shape, summing to 1 over the axes.

    >>> softmax([0.0, 0.0])
    array([0.5, 0.5])
    """
    return _array(ops.SOFTMAX(_axis(axis)), x)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """Return the logarithm of the softmax, of x's shape, without cancellation.

    >>> log_softmax([1000.0, 0.0])
    array([    0., -1000.])
    """
    return _array(ops.LOG_SOFTMAX(_axis(axis)), x)


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Return the vector norm over the axes: ord 2 (or None, or "fro"), 1, inf, or another p > 0.

    The 2-norm is scaled, so that it neither overflows nor underflows; at 0 its gradient is 0. Other norms of a whole matrix
    (spectral, nuclear, column sums) have no rule: NotImplementedError, give an axis.

    >>> float(norm([3.0, 4.0]))
    5.0
    """
    if isinstance(ord, Node):
        raise DTypeError("norm: ord is a plain number, not a node: pass ord.data")
    matrix = (axis is None and len(shape(x)) == 2) or (isinstance(axis, tuple) and len(axis) == 2)
    if ord in (None, "fro") or (ord == 2 and not matrix):
        return _array(ops.NORM(2, _axis(axis), keepdims), x)
    if matrix or isinstance(ord, str) or ord <= 0:
        raise NotImplementedError(
            f"norm: ord={ord!r} of shape {shape(x)}: supported are None, and with an axis 1, 2, inf or any p > 0"
        )
    if ord == math.inf:
        return max(abs(x), axis, keepdims)
    return sum(abs(x), axis, keepdims) if ord == 1 else _array(ops.NORM(ord, _axis(axis), keepdims), x)


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Return the running sum along an axis (of the flattened x where it is None).

    >>> cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.])
    """
    return cumsum(ravel(x), 0) if axis is None else _array(ops.CUMSUM(_one(axis, x)), x)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Return the running product along an axis (of the flattened x where it is None); right where factors are 0.

    >>> cumprod([1.0, 2.0, 3.0])
    array([1., 2., 6.])
    """
    return cumprod(ravel(x), 0) if axis is None else _array(ops.CUMPROD(_one(axis, x)), x)


def recurrence(a: Any, b: Any, axis: int, reverse: bool = False) -> Any:
    """Return s with s[i] = b[i] + a[i] · s[i−1] along an axis (s[i+1] in reverse); a and b of one shape.

    >>> recurrence(np.ones(3), np.ones(3), 0)
    array([1., 2., 3.])
    """
    return _array(ops.RECURRENCE(_one(axis, b), reverse), a, b)


# ---- Products ---------------------------------------------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """Return the matrix product x @ y: vectors, matrices, and stacks of matrices that broadcast.

    Shapes (…, m, k) @ (…, k, n) → (…, m, n). Raises ShapeError where the inner sizes differ.

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """
    return _array(ops.MATMUL, x, y)


def linear(x: Any, weight: Any, bias: Any) -> Any:
    """Return x @ weight + bias in one operation: shapes (…, k), (k, n), (n,) → (…, n).

    >>> linear([[1.0, 2.0]], [[3.0], [4.0]], [0.5])
    array([[11.5]])
    """
    return _array(ops.LINEAR, x, weight, bias)


def dot(x: Any, y: Any, bias: Any = None) -> Any:
    """Return the dot product as np.dot defines it; or, of two lists of Values and numbers, Σ xᵢyᵢ + bias as one node.

    Raises ShapeError where the sizes differ.

    >>> import autograd_mini as ag
    >>> ag.dot([ag.Value(2.0), ag.Value(3.0)], [4.0, 5.0], 1.0)
    Value(24.0)
    """
    kind = Node.scalar_kind
    if isinstance(x, list | tuple) and isinstance(y, list | tuple) and kind in set(map(type, (*x, *y))):
        if len(x) != len(y):
            raise ShapeError(f"dot: {len(x)} factors and {len(y)}")
        terms = (*x, *y, 0.0 if bias is None else bias)
        parents = tuple([v if type(v) is kind else kind.constant(v) for v in terms])
        op = ops.DOT(len(x))
        return node.record(kind, op, parents, evaluate(op, kind.xp, [v.data for v in parents]))
    m, n = len(shape(x)), len(shape(y))
    out = multiply(x, y) if not m or not n else matmul(x, y) if n <= 2 else tensordot(x, y, (-1, -2))
    return out if bias is None else out + bias


def outer(x: Any, y: Any) -> Any:
    """Return the products of every element of x with every element of y: (m,), (n,) → (m, n).

    >>> outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def einsum(subscripts: str, *operands: Any, optimize: Any = None) -> Any:
    """Return the sum of products that the subscripts describe, in NumPy's notation: "ij,jk->ik"; "..." broadcasts.

    >>> float(einsum("ii", [[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands) or not set(subscripts) <= set(string.ascii_letters + " ,.->"):
        raise ShapeError(
            f"einsum: {subscripts!r} does not describe {len(operands)} operands in letters, ',', '...' and '->'"
        )
    if not arrow:
        letters = "".join(terms).replace("...", "")
        output = "..." * ("..." in inputs) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    spare = [c for c in string.ascii_letters if c not in subscripts]
    dots = [len(shape(x)) - len(term.replace("...", "")) for term, x in zip(terms, operands, strict=True)]
    if builtins.any(n < 0 or (n and "..." not in term) for n, term in zip(dots, terms, strict=True)):
        raise ShapeError(
            f"einsum: {subscripts!r} does not fit shapes {', '.join(str(shape(x)) for x in operands)}"
        )
    widest = builtins.max(dots, default=0)
    terms = [
        term.replace("...", "".join(spare[widest - n : widest])) for term, n in zip(terms, dots, strict=True)
    ]
    return _array(ops.EINSUM(tuple(terms), output.replace("...", "".join(spare[:widest]))), *operands)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Return the sum of products over pairs of axes: a number of trailing and leading ones, or two lists of axes.

    >>> tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1)
    array([[11.]])
    """
    m, n = len(shape(x)), len(shape(y))
    pairs = (range(m - axes, m), range(axes)) if isinstance(axes, int) else axes
    left, right = (
        [_one(a, z) for a in ([p] if isinstance(p, int) else p)] for p, z in zip(pairs, (x, y), strict=True)
    )
    if len(left) != len(right) or m + n > len(string.ascii_letters):
        raise ShapeError(f"tensordot: {len(left)} axes of x against {len(right)} of y")
    xs, ys = list(string.ascii_letters[:m]), list(string.ascii_letters[m : m + n])
    for i, j in zip(left, right, strict=True):
        ys[j] = xs[i]
    kept = [c for i, c in enumerate(xs) if i not in left] + [c for j, c in enumerate(ys) if j not in right]
    return _array(ops.EINSUM(("".join(xs), "".join(ys)), "".join(kept)), x, y)


def solve(a: Any, b: Any) -> Any:
    """Return the x of a @ x = b: (…, n, n) and (n,) or (…, n, k). Raises LinAlgError where a is singular.

    >>> solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0])
    array([1., 1.])
    """
    return _array(ops.SOLVE, a, b)


def inv(a: Any) -> Any:
    """Return the inverse matrix, (…, n, n). Raises LinAlgError where a is singular.

    >>> inv([[2.0]])
    array([[0.5]])
    """
    return _array(ops.INV, a)


def det(a: Any) -> Any:
    """Return the determinant, (…, n, n) → (…). Its gradient needs an inverse: LinAlgError where a is singular.

    >>> float(det([[2.0]]))
    2.0
    """
    return _array(ops.DET, a)


def centred(x: Any, axis: Axis) -> Any:
    """Return x less its mean over the axes."""
    return _array(ops.CENTRED(axis), x)


def cofactors(a: Any) -> Any:
    """Return the cofactors of a matrix, the gradient of its determinant: (…, n, n) → (…, n, n)."""
    return _array(ops.COFACTORS, a)


class _SlogdetResult(NamedTuple):
    sign: Any
    logabsdet: Any


def slogdet(a: Any) -> Any:
    """Return the sign of the determinant (plain numbers: it is constant) and log |det|, (…, n, n) → (…), (…).

    >>> sign, logabsdet = slogdet([[-1.0]])
    >>> float(sign), float(logabsdet)
    (-1.0, 0.0)
    """
    logabsdet = _array(ops.LOGABSDET, a)
    return _SlogdetResult(np.linalg.slogdet(a.data if isinstance(a, Node) else np.asarray(a)).sign, logabsdet)


def softmax_cross_entropy(z: Any, p: Any) -> Any:
    """Return −Σ p·log softmax(z) over the last axis: logits (…, classes), probabilities (…, classes) → (…).

    >>> float(softmax_cross_entropy([1000.0, -1000.0], [0.0, 1.0]))
    2000.0
    """
    return _array(ops.SOFTMAX_CROSS_ENTROPY, z, p)


# ---- Shapes -----------------------------------------------------------------------------------------------------------


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
    return _array(ops.RESHAPE(_sizes(sizes)), x)


def ravel(x: Any) -> Any:
    """Return x flattened to one axis.

    >>> ravel([[1.0, 2.0]])
    array([1., 2.])
    """
    return reshape(x, (math.prod(shape(x)),))


def transpose(x: Any, *axes: Any) -> Any:
    """Return x with its axes in the order given (reversed, where none is).

    >>> transpose([[1.0, 2.0]]).shape
    (2, 1)
    """
    ndim = len(shape(x))
    order = tuple(reversed(range(ndim))) if axes in ((), (None,)) else tuple(_one(a, x) for a in _sizes(axes))
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"transpose: {order} is no order of the {ndim} axes of shape {shape(x)}")
    return _array(ops.TRANSPOSE(order), x)


def swapaxes(x: Any, a: int, b: int) -> Any:
    """Return x with two axes exchanged.

    >>> swapaxes([[1.0, 2.0]], 0, 1).shape
    (2, 1)
    """
    order = list(range(len(shape(x))))
    a, b = _one(a, x), _one(b, x)
    order[a], order[b] = b, a
    return transpose(x, order)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return x with axes moved to other places, the rest in their order.

    >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    places = [[_one(i, x) for i in (a if isinstance(a, Sequence) else [a])] for a in (source, destination)]
    if len(places[0]) != len(places[1]):
        raise ShapeError(f"moveaxis: {len(places[0])} axes to {len(places[1])} places")
    order = [i for i in range(len(shape(x))) if i not in places[0]]
    for to, i in sorted(zip(places[1], places[0], strict=True)):
        order.insert(to, i)
    return transpose(x, order)


def expand_dims(x: Any, axis: Any) -> Any:
    """Return x with axes of length 1 put in, at the places that they will have.

    >>> expand_dims([1.0, 2.0], 0).shape
    (1, 2)
    """
    return reshape(x, np.expand_dims(np.broadcast_to(0, shape(x)), _axis(axis)).shape)  # type: ignore[arg-type]


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Return x without its axes of length 1, or without those named. Raises ShapeError where one is longer.

    >>> squeeze([[1.0, 2.0]]).shape
    (2,)
    """
    ones = [i for i, n in enumerate(shape(x)) if n == 1]
    lost = ones if axis is None else [_one(i, x) for i in ([axis] if isinstance(axis, int) else axis)]
    if builtins.any(shape(x)[i] != 1 for i in lost):
        raise ShapeError(f"squeeze: axis {axis} of shape {shape(x)} is not of length 1")
    return reshape(x, tuple(n for i, n in enumerate(shape(x)) if i not in lost))


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Return x stretched to a shape that it broadcasts to.

    >>> broadcast_to(1.0, (2,))
    array([1., 1.])
    """
    return _array(ops.BROADCAST_TO(_sizes((shape,))), x)


def concatenate(xs: Any, axis: int | None = 0) -> Any:
    """Return the arrays joined along an axis that they have (all flattened, where it is None). ValueError where there is none.

    >>> concatenate([[1.0], [2.0, 3.0]])
    array([1., 2., 3.])
    """
    _some("concatenate", xs)
    if axis is None:
        return concatenate([ravel(x) for x in xs])
    return _array(ops.CONCATENATE(_one(axis, xs[0])), *xs)


def stack(xs: Any, axis: int = 0) -> Any:
    """Return arrays of one shape, or Values, joined along a new axis.

    >>> stack([1.0, 2.0])
    array([1., 2.])
    """
    _some("stack", xs)
    return _array(ops.STACK(_one(axis, xs[0], 1)), *xs)


def _some(name: str, xs: Any) -> None:
    if isinstance(xs, Node | str) or not len(xs):
        raise ValueError(f"{name}: a list of at least one array is needed, got {xs!r}")


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return the list of parts of x: so many equal ones, or cut before the places listed.

    >>> split([1.0, 2.0, 3.0, 4.0], 2)
    [array([1., 2.]), array([3., 4.])]
    """
    axis, sections = _one(axis, x), indices_or_sections
    size = shape(x)[axis]
    if isinstance(sections, int) and (sections < 1 or size % sections):
        raise ShapeError(f"split: {size} along axis {axis} does not divide into {sections} equal parts")
    cuts = list(range(0, size, size // sections))[1:] if isinstance(sections, int) else list(sections)
    index = (slice(None),) * axis
    return [getitem(x, (*index, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, None], strict=True)]


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: float = 0.0) -> Any:
    """Return x with `constant_values` around it; `pad_width` is a number, (before, after), or such a pair for each axis.

    >>> pad([1.0], 1)
    array([0., 1., 0.])
    """
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} has no rule, only 'constant'")
    pairs = np.broadcast_to(np.asarray(pad_width), (len(shape(x)), 2)).tolist()
    return _array(
        ops.PAD(tuple((operator.index(a), operator.index(b)) for a, b in pairs), float(constant_values)), x
    )


def tile(x: Any, reps: Any) -> Any:
    """Return x repeated as a whole, `reps` times along each axis.

    >>> tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    counts = _sizes((reps,)) if not isinstance(reps, int) else (reps,)
    ndim = builtins.max(len(counts), len(shape(x)))
    counts = (1,) * (ndim - len(counts)) + counts
    sizes = (1,) * (ndim - len(shape(x))) + shape(x)
    spread = reshape(x, tuple(n for size in sizes for n in (1, size)))
    wide = broadcast_to(spread, tuple(n for pair in zip(counts, sizes, strict=True) for n in pair))
    return reshape(wide, tuple(a * b for a, b in zip(counts, sizes, strict=True)))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return x with each element along an axis (of the flattened x where it is None) repeated in place.

    >>> repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    if axis is None:
        return repeat(ravel(x), repeats, 0)
    axis = _one(axis, x)
    return getitem(x, (slice(None),) * axis + (np.repeat(np.arange(shape(x)[axis]), repeats),))


def flip(x: Any, axis: Axis = None) -> Any:
    """Return x with the order of elements reversed along the axes.

    >>> flip([1.0, 2.0])
    array([2., 1.])
    """
    return _array(ops.FLIP(_axis(axis)), x)


def roll(x: Any, shift: Any, axis: Axis = None) -> Any:
    """Return x with elements moved round by `shift` places along the axes.

    >>> roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.])
    """
    return _array(ops.ROLL(_axis(shift), _axis(axis)), x)


def tril(x: Any, k: int = 0) -> Any:
    """Return x with zeros above the k-th diagonal.

    >>> tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]])
    """
    return _array(ops.TRIL(k), x)


def triu(x: Any, k: int = 0) -> Any:
    """Return x with zeros below the k-th diagonal.

    >>> triu([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [0., 4.]])
    """
    return _array(ops.TRIU(k), x)


# ---- Elements ---------------------------------------------------------------------------------------------------------


def getitem(x: Any, index: Any) -> Any:
    """Return x[index]: integers, slices, None, Ellipsis, boolean and integer arrays. IndexError with the range.

    >>> getitem([1.0, 2.0, 3.0], slice(1, None))
    array([2., 3.])
    """
    return _array(ops.GETITEM(_index(index)), x)


def _index(index: Any) -> Any:
    """An index whose arrays nobody else can change; a node in it is an error."""
    if isinstance(index, tuple):
        return tuple(_index(part) for part in index)
    if isinstance(index, Node):
        raise DTypeError("an index is made of plain integers, not of nodes: use index.data.astype(int)")
    if isinstance(index, list | np.ndarray):
        found = np.array(index)
        if found.dtype.kind not in "biu" and found.size:
            raise IndexError(f"an index array must be of integers or booleans, got {found.dtype}")
        return found if found.size or found.dtype.kind in "biu" else found.astype(int)
    return index


def scatter(x: Any, sizes: tuple[int, ...], index: Any) -> Any:
    """Return zeros of that shape with x added at the index, where repeated places add up: the gradient of x[index].

    >>> scatter([1.0, 2.0], (3,), [0, 0])
    array([3., 0., 0.])
    """
    return _array(ops.SCATTER(tuple(sizes), _index(index)), x)


def index_update(x: Any, index: Any, value: Any) -> Any:
    """Return a new array, x with x[index] replaced by `value`, which broadcasts.

    >>> index_update([1.0, 2.0], 0, 5.0)
    array([5., 2.])
    """
    return _array(ops.INDEX_UPDATE(_index(index)), x, value)


def last_written(sizes: tuple[int, ...], index: Any) -> Any:
    """The mask of index_update's gradient: static, as shapes and indices are."""
    return arrays.last_written(sizes, index)


def take_along_axis(x: Any, indices: Any, axis: int) -> Any:
    """Return the elements of x at integer indices along an axis, as np.take_along_axis.

    >>> take_along_axis([[1.0, 2.0]], np.array([[1]]), 1)
    array([[2.]])
    """
    axis, places = _one(axis, x), indices.data if isinstance(indices, Node) else np.asarray(indices)
    if places.ndim == len(shape(x)):  # all axes but this one broadcast
        sizes = list(
            np.broadcast_shapes(
                *([1 if i == axis else n for i, n in enumerate(s)] for s in (shape(x), places.shape))
            )
        )
        wide, wanted = ((*sizes[:axis], s[axis], *sizes[axis + 1 :]) for s in (shape(x), places.shape))
        x = x if shape(x) == wide else broadcast_to(x, wide)
        indices = indices if places.shape == wanted else np.broadcast_to(places, wanted)
    return _with_indices(ops.TAKE_ALONG_AXIS(axis), x, indices)


def scatter_along_axis(x: Any, indices: Any, axis: int, sizes: tuple[int, ...]) -> Any:
    """Return zeros of that shape with x added at the indices along an axis: the gradient of take_along_axis."""
    return _with_indices(ops.SCATTER_ALONG_AXIS(axis, tuple(sizes)), x, indices)


def _with_indices(op: Op, x: Any, indices: Any) -> Any:
    if not isinstance(indices, Node):
        indices = np.asarray(indices)
        if indices.dtype.kind not in "iu":
            raise IndexError(f"{op.name}: integer indices are needed, got {indices.dtype}")
        indices = node.leaf(Node.array_kind, indices)
    out = _array(op, x, indices)
    return out if isinstance(x, Node) else out.data


def argsort(x: Any, axis: int = -1, kind: str = "stable") -> Any:
    return _array(ops.ARGSORT(_one(axis, x)), x)


def sort(x: Any, axis: int = -1, kind: str = "stable") -> Any:
    """Return x sorted along an axis, ties in their order, NaN last.

    >>> sort([2.0, 1.0])
    array([1., 2.])
    """
    return _array(ops.SORT(_one(axis, x)), x)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the elements x[…, i, i + offset] of two axes as one last axis.

    >>> diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    """
    moved = moveaxis(x, (axis1, axis2), (-2, -1))
    rows = np.arange(
        builtins.max(
            builtins.min(
                shape(moved)[-2] + builtins.min(offset, 0), shape(moved)[-1] - builtins.max(offset, 0)
            ),
            0,
        )
    )
    return getitem(moved, (..., rows - builtins.min(offset, 0), rows + builtins.max(offset, 0)))


def diag(x: Any, k: int = 0) -> Any:
    """Return the k-th diagonal of a matrix, or the matrix that has the vector x there.

    >>> diag([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    """
    if len(shape(x)) == 2:
        return diagonal(x, k)
    if len(shape(x)) != 1:
        raise ShapeError(f"diag: a vector or matrix is needed, got shape {shape(x)}")
    n, rows = shape(x)[0] + builtins.abs(k), np.arange(shape(x)[0])
    return scatter(x, (n, n), (rows - builtins.min(k, 0), rows + builtins.max(k, 0)))


def trace(x: Any, offset: int = 0) -> Any:
    """Return the sum of the diagonal of the first two axes.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    return sum(diagonal(x, offset), -1)


def cast(x: Any, dtype: Any) -> Any:
    """Return x as float32 or float64; gradients come back in x's own dtype."""
    return _array(ops.CAST(np.dtype(dtype)), x)


# ---- Between the kinds ------------------------------------------------------------------------------------------------


def to_value(x: Any, index: Any = None) -> Any:
    """Return the element of a node at an index (its only one, where none is given) as a Value, still in the graph.

    >>> import autograd_mini as ag
    >>> ag.to_value(ag.Tensor([2.0, 3.0]), 1)
    Value(3.0)
    """
    if index is None and math.prod(shape(x)) != 1:
        raise ShapeError(
            f"to_value: one element is needed, the shape is {shape(x)}: give an index, or use .to_values()"
        )
    op = ops.GETITEM((0,) * len(shape(x)) if index is None else _index(index))
    return node.record(Node.scalar_kind, op, (x,), float(evaluate(op, arrays, [np.asarray(x.data)])))


Node.functions = sys.modules[__name__]
