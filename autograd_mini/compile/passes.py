"""Passes: small pure functions from Expr to Expr. `exact` ones keep every bit; `taught` ones write what a teacher would.

A step changes the top of an Expr whose parts are done, or returns it as it is; `rebuilt` applies it everywhere.
"""

import functools
import operator
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ..symbols import READABLE, REDUCTIONS, VIEWS, Expr, call, constant, is_number, rebuilt, rewritten, symbol
from ..symbols import _exact as identity
from ..symbols import _like as is_like
from .program import NOT_ELEMENTWISE, Program

FEW = 256  # numbers that NumPy handles in the time of a call


def exact(program: Program) -> Program:
    """Return a program of the same bits in fewer calls.

    By identities of IEEE arithmetic, without spreading that a call does itself, and with calls of ours as those of NumPy that they
    make. Python's floats have functions of their own, which stay.
    """
    floats, known = set(program.floats), dict[Expr, Expr]()
    has_elements = any(x.name == "getitem" for x in floats)

    def step(x: Expr) -> Expr:
        parts = [part for part in x.args if part.name != "constant"]
        is_of_floats = bool(parts) and floats.issuperset(parts)
        is_element = has_elements and x.name == "getitem" and not x.shape
        if is_element or (is_of_floats and x.name not in NOT_ELEMENTWISE):
            floats.add(x)
        if x.name == "asarray" and is_of_floats:
            return x  # a float becomes an array, whose functions are others
        for change in (identity, folded, unspread, spelt_out):
            changed = x if change is spelt_out and is_of_floats else change(x)
            if changed is not x:
                return changed
        return x

    return program.mapped(lambda expr: rebuilt(expr, known, step))


MOST_TERMS = 32  # terms and factors that are put together for readers
ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")


def _is_spread(x: Expr) -> bool:
    """Whether it is one number in a larger shape."""
    return x.name == "broadcast_to" and x.args[0].shape == ()


def folded(x: Expr) -> Expr:
    """A constant in another dtype as the constant that it is."""
    if x.name == "asarray" and x.args[0].name == "constant" and not x.args[0].weak:
        return constant(np.asarray(x.args[0].value, x.dtype))
    return x


def unspread(x: Expr) -> Expr:
    """Without a broadcast_to that the operation itself does; a view of one number that is spread is that number spread."""
    inner = x.args[0] if x.args else x
    if x.name == "transpose" and [part.value for part in x.args[1].args] == [1, 0]:
        return call("swapaxes", inner, -1, -2)
    is_view = (x.name in VIEWS and _is_spread(inner)) or x.name == inner.name == "broadcast_to"
    if is_view and x.shape is not None:
        return call("broadcast_to", inner.args[0], x.shape)
    if x.name in NOT_ELEMENTWISE or x.name == "zeros_like" or x.shape is None:
        return x
    if x.name in ARITHMETIC and x.shape and all(part.shape == () or _is_spread(part) for part in x.args):
        found = call(x.name, *[part.args[0] if _is_spread(part) else part for part in x.args])
        return call("broadcast_to", found, x.shape) if found.dtype == x.dtype else x
    for i, part in enumerate(x.args):
        if part.name == "broadcast_to":
            new = call(x.name, *x.args[:i], part.args[0], *x.args[i + 1 :])
            if is_like(new, x):
                return new
    return x


def spelt_out(x: Expr) -> Expr:
    """Calls of ours as the calls of NumPy that they make, so that what two of them have in common is computed once."""
    inner = x.args[0] if x.args else x
    if x.name == "linear" and all(len(part.shape or ()) == 2 for part in x.args[:2]):
        return call("matmul", *x.args[:2]) + x.args[2]
    if x.name in ("softmax", "log_softmax"):
        below = inner - call("max", inner, axis=x.args[1], keepdims=True, initial=-np.inf)
        total = call("sum", e := call("exp", below), axis=x.args[1], keepdims=True)
        return e / total if x.name == "softmax" else below - call("log", total)
    if x.name in ("sigmoid", "logistic"):
        e = call("exp", call("copysign", inner, -1.0))
        if x.name == "logistic":
            return e / (e + 1.0) / (e + 1.0)
        is_large = np.prod(x.shape or ()) > FEW  # an exponential of many numbers costs more than a mask
        above = call("greater_equal", inner, 0.0) if is_large else call("minimum", inner, 0.0)
        return (call("maximum", e, above) if is_large else call("exp", above)) / (e + 1.0)
    return picked(x)


