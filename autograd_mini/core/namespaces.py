"""The raw readings of `xp`: `arrays` for ndarrays, `scalar` for floats. Both bear NumPy's names.

`arrays` is NumPy, with what NumPy lacks or does slowly. `scalar` lays Python's `math` over it: five to ten times quicker on
single floats. Python's floats are not IEEE (1 / 0.0 raises, so does math.exp(1000.0)), so a rule that raises one of `ERRORS`
is read once more by `ieee`, on np.float64.
"""

import math
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import ops

ERRORS = (ArithmeticError, ValueError)  # how Python's floats and math refuse what IEEE arithmetic answers


class _SlowState:
    """What error_state does, by NumPy's own functions."""

    def set(self, state: Any) -> Any:
        return np.seterr(all="ignore")

    def reset(self, token: Any) -> None:
        np.seterr(**token)


def find_error_state() -> tuple[Any, Any]:
    """The context variable in which NumPy keeps its error state, and the state that is quiet.

    Found by looking which variable np.errstate changes: to set it costs 0.1 µs, to enter np.errstate 0.7, on every operation.
    """
    before = copy_context()
    with np.errstate(all="ignore"):
        inside = copy_context()
    found = [variable for variable in inside if before.get(variable) is not inside[variable]]
    return (found[0], inside[found[0]]) if len(found) == 1 else (_SlowState(), None)


error_state, QUIET = find_error_state()  # error_state.set(QUIET): NaN and infinity propagate, and no warning escapes


def ieee(rule: Callable[..., Any], *operands: Any) -> Any:
    """What the rule gives by IEEE arithmetic, as a float (or floats, where it returns several)."""
    with np.errstate(all="ignore"):
        out = rule(arrays, *map(np.float64, operands))
    return [float(share) for share in out] if isinstance(out, list | tuple) else float(out)


def read(xp: Any, rule: Callable[..., Any], *operands: Any) -> Any:
    """What the rule gives in that namespace; a float that refused is asked again with IEEE arithmetic."""
    try:
        return rule(xp, *operands)
    except ERRORS:
        if xp is scalar:
            return ieee(rule, *operands)
        raise


# ---- Both namespaces: written in operators and an inner namespace ----------------------------------------------------


def _elementwise(xp: Any) -> dict[str, Callable[..., Any]]:
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

    def normal_pdf(x: Any) -> Any:  # x² as high² + a remainder: rounding x² alone costs x²/2 units in the last place
        x = xp.minimum(xp.maximum(x, -64.0), 64.0)  # it is 0 beyond
        high = xp.round(x * 64.0) / 64.0
        return math.sqrt(0.5 / math.pi) * xp.exp(-0.5 * high * high) * xp.exp(-0.5 * (x - high) * (x + high))

    def normal_cdf(x: Any) -> Any:  # below 0, erfc(t) is mended for the rounding of t = −x/√2, as erfc(t) ~ exp(−t²)
        x = xp.minimum(xp.maximum(x, -64.0), 64.0)
        t = -math.sqrt(0.5) * x
        high = xp.round(x * 64.0) / 64.0
        top = xp.round(t * 64.0) / 64.0
        lost = 0.5 * high * high - top * top + (0.5 * (x - high) * (x + high) - (t - top) * (t + top))
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


# ---- Arrays ----------------------------------------------------------------------------------------------------------


def _dot_for_matrices(x: Any, y: Any) -> Any:
    """np.matmul by np.dot where both are matrices: four to ten times quicker for thin ones."""
    return np.dot(x, y) if getattr(x, "ndim", 0) == getattr(y, "ndim", 0) == 2 else np.matmul(x, y)


def _linear(x: Any, w: Any, b: Any) -> Any:
    out = _dot_for_matrices(x, w)
    if w.ndim != 2 or (b.ndim and b.size != w.shape[1]):
        raise ValueError("x (…, k), weight (k, n) and bias (n,) are needed")
    return np.add(out, b, out if out.ndim > 1 and out.dtype == b.dtype else None)


def _exp_minus_abs(x: Any) -> Any:
    """exp(−|x|) in one buffer of its own."""
    e = np.abs(x, out=np.empty(x.shape, x.dtype))
    np.negative(e, out=e)
    return np.exp(e, out=e)


def _sigmoid(x: Any) -> Any:
    """The sigmoid above, in two buffers: twice as quick on large arrays."""
    x = np.asarray(x)
    e = _exp_minus_abs(x)
    e += 1.0
    out = np.minimum(x, 0.0, out=np.empty(x.shape, x.dtype))
    np.exp(out, out=out)
    out /= e
    return out


def _logistic(x: Any) -> Any:
    x = np.asarray(x)
    out = _exp_minus_abs(x)
    d = np.add(out, 1.0, out=np.empty(x.shape, x.dtype))
    out /= d
    out /= d
    return out


def _special(name: str) -> Callable[..., Any]:
    """An error function by math, element by element; erf by scipy where it is installed."""
    elementwise = np.frompyfunc(getattr(math, name), 1, 1)
    found: list[Callable[..., Any]] = []

    def function(x: Any) -> Any:
        if not found:
            found.append(lambda x: np.asarray(elementwise(x), x.dtype))
            if name == "erf":  # scipy's erfc loses digits in the tail, math's does not
                try:
                    from scipy.special import erf
                except ImportError:
                    pass
                else:
                    found[0] = erf
        return found[0](np.asarray(x))

    return function


