"""Programs as formulas of single numbers: every element of an array an Expr of its own, for engines that know numbers alone."""

from collections.abc import Callable, Sequence
from math import log, prod
from typing import Any, NamedTuple

import numpy as np

from ..core.readings import arrays, quietly
from ..support import numerics
from ..symbols import EXPRESSIONS, OPERATORS, PARTS, VIEWS, Expr, call, constant, invoke, ordered, symbol
from .program import Program

FLOAT, BOOL = np.dtype(float), np.dtype(bool)
MOVING = {*VIEWS, "stack", "concatenate", "scatter", "take_along_axis", "scatter_along_axis", "roll"}
FOLDS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}
xp = EXPRESSIONS.xp
COMPOSED: dict[str, Callable[..., Any]] = {
    **numerics.elementwise(xp),
    "asarray": lambda x, dtype=None: x,
    "zeros_like": lambda x: 0.0,
    "positive": lambda x: x,
    "logaddexp": lambda x, y: xp.where(
        xp.not_equal(x, y), xp.maximum(x, y) + xp.log1p(xp.exp(-xp.abs(x - y))), x + log(2.0)
    ),
    "sign": lambda x: xp.where(
        xp.equal(x, x), xp.where(xp.greater(x, 0.0), 1.0, xp.where(xp.less(x, 0.0), -1.0, 0.0)), x
    ),
}


class Unsupported(ValueError):
    """A program is too large, or does what is no arithmetic of single numbers."""


class Scalars(NamedTuple):
    """Formulas of numbers. `places` says of each symbol which element of which input it is."""

    shapes: list[tuple[int, ...]]  # of the inputs
    places: dict[Expr, tuple[int, int]]
    guards: list[tuple[Expr, bool]]
    outputs: list[Any]  # an array of Exprs each


def scalars(program: Program, most: int) -> Scalars:
    """Return a program as formulas of numbers.

    Unsupported where its arrays have more than `most` elements together, hold other numbers than float64, or are computed by what
    has no formula of single elements.
    """
    try:
        return quietly(_scalars, program, most)  # type: ignore[no-any-return]
    except Unsupported:
        raise
    except (IndexError, TypeError, ValueError) as error:  # an index of booleans, say: NumPy does it
        raise Unsupported(f"what it does with its elements is not known ({error})") from None


def _scalars(program: Program, most: int) -> Scalars:
    reading = _Reading(program.kinds())
    places: dict[Expr, tuple[int, int]] = {}
    count = 0
    for i, x in enumerate(program.inputs):
        count += (size := prod(x.shape or ()))
        if x.dtype != FLOAT or count > most:
            raise Unsupported(f"the inputs are of {x.dtype}, or more than {most} numbers")
        names = [symbol(f"{x.value}[{j}]") for j in range(size)]
        places |= {name: (i, j) for j, name in enumerate(names)}
        reading.found[x] = _array(names, x.shape or ())
    for x in program.instructions():
        if x.name != "symbol":
            count += 0 if x.name in VIEWS else prod(x.shape or ())
            if count > most:
                raise Unsupported(f"the arrays have more than {most} elements together")
            reading.found[x] = reading.value(x)
    results = [reading.found[x] for x in program.roots]
    if not all(isinstance(array, np.ndarray) and array.dtype == object for array in results):
        raise Unsupported("a result is a whole number")
    split = len(program.guards)
    guards = [(test.item(), guard.outcome) for test, guard in zip(results, program.guards, strict=False)]
    return Scalars([x.shape or () for x in program.inputs], places, guards, results[split:])


def _array(elements: Sequence[Any], shape: tuple[int, ...]) -> Any:
    return np.fromiter(elements, object, len(elements)).reshape(shape)


def _element(x: Any) -> Expr:
    """What stands in an array of objects: a number is a constant; a place that was assigned to holds an array of one."""
    x = x.item() if isinstance(x, np.ndarray) else x
    return x if isinstance(x, Expr) else constant(x if isinstance(x, bool) else float(x))


_elements = np.frompyfunc(_element, 1, 1)


