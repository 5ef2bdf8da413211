"""Formulas that people write wrong: of a function's derivative, of softmax's and a normalisation's gradient, of a loss's delta.

A mistake is a name and an Expr of what stands where the right one belongs: its numbers and its words both come from that. The
right formulas are the rules', read as expressions, so that a row added to the table is covered. They are of x, and of the
function's own value a where its derivative can be written so: a·(1 − a) for the sigmoid.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache, cached_property
from typing import Any

import numpy as np

from ..compile.text import text
from ..core import functions, rows, special_rows
from ..core.engine import sweep
from ..errors import GraphError
from ..symbols import (
    Expr,
    Expressions,
    Unreadable,
    call,
    constant,
    evaluate,
    is_number,
    replace,
    simplify,
    substitute,
    symbol,
    walk,
)
from .backward import Backward, forward_expr, share_expr
from .words import NUMPY, named, plain

X, A, Y, G = (symbol(name) for name in "xayg")
GRID = np.linspace(-1.9, 2.1, 9)
OTHERS = (
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "sin",
    "square",
)  # whose derivatives are taken for each other's
KNOWN = (*OTHERS, "exp", "cos", "silu", "arctan", "abs", "negative")
Formulas = Iterator[tuple[str, Expr]]  # mistakes, and what is written

# What stands for a loss's gradient at its input: a is the output, y the target
ERROR = A - Y
DELTAS = (
    ("delta_of_another_loss", ERROR),
    ("loss_for_derivative", call("square", ERROR)),
    ("delta_of_another_loss", call("sign", ERROR)),
    ("loss_for_derivative", call("abs", ERROR)),
    ("activation_derivative_twice", ERROR * (A * (1.0 - A))),
    ("activation_derivative_twice", ERROR * (1.0 - call("square", A))),
    ("activation_derivative_twice", ERROR * A),
)


def shown(form: Expr, **names: str) -> str:
    """A formula as text, with these words for its symbols."""
    leaves = {part for _, part in walk(form) if part.name == "symbol"}
    return text(form, {leaf: names.get(leaf.value, leaf.value) for leaf in leaves}, NUMPY) or "…"


class Function:
    """A function of one variable: its value and its derivative as formulas of x, and in other ways to write them."""

    def __init__(self, name: str, value: Expr, slope: Expr) -> None:
        self.name, self.value, self.slope = name, value, slope

    def at(self, x: Any) -> Any:
        return evaluate(self.value, {"x": x})

    def slope_at(self, x: Any) -> Any:
        return evaluate(self.slope, {"x": x})

    @cached_property
    def names(self) -> list[str]:
        """The functions of the table that it is, by its values."""
        with np.errstate(all="ignore"):
            y = self.at(GRID)
            return [n for n in KNOWN if np.allclose(known(n).at(GRID), y, rtol=1e-9, atol=1e-12)]

    @cached_property
    def steps(self) -> int:
        """How many different values its derivative has: 1 of a linear function, 2 of one with a kink."""
        with np.errstate(all="ignore"):
            return len(np.unique(np.round(self.slope_at(GRID) + 0 * GRID, 12)))

    @cached_property
    def by_value(self) -> Expr | None:
        """The derivative as a polynomial in the function's own value, or None where it is none."""
        found = self._polynomial(GRID)
        return None if found is None or found.name == "constant" else found

    def _polynomial(self, x: Any) -> Expr | None:
        """The derivative at these numbers as a polynomial in the value."""
        with np.errstate(all="ignore"):
            a, s = self.at(x), self.slope_at(x) + 0.0 * x
        if not (np.isfinite(a).all() and np.isfinite(s).all()):
            return None
        powers = np.stack([a**0, a, a * a], 1)
        found: Any = np.round(np.linalg.lstsq(powers, s, rcond=None)[0], 9)
        c0, c1, c2 = found.tolist()
        if not np.allclose(powers @ [c0, c1, c2], s, atol=1e-9):
            return None
        if (c0, c1, c2) == (0, 1, -1):
            return A * (1.0 - A)
        return simplify(c0 + c1 * A + c2 * call("square", A), for_readers=True)

    @cached_property
    def forms(self) -> list[Expr]:
        """Ways to write the derivative."""
        e = call("exp", -X)
        others = {
            "tanh": 1.0 / call("square", call("cosh", X)),
            "sigmoid": e / call("square", 1.0 + e),
            "arctan": 1.0 / (1.0 + call("square", X)),
        }
        found = [self.slope, *([] if self.by_value is None else [self.by_value])]
        if self.by_value is None:  # it may be one on each side of 0, as that of elu is
            sides = [self._polynomial(np.linspace(*ends, 9)) for ends in ((0.1, 2.1), (-1.9, -0.1))]
            if all(side is not None for side in sides) and sides[0] is not sides[1]:
                found.append(call("where", call("greater", X, 0.0), *sides))
        found += [others[name] for name in self.names if name in others]
        return [plain(simplify(form, for_readers=True)) for form in found]

    @cached_property
    def right(self) -> Expr:
        """The derivative as a person writes it."""
        return self.forms[0] if self.by_value is None else self.by_value

    @property
    def back(self) -> tuple[Expr, ...]:
        """What it passes back of a gradient g, in x and where it can be in a."""
        return tuple(G * form for form in (self.slope, self.by_value) if form is not None)

    @cached_property
    def wrong(self) -> dict[Expr, str]:
        """What people write in place of the derivative, in x and a, and the mistakes' names; the likeliest first."""
        found: dict[Expr, str] = {}
        for mistake, wrong in self._wrong():
            found.setdefault(wrong, mistake)
        return found

    def _wrong(self) -> Formulas:
        s, form = self.slope, self.by_value
        yield from (("activation_derivative_missing", constant(1.0)), ("activation_derivative_twice", s * s))
        yield "derivative_at_activation", substitute(s, {X: A})
        yield from (("value_for_derivative", x) for x in (A, X, substitute(self.value, {X: A})))
        yield "cases_exchanged" if self.steps == 2 else "wrong_sign", 1.0 - s
        if form is not None:
            yield "derivative_at_preactivation", substitute(form, {A: X})
        for other in [known(name) for name in OTHERS if name not in (self.name, *self.names)]:
            slopes = (other.slope, substitute(other.slope, {X: A}), other.right)
            yield from (("derivative_of_another_function", slope) for slope in slopes)
        for right in self.forms:
            yield from wrong_expressions(right)
            places = [path for path, part in walk(right) if part is A]
            pairs = [replace(right, path, X) for path in places if len(places) > 1]
            yield from (("derivative_at_wrong_array", pair) for pair in pairs)


