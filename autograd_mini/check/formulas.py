"""A function of one variable by its formulas, and what people write in place of its derivative.

The formulas are the rules', read as expressions, so that a row added to the table is covered. They are of x, and of the
function's own value a where its derivative can be written so: a·(1 − a) for the sigmoid.
"""

from collections.abc import Callable, Iterator
from functools import cache, cached_property, partial
from typing import Any, NamedTuple

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

X, A = symbol("x"), symbol("a")
GRID = np.linspace(-1.9, 2.1, 9)
KNOWN = (
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "exp",
    "sin",
    "cos",
    "square",
    "silu",
    "arctan",
    "abs",
    "negative",
)
OTHERS = (
    "sigmoid",
    "tanh",
    "relu",
    "softplus",
    "sin",
    "square",
)  # whose derivatives people take for each other


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
    def is_linear(self) -> bool:
        """Whether its derivative is the same everywhere."""
        with np.errstate(all="ignore"):
            return bool(np.ptp(self.slope_at(GRID)) < 1e-12)

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
        if not np.allclose(powers @ found, s, atol=1e-9):
            return None
        if np.array_equal(found, [0, 1, -1]):
            return A * (1.0 - A)
        made: Any = None
        for n, power in zip(found.tolist(), (None, A, call("square", A)), strict=True):
            term = abs(n) if power is None else power if abs(n) == 1 else abs(n) * power
            if n and made is None:
                made = term if n > 0 else -term
            elif n:
                made = made + term if n > 0 else made - term
        return constant(0.0 if made is None else made)

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
            ends = ((0.1, 2.1), (-1.9, -0.1))
            sides = [side for a, b in ends if (side := self._polynomial(np.linspace(a, b, 9))) is not None]
            if len(sides) == 2 and sides[0] is not sides[1]:
                found.append(call("where", call("greater", X, 0.0), *sides))
        found += [others[name] for name in self.names if name in others]
        return [plain(simplify(form, for_readers=True)) for form in found]

    @cached_property
    def wrong_forms(self) -> list[tuple[str, Expr, Expr, str]]:
        """Mistakes in these ways to write it: the mistake, what is written, what belongs there, and which it is."""
        found = [(mistake, wrong, form) for form in self.forms for mistake, wrong in wrong_expressions(form)]
        for form in self.forms:
            places = [path for path, part in walk(form) if part is A]
            wrong_array = "derivative_at_wrong_array"
            found += [(wrong_array, replace(form, p, X), form) for p in places if len(places) > 1]
        return [(mistake, wrong, form, repr(wrong)) for mistake, wrong, form in found]


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
            if p not in b.at and b.values[p].ndim:
                mask = _mask(b.values[before], b.values[p])
                if mask is None:
                    return None
                made[p] = mask
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


def _mask(x: Any, mask: Any) -> Expr | None:
    """A constant array as a comparison of x with 0, where it is one."""
    for name in ("greater", "less"):
        if np.array_equal(mask, getattr(np, name)(x, 0.0)):
            return call(name, X, 0.0)
    return None


def shown(form: Expr, a: str, x: str = "x") -> str:
    """A formula as text, with these words for the value and the argument."""
    return text(form, {A: a, X: x}, NUMPY) or "…"


# ---- What stands in place of a derivative -----------------------------------------------------------------------------------


class Wrong(NamedTuple):
    """What somebody writes for a derivative: the mistake, how to make the numbers, how to say it, the variant, what it costs."""

    mistake: str
    make: Callable[[], Any]
    note: str | Callable[[], str]
    variant: str = ""
    extra: float = 0.0