def _scatter(x: Any, shape: tuple[int, ...], index: Any) -> Any:
    out = np.zeros(shape, np.result_type(x))
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, list | np.ndarray) for part in parts):
        np.add.at(out, index, x)
    else:
        out[index] = x
    return out


def _scatter_along_axis(x: Any, indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    grid = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
    grid[axis] = indices
    return _scatter(x, shape, tuple(grid))


def _index_update(x: Any, index: Any, value: Any) -> Any:
    out = np.array(x, dtype=np.result_type(x, value))
    out[index] = value
    return out


def _last_written(shape: tuple[int, ...], index: Any) -> Any:
    """1 where an element of x[index] is the last written to its place, 0 where a later one covers it."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    order, owner = np.arange(np.size(places)).reshape(np.shape(places)), np.empty(shape, int)
    owner[index] = order
    return (owner[index] == order).astype(float)


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    a, out = np.moveaxis(a, axis, 0), np.array(np.moveaxis(b, axis, 0))
    steps = range(len(out) - 2, -1, -1) if reverse else range(1, len(out))
    for i in steps:
        out[i] += a[i] * out[i + 1 if reverse else i - 1]
    return np.moveaxis(out, 0, axis)


def _shape(x: Any) -> tuple[int, ...]:
    return x.shape if type(x) is np.ndarray else np.shape(x)


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """np.broadcast_to's view only pays for large shapes."""
    x = np.asarray(x)
    if math.prod(shape) > 8192 or x.ndim > len(shape):
        return np.broadcast_to(x, shape)
    out = np.empty(shape, x.dtype)
    out[...] = x
    return out


NUMPY_NAMES = """
    exp expm1 log log1p log2 log10 sqrt square sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2
    hypot logaddexp power abs sign floor ceil round remainder maximum minimum where greater greater_equal less less_equal equal
    not_equal logical_and logical_or isfinite zeros_like transpose squeeze expand_dims flip
    roll tril triu pad asarray concatenate stack cumsum cumprod sort argsort take_along_axis einsum eye ones
"""
arrays: Any = SimpleNamespace(**{name: getattr(np, name) for name in NUMPY_NAMES.split()})
vars(arrays).update(_elementwise(arrays))
vars(arrays).update(
    # x**2 squares, np.power(x, 2) calls libm
    power=lambda x, n: x**n if type(x) is np.ndarray and isinstance(n, int | float) else np.power(x, n),
    sum=np.add.reduce, prod=np.multiply.reduce, max=np.maximum.reduce, min=np.minimum.reduce,  # half of np.sum's own cost
    shape=_shape, reshape=lambda x, shape: np.asarray(x).reshape(shape), swapaxes=lambda x, i, j: x.swapaxes(i, j),
    broadcast_to=_broadcast_to,
    sigmoid=_sigmoid, logistic=_logistic, matmul=_dot_for_matrices, linear=_linear, erf=_special("erf"), erfc=_special("erfc"),
    scatter=_scatter, scatter_along_axis=_scatter_along_axis, index_update=_index_update, last_written=_last_written,
    softmax=lambda x, axis: ops.SOFTMAX(axis).forward(arrays, x),
    log_softmax=lambda x, axis: ops.LOG_SOFTMAX(axis).forward(arrays, x), recurrence=_recurrence,
    solve=np.linalg.solve, inv=np.linalg.inv, det=np.linalg.det, logabsdet=lambda a: np.linalg.slogdet(a)[1],
)  # fmt: skip

# ---- Floats ----------------------------------------------------------------------------------------------------------

scalar: Any = SimpleNamespace(**vars(arrays))
for _name in ["exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot", "erf", "erfc"]:
    setattr(scalar, _name, getattr(math, _name))
for _name in ["asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"]:
    setattr(scalar, "arc" + _name[1:], getattr(math, _name))
vars(scalar).update(
    power=lambda x, n: math.sqrt(x) if n == 0.5 else math.pow(x, n),  # as NumPy and PyTorch: of −inf it is NaN
    abs=abs, square=lambda x: x * x, remainder=lambda x, y: x % y,
    sign=lambda x: float((x > 0) - (x < 0)) if x == x else x,
    floor=lambda x: math.copysign(math.floor(x), x), ceil=lambda x: math.copysign(math.ceil(x), x),
    round=lambda x, n=0: float(round(x, n)),
    maximum=lambda x, y: x if x > y or x != x else y, minimum=lambda x, y: x if x < y or x != x else y,
    where=lambda c, x, y: x if c else y,
    greater=lambda x, y: x > y, greater_equal=lambda x, y: x >= y, less=lambda x, y: x < y, less_equal=lambda x, y: x <= y,
    equal=lambda x, y: x == y, not_equal=lambda x, y: x != y, logical_and=lambda x, y: x and y, logical_or=lambda x, y: x or y,
    zeros_like=lambda x: 0.0,
    logaddexp=lambda x, y: scalar.maximum(x, y) + math.log1p(math.exp(-abs(x - y))) if x != y else x + math.log(2.0),
)  # fmt: skip
vars(scalar).update(_elementwise(scalar))