def of_row(op: Any) -> Function | None:
    """The function that an operation with one operand is, or None where its rules have no formula."""
    try:
        value = forward_expr(op, [X])
        return Function(op.name, value, share_expr(op, 0, 1.0, value, [X]))
    except Unreadable:
        return None


@cache
def known(name: str) -> Function:
    """A function of the table, by its name."""
    found = of_row(next(vars(m)[name] for m in (rows, special_rows, functions) if name in vars(m)))
    assert found is not None
    return found


def between(b: Backward, before: Any, after: Any) -> Function | None:
    """The function of single numbers by which one variable is made of another; None where there is more between them."""
    if after is before:
        return None
    ways = b.path(before)
    made, nodes = {before: X}, [after]
    inner: set[Any] = set()
    while nodes:
        node = nodes.pop()
        if node is before or node in inner:
            continue
        apart = node in ways and node.op is not None and not node.op.arrays_only and node.op.is_ours
        if not apart or (node is not after and named(node)) or b.values[node].shape != b.values[before].shape:
            return None
        inner.add(node)
        nodes += [p for p in node.parents if p in b.at]
        for p in node.parents:
            if p not in b.at and b.values[p].ndim:  # a constant array must be a comparison of x with 0
                masks = {"greater": b.values[before] > 0, "less": b.values[before] < 0}
                same = [name for name, mask in masks.items() if np.array_equal(b.values[p], mask)]
                if not same:
                    return None
                made[p] = call(same[0], X, 0.0)
    order = [before, *sorted(inner, key=b.at.__getitem__)]
    reading = Expressions(made)
    try:
        for node in order[1:]:
            made[node] = constant(node.op.value(reading, [reading.operand(p) for p in node.parents]))
        grads = sweep(order, reading.arriving(after, None, ""), reading)
    except (Unreadable, GraphError):
        return None
    found = Function(after.op.name, made[after], grads[before])
    if len(order) > 2:
        found.name = next(iter(found.names), "f")
    return found


# ---- Wrong formulas ---------------------------------------------------------------------------------------------------------


