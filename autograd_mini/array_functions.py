"""Functions composed of rows, which need no derivatives of their own. Nodes in, node out; raw data in, raw data out.

`FORMULAS` holds the functions of NumPy's that are one formula of others; longer ones are functions above it. All are written for nodes:
at the end of the file `_on_nodes` wraps each, so that its operands become nodes. A function without a docstring here is NumPy's
function of that name, with NumPy's arguments.
"""

import functools
import inspect
import math
import operator
import string
from typing import Any

import numpy as np

from .core import array_rows, rows
from .core import functions as F
from .core.array_rows import EINSUM, NORM, PAD, PINV, axes_of, inv, matmul
from .core.functions import _axes, _axis, _is_node, _one, concatenate, ravel, reshape, shape, where
from .core.node import Node, made
from .core.readings import ARRAYS, FLOATS
from .core.rows import DOT, copysign, equal, floor, less, maximum, remainder, sqrt, square, zeros_like
from .core.special_rows import logaddexp
from .core.tensor import Tensor, plain_index
from .core.value import Value
from .errors import DTypeError, ShapeError
from .support.coercion import BARE, LISTS
from .support.containers import rebuild

# ---- Products -----------------------------------------------------------------------------------------------------------


def dot(x: Any, y: Any, bias: Any = None) -> Any:
    """Return the dot product as np.dot defines it; or, of two lists of Values and numbers, Σ xᵢyᵢ + bias as one node.

    x and y: (m,) and (m,) → (), (…, m) and (m, n) → (…, n); a number multiplies. Raises ShapeError where the sizes differ.

    >>> import autograd_mini as ag
    >>> ag.dot([ag.Value(2.0), ag.Value(3.0)], [4.0, 5.0], 1.0)
    Value(24.0)
    """
    if isinstance(x, LISTS) and isinstance(y, LISTS) and Value in set(map(type, (*x, *y))):
        if len(x) != len(y):
            raise ShapeError(f"dot: lists of {len(x)} and {len(y)} numbers differ in length")
        return DOT(len(x))(*x, *y, 0.0 if bias is None else bias)
    m, n = len(shape(x)), len(shape(y))
    if not m or not n:
        out = rows.multiply(x, y)
    else:
        out = matmul(x, y) if n <= 2 else tensordot(x, y, (-1, -2))
    return out if bias is None else rows.add(out, bias)


def outer(x: Any, y: Any) -> Any:
    """Return the product of each element of x with each element of y: (m,), (n,) → (m, n).

    >>> outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    return reshape(x, (-1, 1)) * reshape(y, (1, -1))


def _letters(axes: Any) -> str:
    """A list of axes, of einsum's second form, as letters."""
    return "".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in axes)


def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Any:
    """Return the sum of products that the subscripts describe, in NumPy's notation: "ij,jk->ik"; "..." broadcasts.

    NumPy's other form is read too: a list of numbers after each operand, and perhaps one for the result. Raises ShapeError where the
    subscripts do not fit the operands' shapes.

    >>> float(einsum("ii", [[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    if not isinstance(subscripts, str):
        operands = (subscripts, *operands)
        count = len(operands) // 2 * 2
        subscripts = ",".join(map(_letters, operands[1:count:2]))
        subscripts += "".join(f"->{_letters(output)}" for output in operands[count:])
        operands = operands[:count:2]
    shapes = [shape(x) for x in operands]
    try:  # NumPy judges the subscripts, by arrays of one element
        np.einsum(subscripts, *[np.ones((1,) * len(sizes)) for sizes in shapes])
    except (ValueError, TypeError) as error:
        fit = f"does not fit shapes {', '.join(map(str, shapes))}"
        raise ShapeError(f"einsum: {subscripts!r} {fit}: {error}") from None
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    letters = inputs.replace("...", "").replace(",", "")
    if not arrow:
        output = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    spare, terms = "".join(sorted(set(string.ascii_letters) - set(letters))), []
    for term, sizes in zip(inputs.split(","), shapes, strict=True):
        count = len(sizes) - len(term.replace("...", ""))
        terms.append(term.replace("...", spare[26 - count : 26]))
    widest = max(len(set(term) & set(spare)) for term in terms)
    return EINSUM(tuple(terms), output.replace("...", spare[26 - widest : 26]))(*operands)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Return the sum of products over pairs of axes: the last axes of x and the first of y, or two lists of axes.

    `axes`: how many axes, or (axes of x, axes of y). Raises ShapeError where axes do not fit.

    >>> tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1)
    array([[11.]])
    """
    m, n = len(shape(x)), len(shape(y))
    if isinstance(axes, int | np.integer):
        if axes > min(m, n):
            raise ShapeError(f"tensordot: shapes {shape(x)} and {shape(y)} do not both have {axes} axes")
        axes = (range(m - axes, m), range(axes))
    left, right = ([_one(i, z) for i in np.ravel(some)] for some, z in zip(axes, (x, y), strict=True))
    if len(left) != len(right) or len({*left}) < len(left) or len({*right}) < len(right):
        raise ShapeError(f"tensordot: axes {left} of x and {right} of y must be pairs, and none twice")
    sizes = [shape(x)[i] for i in left], [shape(y)[j] for j in right]
    if sizes[0] != sizes[1]:
        raise ShapeError(f"tensordot: {shape(x)}, {shape(y)}: sizes {sizes[0]} and {sizes[1]} differ")
    ys = [left[right.index(j)] if j in right else m + j for j in range(n)]
    kept = [i for i in range(m) if i not in left] + [i for i in ys if i >= m]
    return einsum(x, range(m), y, ys, kept)


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ShapeError(f"cross: vectors of three numbers are needed, got shapes {a.shape} and {b.shape}")
    after, before = [1, 2, 0], [2, 0, 1]
    return moveaxis(a[..., after] * b[..., before] - a[..., before] * b[..., after], -1, axisc)


