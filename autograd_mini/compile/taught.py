"""Exprs as a teacher writes them: the same numbers up to rounding, at ordinary operands, in fewer words.

A step changes the top of an Expr whose parts are done, or returns it as it is; `taught` applies all of them everywhere. What is made
of sums and products is read to its terms, and written again in the shortest of three forms: as it stands, with quotients multiplied
out, with everything multiplied out. So what cancels is not written: the slope of a sigmoid against the divisors of a cross-entropy.
"""

import functools
import math
import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .. import symbols
from ..symbols import OPERATORS, SHAPES, Expr, call, constant, is_number, ordered, rebuilt, spread, symbol
from .passes import unspread
from .program import NOT_ELEMENTWISE

# Calls that only readers see: sizes by name, and what NumPy has a word for. Of `like` only the shape counts.
WORDS: dict[str, Any] = {
    "size": (np.size, lambda like: ()),
    "length": (len, lambda like: ()),
    "shape_at": (lambda like, axis: like.shape[axis], lambda like, axis: ()),
    "one_hot": (lambda y, like: np.eye(like.shape[1])[y], lambda y, like: like.shape),
    "outer": (np.outer, lambda x, y: (x.size, y.size)),
}
OPERATORS |= {name: function for name, (function, _) in WORDS.items()}
SHAPES |= {name: shape for name, (_, shape) in WORDS.items()}
NOT_ELEMENTWISE |= {*WORDS}
SIZES = ("size", "length", "shape_at")
MOST_TERMS, FEW_TERMS = 32, 6  # that are put together; that are multiplied out

_a, _b, _c, _d = map(symbol, "abcd")
_A, _B = symbol("A", (2, 2)), symbol("B", (2, 2))


# The share of a maximum or minimum: all where a wins, half of it at a tie
TIES = {
    call("where", call(loses, _a, _b), 0.0, call("where", call("equal", *pair), 0.5 * _c, _c)):
        _c * (call(wins, _a, _b) + 0.5 * call("equal", _a, _b))
    for loses, wins in (("less", "greater"), ("greater", "less")) for pair in ((_a, _b), (_b, _a))
}  # fmt: skip
TAUGHT: dict[Expr, Any] = {
    **symbols.READABLE, **TIES,
    call("logical_or", _a, call("not_equal", _b, _b)): _a,
    call("sigmoid", -_a): 1.0 - call("sigmoid", _a),
    call("square", _a): call("power", _a, 2),
    call("linear", _A, _B, _c): _A @ _B + _c,
    call("getitem", call("log", _A), _b): call("log", call("getitem", _A, _b)),
    0.0 / _a: 0.0, _a + 0.0: _a, 0.0 + _a: _a,
}  # fmt: skip
BY_NAME: dict[str, dict[Expr, Any]] = {}
for _pattern, _simpler in TAUGHT.items():
    BY_NAME.setdefault(_pattern.name, {})[_pattern] = _simpler
# x < y as y > x, and where it is not so
MIRRORED = {"less": "greater", "less_equal": "greater_equal", "equal": "equal", "not_equal": "not_equal"}
MIRRORED |= {y: x for x, y in MIRRORED.items()}
OTHERWISE = {"less": "greater_equal", "greater": "less_equal"}
OTHERWISE |= {y: x for x, y in OTHERWISE.items()}
Units = Mapping[tuple[Expr, int], list[Expr]]


def taught(expr: Expr, units: Units | None = None, known: dict[Expr, Expr] | None = None) -> Expr:
    """Return an Expr as a teacher writes it.

    `units`: what sums to 1 along an axis, with a list that the sums are put into; `known`: what has been found with the same units.

    >>> Y, A, B = (symbol(name, (4, 1)) for name in "YAB")
    >>> taught(((1.0 - Y) / (1.0 - A) - Y / A) * A * (1.0 - A))
    subtract(A, Y)
    >>> taught(call("sum", -2.0 * Y, axis=(0,)) * 1.0)
    negative(multiply(2.0, sum(Y, 0, False)))
    """
    known = {} if known is None else known

    def step(x: Expr) -> Expr:
        if x.name == "sum" and _is_one(x, units or {}):
            return spread(constant(1.0), x)
        for change in STEPS:
            changed = change(x)
            if changed is not x:
                return changed
        return symbols.rewritten(x, BY_NAME.get(x.name, {}), loosely=True)

    while (found := rebuilt(expr, known, step)) is not expr:
        expr = found
    return expr