def wrong_expressions(right: Expr) -> Formulas:
    """A formula with one part of it changed: a function, square, factor or term left out, or a sign turned."""
    for path, part in walk(right):
        with suppress(Unreadable):  # of what does not fit in there
            for mistake, new in _changed(part):
                if _broadcasts(new.shape, part.shape):
                    once, everywhere = replace(right, path, new), substitute(right, {part: new})
                    yield from ((mistake, form) for form in dict.fromkeys((once, everywhere)))


def _broadcasts(shape: Any, whole: Any) -> bool:
    if shape is None or whole is None or len(shape) != len(whole):
        return False
    return all(n in (1, m) for n, m in zip(shape, whole, strict=True))


def _changed(part: Expr) -> Formulas:
    """What stands in place of one call."""
    args = part.args
    if part.name in ("square", "power", "negative"):
        yield "wrong_sign" if part.name == "negative" else "square_missing", args[0]
    elif part.name in ("add", "subtract"):
        names = ["constant_term_missing" if x.name == "constant" else "term_missing" for x in args]
        rest = args[1] if part.name == "add" else -args[1]
        yield from ((names[1], args[0]), (names[0], rest), (names[0], -rest))
        yield "wrong_sign", call("add" if part.name == "subtract" else "subtract", *args)
    elif part.name in ("multiply", "divide"):
        masks = any(x.dtype == bool for x in args)
        yield from (("mask_missing" if masks else "factor_missing", x) for x in args if not is_number(x, 1.0))
    elif part.name == "where":
        yield "cases_exchanged", call("where", args[0], args[2], args[1])
        yield from (("mask_missing", x) for x in args[1:])
    elif len(args) == 1 and part.shape is not None:
        yield "function_left_out", args[0]


def softmaxes(shape: Any, axis: int) -> tuple[tuple[Expr, ...], list[tuple[str, Expr]]]:
    """The gradient through softmax, a · (g − Σ g · a), by x and by a; and what stands in its place."""
    g, a = symbol("g", shape), symbol("a", shape)

    def total(x: Expr, over: int = axis) -> Expr:
        return call("sum", x, axis=over, keepdims=True)

    def back(p: Expr, g: Expr = g, over: int = axis) -> Expr:
        return p * (g - total(g * p, over))

    again, lengths = (
        call("softmax", a, axis),
        [-1 if i == axis % len(shape) else 1 for i in range(len(shape))],
    )
    # of a loop, that took the output's name
    counter = constant(np.arange(float(shape[axis])).reshape(lengths))
    wrong = [("activation_derivative_missing", g), ("activation_derivative_twice", back(a, back(a)))]
    wrong += [("softmax_elementwise", g * a * (1.0 - a)), ("softmax_elementwise", g * a)]
    wrong += [("softmax_twice", back(again)), ("softmax_twice", g * again * (1.0 - again))]
    for y in (a, counter):  # the Jacobian's rows added up
        rows = a * (1.0 - a) - (total(y * a) - y * a)
        wrong.append(("softmax_jacobian_not_multiplied", g * rows))
    if len(shape) == 2:
        wrong.append(("wrong_axis", back(a, g, 1 - axis % 2)))
    return (back(call("softmax", symbol("x", shape), axis)), back(a)), wrong


def wrong_log_softmaxes(shape: Any, axis: int) -> Formulas:
    """The same of its logarithm a: the derivative of one of the two left out, or softmax's diagonal alone."""
    g, p = symbol("g", shape), call("exp", symbol("a", shape))
    yield "activation_derivative_missing", p * (g - call("sum", g * p, axis=axis, keepdims=True))
    yield "activation_derivative_missing", g / p
    yield "softmax_elementwise", g * (1.0 - p)


def wrong_normalisations(shape: Any, axis: int) -> Formulas:
    """The same of a normalisation a, s being 1 over the deviation: s · (g − mean(g) − a · mean(g · a))."""
    g, a = symbol("g", shape), symbol("a", shape)
    s = symbol("s", tuple(1 if i == axis else n for i, n in enumerate(shape)))

    def mean(x: Expr, over: int) -> Expr:
        return call("sum", x, axis=over, keepdims=True) / float(shape[over])

    for over in (axis, 1 - axis):
        middle, spread = mean(g, over), a * mean(g * a, over)
        if over == axis:
            yield from (("statistics_held_constant", s * x) for x in (g, g - spread, g - middle))
            yield "factor_missing", g - middle - spread
        else:
            yield "wrong_axis", s * (g - middle - spread)