def wrong_slopes(f: Function, x: Any, a: Any, z: str, y: str) -> Iterator[Wrong]:
    """What people write in place of f′(x), where a = f(x); z and y are what x and a are called."""
    s, name = f.slope_at(x), f.name
    yield Wrong("activation_derivative_missing", lambda: 1.0, f"the derivative of {name} at {z} is left out")
    yield Wrong(
        "activation_derivative_twice", lambda: s * s, f"the derivative of {name} at {z} is applied twice"
    )
    note = f"{name}′ is taken at {y}, which has been through {name} already, "
    note += f"where the pre-activation {z} belongs"
    yield Wrong("derivative_at_activation", lambda: f.slope_at(a), note)
    yield Wrong("value_for_derivative", lambda: a, f"{y} itself stands in place of {name}′({z})")
    yield Wrong("value_for_derivative", lambda: x, f"{z} itself stands in place of {name}′({z})", "x", 0.3)
    note = f"{name}({y}) stands in place of {name}′({z})"
    yield Wrong("value_for_derivative", lambda: f.at(a), note, "again", 0.4)
    note = f"1 − {name}′({z}) stands in place of {name}′({z})"
    yield Wrong("cases_exchanged" if np.isin(s, (0, 1)).all() else "wrong_sign", lambda: 1 - s, note, "1 −")
    if (form := f.by_value) is not None:
        note = f"{shown(form, z)} is {name}′ by a formula that expects the activation {y}, the output, "
        note += f"and is given the pre-activation {z}"
        yield Wrong("derivative_at_preactivation", lambda: evaluate(form, {"a": x}), note)
    for other in map(known, OTHERS):
        if other.name not in (name, *f.names):
            yield from _of_another(other, f, x, a, z, y)
    for mistake, wrong, right, which in f.wrong_forms:
        make = partial(evaluate, wrong, {"x": x, "a": a})
        yield Wrong(mistake, make, partial(_instead, wrong, right, y, z), which, 0.2)


def _instead(wrong: Expr, right: Expr, y: str, z: str) -> str:
    return f"{shown(wrong, y, z)} stands where {shown(right, y, z)} belongs"


def _of_another(other: Function, f: Function, x: Any, a: Any, z: str, y: str) -> Iterator[Wrong]:
    mistake = "derivative_of_another_function"
    for word, at in ((z, x), (y, a)):
        note = f"{other.name}′({word}) stands where the function is {f.name}: {f.name}′({z})"
        yield Wrong(mistake, partial(other.slope_at, at), note, f"{other.name}{at is x}")
    if (form := other.by_value) is not None:
        note = f"{shown(form, y)} is the derivative of {other.name}, and the function is {f.name}"
        yield Wrong(mistake, lambda: evaluate(form, {"a": a}), note, f"{other.name} formula")


def wrong_expressions(right: Expr) -> Iterator[tuple[str, Expr]]:
    """A formula with one part of it changed: a function, square, factor or term left out, or a sign turned."""
    for path, part in walk(right):
        args, changed = part.args, []
        if part.name in ("square", "power", "negative"):
            changed = [("wrong_sign" if part.name == "negative" else "square_missing", args[0])]
        elif part.name in ("add", "subtract"):
            names = ["constant_term_missing" if x.name == "constant" else "term_missing" for x in args]
            rest = args[1] if part.name == "add" else -args[1]
            changed = [(names[1], args[0]), (names[0], rest), (names[0], -rest)]
            changed.append(("wrong_sign", call("add" if part.name == "subtract" else "subtract", *args)))
        elif part.name in ("multiply", "divide"):
            changed = [("factor_missing", x) for x in args if not is_number(x, 1.0)]
        elif part.name == "where":
            exchanged = call("where", args[0], args[2], args[1])
            changed = [("cases_exchanged", exchanged), ("mask_missing", args[1]), ("mask_missing", args[2])]
        elif len(args) == 1 and part.shape is not None and args[0].shape == part.shape:
            changed = [("function_left_out", args[0])]
        for mistake, new in changed:
            if new.shape == part.shape:
                once, always = replace(right, path, new), substitute(right, {part: new})
                yield from ((mistake, wrong) for wrong in dict.fromkeys((once, always)))