def _blocks(a: Any, b: Any, join: Any) -> Any:
    """For each element of a one block: the result of `join` for it and all of b."""
    ndim = max(len(a.shape), len(b.shape))
    ours, theirs = ((1,) * (ndim - len(x.shape)) + x.shape for x in (a, b))
    left = reshape(a, [n for size in ours for n in (size, 1)])
    right = reshape(b, [n for size in theirs for n in (1, size)])
    return reshape(join(left, right), [m * n for m, n in zip(ours, theirs, strict=True)])


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = (a, v) if a.shape[0] >= v.shape[0] else (v, a)
    n, m = a.shape[0], v.shape[0]
    parts = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}
    if mode not in parts:
        raise ValueError(f"convolve: mode must be {', '.join(map(repr, parts))}, got {mode!r}")
    start, size = parts[mode]
    windows = np.arange(start, start + size)[:, None] + np.arange(m)[::-1]
    return matmul(pad(a, m - 1)[windows], v)


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    if a.shape[0] < v.shape[0]:
        return F.flip(correlate(v, a, mode))
    return convolve(a, F.flip(v), mode)


# ---- Places: a function that only moves elements is NumPy's own, run on the elements' places -----------------------------


def _moving(theirs: Any, held: tuple[int, ...] = (0,)) -> Any:
    """A function of NumPy that moves elements, on nodes. Place 0 is for the zeros that it inserts.

    `held`: the positions of its arguments that hold elements.
    """
    signature = inspect.signature(theirs)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound, pool = signature.bind(*args, **kwargs), [np.zeros(1, np.float32)]

        def places(x: Any) -> Any:
            start = sum(math.prod(shape(part)) for part in pool)
            pool.append(x)
            return np.arange(start, start + math.prod(shape(x))).reshape(shape(x))

        for i, name in enumerate(signature.parameters):
            if i in held and name in bound.arguments:
                bound.arguments[name] = rebuild(bound.arguments[name], places)
        is_raw = not any(map(_is_node, pool))
        try:
            moved = theirs(*args, **kwargs) if is_raw else theirs(*bound.args, **bound.kwargs)
        except ValueError as error:
            kind = IndexError if isinstance(error, IndexError) else ShapeError
            raise kind(f"{theirs.__name__}: {', '.join(str(shape(x)) for x in pool[1:])}: {error}") from None
        if is_raw:
            return moved
        everything = concatenate([ravel(x) for x in pool])
        return rebuild(moved, lambda found: F.getitem(everything, found))

    function.__name__, function.__signature__ = theirs.__name__, signature  # type: ignore[attr-defined]
    return function


array_split, hsplit, vsplit, dsplit = map(_moving, (np.array_split, np.hsplit, np.vsplit, np.dsplit))
rot90, rollaxis, resize, diagflat = map(_moving, (np.rot90, np.rollaxis, np.resize, np.diagflat))
take, delete = _moving(np.take), _moving(np.delete)
insert, compress, extract = _moving(np.insert, (0, 2)), _moving(np.compress, (1,)), _moving(np.extract, (1,))
choose, block = _moving(np.choose, (1,)), _moving(np.block)
meshgrid, broadcast_arrays = _moving(np.meshgrid), _moving(np.broadcast_arrays)


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return x with axes moved from `source` to `destination`, the others in their order.

    Raises ShapeError where there are not as many destinations, or one twice; IndexError for an axis that x does not have.

    >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    places = [[_one(i, x) for i in np.ravel(axes)] for axes in (source, destination)]
    if len({*map(len, places)}) > 1 or any(len({*some}) < len(some) for some in places):
        raise ShapeError(f"moveaxis: axes {places[0]} and places {places[1]} must be pairs, and none twice")
    order = [i for i in range(len(x.shape)) if i not in places[0]]
    for to, i in sorted(zip(*reversed(places), strict=True)):
        order.insert(to, i)
    return F.transpose(x, order)


