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

from .. import numerics
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


error_state, QUIET = (
    find_error_state()
)  # error_state.set(QUIET): NaN and infinity propagate, and no warning escapes


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


NUMPY_NAMES = """
    exp expm1 log log1p log2 log10 sqrt square sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh arctan2
    hypot logaddexp abs sign floor ceil round remainder maximum minimum where greater greater_equal less less_equal equal
    not_equal logical_and logical_or isfinite zeros_like transpose squeeze flip
    roll tril triu pad asarray concatenate stack cumsum cumprod sort argsort take_along_axis einsum eye ones
"""
OUR_NAMES = "sigmoid logistic linear shape broadcast_to scatter scatter_along_axis index_update last_written recurrence cofactors"
arrays: Any = SimpleNamespace(**{name: getattr(np, name) for name in NUMPY_NAMES.split()})
vars(arrays).update(numerics.elementwise(arrays))
vars(arrays).update(
    # x**2 squares, np.power(x, 2) calls libm
    power=lambda x, n: x**n if type(x) is np.ndarray and isinstance(n, int | float) else np.power(x, n),
    sum=np.add.reduce, prod=np.multiply.reduce, max=np.maximum.reduce, min=np.minimum.reduce,  # half of np.sum's own cost
    reshape=lambda x, shape: np.asarray(x).reshape(shape), swapaxes=lambda x, i, j: x.swapaxes(i, j),
    erf=numerics.special("erf"), erfc=numerics.special("erfc"), matmul=numerics.dot_for_matrices,
    softmax=lambda x, axis: ops.SOFTMAX(axis).forward(arrays, x), centred=lambda x, axis: ops.CENTRED(axis).forward(arrays, x), log_softmax=lambda x, axis: ops.LOG_SOFTMAX(axis).forward(arrays, x),
    solve=np.linalg.solve, inv=np.linalg.inv, det=np.linalg.det, logabsdet=lambda a: np.linalg.slogdet(a)[1],
    **{name: getattr(numerics, name) for name in OUR_NAMES.split()},
)  # fmt: skip

# ---- Floats ----------------------------------------------------------------------------------------------------------

scalar: Any = SimpleNamespace(**vars(arrays))
for _name in [
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "hypot",
    "erf",
    "erfc",
]:
    setattr(scalar, _name, getattr(math, _name))
for _name in ["asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"]:
    setattr(scalar, "arc" + _name[1:], getattr(math, _name))
vars(scalar).update(
    power=lambda x, n: math.sqrt(x) if n == 0.5 else math.pow(x, n),  # as NumPy and PyTorch: of −inf it is NaN
    abs=abs, square=lambda x: x * x, remainder=lambda x, y: x % y,
    sign=lambda x: float((x > 0) - (x < 0)) if x == x else x,
    floor=lambda x: math.copysign(math.floor(x), x), ceil=lambda x: math.copysign(math.ceil(x), x),
    round=lambda x, n=0: float(np.round(x, n)) if n else math.copysign(round(x), x),
    maximum=lambda x, y: x if x > y or x != x else y, minimum=lambda x, y: x if x < y or x != x else y,
    where=lambda c, x, y: x if c else y,
    greater=lambda x, y: x > y, greater_equal=lambda x, y: x >= y, less=lambda x, y: x < y, less_equal=lambda x, y: x <= y,
    equal=lambda x, y: x == y, not_equal=lambda x, y: x != y, logical_and=lambda x, y: x and y, logical_or=lambda x, y: x or y,
    zeros_like=lambda x: 0.0,
    logaddexp=lambda x, y: scalar.maximum(x, y) + math.log1p(math.exp(-abs(x - y))) if x != y else x + math.log(2.0),
)  # fmt: skip
vars(scalar).update(numerics.elementwise(scalar))