def closer(program: Program) -> Program:
    """Return a program of the same results up to rounding: numbers that multiply one after the other are one number."""
    known: dict[Expr, Expr] = {}
    return program.mapped(lambda expr: rebuilt(expr, known, _one_number))


def _one_number(x: Expr) -> Expr:
    if x.name == "divide" and all(map(_is_scalar, x.args)) and x.args[1].value:
        return constant(np.asarray(x.args[0].value / x.args[1].value)) if not x.weak else x
    if x.name != "multiply":
        return x
    number, inner = x.args if _is_scalar(x.args[0]) else x.args[::-1]
    if not _is_scalar(number) or inner.name != "multiply" or not any(map(_is_scalar, inner.args)):
        return x
    found, other = inner.args if _is_scalar(inner.args[0]) else inner.args[::-1]
    both = np.multiply(number.value, found.value)
    new = call("multiply", constant(float(both) if number.weak and found.weak else np.asarray(both)), other)
    return new if is_like(new, x) and np.isfinite(both) and abs(both) > 1e-30 else x


def _is_scalar(x: Expr) -> bool:
    return x.name == "constant" and x.shape == () and x.dtype.kind == "f"


def picked(x: Expr) -> Expr:
    """x[rows, y] for one element of each row."""
    inner = x.args[0] if x.args else x
    if x.name != "getitem" or inner.name != "take_along_axis" or len(inner.shape or ()) != 2:
        return x
    if not _is_column(inner.args[1]) or [part.value for part in x.args[1].args] != [..., 0]:
        return x
    return call("getitem", inner.args[0], (np.arange((inner.shape or (0,))[0]), inner.args[1].args[0]))


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
    return picked(x)


def _is_column(x: Expr) -> bool:
    """Whether it is y[..., None]."""
    return x.name == "getitem" and [part.value for part in x.args[1].args] == [..., None]


def _is_range(x: Expr) -> bool:
    return x.name == "constant" and x.shape is not None and is_range(x.value)


def is_range(array: Any) -> bool:
    """Whether an array is 0, 1, 2, …"""
    is_whole = np.ndim(array) == 1 and array.dtype.kind in "iu" and array.size > 0
    return bool(is_whole and np.array_equal(array, np.arange(array.size)))


def _product(x: Expr) -> Expr:
    """Products without inner brackets, the sign and the number in front, divisors behind."""
    if x.name not in ("multiply", "divide", "negative") or x.weak:
        return x
    found = _written(*_factors(x))
    return found if found is not None and is_like(found, x) else x


def _written(number: float, above: Sequence[Expr], below: Sequence[Expr]) -> Expr | None:
    """A product from its number, factors and divisors; None where it is no ordinary one."""
    if not (above or below) or number == 0 or not np.isfinite(number):
        return None
    if not above:
        return functools.reduce(operator.truediv, below, constant(number))
    n, d = _fraction(abs(number))
    found = functools.reduce(operator.mul, above[1:], above[0] if n == 1 else n * above[0])
    found = functools.reduce(operator.truediv, below if d == 1 else [*below, d], found)
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
        signed = -term if number < 0 else term
        total = signed if total is None else total - term if number < 0 else total + term
    return total if total is not None and is_like(total, x) else x


def _terms(x: Expr, sign: float) -> list[tuple[float, list[Expr], list[Expr]]]:
    """The terms of a sum, each as a product; of a long sum the first part as it stands."""
    found: list[tuple[float, list[Expr], list[Expr]]] = []
    stack = [(x, sign)]
    while stack:
        part, plus = stack.pop()
        if part.name in ("add", "subtract") and len(stack) + len(found) < MOST_TERMS:
            left, right = part.args
            stack += [(right, -plus if part.name == "subtract" else plus), (left, plus)]
        else:
            number, above, below = _factors(part)
            found.append((plus * number, above, below))
    return found


def _factors(x: Expr, depth: int = 0) -> tuple[float, list[Expr], list[Expr]]:
    """The number, the factors and the divisors of a product, in order."""
    if x.name == "constant" and x.shape == () and x.dtype.kind == "f":
        return float(x.value), [], []
    if depth > MOST_TERMS:
        return 1.0, [x], []
    if x.name == "negative":
        number, above, below = _factors(x.args[0], depth + 1)
        return -number, above, below
    if x.name in ("multiply", "divide"):
        (n, a, b), (m, c, d) = (_factors(part, depth + 1) for part in x.args)
        if x.name == "multiply":
            return n * m, a + c, b + d
        if m and not c and not d:
            return n / m, a, b
        if x.args[1].name != "multiply" and (a or x.args[0].name == "constant"):
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
