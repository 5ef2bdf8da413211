"""Exprs as a teacher writes them: the same numbers up to rounding, at ordinary operands, in fewer words.

A step changes the top of an Expr whose parts are done, or returns it as it is; `taught` applies all of them everywhere. Sums and
products are put in order by algebra, so that what cancels is not written: the slope of a sigmoid against the divisors of a
cross-entropy, or P · (dP − Σ dP · P) of a softmax against −Y / P.
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
from ..symbols import (
    OPERATORS,
    READABLE,
    REDUCTIONS,
    SHAPES,
    Expr,
    call,
    constant,
    is_number,
    ordered,
    rebuilt,
    rewritten,
    spread,
    symbol,
)
from ..symbols import _like as is_like
from .passes import is_range, picked, unspread
from .program import NOT_ELEMENTWISE


def _var(x: Any, axis: Any, keepdims: bool = False, ddof: float = 0) -> Any:
    """NumPy's variance, without its warning for a single number."""
    count = np.size(x) // max(np.size(np.sum(x, axis=axis)), 1)
    away = x - np.mean(x, axis=axis, keepdims=True)
    return np.sum(away * away, axis=axis, keepdims=keepdims) / (count - ddof)


# Calls that only readers see: sizes by name, and what NumPy has a word for. Of `like` only the shape counts.
WORDS: dict[str, Any] = {
    "size": (np.size, lambda like: ()),
    "length": (len, lambda like: ()),
    "shape_at": (lambda like, axis: like.shape[axis], lambda like, axis: ()),
    "one_hot": (lambda y, like: np.eye(like.shape[1])[y], lambda y, like: like.shape),
    "outer": (np.outer, lambda x, y: (x.size, y.size)),
}
OPERATORS |= {name: function for name, (function, _) in WORDS.items()}
OPERATORS |= {"clip": np.clip, "var": _var, "std": lambda x, **how: np.sqrt(_var(x, **how))}
SHAPES |= {name: shape for name, (_, shape) in WORDS.items()}
REDUCTIONS |= {"var", "std"}
NOT_ELEMENTWISE |= {*WORDS, "var", "std"}
SIZES = ("size", "length", "shape_at")
MOST_TERMS, FEW_TERMS = 32, 6  # terms and factors that are put together; that are tried in other orders

_a, _b, _c, _d = map(symbol, "abcd")
_nil = call("equal", _a, 0)


def _tie(loses: str, wins: str, *equal: Expr) -> dict[Expr, Any]:
    """The share of a maximum or minimum: all where a wins, half of it at a tie."""
    inner = call("where", call("equal", *equal), 0.5 * _c, _c)
    share = _c * (call(wins, _a, _b) + 0.5 * call("equal", _a, _b))
    return {call("where", call(loses, _a, _b), 0.0, inner): share}


TAUGHT: dict[Expr, Any] = {
    **READABLE,
    call("where", call("logical_or", call("less", _a, _b), call("greater", _a, _c)), 0.0, _d):
        _d * call("greater_equal", _a, _b) * call("less_equal", _a, _c),
    **_tie("less", "greater", _a, _b), **_tie("less", "greater", _b, _a),
    **_tie("greater", "less", _a, _b), **_tie("greater", "less", _b, _a),
    call("where", _nil, 0.0, _a * _b): _a * _b,
    call("where", _nil, _b, _b / _a): _b / _a,
    call("logical_or", _a, call("not_equal", _b, _b)): _a,
    call("softplus", _a): call("logaddexp", 0.0, _a),
    call("sigmoid", -_a): 1.0 - call("sigmoid", _a),
    0.0 / _a: 0.0, _a + 0.0: _a, 0.0 + _a: _a, 1.0 - 1.0 * _a: 1.0 - _a,
}  # fmt: skip
# x < y as y > x, and where it is not so
MIRRORED = {
    "less": "greater",
    "greater": "less",
    "less_equal": "greater_equal",
    "greater_equal": "less_equal",
}
MIRRORED |= {"equal": "equal", "not_equal": "not_equal"}
OTHERWISE = {
    "less": "greater_equal",
    "greater": "less_equal",
    "less_equal": "greater",
    "greater_equal": "less",
}


