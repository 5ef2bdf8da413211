"""A function of one variable by its formulas, and what people write in place of its derivative.

The formulas are the rules', read as expressions, so that a row added to the table is covered. They are of x, and of the
function's own value a where its derivative can be written so: a·(1 − a) for the sigmoid.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from ..compile.text import text
from ..core import functions, rows, special_rows
from ..symbols import (
    Expr,
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

SHAPE = (3,)  # as which a function of single numbers is read
X, A = symbol("x", SHAPE), symbol("a", SHAPE)
GRID = np.linspace(-1.9, 2.1, 9)
KNOWN = ("sigmoid", "tanh", "relu", "softplus", "exp", "sin", "cos", "square", "silu", "arctan", "negative")
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
        with np.errstate(all="ignore"):
            a, s = self.at(GRID), self.slope_at(GRID) + 0.0 * GRID
        if not (np.isfinite(a).all() and np.isfinite(s).all()):
            return None
        powers = np.stack([a**0, a, a * a], 1)
        found: Any = np.round(np.linalg.lstsq(powers, s, rcond=None)[0], 9)
        if not np.allclose(powers @ found, s, atol=1e-9) or not found[1:].any():
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
        return constant(made)

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
        found += [others[name] for name in self.names if name in others]
        return [plain(simplify(form, for_readers=True)) for form in found]

    @cached_property
    def wrong_forms(self) -> list[tuple[str, Expr, Expr, str]]:
        """Mistakes in these ways to write it: the mistake, what is written, what belongs there, and which it is."""
        found = [(mistake, wrong, form) for form in self.forms for mistake, wrong in wrong_expressions(form)]
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
        if any(p not in b.at and b.values[p].ndim for p in node.parents):
            return None
    order = sorted(inner, key=b.at.__getitem__)
    grads: dict[Any, Any] = {after: constant(1.0)}
    try:
        for node in order:
            made[node] = forward_expr(node.op, _operands(b, node, made))
        for node in reversed(order):
            for k, parent in enumerate(node.parents):
                if parent in made:
                    share = share_expr(node.op, k, grads[node], made[node], _operands(b, node, made))
                    grads[parent] = grads[parent] + share if parent in grads else share
    except Unreadable:
        return None
    found = Function(after.op.name, made[after], grads[before])
    if len(order) > 1:
        found.name = next(iter(found.names), "f")
    return found


def _operands(b: Backward, node: Any, made: Mapping[Any, Expr]) -> list[Any]:
    return [made[p] if p in made else float(b.values[p]) for p in node.parents]


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
    note = f"1 − {name}′({z}) stands in place of {name}′({z}): the cases are exchanged"
    yield Wrong("wrong_factor", lambda: 1 - s, note, "mask", 0.6)
    if (form := f.by_value) is not None:
        note = f"{shown(form, z)} is {name}′ by a formula that expects the activation {y}, the output, "
        note += f"and is given the pre-activation {z}"
        yield Wrong("derivative_at_preactivation", lambda: evaluate(form, {"a": x}), note)
    for mistake, wrong, right, which in f.wrong_forms:
        make = partial(evaluate, wrong, {"x": x, "a": a})
        yield Wrong(mistake, make, partial(_instead, wrong, right, y, z), which, 0.2)
    for other in map(known, OTHERS):
        if other.name not in (name, *f.names):
            yield from _of_another(other, f, x, a, z, y)


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
            changed = [("wrong_factor", exchanged), ("mask_missing", args[1]), ("mask_missing", args[2])]
        elif len(args) == 1 and part.shape is not None and args[0].shape == part.shape:
            changed = [("function_left_out", args[0])]
        for mistake, new in changed:
            if new.shape == part.shape or new.shape == ():
                once, always = replace(right, path, new), substitute(right, {part: new})
                yield from ((mistake, wrong) for wrong in dict.fromkeys((once, always)))