def _is_one(x: Expr, units: Units) -> bool:
    """Whether it is the sum of what sums to 1 along that axis."""
    inner = x.args[0]
    axis = one_axis(x.args[1].value, len(inner.shape or ()))
    if axis is not None and (inner, axis) in units:
        units[inner, axis].append(x)
        return True
    return inner.name == "one_hot" and axis == -1


def one_axis(axis: Any, ndim: int) -> int | None:
    """The one axis of a reduction, counted from the end."""
    at = 0 if axis is None and ndim == 1 else axis
    return at - ndim * (at >= 0) if isinstance(at, int) else None


def cost(expr: Expr) -> int:
    """How many calls are to be read, each as often as it stands there."""
    found: dict[Expr, int] = {}
    for x in ordered(expr):
        is_read = x.shape is not None and not x.is_leaf and x.name not in SIZES
        found[x] = sum(found[part] for part in x.args) + is_read
    return found[expr]


# ---- Axes and views ---------------------------------------------------------------------------------------------------

SAME = {constant(slice(None)), constant(None), constant(...)}  # what keeps or makes an axis


def _axes(x: Expr) -> Expr:
    """Whatever makes or drops axes of length 1 as a reshape; no reshape where broadcasting or keepdims does that."""
    name, inner = x.name, x.args[0] if x.args else x
    shape, index = inner.shape or (), x.args[-1] if x.args else x
    if name in ("getitem", "reshape") and inner.shape == ():
        return call("broadcast_to", inner, x.shape)
    parts = index.args if index.name == "tuple" else (index,)
    if (
        name in ("getitem", "squeeze", "scatter")
        and shape
        and x.shape
        and math.prod(shape) == math.prod(x.shape)
    ):
        is_of_axes = all(part in SAME or is_number(part, 0) for part in parts)
        return call("reshape", inner, x.shape) if name == "squeeze" or is_of_axes else x
    if name == "getitem" and all(part.name == "slice" for part in parts):  # up to the end, without its number
        ends = [(part.args, n) for part, n in zip(parts, shape, strict=False)]
        return inner[tuple(slice(y[0], None if is_number(y[1], n) else y[1], y[2]) for y, n in ends)]
    if name == "reshape" and x.shape:
        return _reshaped(x, inner, shape)
    return x


def _reshaped(x: Expr, inner: Expr, shape: tuple[int, ...]) -> Expr:
    """A reshape of a reshape, of a sum with its axis kept, of what goes element by element, of a product by a column."""
    a = inner.args
    if inner.name == "reshape":
        return call("reshape", a[0], x.shape)
    if inner.name in symbols.REDUCTIONS and inner.keywords == ("axis", "keepdims") and a[0].shape:
        kept = call(inner.name, a[0], axis=a[1], keepdims=True)
        return kept if kept.shape == x.shape else x
    is_elementwise = inner.shape is not None and inner.name not in NOT_ELEMENTWISE
    if shape and is_elementwise and all(part.shape in ((), shape) for part in a):
        return call(inner.name, *[call("reshape", part, x.shape) if part.shape else part for part in a])
    if inner.name == "matmul" and shape == (*(x.shape or ()), 1) and a[1].name == "reshape":
        return call("matmul", a[0], a[1].args[0]) if a[1].args[0].shape == (a[1].shape or ())[:1] else x
    return x


def _spelt(x: Expr) -> Expr:
    """Products and calls of ours in NumPy's words."""
    a = x.args
    if x.name in MIRRORED and a[0].name == "constant" != a[1].name:
        return call(MIRRORED[x.name], a[1], a[0])
    if x.name == "swapaxes" and x.shape == (1, 1):
        return a[0]
    if x.name == "swapaxes" and a[0].name == "matmul" and all(len(y.shape or ()) > 1 for y in a[0].args):
        return call("matmul", a[0].args[1].T, a[0].args[0].T) if a[1].value == -1 else x
    if x.name == "centred":
        return a[0] - call("mean", a[0], axis=a[1], keepdims=True)
    if x.name == "where" and a[0].name in OTHERWISE and a[2].name != "where":
        for kept, zero, mask in ((a[1], a[2], a[0].name), (a[2], a[1], OTHERWISE[a[0].name])):
            if is_number(zero, 0) and _is_gradient(kept):
                return kept * call(mask, *a[0].args)
    if x.name == "multiply" and x.shape and len(x.shape) == 2:
        column, row = a if a[0].name == "reshape" else a[::-1]
        if column.name == "reshape" and [column.args[0].shape, row.shape] == [x.shape[:1], x.shape[1:]]:
            return call("outer", column.args[0], row)
    return x