BY_NAME: dict[str, dict[Expr, Any]] = {}
for _pattern, _simpler in TAUGHT.items():
    BY_NAME.setdefault(_pattern.name, {})[_pattern] = _simpler
Units = Mapping[tuple[Expr, int], Any]


def taught(expr: Expr, units: Units | None = None, known: dict[Expr, Expr] | None = None) -> Expr:
    """Return an Expr as a teacher writes it.

    `units`: what sums to 1 along an axis, a list there notes that this was used; `known`: what has been found with the same units.

    >>> Y, A, B = (symbol(name, (4, 1)) for name in "YAB")
    >>> taught(((1.0 - Y) / (1.0 - A) - Y / A) * A * (1.0 - A))
    subtract(A, Y)
    >>> taught(call("sum", -2.0 * Y, axis=(0,)) * 1.0)
    negative(multiply(2.0, sum(Y, 0, False)))
    """
    known = {} if known is None else known

    def step(x: Expr) -> Expr:
        if x.name == "sum" and (found := _known_sum(x, units or {})) is not None:
            return spread(found, x)
        for change in STEPS:
            changed = change(x)
            if changed is not x:
                return changed
        return rewritten(x, BY_NAME.get(x.name, {}), loosely=True)

    while (found := rebuilt(expr, known, step)) is not expr:
        expr = found
    return expr


def _known_sum(x: Expr, units: Units) -> Expr | None:
    """The sum of what is made of numbers and of what sums to 1 along that axis."""
    inner, axis = x.args[0], x.args[1].value
    ndim = len(inner.shape or ())
    axis = -1 if axis is None and ndim == 1 else axis
    if not isinstance(axis, int):
        return None
    axis -= ndim if axis >= 0 else 0
    terms, notes = [], []
    for term in _terms(inner, 1.0):
        arrays = [y for y in term.above if y.shape]
        if len(arrays) != 1 or any(y.shape for y in term.below):
            return None
        one = arrays[0]
        is_one = (one.name == "softmax" and is_number(one.args[1], axis)) or (
            one.name == "one_hot" and axis == -1
        )
        if not is_one and (one, axis) not in units:
            return None
        notes += [units[one, axis]] if not is_one and units[one, axis] is not None else []
        terms.append(Term(term.number, [y for y in term.above if y is not one], term.below))
    for note in notes:
        note.append(x)
    left = _merged(terms)
    return _total(left) if left else constant(0.0)


def cost(expr: Expr) -> int:
    """How many calls are to be read, each as often as it stands there."""
    found: dict[Expr, int] = {}
    for x in ordered(expr):
        is_read = x.shape is not None and not x.is_leaf and x.name not in SIZES
        found[x] = sum(found[part] for part in x.args) + is_read
    return found[expr]


def is_elementwise(x: Expr) -> bool:
    return x.shape is not None and x.name not in NOT_ELEMENTWISE


# ---- Axes and views ---------------------------------------------------------------------------------------------------

WHOLE, NEW = constant(slice(None)), constant(None)