def expand_dims(x: Any, axis: Any) -> Any:
    """Return x with axes of length 1 inserted, at the places that they have in the result.

    >>> expand_dims([1.0, 2.0], 0).shape
    (1, 2)
    """
    place: Any = _axis(axis)
    return reshape(x, np.expand_dims(np.broadcast_to(0, x.shape), place).shape)


def _at_least(theirs: Any) -> Any:
    """np.atleast_1d, 2d or 3d on nodes."""

    def function(*arys: Any) -> Any:
        found = tuple(reshape(x, theirs(np.broadcast_to(0, shape(x))).shape) for x in arys)
        return found if found[1:] else found[0]

    return function


atleast_1d, atleast_2d, atleast_3d = map(_at_least, (np.atleast_1d, np.atleast_2d, np.atleast_3d))


def _along(axis: int, part: Any) -> Any:
    """The index of a part of an axis."""
    return (*(slice(None),) * axis, part)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return the list of parts of x along an axis: a number of equal ones, or parts that start at the listed places.

    Raises ShapeError where equal parts are not possible.

    >>> split([1.0, 2.0, 3.0, 4.0], 2)
    [array([1., 2.]), array([3., 4.])]
    """
    axis, size = _one(axis, x), x.shape[axis]
    cuts = indices_or_sections
    if not np.ndim(cuts):
        if int(cuts) != cuts or cuts < 1 or size % cuts:  # 2.0 parts are two, as for NumPy
            raise ShapeError(f"split: {size} along axis {axis} does not divide into {cuts} equal parts")
        cuts = [size // int(cuts) * i for i in range(1, int(cuts))]
    cuts = [operator.index(cut) for cut in cuts]
    return [x[_along(axis, slice(a, b))] for a, b in zip([0, *cuts], [*cuts, None], strict=True)]


def _widened(left: Any, right: Any) -> Any:
    return F.broadcast_to(right, np.broadcast_shapes(left.shape, right.shape))


def tile(x: Any, reps: Any) -> Any:
    """Return copies of x side by side, `reps` along each axis (an int, or an int for each axis).

    >>> tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.])
    """
    return _blocks(np.empty(reps), x, _widened)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return x with each element repeated in place along an axis; with axis=None, of the flattened x.

    `repeats`: an int, or an int for each element.

    >>> repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.])
    """
    x, axis = (ravel(x), 0) if axis is None else (x, _one(axis, x))
    return x[_along(axis, np.repeat(np.arange(x.shape[axis]), repeats))]