def _is_gradient(x: Expr) -> bool:
    """Whether it is no value of the way forward, where 0 · NaN may stand: where(x > 0, sqrt(x), 0) stays."""
    leaves = [y.value for y in ordered(x) if y.name == "symbol"]
    return any(name.startswith("d#") for name in leaves) or not any(name.startswith("#") for name in leaves)


def _reduced(x: Expr) -> Expr:
    """Sums in one form, with what is the same for all their terms in front."""
    if x.name not in symbols.REDUCTIONS or x.keywords[:1] != ("axis",):
        return x
    inner, axis, keepdims, *_ = *x.args, constant(False)
    shape = inner.shape or ()
    lost = [part.value for part in axis.args] if axis.name == "tuple" else [axis.value]
    if len(lost) == len(shape) and keepdims.value is False:
        lost = [None]
    axis = constant(lost[0] if len(lost) == 1 else tuple(lost))
    if x.keywords == ("axis",) or axis is not x.args[1]:
        return call(x.name, inner, axis=axis, keepdims=keepdims)
    if x.name not in ("sum", "mean"):
        return x
    term = _factors(inner)
    same = [(), x.shape] if is_number(axis, 0) or keepdims.value is True else [()]
    outside = Term(term.number, {y: n for y, n in term.powers.items() if y.shape in same})
    inside = Term(1.0, {y: n for y, n in term.powers.items() if y not in outside.powers})
    if not np.isfinite(term.number) or (inside.powers and outside == NOTHING):
        return x
    if inside.powers:
        part = call(x.name, spread(_written(inside), inner), axis=axis, keepdims=keepdims)
        return spread(_written(outside * Term(1.0, {part: 1})), x)
    count = math.prod(shape) // math.prod(x.shape or ()) if x.name == "sum" else 1
    return spread(_written(outside._replace(number=count * outside.number)), x)


# ---- Sums and products ------------------------------------------------------------------------------------------------


class Term(NamedTuple):
    """A product: its number, and the power of each part in order, of a divisor below 0."""

    number: float
    powers: dict[Expr, int]

    def __mul__(self, other: Any) -> "Term":
        powers = Counter(self.powers)
        powers.update(other.powers)
        return Term(self.number * other.number, {y: n for y, n in powers.items() if n})

    def __pow__(self, n: int) -> "Term":
        return Term(self.number**n, {y: n * power for y, power in self.powers.items()})


NOTHING = Term(1.0, {})
TOTALS, PRODUCTS = ("add", "subtract"), ("multiply", "divide", "negative")


def _algebra(x: Expr) -> Expr:
    """The shortest form of a sum or a product: brackets, signs and numbers in one order, without what cancels."""
    if x.name not in (*TOTALS, *PRODUCTS) or x.weak:
        return x
    terms = _terms(x)
    if not all(np.isfinite(term.number) for term in terms):
        return x
    is_total = x.name in TOTALS
    if is_total and len(terms) == len(_merged(terms)) > FEW_TERMS:
        return x
    tries, out = [terms], _expanded(terms, True)
    if is_total or len(out) > len(terms):
        tries += [out, _expanded(out, False)]
    tries = [one for one in map(_merged, tries) if not is_total or len(one) <= len(terms)]
    forms = [(spread(_total(one, is_total), x), len(one)) for one in tries]
    best, count = min(forms, key=lambda form: (cost(form[0]), form[1]))
    return best if not is_total or (cost(best), count) < (cost(x), len(terms)) else x


def _terms(x: Expr) -> list[Term]:
    """The terms of a sum, each as a product; of a long sum the first part as it stands."""
    found: list[Term] = []
    stack = [(x, 1.0)]
    while stack:
        part, sign = stack.pop()
        if part.name in TOTALS and len(stack) + len(found) < MOST_TERMS:
            left, right = part.args
            stack += [(right, -sign if part.name == "subtract" else sign), (left, sign)]
        else:
            term = _factors(part)
            found.append(term._replace(number=sign * term.number))
    return found


