"""What is composed of rows, and so needs no derivative of its own. Nodes in, node out; raw data in, raw data out."""

import builtins
import operator
import string
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .core.array_rows import EINSUM, logabsdet, matmul
from .core.functions import (
    _axis,
    _is_node,
    _one,
    _sizes,
    broadcast_to,
    getitem,
    ravel,
    reshape,
    scatter,
    shape,
    sum,
    transpose,
)
from .core.node import LISTS, Node
from .core.readings import ARRAYS
from .core.rows import DOT, add, multiply
from .core.tensor import Tensor
from .core.value import Value
from .errors import ShapeError


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
    return axes if isinstance(axes, Sequence | range) or np.ndim(axes) else [axes]


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


def trace(x: Any, offset: int = 0) -> Any:
    """Return the sum of the diagonal of the first two axes.

    >>> float(trace([[1.0, 2.0], [3.0, 4.0]]))
    5.0
    """
    return sum(diagonal(x, offset), -1)


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


for _function in (diagonal, trace, repeat, dot):
    setattr(Tensor, _function.__name__, _function)