def _on_diagonal(m: int, n: int, offset: int) -> tuple[Any, Any]:
    """The index of a diagonal of an m by n matrix."""
    i = np.arange(max(-offset, 0), min(m, n - offset))
    return i, i + offset


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the elements x[…, i, i + offset] of two axes as one last axis.

    `axis1`, `axis2`: the axes of i and of i + offset.

    >>> diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.])
    """
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    return x[(..., *_on_diagonal(x.shape[-2], x.shape[-1], offset))]


def diag(x: Any, k: int = 0) -> Any:
    """Return the k-th diagonal of a matrix, or the matrix that has the vector x there. ShapeError for another x.

    >>> diag([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]])
    """
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ShapeError(f"diag: a vector or matrix is needed, got shape {x.shape}")
    n = x.shape[0] + abs(k)
    return F.scatter(x, (n, n), _on_diagonal(n, n, k))


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of the diagonal of two axes, by default the first two. The arguments are those of `diagonal`.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    return diagonal(x, offset, axis1, axis2).sum(-1)


def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """Return the array with numbers around it, as np.pad; the modes are constant, edge, reflect, symmetric and wrap.

    `pad_width`: a number, (before, after), or such a pair for each axis; `constant_values` likewise. Raises NotImplementedError for
    another mode, TypeError for another keyword.

    >>> pad([1.0, 2.0], 1, "edge")
    array([1., 1., 2., 2.])
    """
    if mode in ("edge", "reflect", "symmetric", "wrap") and kwargs.get("reflect_type", "even") == "even":
        return _moving(np.pad)(array, pad_width, mode, **kwargs)
    if mode != "constant":
        raise NotImplementedError(f"pad: mode {mode!r} has no rule: add the numbers by np.concatenate")
    value = kwargs.pop("constant_values", 0.0)
    value = value if np.ndim(value) else float(value)
    if kwargs:
        raise TypeError(f"pad: mode 'constant' takes only constant_values, not {', '.join(kwargs)}")
    sides = np.array([operator.index(n) for n in np.ravel(pad_width)]).reshape(np.shape(pad_width))
    width = tuple(map(tuple, np.broadcast_to(sides, (len(array.shape), 2)).tolist()))
    if np.ndim(value):
        around = np.pad(np.zeros(array.shape, array.dtype), width, constant_values=value)
        return PAD(width, 0.0)(array) + around
    return PAD(width, value)(array) if width else +array


# ---- Joining and making ---------------------------------------------------------------------------------------------------


def hstack(tup: Any) -> Any:
    parts = [atleast_1d(x) for x in tup]
    return concatenate(parts, min(1, len(shape(parts[0])) - 1))


def column_stack(tup: Any) -> Any:
    return concatenate([x if len(shape(x)) > 1 else reshape(x, (-1, 1)) for x in tup], 1)


class _Joined:
    """np.c_ and np.r_ on nodes: they join what stands in the brackets.

    >>> c_[[1.0, 2.0], [3.0, 4.0]]
    array([[1., 3.],
           [2., 4.]])
    """

    def __init__(self, join: Any, slices: Any) -> None:
        self.join, self.slices = join, slices

    def __getitem__(self, parts: Any) -> Any:
        parts = parts if isinstance(parts, tuple) else (parts,)
        return self.join([self.slices[x] if isinstance(x, slice) else atleast_1d(x) for x in parts])


c_, r_ = _Joined(column_stack, np.r_), _Joined(concatenate, np.r_)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    wide = np.broadcast_shapes(start.shape, stop.shape)
    part = np.linspace(np.zeros(wide), 1.0, num, endpoint)
    return moveaxis(start * (1.0 - part) + stop * part, 0, axis)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0
) -> Any:
    return rows.power(base, linspace(start, stop, num, endpoint, axis))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    return rows.exp(linspace(rows.log(start), rows.log(stop), num, endpoint, axis))


def bincount(places: Any, weights: Any, minlength: int = 0) -> Any:
    return F.scatter(weights, np.bincount(places, minlength=minlength).shape, places)


def select(condlist: Any, choicelist: Any, default: Any = 0.0) -> Any:
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = where(condition, choice, default)
    return default


def scatter_add(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x with `value`, which broadcasts, added to x[index]; for a repeated place it is added each time.

    >>> scatter_add([1.0, 2.0], [0, 0], [10.0, 20.0])
    array([31.,  2.])
    """
    picked = np.zeros(x.shape, bool)[plain_index(index)]
    return x + F.scatter(F.broadcast_to(value, picked.shape), x.shape, index)


# ---- Sums and statistics ------------------------------------------------------------------------------------------------


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    weights = np.ones(a.shape) if weights is None else weights
    if weights.shape != a.shape:  # one weight for each place along the axis
        axes = [_one(i, a) for i in np.ravel(axis)]
        weights = reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)])
    total = F.sum(F.broadcast_to(weights, a.shape), axis, keepdims)
    out = F.sum(a * weights, axis, keepdims) / total
    return (out, total) if returned else out


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    axis = _one(axis, a)
    edge = tuple(1 if i == axis else size for i, size in enumerate(a.shape))
    parts = [x for x in (prepend, a, append) if x is not None]
    a = concatenate([x if x.shape else F.broadcast_to(x, edge) for x in parts], axis) if parts[1:] else a
    for _ in range(n):
        a = a[_along(axis, slice(1, None))] - a[_along(axis, slice(None, -1))]
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    parts = (to_begin, diff(ravel(ary)), to_end)
    return concatenate([ravel(x) for x in parts if x is not None])


