"""Passes: small pure functions from Expr to Expr. `exact` ones keep every bit; `taught` ones write what a teacher would.

A step changes the top of an Expr whose parts are done, or returns it as it is; `rebuilt` applies it everywhere.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..symbols import (  # fmt: skip
    AXES,
    PARTS,
    READABLE,
    REDUCTIONS,
    SHAPES,
    VIEWS,
    Expr,
    call,
    is_number,
    rebuilt,
    rewritten,
    symbol,
)
from ..symbols import _exact as identity
from ..symbols import _like as is_like

NOT_ELEMENTWISE = {*VIEWS, *AXES, *REDUCTIONS, *SHAPES, *PARTS, "symbol", "constant", "zeros_like"}


def exact(expr: Expr) -> Expr:
    """Return an Expr of the same bits in fewer calls: identities of IEEE arithmetic, and no spreading that a call does itself."""
    return rebuilt(expr, {}, _exact_step)


def _exact_step(x: Expr) -> Expr:
    for step in (identity, unspread):
        changed = step(x)
        if changed is not x:
            return changed
    return x


ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")


def _is_spread(x: Expr) -> bool:
    """Whether it is one number in a larger shape."""
    return x.name == "broadcast_to" and x.args[0].shape == ()


def unspread(x: Expr) -> Expr:
    """Without a broadcast_to that the operation itself does; a view of one number that is spread is that number spread."""
    if (
        x.name == "transpose"
        and len(x.shape or ()) == 2
        and [part.value for part in x.args[1].args] == [1, 0]
    ):
        return call("swapaxes", x.args[0], -1, -2)
    inner = x.args[0] if x.args else x
    if x.name in VIEWS and inner.name == "broadcast_to" and inner.args[0].shape == () and x.shape is not None:
        return call("broadcast_to", inner.args[0], x.shape)
    if x.name == "broadcast_to" and inner.name == "broadcast_to":
        return call("broadcast_to", inner.args[0], x.shape)
    if x.name in NOT_ELEMENTWISE or x.shape is None:
        return x
    if x.name in ARITHMETIC and all(part.shape == () or _is_spread(part) for part in x.args) and x.shape:
        found = call(x.name, *[part.args[0] if _is_spread(part) else part for part in x.args])
        return call("broadcast_to", found, x.shape) if found.dtype == x.dtype else x
    for i, part in enumerate(x.args):
        if part.name == "broadcast_to":
            args = (*x.args[:i], part.args[0], *x.args[i + 1 :])
            shapes = [one.shape for one in args if one.shape is not None]
            if np.broadcast_shapes(*shapes) == x.shape:
                new = call(x.name, *args)
                if is_like(new, x):
                    return new
    return x


# ---- For readers ------------------------------------------------------------------------------------------------------

_a, _b, _c = symbol("a"), symbol("b"), symbol("c")
_nil = call("equal", _a, 0)
TAUGHT: dict[Expr, Any] = {
    **READABLE,
    call("where", call("less_equal", _a, 0), 0.0, _b): _b * call("greater", _a, 0),
    call("where", call("greater", _a, 0), _b, 0.0): _b * call("greater", _a, 0),
    call("where", _nil, 0.0, _a * _b): _a * _b,
    call("where", _nil, _b, _b / _a): _b / _a,
    call("softplus", _a): call("logaddexp", 0.0, _a),
    0.0 / _a: 0.0, _a + 0.0: _a, 0.0 + _a: _a, 1.0 - 1.0 * _a: 1.0 - _a,
}  # fmt: skip


def taught(expr: Expr) -> Expr:
    """Return an Expr as a teacher writes it: the same up to rounding, at ordinary numbers."""
    return rebuilt(expr, {}, _taught_step)


def _taught_step(x: Expr) -> Expr:
    for step in (identity, unspread, _averaged, _spelt, _product, _sum):
        changed = step(x)
        if changed is not x:
            return changed
    return rewritten(x, TAUGHT, loosely=True)


def _averaged(x: Expr) -> Expr:
    """A sum over its count as a mean; the sum of a number that is spread as a product; lost axes that come back as kept."""
    inner = x.args[0] if x.args else x
    if x.name == "divide" and inner.name == "sum" and x.args[1].name == "constant" and inner.args[0].shape:
        count = int(np.prod(inner.args[0].shape)) // max(int(np.prod(inner.shape or ())), 1)
        if x.args[1].value == count:
            return call("mean", inner.args[0], axis=inner.args[1], keepdims=inner.args[2])
    if x.name == "sum" and inner.name == "broadcast_to" and inner.args[0].shape == () and x.shape == ():
        return inner.args[0] * float(np.prod(inner.shape or ()))
    if x.name == "sum" and inner.shape == ():
        return inner
    if x.name in ("sum", "mean") and inner.name == "negative":
        return -call(x.name, inner.args[0], **dict(zip(x.keywords, x.args[1:], strict=True)))
    if x.name == "sum" and x.keywords == ("axis",):
        return call("sum", inner, axis=x.args[1], keepdims=False)
    if x.name == "sum" and x.args[1].name == "tuple" and len(x.args[1].args) == 1:
        return call("sum", inner, axis=x.args[1].args[0], keepdims=x.args[2])
    if x.name == "reshape" and inner.name in REDUCTIONS and inner.keywords == ("axis", "keepdims"):
        kept = call(inner.name, inner.args[0], axis=inner.args[1], keepdims=True)
        return kept if kept.shape == x.shape and inner.args[0].shape else x
    return x


def _spelt(x: Expr) -> Expr:
    """x @ w + b for linear; a matrix of one number as it is for its transpose."""
    if x.name == "linear":
        return call("matmul", *x.args[:2]) + x.args[2]
    if x.name == "swapaxes" and x.shape == (1, 1):
        return x.args[0]
    if x.name == "slice" and is_number(x.args[0], 0):
        return call("slice", None, *x.args[1:])
    if x.name == "equal" and _is_column(x.args[0]) and _is_range(x.args[1]):
        return call("getitem", call("eye", x.args[1].value.size), x.args[0].args[0])
    inner = x.args[0] if x.args else x
    if (
        x.name == "getitem"
        and inner.name == "take_along_axis"
        and len(inner.shape or ()) == 2
        and _is_column(inner.args[1])
    ):
        return call("getitem", inner.args[0], (np.arange((inner.shape or ())[0]), inner.args[1].args[0]))
    return x


def _is_column(x: Expr) -> bool:
    """Whether it is y[..., None]."""
    return x.name == "getitem" and [part.value for part in x.args[1].args] == [..., None]


def _is_range(x: Expr) -> bool:
    return x.name == "constant" and x.shape is not None and is_range(x.value)


def is_range(array: Any) -> bool:
    """Whether an array is 0, 1, 2, …"""
    return (
        np.ndim(array) == 1
        and array.dtype.kind in "iu"
        and array.size > 0
        and np.array_equal(array, np.arange(array.size))
    )


def _product(x: Expr) -> Expr:
    """Products without inner brackets, the sign and the number in front, divisors behind."""
    if x.name not in ("multiply", "divide", "negative") or x.weak:
        return x
    found = _written(*_factors(x))
    return found if found is not None and is_like(found, x) else x


def _written(number: float, above: Sequence[Expr], below: Sequence[Expr]) -> Expr | None:
    """A product from its number, factors and divisors; None where it is no ordinary one."""
    if not above or number == 0 or not np.isfinite(number):
        return None
    n, d = _fraction(abs(number))
    found = above[0]
    if n != 1:
        found = n * found
    for factor in above[1:]:
        found = found * factor
    for factor in below:
        found = found / factor
    if d != 1:
        found = found / d
    return -found if number < 0 else found


def _sum(x: Expr) -> Expr:
    """A sum whose like terms are put together."""
    if x.name not in ("add", "subtract") or x.weak:
        return x
    terms = _terms(x, 1.0)
    merged: dict[Any, float] = {}
    for number, above, below in terms:
        merged[tuple(above), tuple(below)] = merged.get((tuple(above), tuple(below)), 0.0) + number
    if len(merged) == len(terms):
        return x
    total: Expr | None = None
    for (above, below), number in merged.items():
        term = _written(abs(number), above, below)
        if term is None:
            return x
        total = (
            (-term if number < 0 else term) if total is None else total - term if number < 0 else total + term
        )
    return total if total is not None and is_like(total, x) else x


def _terms(x: Expr, sign: float) -> list[tuple[float, list[Expr], list[Expr]]]:
    if x.name in ("add", "subtract"):
        return _terms(x.args[0], sign) + _terms(x.args[1], -sign if x.name == "subtract" else sign)
    number, above, below = _factors(x)
    return [(sign * number, above, below)]


def _factors(x: Expr) -> tuple[float, list[Expr], list[Expr]]:
    """The number, the factors and the divisors of a product, in order."""
    if x.name == "constant" and x.shape == () and x.dtype.kind == "f":
        return float(x.value), [], []
    if x.name == "negative":
        number, above, below = _factors(x.args[0])
        return -number, above, below
    if x.name in ("multiply", "divide"):
        (n, a, b), (m, c, d) = map(_factors, x.args)
        if x.name == "multiply":
            return n * m, a + c, b + d
        if m and not c and not d:
            return n / m, a, b
        if x.args[1].name != "multiply" and a:
            return n, a, [*b, x.args[1]]
    return 1.0, [x], []


def _fraction(x: float) -> tuple[float, float]:
    """A number as the reader likes it: a short decimal over 1, or a fraction."""
    if len(repr(x)) <= 6 or x.is_integer():
        return x, 1.0
    near = Fraction(x).limit_denominator(10_000)
    if near and abs(float(near) - x) <= 4e-16 * x:
        return float(near.numerator), float(near.denominator)
    return x, 1.0