class _Reading:
    """Finds the elements of each Expr of a program."""

    def __init__(self, floats: set[Expr]) -> None:
        self.floats = floats
        self.found: dict[Expr, Any] = {}

    def value(self, x: Expr) -> Any:
        """The array of elements; what is no array (an axis, an index) as it is."""
        if x.name == "constant":
            is_plain = x.shape is None or x.dtype.kind in "iu" or (x.weak and x.dtype == BOOL)
            numbers = np.ravel(x.value).tolist()
            return x.value if is_plain else self.shaped(_array(numbers, x.shape or ()), x.shape or ())
        operands = [self.found[part] for part in x.args]
        if x.name in PARTS:
            return OPERATORS[x.name](*operands)
        if x.dtype not in (FLOAT, BOOL):
            raise Unsupported(f"numbers of {x.dtype}")
        return self.shaped(self.called(x, operands), x.shape or ())

    def shaped(self, out: Any, shape: tuple[int, ...]) -> Any:
        array = out if isinstance(out, np.ndarray) else _array([out], ())
        found = _elements(array)
        return found if isinstance(found, np.ndarray) else _array([found], shape)

    def called(self, x: Expr, operands: list[Any]) -> Any:
        name = x.name
        if name in MOVING:
            if name == "getitem" and any(
                part.dtype == FLOAT for part in ordered(x.args[1]) if part.shape is not None
            ):
                raise Unsupported("an index that is computed")
            return invoke(OPERATORS.get(name) or getattr(arrays, name), operands, x.keywords)
        if name in FOLDS:
            given = dict(zip(x.keywords, operands[1:], strict=True))
            step = FOLDS[name]
            if "initial" in given and step in ("maximum", "minimum"):
                given.pop("initial")  # ±∞, which changes nothing
            axis, kept = given.pop("axis", None), given.pop("keepdims", False)
            if given or not operands[0].size:
                raise Unsupported(f"{name} of nothing, or with {', '.join(given)}")
            fold = np.frompyfunc(lambda a, b: call(step, a, b), 2, 1)
            return _reduced(fold, operands[0], axis, kept)
        if name in ("matmul", "linear"):
            product = np.matmul(*operands[:2])
            return product if name == "matmul" else self.each("add", [product, operands[2]])
        if name == "power" and x not in self.floats and x.args[1].name == "constant":
            return self.power(operands[0], float(x.args[1].value))
        if name in COMPOSED:
            values = operands[: len(operands) - len(x.keywords)]
            return np.frompyfunc(lambda *parts: constant(COMPOSED[name](*parts)), len(values), 1)(*values)
        if (
            name in ("logical_and", "logical_or")
            and x in self.floats
            and any(part.dtype != BOOL for part in x.args)
        ):
            raise Unsupported("Python's `and` of numbers gives one of them")
        if name == "round":
            if any(places != 0 for places in operands[1:]):
                raise Unsupported("round to decimal places")
            operands = operands[:1]
        return self.each(name, operands)

    def power(self, base: Any, exponent: float) -> Any:
        """As NumPy: by a product, a root or a quotient where there is one."""
        quick = {
            2.0: lambda a: call("square", a),
            0.5: lambda a: call("sqrt", a),
            -1.0: lambda a: 1.0 / a,
            1.0: _element,
        }
        if exponent in quick:
            return np.frompyfunc(quick[exponent], 1, 1)(base)
        return self.each("power", [base, exponent])

    def each(self, name: str, operands: list[Any]) -> Any:
        """An operation element by element."""
        if name not in KNOWN:
            raise Unsupported(f"{name} of single numbers is not known")
        return np.frompyfunc(lambda *parts: call(name, *map(_element, parts)), len(operands), 1)(*operands)


def _reduced(fold: Any, x: Any, axis: Any, kept: bool) -> Any:
    """A reduction over one axis, several or all."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if not x.ndim:
        return x
    for i in sorted((one % x.ndim for one in axes), reverse=True):
        x = fold.reduce(x, axis=i, keepdims=kept)
        x = x if isinstance(x, np.ndarray) else _array([x], ())
    return x


KNOWN = {
    "add", "subtract", "multiply", "divide", "negative", "square", "sqrt", "abs", "floor", "ceil", "round", "copysign",
    "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "logical_and", "logical_or", "isfinite",
    "where", "maximum", "minimum", "power", "remainder", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos",
    "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "hypot",
    "erf", "erfc",
}  # fmt: skip