def _axes(x: Expr) -> Expr:
    """Whatever makes or drops axes of length 1 as a reshape; no reshape where broadcasting or keepdims does that."""
    inner, shape = (x.args[0], x.args[0].shape or ()) if x.args else (x, ())
    if x.name == "transpose":
        order = [part.value for part in x.args[1].args]
        is_of_last = order == [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        return call("swapaxes", inner, -1, -2) if is_of_last else x
    if (
        x.name in ("getitem", "squeeze", "scatter")
        and shape
        and x.shape
        and math.prod(shape) == math.prod(x.shape)
    ):
        index = x.args[2 if x.name == "scatter" else 1]
        parts = index.args if index.name == "tuple" else (index,)
        is_of_axes = all(part in SAME or is_number(part, 0) for part in parts)
        return call("reshape", inner, x.shape) if x.name == "squeeze" or is_of_axes else x
    if (
        x.name == "getitem"
        and x.args[1].name == "tuple"
        and all(part.name == "slice" for part in x.args[1].args)
    ):
        ends = [(part.args, n) for part, n in zip(x.args[1].args, shape, strict=False)]
        return inner[tuple(call("slice", y[0], None if is_number(y[1], n) else y[1], y[2]) for y, n in ends)]
    if x.name == "reshape" and x.shape:
        return _reshaped(x, inner, shape)
    if x.name in MIRRORED and x.args[0].name == "constant" != x.args[1].name:
        return call(MIRRORED[x.name], x.args[1], x.args[0])
    for i, part in enumerate(x.args if is_elementwise(x) and x.shape else ()):
        if (part.shape or ())[:1] == (1,) and (new := _without_first(part)) is not part:
            found = call(x.name, *x.args[:i], new, *x.args[i + 1 :])
            if is_like(found, x):
                return found
    return x


SAME = {WHOLE, NEW, constant(...)}


def _reshaped(x: Expr, inner: Expr, shape: tuple[int, ...]) -> Expr:
    """A reshape of a reshape, of a sum with its axis kept, of what goes element by element, of a product by a column."""
    if inner.name == "reshape":
        return call("reshape", inner.args[0], x.shape)
    if inner.name in REDUCTIONS and inner.keywords == ("axis", "keepdims") and inner.args[0].shape:
        kept = call(inner.name, inner.args[0], axis=inner.args[1], keepdims=True)
        return kept if kept.shape == x.shape else x
    if shape and is_elementwise(inner) and all(part.shape in ((), shape) for part in inner.args):
        return call(
            inner.name, *[call("reshape", part, x.shape) if part.shape else part for part in inner.args]
        )
    if inner.name == "matmul" and shape == (*(x.shape or ()), 1):
        left, right = inner.args
        if right.name == "reshape" and right.args[0].shape == (right.shape or ())[:1]:
            return call("matmul", left, right.args[0])
    return x


def _without_first(x: Expr) -> Expr:
    """Without a first axis of length 1, which broadcasting adds of itself."""
    if x.name == "reshape" and x.args[0].shape == (x.shape or ())[1:]:
        return x.args[0]
    if x.name in REDUCTIONS and is_number(x.args[1], 0) and is_true(x.args[2]):
        return call(x.name, x.args[0], axis=0, keepdims=False)
    if is_elementwise(x) and x.shape:
        parts = [_without_first(part) if part.shape else part for part in x.args]
        is_all = all(new is not old or not old.shape for new, old in zip(parts, x.args, strict=True))
        return call(x.name, *parts) if is_all else x
    return x


def is_true(x: Expr) -> bool:
    return x.value is True


def _spelt(x: Expr) -> Expr:
    """Products and calls of ours in NumPy's words."""
    a = x.args
    if x.name == "linear":
        return call("matmul", *a[:2]) + a[2]
    if x.name == "swapaxes" and x.shape == (1, 1):
        return a[0]
    if x.name == "swapaxes" and a[0].name == "swapaxes":
        return a[0].args[0]
    if x.name == "swapaxes" and a[0].name == "matmul" and all(len(y.shape or ()) > 1 for y in a[0].args):
        return call("matmul", a[0].args[1].T, a[0].args[0].T) if a[1].value == -1 else x
    if x.name == "centred":
        return a[0] - call("mean", a[0], axis=a[1], keepdims=True)
    if x.name == "sqrt" and a[0].name == "var":
        return call("std", a[0].args[0], **dict(zip(a[0].keywords, a[0].args[1:], strict=True)))
    if x.name == "square":
        return call("power", a[0], 2)
    if x.name == "einsum" and "optimize" in x.keywords:
        return call("einsum", *a[:-1])
    if x.name == "minimum" and a[0].name == "maximum" and x.shape:
        return call("clip", *a[0].args, a[1])
    if x.name in ("softmax", "log_softmax") and is_number(a[1], len(x.shape or ()) - 1):
        return call(x.name, a[0], -1)
    if x.name == "where" and a[0].name in OTHERWISE and a[2].name != "where":
        for kept, zero, mask in ((a[1], a[2], a[0].name), (a[2], a[1], OTHERWISE[a[0].name])):
            if is_number(zero, 0) and _is_gradient(kept):
                return kept * call(mask, *a[0].args)
    if x.name == "multiply" and x.shape and len(x.shape) == 2:
        column, row = a if (a[0].shape or ())[-1:] == (1,) else a[::-1]
        inner = column.args[0] if column.name == "reshape" else column
        if column.shape == (x.shape[0], 1) and inner.shape == x.shape[:1] and row.shape == x.shape[1:]:
            return call("outer", inner, row)
    return picked(x)


def _is_gradient(x: Expr) -> bool:
    """Whether it is no value of the way forward, where 0 · NaN may stand: where(x > 0, sqrt(x), 0) stays."""
    leaves = [y.value for y in ordered(x) if y.name == "symbol"]
    return any(name.startswith("d#") for name in leaves) or not any(name.startswith("#") for name in leaves)


def _reduced(x: Expr) -> Expr:
    """Sums in one form, with what is the same for all their terms in front."""
    if x.name not in REDUCTIONS or x.shape is None:
        return x
    inner, shape = x.args[0], x.args[0].shape or ()
    keywords = dict(zip(x.keywords, x.args[1:], strict=True))
    if not {*keywords} <= {"axis", "keepdims"}:
        return x
    axis, keepdims = keywords.get("axis", NEW), keywords.get("keepdims", constant(False))
    lost = [part.value for part in axis.args] if axis.name == "tuple" else [axis.value]
    if len(lost) == len(shape) and not is_true(keepdims):
        lost = [None]
    axis = constant(lost[0] if len(lost) == 1 else tuple(lost))
    if x.keywords != ("axis", "keepdims") or axis is not x.args[1] or keepdims is not x.args[2]:
        return call(x.name, inner, axis=axis, keepdims=keepdims)
    if x.name not in ("sum", "mean"):
        return x
    if inner.shape == ():
        return inner
    if inner.name == "broadcast_to" and inner.args[0].shape == () and x.name == "sum":
        return call("broadcast_to", inner.args[0] * float(math.prod(shape) // math.prod(x.shape)), x.shape)
    number, above, below = _factors(inner)
    is_first = is_number(axis, 0) and not is_true(keepdims)
    same = ((), x.shape) if is_first or is_true(keepdims) else ((),)
    out = [[y for y in part if y.shape in same] for part in (above, below)]
    rest = [[y for y in part if y.shape not in same] for part in (above, below)]
    if rest == [[], []] or (number == 1 and out == [[], []]):
        return x
    left = _written(1.0, *rest)
    if left is None or left.shape != shape:
        return x
    found = _written(number, [*out[0], call(x.name, left, axis=axis, keepdims=keepdims)], out[1])
    return found if found is not None and is_like(found, x) else x


# ---- Sums and products ------------------------------------------------------------------------------------------------


class Term(NamedTuple):
    """A product: its number, factors and divisors, in order."""

    number: float
    above: list[Expr]
    below: list[Expr]

    def __mul__(self, other: Any) -> "Term":
        """The product of two, without the divisors that are factors too."""
        above, below = [*self.above, *other.above], [*self.below, *other.below]
        common = Counter(above) & Counter(below)
        return Term(self.number * other.number, _without(above, common), _without(below, common))


def _without(parts: Sequence[Expr], gone: Mapping[Expr, int]) -> list[Expr]:
    """The parts but for those that are gone, the first of each."""
    left, found = Counter(gone), []
    for y in parts:
        if left[y]:
            left[y] -= 1
        else:
            found.append(y)
    return found


NOTHING = Term(1.0, [], [])


def _product(x: Expr) -> Expr:
    """Products without inner brackets, the sign and the number in front, divisors behind; without what cancels."""
    if x.name not in ("multiply", "divide", "negative") or x.weak:
        return x
    if x.name == "divide" and x.args[0].name == "sum" and x.args[1].name == "constant":
        inner, axis, keepdims = x.args[0].args
        if inner.shape and x.args[1].value * math.prod(x.shape or ()) == math.prod(inner.shape):
            return call("mean", inner, axis=axis, keepdims=keepdims)
    whole = _picked_rows(NOTHING * _factors(x))
    for found in (*_multiplied_out(whole), _written(*whole)):
        if found is not None:  # what cancelled may have had the shape
            wide = call("broadcast_to", found, x.shape) if x.shape and found.shape == () else found
            if is_like(wide, x):
                return wide
    return x


def _picked_rows(term: Term) -> Term:
    """Beside np.eye(n)[y] what is picked of P at y is P: elsewhere the product is 0."""
    hot = [y for y in term.above if y.name == "one_hot"]
    labels = {y.args[0] for y in hot}

    def whole(y: Expr) -> Expr:
        inner = y.args[0] if y.name == "reshape" else y
        parts = {*inner.args[1].args} if inner.name == "getitem" else set()
        is_it = parts & labels and all(part in labels or is_range(part.value) for part in parts)
        return inner.args[0] if is_it and inner.args[0].shape == hot[0].shape else y

    return NOTHING * Term(term.number, [*map(whole, term.above)], [*map(whole, term.below)]) if hot else term


def _multiplied_out(whole: Term) -> list[Expr]:
    """A product with a sum, term by term, where that takes away all divisors of the sum's terms."""
    for i, total in enumerate(whole.above):
        if total.name not in ("add", "subtract"):
            continue
        outside = Term(whole.number, whole.above[:i] + whole.above[i + 1 :], whole.below)
        terms = _terms(total, 1.0)
        divisors = {y for term in terms for y in term.below if y.name not in SIZES}
        found = [_picked_rows(outside * term) for term in terms]
        if divisors and not any(y in divisors - {*whole.below} for term in found for y in term.below):
            short = _merged(_expanded(found))
            total_of = _total(short if len(short) <= len(found) else found)
            return [total_of] if total_of is not None else []
    return []


def _expanded(terms: Sequence[Term]) -> list[Term]:
    """The terms with sums among their factors multiplied out."""
    done: list[Term] = []
    stack = [*reversed(terms)]
    while stack:
        term = stack.pop()
        sums = [i for i, y in enumerate(term.above) if y.name in ("add", "subtract")]
        if not sums or len(done) + len(stack) > MOST_TERMS:
            done.append(term)
            continue
        inner = term.above[sums[0]]
        rest = Term(term.number, term.above[: sums[0]] + term.above[sums[0] + 1 :], term.below)
        stack += [rest * part for part in reversed(_terms(inner, 1.0))]
    return done


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Like terms put together."""
    found: dict[Any, Term] = {}
    for term in terms:
        key: Any = tuple(sorted(y.serial for y in term.above)), tuple(sorted(y.serial for y in term.below))
        key = (key, abs(term.number) < 1e-3) if not term.above else key  # 1 + 1e-8 stays as it is
        old = found.get(key)
        found[key] = term if old is None else old._replace(number=old.number + term.number)
    return [term for term in found.values() if abs(term.number) > 1e-15]


def _total(terms: Sequence[Term], is_outside: bool = True) -> Expr | None:
    """A sum from its terms: one that is added first, and divisors (and numbers) that all have outside."""
    if not terms:
        return None
    every = functools.reduce(
        operator.and_, [Counter(y for y in term.below if y.shape == ()) for term in terms]
    )
    shared = functools.reduce(operator.and_, [Counter(term.above) for term in terms])
    shared = shared if len(terms) > 1 else Counter()
    common, factors = [*every.elements()], [*shared.elements()]
    size = abs(terms[0].number)
    number = size if is_outside and all(abs(term.number) == size for term in terms) else 1.0
    total: Expr | None = None
    for term in sorted(terms, key=lambda term: term.number < 0):
        part = _written(abs(term.number) / number, _without(term.above, shared), _without(term.below, every))
        if part is None:
            return None
        is_minus = term.number < 0
        total = (-part if is_minus else part) if total is None else total - part if is_minus else total + part
    return _written(number, [*factors, total], common) if number != 1 or common or factors else total  # type: ignore[list-item]


def _sum(x: Expr) -> Expr:
    """A sum whose like terms are put together, multiplied out where that is shorter."""
    if x.name not in ("add", "subtract") or x.weak:
        return x
    terms = _terms(x, 1.0)
    tries = [_merged(terms)]
    if len(terms) <= FEW_TERMS and any(y.name in ("add", "subtract") for term in terms for y in term.above):
        tries.append(_merged(_expanded(terms)))
    for found in tries:
        if len(found) < len(terms) or len(found) == len(terms) <= FEW_TERMS:
            new = _total(found, False)
            is_better = new is not None and (len(found) < len(terms) or cost(new) < cost(x))
            if is_better and is_like(new, x):  # type: ignore[arg-type]
                return new  # type: ignore[return-value]
    return x


def _written(number: float, above: Sequence[Expr], below: Sequence[Expr]) -> Expr | None:
    """A product from its number, factors and divisors; None where it is no ordinary one."""
    if number == 0 or not np.isfinite(number):
        return None
    if not above:
        return functools.reduce(operator.truediv, _powers(below), constant(number))
    moved = [y for y in above if y.name == "scatter"]
    if len(moved) == 1 and all(y.shape == () or y is moved[0] for y in [*above, *below]):
        if number == 1 and len(above) == 1 and not below:
            return moved[0]
        inside = _written(number, [y.args[0] if y is moved[0] else y for y in above], below)
        return None if inside is None else call("scatter", inside, *moved[0].args[1:])
    n, d = _fraction(abs(number))
    above, below = _powers(above), _powers(below)
    found = functools.reduce(operator.mul, above[1:], above[0] if n is ONE else n * above[0])
    found = functools.reduce(operator.truediv, below if d is ONE else [*below, d], found)
    return -found if number < 0 else found


def _powers(parts: Sequence[Expr]) -> list[Expr]:
    """The factors, each once, with how often it stands there as its power."""
    return [y if n == 1 else call("power", y, n) for y, n in Counter(parts).items()]


def _terms(x: Expr, sign: float) -> list[Term]:
    """The terms of a sum, each as a product; of a long sum the first part as it stands."""
    found: list[Term] = []
    stack = [(x, sign)]
    while stack:
        part, plus = stack.pop()
        if part.name in ("add", "subtract") and len(stack) + len(found) < MOST_TERMS:
            left, right = part.args
            stack += [(right, -plus if part.name == "subtract" else plus), (left, plus)]
        else:
            term = _factors(part)
            found.append(term._replace(number=plus * term.number))
    return found


def _factors(x: Expr, depth: int = 0) -> Term:
    """The number, the factors and the divisors of a product, in order."""
    if x.name == "broadcast_to":
        return _factors(x.args[0], depth + 1)
    if x.name == "constant" and x.shape == () and x.dtype.kind in "fi":
        return Term(float(x.value), [], [])
    if x.name == "sqrt" and x.args[0].name == "constant" and x.args[0].shape == ():
        return Term(math.sqrt(x.args[0].value), [], [])
    if depth > MOST_TERMS:
        return Term(1.0, [x], [])
    if x.name == "square" or (x.name == "power" and any(is_number(x.args[1], n) for n in (2, 3, 4))):
        times = 2 if x.name == "square" else int(x.args[1].value)
        number, above, below = _factors(x.args[0], depth + 1)
        return Term(number**times, above * times, below * times)
    if x.name == "negative":
        inner = _factors(x.args[0], depth + 1)
        return inner._replace(number=-inner.number)
    if x.name in ("multiply", "divide"):
        (n, a, b), (m, c, d) = (_factors(part, depth + 1) for part in x.args)
        if x.name == "multiply":
            return Term(n * m, a + c, b + d)
        if m:
            return Term(n / m, a + d, b + c)
    return Term(1.0, [x], [])


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
STEPS = (symbols._exact, unspread, _axes, _spelt, _reduced, _product, _sum)
