"""Functions of numbers and arrays that neither math nor NumPy has, or that are slow there. No derivative is stated here."""

import contextlib
import math
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec as _find_spec
from typing import Any

import numpy as np

find_spec = cache(_find_spec)


def split_square(xp: Any, x: Any) -> tuple[Any, Any]:
    """x² as high² + rest: `high` has so few bits that its square is exact; a rounded x² alone would cost exp(−x²) x² units of eps."""
    high = xp.round(x * 64.0) / 64.0
    return high, (x - high) * (x + high)


def elementwise(xp: Any) -> dict[str, Callable[..., Any]]:
    """The functions that neither math nor NumPy has, exact in the tails."""

    def sech2(x: Any) -> Any:
        e = xp.exp(-2.0 * xp.abs(x))
        return 4.0 * e / (1.0 + e) / (1.0 + e)

    def logistic(x: Any) -> Any:
        e = xp.exp(-xp.abs(x))
        return e / (1.0 + e) / (1.0 + e)

    def sigmoid(x: Any) -> Any:
        e = xp.exp(-xp.abs(x))
        return xp.maximum(e, xp.greater_equal(x, 0)) / (1.0 + e)  # e below 0, 1 from there on

    def softplus(x: Any) -> Any:
        return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))

    def xlogy(x: Any, y: Any) -> Any:
        off = xp.logical_and(xp.equal(x, 0), xp.equal(y, y))
        return xp.where(off, 0.0, x * xp.log(xp.where(off, 1.0, y)))

    def normal_pdf(x: Any) -> Any:
        high, rest = split_square(xp, xp.minimum(xp.maximum(x, -64.0), 64.0))  # beyond ±64 it is 0
        return math.sqrt(0.5 / math.pi) * xp.exp(-0.5 * high * high) * xp.exp(-0.5 * rest)

    def normal_cdf(x: Any) -> Any:
        # for x < 0 a factor repairs the rounding of t = −x/√2, since erfc(t) ~ exp(−t²)
        x = xp.minimum(xp.maximum(x, -64.0), 64.0)
        t = -math.sqrt(0.5) * x
        (high, rest), (top, left) = split_square(xp, x), split_square(xp, t)
        lost = 0.5 * high * high - top * top + (0.5 * rest - left)
        return 0.5 * xp.erfc(t) * xp.exp(xp.where(xp.greater(t, 1.0), -lost, 0.0))

    def sinc(x: Any, order: int = 0) -> Any:
        """The derivative of that order of sin(πx) / (πx): a Taylor series near 0, the closed form away from it."""
        t = math.pi * x
        near = xp.less(xp.abs(t), 1.0 + order)
        small, large = xp.where(near, t, 0.0), xp.where(near, 1.0, t)
        series, power, m = 0.0 * small, 1.0 + 0.0 * small, 0
        while m < 24 + 3 * order:  # Σ cos((m + order)·π/2) · tᵐ / (m!·(m + order + 1)); odd terms are 0
            if (m + order) % 2 == 0:
                series = series + (-1.0) ** ((m + order) // 2) / (m + order + 1) * power
            m += 1
            power = power * small / m
        closed = xp.sin(large) / large
        for k in range(1, order + 1):
            closed = (xp.sin(large + 0.5 * math.pi * k) - k * closed) / large
        return math.pi**order * xp.where(near, series, closed)

    functions = (sech2, logistic, sigmoid, softplus, xlogy, normal_pdf, normal_cdf, sinc)
    return {function.__name__: function for function in functions}


# ---- Arrays


def dot_for_matrices(x: Any, y: Any) -> Any:
    """np.matmul, by np.dot where both are matrices, which is four to ten times quicker for thin ones."""
    return np.dot(x, y) if x.ndim == 2 and y.ndim == 2 else np.matmul(x, y)


def linear(x: Any, w: Any, b: Any) -> Any:
    """x @ w + b, in one buffer."""
    out = dot_for_matrices(x, w)
    if w.ndim != 2 or (b.ndim and b.size != w.shape[1]):
        raise ValueError("x (…, k), weight (k, n) and bias (n,) are needed")
    return np.add(out, b, out if out.ndim > 1 and out.dtype == b.dtype else None)


def _of_both_types(n: float) -> dict[Any, Any]:
    """A number as an array of float64 and of float32: half the cost of a Python float beside a small array."""
    return {np.dtype(t): np.array(n, t) for t in (np.float64, np.float32)}


ZERO, ONE, MINUS_ONE = map(_of_both_types, (0.0, 1.0, -1.0))


def _exp(x: Any) -> Any:
    """eˣ, in x's own room; NumPy gives a plain number for what has no axes."""
    return np.exp(x, x) if type(x) is np.ndarray else np.exp(x)


def sigmoid(x: Any) -> Any:
    """The sigmoid above, to the bit, in fewer steps."""
    e = _exp(np.copysign(x, MINUS_ONE[x.dtype]))  # exp(−|x|)
    e += ONE[x.dtype]
    out = _exp(np.minimum(x, ZERO[x.dtype]))
    out /= e
    return out


def logistic(x: Any) -> Any:
    e = _exp(np.copysign(x, MINUS_ONE[x.dtype]))  # exp(−|x|)
    d = e + ONE[x.dtype]
    e /= d
    e /= d
    return e


def _shifted(x: Any, axis: Any) -> Any:
    """x minus its maximum, so that exp does not overflow."""
    return x - np.maximum.reduce(x, axis=axis, keepdims=True, initial=-math.inf)


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(_shifted(x, axis))
    return e / np.add.reduce(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any) -> Any:
    below = _shifted(x, axis)
    return below - np.log(np.add.reduce(np.exp(below), axis=axis, keepdims=True))


def centred(x: Any, axis: Any) -> Any:
    """x minus its mean over the axes; it starts from differences to the first element, so that equal numbers give 0 exactly."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    lost = [i % x.ndim for i in axes]
    away = x - x[tuple(slice(0, 1) if i in lost else slice(None) for i in range(x.ndim))]
    count = math.prod(x.shape[i] for i in lost)
    return away - np.add.reduce(away, axis=axis, keepdims=True) / count


def special(name: str) -> Callable[..., Any]:
    """The error function of that name, by math element by element; erf by scipy where it is installed."""
    elementwise = np.frompyfunc(getattr(math, name), 1, 1)

    @cache
    def quickest() -> Callable[..., Any]:
        if name == "erf":  # scipy's erfc loses digits in the tail, math's does not
            with contextlib.suppress(ImportError):
                from scipy.special import erf

                return erf  # type: ignore[no-any-return]
        return lambda x: np.asarray(elementwise(x), x.dtype)

    return lambda x: quickest()(np.asarray(x))


def scatter(x: Any, shape: tuple[int, ...], index: Any) -> Any:
    """Zeros of that shape, with x added at the index."""
    out = np.zeros(shape, np.result_type(x))
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, list | np.ndarray) for part in parts):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


def scatter_along_axis(x: Any, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    """Zeros of that shape, with x added at the indices along an axis."""
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return scatter(x, shape, tuple(grid))


def index_update(x: Any, index: Any, value: Any) -> Any:
    """A copy of x with the value at the index."""
    out = np.array(x, dtype=np.result_type(x, value))
    out[index] = value
    return out


def last_written(shape: tuple[int, ...], index: Any) -> Any:
    """1 for each element of x[index] that was written last to its place, 0 for one that a later one has overwritten."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    order, owner = np.arange(np.size(places)).reshape(np.shape(places)), np.empty(shape, int)
    owner[index] = order
    return (owner[index] == order).astype(float)


def all_finite(x: Any) -> bool:
    """Whether a number, or every number of an array, is finite."""
    if not isinstance(x, np.ndarray):
        return math.isfinite(x)
    return math.isfinite(np.vdot(x, x)) or bool(np.isfinite(x).all())  # large squares overflow


def recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """y with yᵢ = bᵢ + aᵢ · yᵢ₋₁ along an axis; with `reverse`, yᵢ₊₁ in place of yᵢ₋₁."""
    a, out = np.moveaxis(a, axis, 0), np.array(np.moveaxis(b, axis, 0))
    steps = range(len(out) - 2, -1, -1) if reverse else range(1, len(out))
    for i in steps:
        out[i] += a[i] * out[i + 1 if reverse else i - 1]
    return np.moveaxis(out, 0, axis)


def shape(x: Any) -> tuple[int, ...]:
    return x.shape if type(x) is np.ndarray else np.shape(x)


def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """x in that shape: a copy for small shapes, which is quicker than np.broadcast_to's view."""
    x = np.asarray(x)
    if math.prod(shape) > 8192 or x.ndim > len(shape):
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


def cofactors(a: Any) -> Any:
    """∂det/∂a = det(u·v)·u·diag(product of the other singular values)·v, which also holds for a singular matrix."""
    unknown = ~np.isfinite(a).all((-2, -1))
    u, s, v = np.linalg.svd(np.where(unknown[..., None, None], 0.0, a))
    n = a.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1.0, s[..., None, :]).prod(-1)
    sign = np.round(np.linalg.det(u) * np.linalg.det(v))
    out = sign[..., None, None] * (u * others[..., None, :]) @ v
    return np.where(unknown[..., None, None], np.nan, out).astype(a.dtype)


def eigen(a: Any) -> Any:
    """The eigenvalues of symmetric matrices as a first row, and below it the eigenvectors, (…, n + 1, n)."""
    w, v = np.linalg.eigh(a)
    return np.concatenate([w[..., None, :], v], -2)


def singular(a: Any) -> Any:
    """u, below it the singular values as a row, and below it v of the singular value decomposition, (…, m + 1 + n, k)."""
    u, s, v = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], np.swapaxes(v, -1, -2)], -2)
