"""What is composed of rows, and so needs no derivative of its own. Nodes in, node out; raw data in, raw data out.

A function that has no docstring here is NumPy's function of that name, with NumPy's arguments.
"""

import builtins
import functools
import inspect
import math
import operator
import string
from typing import Any, NamedTuple

import numpy as np

from .core import rows
from .core.array_rows import EINSUM, NORM, PAD, PINV, axes_of, eigen, inv, logabsdet, matmul, singular, solve
from .core.array_rows import cholesky as _cholesky
from .core.functions import (
    _axes,
    _axis,
    _is_node,
    _one,
    _sizes,
    broadcast_to,
    concatenate,
    cumprod,
    cumsum,
    flip,
    getitem,
    index_update,
    max,
    mean,
    min,
    prod,
    ravel,
    reshape,
    round,
    scatter,
    shape,
    sort,
    squeeze,
    stack,
    sum,
    swapaxes,
    take_along_axis,
    transpose,
    where,
)
from .core.node import Node
from .core.readings import ARRAYS
from .core.rows import (
    DOT,
    abs,
    add,
    copysign,
    divide,
    equal,
    floor,
    maximum,
    minimum,
    multiply,
    negative,
    remainder,
    sqrt,
    square,
    subtract,
    zeros_like,
)
from .core.special_rows import logaddexp
from .core.tensor import Tensor, plain_index
from .core.value import Value
from .errors import DTypeError, ShapeError
from .support.coercion import LISTS


def dot(x: Any, y: Any, bias: Any = None) -> Any:
    """Return the dot product as np.dot defines it; or, of two lists of Values and numbers, Σ xᵢyᵢ + bias as one node.

    Raises ShapeError where the sizes differ.

    >>> import autograd_mini as ag
    >>> ag.dot([ag.Value(2.0), ag.Value(3.0)], [4.0, 5.0], 1.0)
    Value(24.0)
    """
    if isinstance(x, LISTS) and isinstance(y, LISTS) and Value in set(map(type, (*x, *y))):
        if len(x) != len(y):
            raise ShapeError(f"dot: {len(x)} factors and {len(y)}")
        return DOT(len(x))(*x, *y, 0.0 if bias is None else bias)
    m, n = len(shape(x)), len(shape(y))
    if not m or not n:
        out = multiply(x, y)
    else:
        out = matmul(x, y) if n <= 2 else tensordot(x, y, (-1, -2))
    return out if bias is None else add(out, bias)


def outer(x: Any, y: Any) -> Any:
    """Return the products of every element of x with every element of y: (m,), (n,) → (m, n).

    >>> outer([1.0, 2.0], [3.0, 4.0])
    array([[3., 4.],
           [6., 8.]])
    """
    return multiply(reshape(x, (-1, 1)), reshape(y, (1, -1)))


def _letters(axes: Any) -> str:
    """A list of axes of einsum's second form, in letters."""
    return "".join("..." if axis is Ellipsis else string.ascii_letters[axis] for axis in axes)


def einsum(subscripts: Any, *operands: Any, optimize: Any = None) -> Any:
    """Return the sum of products that the subscripts describe, in NumPy's notation: "ij,jk->ik"; "..." broadcasts.

    NumPy's other form, with a list of numbers behind each operand and perhaps one for the result, is read too.

    >>> float(einsum("ii", [[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    if not isinstance(subscripts, str):
        lists = [_letters(part) for part in operands[::2]]
        output = _letters(operands[-1]) if len(operands) % 2 == 0 and operands else None
        subscripts, operands = ",".join(lists[: len(operands[::2])]), (subscripts, *operands[1::2])
        if output is not None:
            subscripts, operands = f"{subscripts}->{output}", operands[:-1]
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    whole = [term.replace("...", "", 1) for term in (*terms, output)]
    if (
        "." in "".join(whole)
        or not set(whole[-1]) <= set("".join(whole[:-1]))
        or len(set(whole[-1])) < len(whole[-1])
    ):
        raise ShapeError(
            f"einsum: {subscripts!r}: letters, and '...' once in a term; the result has each but once"
        )
    if len(terms) != len(operands) or not set(subscripts) <= set(string.ascii_letters + " ,.->"):
        raise ShapeError(
            f"einsum: {subscripts!r} does not describe {len(operands)} operands "
            "in letters, ',', '...' and '->'"
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
    if widest and "..." not in output:
        raise ShapeError(
            f"einsum: {subscripts!r}: the axes of '...' are not in the result: write '...' there too"
        )
    terms = [
        term.replace("...", "".join(spare[widest - n : widest])) for term, n in zip(terms, dots, strict=True)
    ]
    return EINSUM(tuple(terms), output.replace("...", "".join(spare[:widest])))(*operands)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Return the sum of products over pairs of axes: a number of trailing and leading ones, or two lists of axes.

    >>> tensordot([[1.0, 2.0]], [[3.0], [4.0]], axes=1)
    array([[11.]])
    """
    m, n = len(shape(x)), len(shape(y))
    if isinstance(axes, int | np.integer):
        if axes > builtins.min(m, n):
            raise ShapeError(f"tensordot: {axes} axes of shapes {shape(x)} and {shape(y)}")
        axes = (range(m - axes, m), range(axes))
    left, right = ([_one(i, z) for i in _listed(some)] for some, z in zip(axes, (x, y), strict=True))
    if len(left) != len(right) or m + n > len(string.ascii_letters):
        raise ShapeError(f"tensordot: {len(left)} axes of x against {len(right)} of y")
    if len(set(left)) < len(left) or len(set(right)) < len(right):
        raise ShapeError(f"tensordot: an axis is named twice: {left}, {right}")
    sizes = [shape(x)[i] for i in left], [shape(y)[j] for j in right]
    if sizes[0] != sizes[1]:
        raise ShapeError(f"tensordot: {shape(x)}, {shape(y)}: sizes {sizes[0]} and {sizes[1]} differ")
    xs, ys = list(string.ascii_letters[:m]), list(string.ascii_letters[m : m + n])
    for i, j in zip(left, right, strict=True):
        ys[j] = xs[i]
    kept = [c for i, c in enumerate(xs) if i not in left] + [c for j, c in enumerate(ys) if j not in right]
    return EINSUM(("".join(xs), "".join(ys)), "".join(kept))(x, y)