def _factors(x: Expr, depth: int = 0) -> Term:
    """The number, the factors and the divisors of a product, in order."""
    a, name, whole = x.args, x.name, Term(1.0, {x: 1})
    if name == "constant" and x.shape == () and x.dtype.kind in "fi":
        return Term(float(x.value), {})
    if name == "sqrt" and a[0].name == "constant" and a[0].shape == ():
        return Term(math.sqrt(a[0].value), {})
    is_wider = name == "broadcast_to" or (name == "reshape" and a[0].shape == (x.shape or ())[1:])
    if depth > MOST_TERMS or not (is_wider or name in (*PRODUCTS, "power")):
        return whole
    first, *second = [_factors(part, depth + 1) for part in a if part.shape is not None]
    if is_wider or name == "negative":
        return first if is_wider else Term(-first.number, first.powers)
    if name == "multiply":
        return first * second[0]
    if name == "divide":
        return first * second[0] ** -1 if second[0].number else whole
    return first ** int(a[1].value) if a[1] in SMALL_POWERS else whole


SMALL_POWERS = {constant(n) for n in (2, 3, 4, 2.0, 3.0, 4.0)}


def _expanded(terms: Sequence[Term], is_of_quotients: bool) -> list[Term]:
    """The terms with the sums among their factors multiplied out, or those of them that have divisors inside."""
    done: list[Term] = []
    stack = [*reversed(terms)]
    while stack:
        term = stack.pop()
        sums = [(y, _terms(y)) for y, n in term.powers.items() if y.name in TOTALS and n > 0]
        sums = [(y, parts) for y, parts in sums if not is_of_quotients or any(map(_divisors, parts))]
        if not sums or len(done) + len(stack) > MOST_TERMS:
            done.append(term)
            continue
        total, parts = sums[0]
        rest = term * Term(1.0, {total: -1})
        stack += [rest * part for part in reversed(parts)]
    return done


def _divisors(term: Term) -> Counter[Expr]:
    return -Counter(term.powers)


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Like terms put together."""
    found: dict[Any, Term] = {}
    for term in terms:
        is_tiny = not term.powers and abs(term.number) < 1e-3  # 1 + 1e-8 stays as it is
        key = frozenset(term.powers.items()), is_tiny
        number = term.number + (found[key].number if key in found else 0.0)
        found[key] = found.get(key, term)._replace(number=number)
    return [term for term in found.values() if abs(term.number) > 1e-15]


def _total(terms: Sequence[Term], is_inside: bool) -> Expr:
    """A sum from its terms, what is positive first, with what all of them have outside; a number that all have, or inside."""
    if len(terms) < 2:
        return _written(terms[0]) if terms else constant(np.zeros(()))
    above = functools.reduce(operator.and_, [+Counter(term.powers) for term in terms])
    below = functools.reduce(operator.and_, map(_divisors, terms))
    number = abs(terms[0].number)
    number = 1.0 if is_inside or any(abs(term.number) != number for term in terms) else number
    outside = Term(number, above) * Term(1.0, {y: -n for y, n in below.items() if y.shape == ()})
    parts = [_written(term * outside**-1) for term in sorted(terms, key=lambda term: term.number < 0)]
    total = functools.reduce(lambda x, y: x - y.args[0] if y.name == "negative" else x + y, parts)
    return _written(outside * Term(1.0, {total: 1}))


def _power(x: Expr, n: int) -> Expr:
    return x if n == 1 else call("power", x, n)


def _written(term: Term) -> Expr:
    """A product from its number, factors and divisors."""
    n, d = _fraction(abs(term.number))
    above = [_power(y, n) for y, n in term.powers.items() if n > 0]
    below = [_power(y, -n) for y, n in term.powers.items() if n < 0]
    found = functools.reduce(operator.mul, above if above and n is ONE else [n, *above])
    found = functools.reduce(operator.truediv, below if d is ONE else [*below, d], found)
    if term.number < 0:
        return -(call("asarray", found, dtype=np.dtype(float)) if found.dtype.kind == "b" else found)
    return found


def _fraction(x: float) -> tuple[Expr, Expr]:
    """A number as the reader likes it: a short decimal, a fraction, or a root."""
    if len(repr(x)) <= 6 or x.is_integer():
        return constant(x), ONE
    near = Fraction(x).limit_denominator(10_000)
    if near and abs(float(near) - x) <= 4e-16 * x:
        return constant(float(near.numerator)), constant(float(near.denominator))
    for square, is_below in ((x * x, False), (1 / x / x, True)):
        whole = float(round(square))
        if 1 < whole < 10_000 and abs(whole - square) <= 4e-15 * square:
            root = call("sqrt", whole)
            return (ONE, root) if is_below else (root, ONE)
    return constant(x), ONE


ONE = constant(1.0)
STEPS = (unspread, _axes, _spelt, _reduced, _algebra, symbols._exact)