def cumulative_sum(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    return diff(x.cumsum(axis), 0, axis or 0, prepend=0.0 if include_initial else None)


def cumulative_prod(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    return diff(F.cumprod(x, axis), 0, axis or 0, prepend=1.0 if include_initial else None)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = axes_of(_axis(axis), len(f.shape))
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    out = tuple(_slope(f, step, i, edge_order) for i, step in zip(axes, steps, strict=True))
    return out[0] if len(out) == 1 else out


def _slope(f: Any, step: Any, axis: int, edge_order: Any) -> Any:
    """np.gradient along an axis, which is linear: the product with the matrix that it makes of the identity."""
    matrix: Any = np.gradient(np.eye(f.shape[axis], dtype=f.dtype), step, axis=0, edge_order=edge_order)
    return moveaxis(matmul(moveaxis(f, axis, -1), matrix.T), -1, axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    x, y = (z if z is None or len(z.shape) < 2 else z.swapaxes(axis, -1) for z in (x, y))
    return ((dx if x is None else diff(x)) * ((y[..., 1:] + y[..., :-1]) * 0.5)).sum(-1)


def cummax(x: Any, axis: int = 0) -> Any:
    """Return the running maximum along an axis, as np.maximum.accumulate; equal numbers share the gradient.

    >>> cummax([1.0, 3.0, 2.0])
    array([1., 3., 3.])
    """
    axis, shift = _one(axis, x), 1
    while shift < x.shape[axis]:  # the maximum of the last 2, 4, 8, … numbers
        later = maximum(x[_along(axis, slice(shift, None))], x[_along(axis, slice(None, -shift))])
        x, shift = concatenate([x[_along(axis, slice(None, shift))], later], axis), 2 * shift
    return x


def cummin(x: Any, axis: int = 0) -> Any:
    """Return the running minimum along an axis, as np.minimum.accumulate; equal numbers share the gradient.

    >>> cummin([3.0, 1.0, 2.0])
    array([3., 1., 1.])
    """
    return -cummax(-x, axis)


def _is_nan(x: Any) -> Any:
    return rows.not_equal(x, x)


def _filled(x: Any, value: float) -> Any:
    """x with a number in the place of each NaN."""
    return where(_is_nan(x), value, x)


def _count(x: Any, axis: Any, keepdims: bool) -> Any:
    """The count of numbers that are not NaN, as floats."""
    return F.sum(where(_is_nan(x), 0.0, zeros_like(x) + 1.0), axis, keepdims)


def _extreme(reduce: Any, fill: float) -> Any:
    """A function for the largest or least number that is not NaN; NaN where all are."""

    def extreme(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        out = reduce(_filled(a, fill), axis, keepdims)
        return where(equal(_count(a, axis, keepdims), 0.0), math.nan, out)

    return extreme


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return F.sum(_filled(a, 0.0), axis, keepdims) / _count(a, axis, keepdims)


def nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    away = _filled(a - nanmean(a, axis, True), 0.0)
    return NORM(2, _axis(axis), keepdims)(away) / sqrt(maximum(_count(a, axis, keepdims) - ddof, 0.0))


def nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    squares = square(_filled(a - nanmean(a, axis, True), 0.0))
    return F.sum(squares, axis, keepdims) / maximum(_count(a, axis, keepdims) - ddof, 0.0)


def _lines(x: Any, axis: Any) -> Any:
    """x with the axes that a reduction removes as one last axis."""
    lost = axes_of(_axes("quantile", axis, x), len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in lost]
    return reshape(F.transpose(x, (*kept, *lost)), (*[x.shape[i] for i in kept], -1))


def _restored(out: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """The result of a reduction of `_lines`, with the lost axes of a if `keepdims`."""
    lost = axes_of(_axis(axis), len(a.shape)) if keepdims else ()
    return expand_dims(out, lost) if lost else out


def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    x = F.sort(_lines(a, axis))
    of_places: Any = np.quantile
    place = of_places(np.arange(float(x.shape[-1])), np.ravel(q), method=method)  # among the sorted numbers
    low, part = np.floor(place).astype(int), (place % 1.0).astype(x.dtype)
    between = x[..., low] * (1.0 - part) + x[..., np.ceil(place).astype(int)] * part
    out = where(_is_nan(x[..., -1:]), x[..., -1:], where(part == 0.0, x[..., low], between))
    parts = [_restored(out[..., i], a, axis, keepdims) for i in range(np.size(q))]
    return reshape(F.stack(parts), (*np.shape(q), *parts[0].shape))  # the axes of q first


def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile(a, np.divide(q, 100.0), axis, method, keepdims)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Any:
    parts = [atleast_2d(x) if rowvar or len(x.shape) < 2 else x.T for x in (m, y) if x is not None]
    x = concatenate(parts)
    away, count = x - x.mean(1, True), x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    return F.squeeze(matmul(away, away.T) / count)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    found = cov(x, y, rowvar)
    spread = sqrt(diag(found)) if found.shape else sqrt(found)
    return found / outer(spread, spread) if found.shape else found / found


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    if xp.shape != fp.shape or len(xp.shape) != 1:
        raise ShapeError(f"interp: xp and fp must be vectors of one length, got {xp.shape} and {fp.shape}")
    flat = ravel(x)
    at = rows.greater_equal(reshape(x, (-1, 1)), xp[1:-1]).sum(-1)  # which piece each x lies on
    start, low, run, rise = (F.take_along_axis(z, at, 0) for z in (xp, fp, diff(xp), diff(fp)))
    out = where(less(flat, xp[0]), fp[0] if left is None else left, low + (flat - start) / run * rise)
    out = where(rows.greater(flat, xp[-1]), fp[-1] if right is None else right, out)
    return reshape(out, x.shape)


# ---- Element by element, and polynomials: their coefficients from the highest power down --------------------------------


def trunc(x: Any) -> Any:
    return copysign(floor(abs(x)), x)


def floor_divide(x1: Any, x2: Any) -> Any:
    return F.round((x1 - remainder(x1, x2)) / x2)


def modf(x: Any) -> Any:
    whole = trunc(x)
    return where(equal(abs(x), math.inf), copysign(zeros_like(x), x), x - whole), whole


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = np.finfo(x.dtype).max
    high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)
    return where(_is_nan(x), nan, where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x)))


def polyval(p: Any, x: Any) -> Any:
    return functools.reduce(lambda out, c: out * x + c, p, zeros_like(x))


def polyadd(a1: Any, a2: Any) -> Any:
    size = max(a1.shape[0], a2.shape[0])
    return rows.add(*[pad(a, (size - a.shape[0], 0)) for a in (a1, a2)])


def polyder(p: Any, m: int = 1) -> Any:
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1.0, 0.0, -1.0)
    return p


def polyint(p: Any, m: int = 1, k: Any = 0.0) -> Any:
    for constant in F.broadcast_to(0.0 if k is None else k, (m,)):
        p = concatenate([p / np.arange(float(p.shape[0]), 0.0, -1.0), reshape(constant, (1,))])
    return p


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    powers = np.arange(float(x.shape[0] if N is None else N))
    return rows.power(reshape(x, (-1, 1)), powers if increasing else powers[::-1])


# ---- Linear algebra -------------------------------------------------------------------------------------------------------

# NumPy's own classes for results of several parts
_Slogdet: Any = type(np.linalg.slogdet(np.eye(1)))
_Eigh: Any = type(np.linalg.eigh(np.eye(1)))
_SVD: Any = type(np.linalg.svd(np.eye(1)))


def slogdet(a: Any) -> Any:
    """Return the sign of the determinant and log |det|: (…, n, n) → (…), (…). The sign is raw, as it is constant.

    >>> sign, logabsdet = slogdet([[-1.0]])
    >>> float(sign), float(logabsdet)
    (-1.0, 0.0)
    """
    return _Slogdet(np.linalg.slogdet(a.data).sign, array_rows.logabsdet(a))


def _matrix(name: str, a: Any, is_square: bool = False) -> Any:
    """a itself; ShapeError where it is no matrix or stack of matrices."""
    if len(a.shape) < 2 or (is_square and a.shape[-1] != a.shape[-2]):
        kind = "square matrix" if is_square else "matrix"
        raise ShapeError(f"{name}: a {kind} is needed, got shape {a.shape}")
    return a


def cholesky(a: Any, *, upper: bool = False) -> Any:
    found = array_rows.cholesky(a.swapaxes(-1, -2) if upper else a)
    return found.swapaxes(-1, -2) if upper else found


def eigh(a: Any, UPLO: str = "L") -> Any:
    a = _matrix("eigh", a, True)
    packed = array_rows.eigen(a if UPLO.upper() == "L" else a.swapaxes(-1, -2))
    return _Eigh(packed[..., 0, :], packed[..., 1:, :])


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    m, n = _matrix("svd", a).shape[-2:]
    if not compute_uv:
        return svdvals(a)
    if full_matrices and m != n:
        lost = f"vectors beyond the first {min(m, n)} have no derivative"
        raise NotImplementedError(f"svd: {lost}: pass full_matrices=False")
    packed = array_rows.singular(a)
    return _SVD(packed[..., :m, :], packed[..., m, :], F.swapaxes(packed[..., m + 1 :, :], -1, -2))


def svdvals(x: Any) -> Any:
    return array_rows.singular(_matrix("svdvals", x))[..., x.shape[-2], :]


def pinv(a: Any, rcond: float | None = None, hermitian: bool = False, *, rtol: float | None = None) -> Any:
    rcond = rtol if rcond is None else rcond
    return PINV(1e-15 if rcond is None else float(rcond), bool(hermitian))(_matrix("pinv", a))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    m, n = a.shape[-2:]
    _, _, rank, s = np.linalg.lstsq(a.data, b.data, rcond=rcond)
    x = matmul(pinv(a, np.finfo(s.dtype).eps * max(m, n) if rcond is None else rcond), b)
    left = square(matmul(a, x) - b).sum(0)
    return x, reshape(left, (-1,)) if rank == n < m else np.zeros(0), rank, s


def matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        return matrix_power(inv(a), -n)
    if n < 2:
        return +a if n else np.broadcast_to(np.eye(a.shape[-1]), a.shape)  # a node of its own
    half = matrix_power(a, n // 2)
    return matmul(matmul(half, half), a) if n % 2 else matmul(half, half)


def cond(x: Any, p: Any = 2) -> Any:
    if p not in (None, 2, -2):
        return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))
    s = svdvals(x)
    return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the norm of x over the axes, which the result keeps with length 1 if `keepdims`, as np.linalg.norm.

    `ord`: for vectors any number, for matrices "fro", "nuc", ±1, ±2 or ±inf. With axis=None and ord=None all numbers are one vector.
    The 2-norm of a vector and "fro" are scaled, so that they neither overflow nor underflow; at 0 their gradient is 0. Raises
    ValueError for another `ord`, DTypeError where it is a node.

    >>> float(norm([3.0, 4.0])), float(norm([[3.0, 0.0], [0.0, 4.0]], "nuc"))
    (5.0, 7.0)
    """
    if isinstance(ord, Node):
        raise DTypeError("norm: ord is a plain number, not a node: pass ord.data")
    axis, ndim = _axes("norm", axis, x), len(x.shape)
    is_matrix = (axis is None and ndim == 2) or (isinstance(axis, tuple) and len(axis) == 2)
    if ord in (None, "fro") or (ord == 2 and not is_matrix):
        return NORM(2, axis, keepdims)(x)
    if is_matrix:
        return _matrix_norm(x, ord, axes_of(axis, ndim), keepdims)
    if isinstance(ord, str):
        given = f"but shape {x.shape} with axis {axis} gives vectors"
        raise ValueError(f"norm: ord={ord!r} is for matrices, {given}")
    size = abs(x)
    if ord in (math.inf, -math.inf):
        return (F.max if ord > 0 else F.min)(size, axis, keepdims)
    if ord == 0:
        size = where(equal(x, 0.0), 0.0, zeros_like(x) + 1.0)
    if ord < 0:
        return F.sum(size**ord, axis, keepdims) ** (1.0 / ord)
    return F.sum(size, axis, keepdims) if ord in (0, 1) else NORM(ord, axis, keepdims)(x)


def _matrix_norm(x: Any, ord: Any, lost: tuple[int, ...], keepdims: bool) -> Any:
    largest = F.max if ord in (1, 2, math.inf) else F.min
    x = moveaxis(x, lost, (-2, -1))
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        out = values.sum(-1) if ord == "nuc" else largest(values, -1)
    elif ord in (1, -1, math.inf, -math.inf):
        out = largest(abs(x).sum(-2 if abs(ord) == 1 else -1), -1)
    else:
        raise ValueError(f"norm: for a matrix ord is None, 'fro', 'nuc', ±1, ±2 or ±inf, got {ord!r}")
    return expand_dims(out, lost) if keepdims else out


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return _restored(norm(_lines(x, axis), ord, -1), x, axis, keepdims)


# ---- Formulas ---------------------------------------------------------------------------------------------------------------

FORMULAS: dict[str, Any] = {
    # element by element
    "deg2rad": lambda x: x * (math.pi / 180.0),
    "rad2deg": lambda x: x * (180.0 / math.pi),
    "exp2": lambda x: 2.0**x,
    "logaddexp2": lambda x1, x2: logaddexp(x1 * math.log(2.0), x2 * math.log(2.0)) / math.log(2.0),
    "fmod": lambda x1, x2: where(less(x1, 0.0), -remainder(-x1, abs(x2)), remainder(x1, abs(x2))),
    "divmod": lambda x1, x2: (floor_divide(x1, x2), remainder(x1, x2)),
    "ldexp": lambda x1, n: x1 * np.ldexp(1.0, n),
    "heaviside": lambda x1, x2: where(equal(x1, 0.0), x2, (rows.sign(x1) + 1.0) / 2.0),
    "fmax": lambda x1, x2: where(_is_nan(x1), x2, where(_is_nan(x2), x1, maximum(x1, x2))),
    "fmin": lambda x1, x2: where(_is_nan(x1), x2, where(_is_nan(x2), x1, rows.minimum(x1, x2))),
    "real": lambda val: +val,
    "imag": lambda val: 0.0 * zeros_like(val),
    "angle": lambda z, deg=False: where(less(z, 0.0), 180.0 if deg else math.pi, 0.0),
    "copy": lambda a: +a,
    # joined and made
    "vstack": lambda tup: concatenate([atleast_2d(x) for x in tup]),
    "dstack": lambda tup: concatenate([atleast_3d(x) for x in tup], 2),
    "append": lambda arr, values, axis=None: concatenate([arr, values], axis),
    "unstack": lambda x, *, axis=0: tuple(moveaxis(x, axis, 0)),
    "fliplr": lambda m: F.flip(m, 1),
    "flipud": lambda m: F.flip(m, 0),
    "full": lambda shape, fill_value: F.broadcast_to(fill_value, shape),
    "full_like": lambda a, fill_value: F.broadcast_to(fill_value, a.shape),
    # sums and statistics
    "ptp": lambda a, axis=None, keepdims=False: a.max(axis, keepdims) - a.min(axis, keepdims),
    "nansum": lambda a, axis=None, keepdims=False: F.sum(_filled(a, 0.0), axis, keepdims),
    "nanprod": lambda a, axis=None, keepdims=False: F.prod(_filled(a, 1.0), axis, keepdims),
    "nancumsum": lambda a, axis=None: F.cumsum(_filled(a, 0.0), axis),
    "nancumprod": lambda a, axis=None: F.cumprod(_filled(a, 1.0), axis),
    "nanmax": _extreme(F.max, -math.inf),
    "nanmin": _extreme(F.min, math.inf),
    "median": lambda a, axis=None, keepdims=False: quantile(a, 0.5, axis, "linear", keepdims),
    "partition": lambda a, kth, axis=-1: F.sort(a, axis),
    # products
    "inner": lambda a, b: tensordot(a, b, (-1, -1)) if shape(a) and shape(b) else a * b,
    "vdot": lambda a, b: dot(ravel(a), ravel(b)),
    "vecdot": lambda x1, x2, *, axis=-1: F.sum(x1 * x2, axis),
    "matvec": lambda x1, x2: matmul(x1, x2[..., None])[..., 0],
    "vecmat": lambda x1, x2: matmul(x1[..., None, :], x2)[..., 0, :],
    "kron": lambda a, b: _blocks(a, b, operator.mul),
    "polysub": lambda a1, a2: polyadd(a1, -a2),
    "polymul": lambda a1, a2: convolve(a1, a2, "full"),
    # linear algebra
    "eigvalsh": lambda a, UPLO="L": eigh(a, UPLO).eigenvalues,
    "multi_dot": lambda arrays: functools.reduce(matmul, arrays),
    "matrix_norm": lambda x, *, keepdims=False, ord="fro": norm(x, ord, (-2, -1), keepdims),
}

# ---- Nodes in, node out; raw in, raw out --------------------------------------------------------------------------------------

# The names of arguments that become nodes, where their default is None or there is none
OPERANDS = set(
    """
    x y z x1 x2 a b v m p f xp fp a1 a2 w arr ary array val values start stop
    weights prepend append to_end to_begin
    """.split()  # noqa: SIM905
)
# These take their arguments unchanged: dot makes one node of two lists of Values
PLAIN = (dot, einsum, tensordot)


def _as_nodes(given: list[Any]) -> list[Any]:
    """Operands as nodes; numbers and Values beside arrays get the arrays' dtype."""
    single = [isinstance(x, (Value, *BARE)) for x in given]
    if all(single):
        return [x if isinstance(x, Node) else made(FLOATS, FLOATS.constant(x)) for x in given]
    out = [x if one or type(x) is Tensor else ARRAYS.as_node(x) for x, one in zip(given, single, strict=True)]
    dtype = np.result_type(*(x.dtype for x, one in zip(out, single, strict=True) if not one))
    return [ARRAYS.as_node(x, dtype) if one else x for x, one in zip(out, single, strict=True)]