def _listed(axes: Any) -> Any:
    """The axes given as one number or as several."""
    return axes if isinstance(axes, list | tuple | range) or np.ndim(axes) else [axes]


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return x with axes moved to other places, the rest in their order.

    >>> moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    places = [[_one(i, x) for i in _listed(axes)] for axes in (source, destination)]
    if len(places[0]) != len(places[1]):
        raise ShapeError(f"moveaxis: {len(places[0])} axes to {len(places[1])} places")
    if builtins.any(len(set(some)) < len(some) for some in places):
        raise ShapeError(f"moveaxis: an axis is named twice: {places[0]} to {places[1]}")
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


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return the list of parts of x: so many equal ones, or cut before the places listed.

    >>> split([1.0, 2.0, 3.0, 4.0], 2)
    [array([1., 2.]), array([3., 4.])]
    """
    axis, size = _one(axis, x), shape(x)[axis]
    if np.ndim(indices_or_sections):
        cuts = [operator.index(cut) for cut in indices_or_sections]
    else:
        count = int(indices_or_sections)  # 2.0 parts are two, as for NumPy
        if count != indices_or_sections or count < 1 or size % count:
            parts = f"{indices_or_sections} equal parts"
            raise ShapeError(f"split: {size} along axis {axis} does not divide into {parts}")
        cuts = [size // count * i for i in range(1, count)]
    index = (slice(None),) * axis
    return [getitem(x, (*index, slice(a, b))) for a, b in zip([0, *cuts], [*cuts, None], strict=True)]


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


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of the diagonal of two axes, the first two if not said otherwise.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    return sum(diagonal(x, offset, axis1, axis2), -1)


class _SlogdetResult(NamedTuple):
    sign: Any
    logabsdet: Any


def slogdet(a: Any) -> Any:
    """Return the sign of the determinant (plain numbers: it is constant) and log |det|, (…, n, n) → (…), (…).

    >>> sign, logabsdet = slogdet([[-1.0]])
    >>> float(sign), float(logabsdet)
    (-1.0, 0.0)
    """
    node = a if isinstance(a, Node) else ARRAYS.as_node(a)
    sign = np.linalg.slogdet(node.data).sign
    return _SlogdetResult(sign, logabsdet(node if _is_node(a) else a))


# ---- Element by element -----------------------------------------------------------------------------------------------


def deg2rad(x: Any) -> Any:
    return multiply(x, math.pi / 180.0)


def rad2deg(x: Any) -> Any:
    return multiply(x, 180.0 / math.pi)


def exp2(x: Any) -> Any:
    return rows.power(2.0, x)


def logaddexp2(x1: Any, x2: Any) -> Any:
    return divide(logaddexp(multiply(x1, math.log(2.0)), multiply(x2, math.log(2.0))), math.log(2.0))


def trunc(x: Any) -> Any:
    return copysign(floor(abs(x)), x)


def fmod(x1: Any, x2: Any) -> Any:
    above, below = remainder(x1, abs(x2)), negative(remainder(negative(x1), abs(x2)))
    return where(rows.less(x1, 0.0), below, above)


def floor_divide(x1: Any, x2: Any) -> Any:
    return round(divide(subtract(x1, remainder(x1, x2)), x2))


def divmod(x1: Any, x2: Any) -> Any:
    return floor_divide(x1, x2), remainder(x1, x2)


def modf(x: Any) -> Any:
    whole = trunc(x)
    return where(equal(abs(x), math.inf), copysign(zeros_like(x), x), subtract(x, whole)), whole


def ldexp(x1: Any, x2: Any) -> Any:
    return multiply(x1, np.ldexp(1.0, x2))


def heaviside(x1: Any, x2: Any) -> Any:
    return where(equal(x1, 0.0), x2, divide(add(rows.sign(x1), 1.0), 2.0))


def fmax(x1: Any, x2: Any) -> Any:
    return where(_is_nan(x1), x2, where(_is_nan(x2), x1, maximum(x1, x2)))


def fmin(x1: Any, x2: Any) -> Any:
    return where(_is_nan(x1), x2, where(_is_nan(x2), x1, minimum(x1, x2)))


def real(val: Any) -> Any:
    return rows.positive(val)


def imag(val: Any) -> Any:
    return zeros_like(val)


def angle(z: Any, deg: bool = False) -> Any:
    return where(rows.less(z, 0.0), 180.0 if deg else math.pi, 0.0)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    largest = np.finfo(getattr(x, "dtype", np.float64)).max
    high, low = (largest if posinf is None else posinf), (-largest if neginf is None else neginf)
    return where(_is_nan(x), nan, where(equal(x, math.inf), high, where(equal(x, -math.inf), low, x)))


def _is_nan(x: Any) -> Any:
    return rows.not_equal(x, x)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Any:
    step, half = diff(p, axis=axis), 0.5 * period
    short = subtract(remainder(add(step, half), period), half)
    short = where(rows.logical_and(equal(short, -half), rows.greater(step, 0.0)), half, short)
    is_small = rows.less(abs(step), half if discont is None else builtins.max(discont, half))
    turns = cumsum(where(is_small, 0.0, subtract(short, step)), axis)
    return add(p, pad(turns, [(int(i == axis % len(shape(p))), 0) for i in range(len(shape(p)))]))


# ---- Places: what only moves elements is NumPy's own function, run on the places of the elements ------------------------


def _moving(theirs: Any, held: tuple[int, ...] = (0,)) -> Any:
    """A function of NumPy that moves elements, on nodes: place 0 is that of the zeros that it puts in."""
    signature = inspect.signature(theirs)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound, pool = signature.bind(*args, **kwargs), [np.zeros(1, np.float32)]

        def places(x: Any) -> Any:
            if isinstance(x, LISTS):
                return [places(part) for part in x]
            start = builtins.sum(math.prod(shape(part)) for part in pool)
            pool.append(x)
            return np.arange(start, start + math.prod(shape(x))).reshape(shape(x))

        for i, name in enumerate(signature.parameters):
            if i in held and name in bound.arguments:
                bound.arguments[name] = places(bound.arguments[name])
        if not builtins.any(map(_is_node, pool)):
            return theirs(*args, **kwargs)
        everything = concatenate([ravel(x) for x in pool])

        def moved(found: Any) -> Any:
            return tuple(map(moved, found)) if isinstance(found, LISTS) else getitem(everything, found)

        return moved(theirs(*bound.args, **bound.kwargs))

    function.__name__, function.__signature__ = theirs.__name__, signature  # type: ignore[attr-defined]
    return function


array_split, hsplit, vsplit, dsplit = map(_moving, (np.array_split, np.hsplit, np.vsplit, np.dsplit))
rot90, rollaxis, resize, diagflat = map(_moving, (np.rot90, np.rollaxis, np.resize, np.diagflat))
take, delete = _moving(np.take), _moving(np.delete)
insert, compress, extract = _moving(np.insert, (0, 2)), _moving(np.compress, (1,)), _moving(np.extract, (1,))
choose, block = _moving(np.choose, (1,)), _moving(np.block)
meshgrid, broadcast_arrays = _moving(np.meshgrid), _moving(np.broadcast_arrays)


def unstack(x: Any, *, axis: int = 0) -> Any:
    return tuple(getitem(moveaxis(x, axis, 0), i) for i in range(shape(x)[axis]))


def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    """Return the array with numbers around it, as np.pad; the modes are constant, edge, reflect, symmetric and wrap.

    `pad_width` is a number, (before, after), or such a pair for each axis; `constant_values` likewise.

    >>> pad([1.0, 2.0], 1, "edge")
    array([1., 1., 2., 2.])
    """
    if mode in ("edge", "reflect", "symmetric", "wrap") and kwargs.get("reflect_type", "even") == "even":
        return _moving(np.pad)(array, pad_width, mode, **kwargs)
    if mode != "constant":
        raise NotImplementedError(
            f"pad: mode {mode!r} has no rule: write what stands around with np.concatenate"
        )
    value = kwargs.pop("constant_values", 0.0)
    value = value if np.ndim(value) else float(value)
    if kwargs:
        raise TypeError(f"pad: mode 'constant' takes constant_values alone, not {', '.join(kwargs)}")
    sides = np.array([operator.index(n) for n in np.ravel(pad_width)]).reshape(np.shape(pad_width))
    width = tuple(
        (before, after) for before, after in np.broadcast_to(sides, (len(shape(array)), 2)).tolist()
    )
    if not np.ndim(value):
        return PAD(width, value)(array) if width else rows.positive(array)
    return add(PAD(width, 0.0)(array), np.pad(np.zeros(shape(array)), width, constant_values=value))


# ---- Joining and reshaping ----------------------------------------------------------------------------------------------


def _at_least(name: str) -> Any:
    def function(*arys: Any) -> Any:
        found = [reshape(x, getattr(np, name)(np.broadcast_to(0, shape(x))).shape) for x in arys]
        return found[0] if len(found) == 1 else tuple(found)

    return function


atleast_1d, atleast_2d, atleast_3d = map(_at_least, ("atleast_1d", "atleast_2d", "atleast_3d"))


def vstack(tup: Any) -> Any:
    return concatenate([atleast_2d(x) for x in tup])


def hstack(tup: Any) -> Any:
    parts = [atleast_1d(x) for x in tup]
    return concatenate(parts, builtins.min(1, len(shape(parts[0])) - 1))


def dstack(tup: Any) -> Any:
    return concatenate([atleast_3d(x) for x in tup], 2)


def column_stack(tup: Any) -> Any:
    return concatenate([x if len(shape(x)) > 1 else reshape(x, (-1, 1)) for x in tup], 1)


class _Joined:
    """np.c_ and np.r_ on nodes: what stands in the brackets, joined."""

    def __init__(self, join: Any, slices: Any) -> None:
        self.join, self.slices = join, slices

    def __getitem__(self, parts: Any) -> Any:
        parts = parts if isinstance(parts, tuple) else (parts,)
        return self.join([self.slices[x] if isinstance(x, slice) else atleast_1d(x) for x in parts])


c_, r_ = _Joined(column_stack, np.r_), _Joined(concatenate, np.r_)


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return concatenate([arr, values], axis)


def fliplr(m: Any) -> Any:
    return flip(m, 1)


def flipud(m: Any) -> Any:
    return flip(m, 0)


def copy(a: Any) -> Any:
    return rows.positive(a)


def full(shape: Any, fill_value: Any) -> Any:
    return broadcast_to(fill_value, shape)


def full_like(a: Any, fill_value: Any) -> Any:
    return broadcast_to(fill_value, shape(a))


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    part = np.linspace(0.0, 1.0, num, endpoint)
    wide = np.broadcast_shapes(shape(start), shape(stop))
    part = part.reshape(-1, *[1] * len(wide))
    return moveaxis(add(multiply(start, 1.0 - part), multiply(stop, part)), 0, axis)


def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0
) -> Any:
    return rows.power(base, linspace(start, stop, num, endpoint, axis))


def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    return rows.exp(linspace(rows.log(start), rows.log(stop), num, endpoint, axis))


def select(condlist: Any, choicelist: Any, default: Any = 0.0) -> Any:
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        default = where(condition, choice, default)
    return default


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    conditions = [
        np.asarray(c, bool) for c in (condlist if np.ndim(condlist[0]) or not shape(x) else [condlist])
    ]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    out: Any = np.zeros(shape(x))
    for condition, function in zip(conditions, funclist, strict=True):
        value = function(getitem(x, condition), *args, **kw) if callable(function) else function
        out = index_update(out, condition, value)
    return out


def scatter_add(x: Any, index: Any, value: Any) -> Any:
    """Return a copy of x in which `value`, which broadcasts, is added to x[index]; repeated places add up.

    >>> scatter_add([1.0, 2.0], [0, 0], [10.0, 20.0])
    array([31.,  2.])
    """
    picked = np.zeros(shape(x), bool)[plain_index(index)]
    return add(x, scatter(broadcast_to(value, picked.shape), shape(x), index))


def bincount(x: Any, weights: Any, minlength: int = 0) -> Any:
    return scatter(weights, np.bincount(x, minlength=minlength).shape, x)


def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    moved = moveaxis(arr, axis, -1)
    lines = reshape(moved, (-1, shape(moved)[-1]))
    out = stack([func1d(getitem(lines, i), *args, **kwargs) for i in range(shape(lines)[0])])
    out = reshape(out, (*shape(moved)[:-1], *shape(out)[1:]))
    count = len(shape(out)) - len(shape(moved)) + 1
    return moveaxis(out, range(-count, 0), range(axis % len(shape(arr)), axis % len(shape(arr)) + count))


def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    for axis in np.ravel(axes).tolist():
        out = func(a, axis)
        a = out if len(shape(out)) == len(shape(a)) else expand_dims(out, axis)
    return a


# ---- Sums and statistics ------------------------------------------------------------------------------------------------


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return subtract(max(a, axis, keepdims), min(a, axis, keepdims))


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    if weights is None:
        weights = np.ones(shape(a))
    elif shape(weights) != shape(a):  # one weight for each place along the axis
        axes = [_one(i, a) for i in ([axis] if isinstance(axis, int) else axis)]
        weights = reshape(weights, [n if i in axes else 1 for i, n in enumerate(shape(a))])
        weights = broadcast_to(weights, shape(a))
    total = sum(weights, axis, keepdims)
    out = divide(sum(multiply(a, weights), axis, keepdims), total)
    return (out, total) if returned else out


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    axis = _one(axis, a)
    edge = tuple(1 if i == axis else size for i, size in enumerate(shape(a)))
    parts = [x for x in (prepend, a, append) if x is not None]
    if len(parts) > 1:
        a = concatenate([x if len(shape(x)) else broadcast_to(x, edge) for x in parts], axis)
    every = (slice(None),) * axis
    for _ in range(n):
        a = subtract(getitem(a, (*every, slice(1, None))), getitem(a, (*every, slice(None, -1))))
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    parts = (to_begin, diff(ravel(ary)), to_end)
    return concatenate([ravel(x) for x in parts if x is not None])


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = axes_of(_axis(axis), len(shape(f)))
    steps = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    out = tuple(_slope(f, step, i, edge_order) for i, step in zip(axes, steps, strict=True))
    return out[0] if len(out) == 1 else out


def _slope(f: Any, step: Any, axis: int, edge_order: Any) -> Any:
    """np.gradient along an axis: a weighted sum of three neighbours, whose weights it says itself of three combs."""
    n, out = shape(f)[axis], None
    first = np.clip(np.arange(n) - 1, 0, builtins.max(n - 3, 0))
    for k in range(builtins.min(n, 3)):
        weight = np.gradient(
            (np.arange(n) % 3 == k).astype(getattr(f, "dtype", float)), step, edge_order=edge_order
        )
        place = np.minimum(first + (k - first) % 3, n - 1)
        part = getitem(f, (slice(None),) * axis + (place,))
        part = multiply(part, weight.reshape([n if i == axis else 1 for i in range(len(shape(f)))]))
        out = part if out is None else add(out, part)
    return out


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    axis, every = _one(axis, y), (slice(None),) * _one(axis, y)
    if x is not None:
        dx = diff(x, axis=axis if len(shape(x)) > 1 else -1)
        dx = dx if len(shape(x)) > 1 else reshape(dx, [-1 if i == axis else 1 for i in range(len(shape(y)))])
    pairs = add(getitem(y, (*every, slice(1, None))), getitem(y, (*every, slice(None, -1))))
    return sum(multiply(dx, multiply(pairs, 0.5)), axis)


def cumulative_sum(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    return _from(0.0, cumsum(x, axis), axis, include_initial)


def cumulative_prod(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
    return _from(1.0, cumprod(x, axis), axis, include_initial)


def _from(start: float, x: Any, axis: int | None, is_asked: bool) -> Any:
    return diff(x, 0, axis or 0, prepend=start) if is_asked else x


def cummax(x: Any, axis: int = 0) -> Any:
    """Return the running maximum along an axis, as np.maximum.accumulate; equal numbers share the gradient.

    >>> cummax([1.0, 3.0, 2.0])
    array([1., 3., 3.])
    """
    axis, shift = _one(axis, x), 1
    every = (slice(None),) * axis
    while shift < shape(x)[axis]:  # of the last 2, 4, 8, … numbers
        later = maximum(getitem(x, (*every, slice(shift, None))), getitem(x, (*every, slice(None, -shift))))
        x, shift = concatenate([getitem(x, (*every, slice(None, shift))), later], axis), 2 * shift
    return x


def cummin(x: Any, axis: int = 0) -> Any:
    """Return the running minimum along an axis, as np.minimum.accumulate; equal numbers share the gradient.

    >>> cummin([3.0, 1.0, 2.0])
    array([3., 1., 1.])
    """
    return negative(cummax(negative(x), axis))


def _filled(x: Any, value: float) -> Any:
    """x with a number in the place of each NaN."""
    return where(_is_nan(x), value, x)


def _count(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many numbers are no NaN, as a float."""
    return sum(where(_is_nan(x), 0.0, add(zeros_like(x), 1.0)), axis, keepdims)


def _unless_empty(out: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """A result, NaN where there is NaN alone."""
    return where(equal(_count(a, axis, keepdims), 0.0), math.nan, out)


def _freedom(a: Any, axis: Any, ddof: float, keepdims: bool) -> Any:
    return maximum(subtract(_count(a, axis, keepdims), ddof), 0.0)


def nansum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return sum(_filled(a, 0.0), axis, keepdims)


def nanprod(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return prod(_filled(a, 1.0), axis, keepdims)


def nancumsum(a: Any, axis: int | None = None) -> Any:
    return cumsum(_filled(a, 0.0), axis)


def nancumprod(a: Any, axis: int | None = None) -> Any:
    return cumprod(_filled(a, 1.0), axis)


def nanmax(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _unless_empty(max(_filled(a, -math.inf), axis, keepdims), a, axis, keepdims)


def nanmin(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return _unless_empty(min(_filled(a, math.inf), axis, keepdims), a, axis, keepdims)


def nanmean(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return divide(nansum(a, axis, keepdims), _count(a, axis, keepdims))


def nanvar(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    away = _filled(subtract(a, nanmean(a, axis, True)), 0.0)
    return divide(sum(square(away), axis, keepdims), _freedom(a, axis, ddof, keepdims))


def nanstd(a: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    away = _filled(subtract(a, nanmean(a, axis, True)), 0.0)
    return divide(NORM(2, _axis(axis), keepdims)(away), sqrt(_freedom(a, axis, ddof, keepdims)))


def _lines(x: Any, axis: Any) -> Any:
    """x with the axes that a reduction removes as one last axis."""
    lost = axes_of(_axes("quantile", axis, x), len(shape(x)))
    kept = [i for i in range(len(shape(x))) if i not in lost]
    return reshape(transpose(x, (*kept, *lost)), (*[shape(x)[i] for i in kept], -1))


def _quantiles(out: Any, q: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """(…, quantiles) as NumPy returns it: the quantiles first, as many axes as q has, and the lost axes where asked."""
    if keepdims:
        lost = axes_of(_axis(axis), len(shape(a)))
        sizes = [1 if i in lost else n for i, n in enumerate(shape(a))]
        out = reshape(out, (*sizes, -1))
    out = moveaxis(out, -1, 0)
    return reshape(out, (*np.shape(q), *shape(out)[1:]))


def quantile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    x = sort(_lines(a, axis))
    of_places: Any = np.quantile
    place = of_places(np.arange(float(shape(x)[-1])), np.ravel(q), method=method)  # among the sorted numbers
    low, part = np.floor(place).astype(int), (place % 1.0).astype(x.dtype)
    lower, upper = getitem(x, (..., low)), getitem(x, (..., np.ceil(place).astype(int)))
    out = where(part == 0.0, lower, add(multiply(lower, 1.0 - part), multiply(upper, part)))
    last = getitem(x, (..., slice(-1, None)))
    return _quantiles(where(_is_nan(last), last, out), q, a, axis, keepdims)


def percentile(a: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile(a, np.divide(q, 100.0), axis, method, keepdims)


def median(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return quantile(a, 0.5, axis, "linear", keepdims)


def nanquantile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    x = getitem(sort(_lines(a, axis)), (..., None, slice(None)))  # NaN comes last
    count = _count(x, -1, True)
    place = multiply(subtract(count, 1.0), np.ravel(q)[:, None])
    weight = rows.relu(subtract(1.0, abs(subtract(np.arange(shape(x)[-1]), place))))
    out = sum(where(equal(weight, 0.0), 0.0, multiply(_filled(x, 0.0), weight)), -1)
    return _quantiles(where(equal(sum(count, -1), 0.0), math.nan, out), q, a, axis, keepdims)


def nanpercentile(a: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return nanquantile(a, np.divide(q, 100.0), axis, keepdims)


def nanmedian(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return nanquantile(a, 0.5, axis, keepdims)


def partition(a: Any, kth: Any, axis: int = -1) -> Any:
    return sort(a, axis)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None) -> Any:
    parts = [atleast_2d(x) if rowvar or len(shape(x)) < 2 else transpose(x) for x in (m, y) if x is not None]
    x = concatenate(parts)
    away = subtract(x, mean(x, 1, True))
    count = shape(x)[1] - ((0 if bias else 1) if ddof is None else ddof)
    return squeeze(divide(matmul(away, transpose(away)), count))


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    found = cov(x, y, rowvar)
    if not shape(found):
        return divide(found, found)
    spread = sqrt(diag(found))
    return divide(divide(found, reshape(spread, (-1, 1))), spread)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    if shape(xp) != shape(fp) or len(shape(xp)) != 1:
        raise ShapeError(f"interp: xp and fp must be vectors of one length, got {shape(xp)} and {shape(fp)}")
    inner = rows.greater_equal(reshape(x, (-1, 1)), getitem(xp, slice(1, -1)))
    at = sum(inner, -1)  # which piece each x lies on
    at = at if isinstance(at, Node) else np.asarray(at, int)
    parts = [diff(z) for z in (xp, fp)]
    start, low, run, rise = (take_along_axis(z, at, 0) for z in (xp, fp, *parts))
    flat = ravel(x)
    out = add(low, multiply(divide(subtract(flat, start), run), rise))
    ends = (getitem(fp, 0) if left is None else left, getitem(fp, -1) if right is None else right)
    out = where(rows.less(flat, getitem(xp, 0)), ends[0], out)
    return reshape(where(rows.greater(flat, getitem(xp, -1)), ends[1], out), shape(x))


# ---- Products -----------------------------------------------------------------------------------------------------------


def inner(a: Any, b: Any) -> Any:
    return tensordot(a, b, (-1, -1)) if shape(a) and shape(b) else multiply(a, b)


def vdot(a: Any, b: Any) -> Any:
    return dot(ravel(a), ravel(b))


def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Any:
    return sum(multiply(x1, x2), axis)


def matvec(x1: Any, x2: Any) -> Any:
    return getitem(matmul(x1, getitem(x2, (..., None))), (..., 0))


def vecmat(x1: Any, x2: Any) -> Any:
    return getitem(matmul(getitem(x1, (..., None, slice(None))), x2), (..., 0, slice(None)))


def kron(a: Any, b: Any) -> Any:
    ndim = builtins.max(len(shape(a)), len(shape(b)))
    ours, theirs = ((1,) * (ndim - len(shape(x))) + shape(x) for x in (a, b))
    left = reshape(a, [n for size in ours for n in (size, 1)])
    right = reshape(b, [n for size in theirs for n in (1, size)])
    return reshape(multiply(left, right), [m * n for m, n in zip(ours, theirs, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if shape(a)[-1:] != (3,) or shape(b)[-1:] != (3,):
        raise ShapeError(f"cross: vectors of three numbers are needed, got shapes {shape(a)} and {shape(b)}")
    (a1, b1), (a2, b2) = ([getitem(x, (..., turn)) for x in (a, b)] for turn in ([1, 2, 0], [2, 0, 1]))
    return moveaxis(subtract(multiply(a1, b2), multiply(a2, b1)), -1, axisc)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = (a, v) if shape(a)[0] >= shape(v)[0] else (v, a)
    n, m = shape(a)[0], shape(v)[0]
    windows = getitem(pad(a, m - 1), np.arange(n + m - 1)[:, None] + np.arange(m)[::-1])
    parts = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}
    if mode not in parts:
        raise ValueError(f"convolve: mode must be {', '.join(map(repr, parts))}, got {mode!r}")
    start, size = parts[mode]
    return getitem(matmul(windows, v), slice(start, start + size))


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    if shape(a)[0] < shape(v)[0]:
        return flip(correlate(v, a, mode))
    return convolve(a, flip(v), mode)


# ---- Polynomials: their coefficients from the highest power down ----------------------------------------------------------


def polyval(p: Any, x: Any) -> Any:
    out: Any = zeros_like(x)
    for i in range(shape(p)[0]):
        out = add(multiply(out, x), getitem(p, i))
    return out


def polyadd(a1: Any, a2: Any) -> Any:
    size = builtins.max(shape(a1)[0], shape(a2)[0])
    return add(*[pad(a, (size - shape(a)[0], 0)) for a in (a1, a2)])


def polysub(a1: Any, a2: Any) -> Any:
    return polyadd(a1, negative(a2))


def polymul(a1: Any, a2: Any) -> Any:
    return convolve(a1, a2)


def polyder(p: Any, m: int = 1) -> Any:
    for _ in range(m):
        p = multiply(getitem(p, slice(None, -1)), np.arange(shape(p)[0] - 1.0, 0.0, -1.0))
    return p


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    constants = [0.0] * m if k is None else [getitem(k, i) for i in range(m)] if shape(k) else [k] * m
    for constant in constants:
        p = concatenate([divide(p, np.arange(float(shape(p)[0]), 0.0, -1.0)), reshape(constant, (1,))])
    return p


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    powers = np.arange(float(shape(x)[0] if N is None else N))
    return rows.power(reshape(x, (-1, 1)), powers if increasing else powers[::-1])


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, w: Any = None) -> Any:
    terms = vander(x, deg + 1)
    if w is not None:
        terms = multiply(terms, reshape(w, (-1, 1)))
        y = multiply(y, w if len(shape(y)) == 1 else reshape(w, (-1, 1)))
    scale = sqrt(sum(square(terms), 0))
    found = lstsq(divide(terms, scale), y, rcond)[0]
    return divide(found, scale if len(shape(y)) == 1 else reshape(scale, (-1, 1)))


# ---- Linear algebra -------------------------------------------------------------------------------------------------------


def _matrix(name: str, a: Any, is_square: bool = False) -> Any:
    """a itself, or ShapeError where it is no matrix and no stack of them."""
    sizes = shape(a)
    if len(sizes) < 2 or (is_square and sizes[-1] != sizes[-2]):
        raise ShapeError(f"{name}: a {'square ' if is_square else ''}matrix is needed, got shape {sizes}")
    return a


def cholesky(a: Any, *, upper: bool = False) -> Any:
    found = _cholesky(swapaxes(a, -1, -2) if upper else a)
    return swapaxes(found, -1, -2) if upper else found


class _EighResult(NamedTuple):
    eigenvalues: Any
    eigenvectors: Any


def eigh(a: Any, UPLO: str = "L") -> Any:
    _matrix("eigh", a, True)
    packed = eigen(a if UPLO.upper() == "L" else swapaxes(a, -1, -2))
    return _EighResult(
        getitem(packed, (..., 0, slice(None))), getitem(packed, (..., slice(1, None), slice(None)))
    )


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return eigh(a, UPLO).eigenvalues


class _SVDResult(NamedTuple):
    U: Any
    S: Any
    Vh: Any


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    m, n = shape(_matrix("svd", a))[-2:]
    if not compute_uv:
        return svdvals(a)
    if full_matrices and m != n:
        raise NotImplementedError(
            f"svd: the vectors beyond the first {builtins.min(m, n)} have no derivative: full_matrices=False"
        )
    packed = singular(a)
    u, v = (getitem(packed, (..., part, slice(None))) for part in (slice(m), slice(m + 1, None)))
    return _SVDResult(u, getitem(packed, (..., m, slice(None))), swapaxes(v, -1, -2))


def svdvals(x: Any) -> Any:
    return getitem(singular(_matrix("svdvals", x)), (..., shape(x)[-2], slice(None)))


def pinv(a: Any, rcond: float | None = None, hermitian: bool = False, *, rtol: float | None = None) -> Any:
    rcond = rtol if rcond is None else rcond
    return PINV(1e-15 if rcond is None else float(rcond), bool(hermitian))(_matrix("pinv", a))


def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    m, n = shape(a)[-2:]
    left, right = (x.data if isinstance(x, Node) else np.asarray(x, float) for x in (a, b))
    _, _, rank, s = np.linalg.lstsq(left, right, rcond=rcond)
    cut = np.finfo(s.dtype).eps * builtins.max(m, n) if rcond is None else rcond
    x = matmul(pinv(a, cut), b)
    left = sum(square(subtract(matmul(a, x), b)), 0)
    return x, reshape(left, (-1,)) if rank == n < m else np.zeros(0), rank, s


def matrix_power(a: Any, n: int) -> Any:
    if n < 0:
        return matrix_power(inv(a), -n)
    out: Any = np.broadcast_to(np.eye(shape(a)[-1]), shape(a)) if n == 0 else None
    while n:
        if n % 2:
            out = rows.positive(a) if out is None else matmul(out, a)  # a node of its own
        n //= 2
        a = matmul(a, a) if n else a
    return out


def multi_dot(arrays: Any) -> Any:
    return functools.reduce(matmul, arrays)


def tensorinv(a: Any, ind: int = 2) -> Any:
    sizes = shape(a)
    return reshape(inv(reshape(a, (math.prod(sizes[:ind]), -1))), sizes[ind:] + sizes[:ind])


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a = a if axes is None else moveaxis(a, axes, range(-len(axes), 0))
    sizes, n = shape(a)[len(shape(b)) :], math.prod(shape(b))
    return reshape(solve(reshape(a, (n, n)), ravel(b)), sizes)


def cond(x: Any, p: Any = None) -> Any:
    if p not in (None, 2, -2):
        return multiply(norm(x, p, (-2, -1)), norm(inv(x), p, (-2, -1)))
    s = svdvals(x)
    first, last = getitem(s, (..., 0)), getitem(s, (..., -1))
    return divide(last, first) if p == -2 else divide(first, last)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the norm over the axes, as np.linalg.norm: of vectors any order, of matrices fro, nuc, ±1, ±2 and ±inf.

    The 2-norm of a vector, and of a matrix ord "fro", is scaled, so that it neither overflows nor underflows; at 0 its
    gradient is 0. Where axis is None and ord is None, all numbers are one vector.

    >>> float(norm([3.0, 4.0])), float(norm([[3.0, 0.0], [0.0, 4.0]], "nuc"))
    (5.0, 7.0)
    """
    if isinstance(ord, Node):
        raise DTypeError("norm: ord is a plain number, not a node: pass ord.data")
    axis, ndim = _axes("norm", axis, x), len(shape(x))
    is_matrix = (axis is None and ndim == 2) or (isinstance(axis, tuple) and len(axis) == 2)
    if ord in (None, "fro") or (ord == 2 and not is_matrix):
        return NORM(2, axis, keepdims)(x)
    if is_matrix:
        row, column = axis if isinstance(axis, tuple) else (0, 1)
        return _matrix_norm(x, ord, row % ndim, column % ndim, keepdims)
    if isinstance(ord, str):
        raise ValueError(
            f"norm: ord={ord!r} is for matrices, shape {shape(x)} with axis {axis} gives vectors"
        )
    size = abs(x)
    if ord in (math.inf, -math.inf):
        return (max if ord > 0 else min)(size, axis, keepdims)
    if ord == 0:
        return sum(where(equal(x, 0.0), 0.0, add(zeros_like(x), 1.0)), axis, keepdims)
    if ord < 0:
        return rows.power(sum(rows.power(size, float(ord)), axis, keepdims), 1.0 / ord)
    return sum(size, axis, keepdims) if ord == 1 else NORM(ord, axis, keepdims)(x)


def _matrix_norm(x: Any, ord: Any, row: int, column: int, keepdims: bool) -> Any:
    lost, sizes = (row, column), [1 if i in (row, column) else n for i, n in enumerate(shape(x))]
    if ord in ("nuc", 2, -2):
        values = svdvals(moveaxis(x, lost, (-2, -1)))
        out = sum(values, -1) if ord == "nuc" else (max if ord > 0 else min)(values, -1)
    elif ord in (1, -1, math.inf, -math.inf):
        inside, outside = lost if builtins.abs(ord) == 1 else (column, row)
        out = (max if ord > 0 else min)(sum(abs(x), inside, True), outside, True)
    else:
        raise ValueError(f"norm: of a matrix ord is None, 'fro', 'nuc', ±1, ±2 or ±inf, got {ord!r}")
    return reshape(out, sizes if keepdims else [n for i, n in enumerate(shape(x)) if i not in lost])


def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if axis is None:
        out = norm(ravel(x), ord)
        return reshape(out, (1,) * len(shape(x))) if keepdims else out
    out = norm(_lines(x, axis), ord, -1)
    lost = axes_of(_axis(axis), len(shape(x)))
    return reshape(out, [1 if i in lost else n for i, n in enumerate(shape(x))]) if keepdims else out


# ---- Methods, and what NumPy says of its functions -------------------------------------------------------------------------

for _function in (diagonal, trace, repeat, dot):
    setattr(Tensor, _function.__name__, _function)


def _described(name: str, function: Any) -> None:
    """Give a function of NumPy's name the docstring that says so."""
    place = "np" if hasattr(np, name) else "np.linalg"
    theirs = getattr(np, name, None) or getattr(np.linalg, name, None)
    what = " ".join((getattr(theirs, "__doc__", None) or "").strip().partition("\n\n")[0].split())
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Return {place}.{name} of nodes, in their graph. {what}"


for _name, _function in list(globals().items()):
    is_ours = inspect.isfunction(_function) and _function.__module__ == __name__
    if is_ours and not _function.__doc__ and _name[0] != "_":
        _described(_name, _function)