def _raw(x: Any) -> Any:
    """The data of a node, a single number as a number."""
    if not isinstance(x, Node):
        return x
    return x.data if type(x) is Value else x.data[()]


def _on_nodes(name: str, function: Any) -> Any:
    """The function with its operands made nodes; for raw operands the result is raw too."""
    parameters = enumerate(inspect.signature(function).parameters.values())
    names = {i: p.name for i, p in parameters if p.name in OPERANDS and p.default in (p.empty, None)}
    # how many operands there are, if they are the first arguments
    count = len(names) if list(names) == list(range(len(names))) else math.inf
    function.__name__ = function.__qualname__ = name

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if len(args) >= count and {*map(type, args[: len(names)])} == {Tensor}:
            return function(*args, **kwargs)  # the common case
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        keys = [key for pair in names.items() for key in pair if given.get(key) is not None]
        operands = [given[key] for key in keys]
        given |= zip(keys, _as_nodes(operands), strict=True)
        out = function(*[given.pop(i) for i in range(len(args))], **given)
        if any(map(_is_node, operands)):
            return out
        return rebuild(out, _raw)

    return called if names else function


def _description(name: str) -> str:
    """The docstring of a function of NumPy's name: NumPy's own first sentence."""
    place = "np" if hasattr(np, name) else "np.linalg"
    theirs = getattr(np, name, None) or getattr(np.linalg, name, None)
    what = " ".join((getattr(theirs, "__doc__", None) or "").strip().partition("\n\n")[0].split())
    return f"Return {place}.{name} of nodes, in their graph. {what}"


def __getattr__(name: str) -> Any:
    """A type checker cannot see the names that FORMULAS defines."""
    raise AttributeError(f"{__name__} has no {name}")


for _name, _function in [*globals().items(), *FORMULAS.items()]:
    if inspect.isfunction(_function) and _function.__module__ == __name__ and _name[0] != "_":
        if (_function.__qualname__ == _name or _name in FORMULAS) and _function not in PLAIN:
            globals()[_name] = _function = _on_nodes(_name, _function)
        _function.__doc__ = _function.__doc__ or _description(_name)

for _function in (diagonal, trace, repeat, dot):
    setattr(Tensor, _function.__name__, _function)
