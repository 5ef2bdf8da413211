"""Programs as formulas of single numbers: every element of an array an Expr of its own, for engines that know numbers alone."""

import functools
import operator
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.readings import arrays
from ..support.quiet import quietly
from ..symbols import OPERATORS, PARTS, VIEWS, Expr, call, constant, invoke, ordered, symbol
from .kernels import BOOL, KERNELS, SINGLE, Unsupported
from .program import COMPOSED, Program

FLOAT = np.dtype(float)
MOVING = {*VIEWS, "stack", "concatenate", "scatter", "take_along_axis", "scatter_along_axis", "roll"}
FOLDS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}
# The powers that NumPy takes by a product, a root or a quotient; of floats only the root is taken so
POWERS: dict[float, Callable[[Any], Any]] = {
    2.0: lambda a: a * a, 0.5: lambda a: call("sqrt", a), -1.0: lambda a: 1.0 / a, 1.0: lambda a: a,
}  # fmt: skip


class Scalars(NamedTuple):
    """Formulas of numbers. `places` says of each symbol which element of which input it is."""

    places: dict[Expr, tuple[int, int]]
    guards: list[tuple[Expr, bool]]
    outputs: list[Any]  # an array of Exprs each


def scalars(program: Program, most: int) -> Scalars:
    """Return a program as formulas of numbers.

    Unsupported where its arrays have more than `most` elements together, or are computed by what has no formula of single elements.
    """
    try:
        return quietly(_scalars, program, most)  # type: ignore[no-any-return]
    except Unsupported:
        raise
    except (AttributeError, IndexError, TypeError, ValueError) as error:  # an index of booleans, say
        raise Unsupported(f"what it does with its elements is not known ({error})") from None


def _scalars(program: Program, most: int) -> Scalars:
    floats, found, places = program.kinds(), dict[Expr, Any](), dict[Expr, tuple[int, int]]()
    calls = [x for x in program.instructions() if x.name != "symbol"]
    if sum(prod(x.shape or ()) for x in program.inputs) + sum(map(_work, calls)) > most:
        raise Unsupported(f"the arrays, and the terms of products, are more than {most} numbers")
    for i, x in enumerate(program.inputs):
        names = [symbol(f"{x.value}[{j}]", dtype=number_of(x)) for j in range(prod(x.shape or ()))]
        places |= {name: (i, j) for j, name in enumerate(names)}
        found[x] = _array(names, x.shape or ())
    for x in calls:
        found[x] = _elements_of(x, [found[part] for part in x.args], x in floats)
    results = [found[x] for x in program.roots]
    if any(x.dtype.kind in "iu" for x in program.roots):
        raise Unsupported("a result is a whole number")
    split = len(program.guards)
    guards = [(test.item(), guard.outcome) for test, guard in zip(results, program.guards, strict=False)]
    return Scalars(places, guards, results[split:])


def _work(x: Expr) -> int:
    """How many numbers are computed."""
    shape = (x.args[0].shape if x.args else None) or (1,)
    if x.name in VIEWS or x.name in FOLDS:
        return prod(shape) if x.name in FOLDS else 0
    return prod(x.shape or ()) * (shape[-1] if x.name in ("matmul", "linear") else 1)


def _array(elements: Sequence[Any], shape: tuple[int, ...]) -> Any:
    return np.fromiter(elements, object, len(elements)).reshape(shape)


def _element(x: Any) -> Expr:
    """What stands in an array of objects: a number is a constant; a place that was assigned to holds an array of one."""
    x = x.item() if isinstance(x, np.ndarray) else x
    return x if isinstance(x, Expr) else constant(x if isinstance(x, bool | np.floating) else float(x))


def _each(function: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """A function of Exprs, element by element."""
    return np.frompyfunc(lambda *parts: function(*map(_element, parts)), len(operands), 1)(*operands)


def _elements_of(x: Expr, operands: list[Any], is_float: bool) -> Any:
    """The array of elements of a call; what is no array (an axis, an index) as it is."""
    if x.name == "constant":
        if x.shape is None or x.dtype.kind in "iu" or (x.weak and x.dtype == BOOL):
            return x.value
        numbers = np.ravel(x.value).tolist()
        out = _array(numbers if x.weak or x.dtype == BOOL else [*map(x.dtype.type, numbers)], x.shape)
    elif x.name in PARTS:
        return OPERATORS[x.name](*operands)
    elif x.dtype.kind in "iu" and x.name not in VIEWS:
        raise Unsupported(f"numbers of {x.dtype}")
    else:
        out = _called(x, operands, is_float)
    found = _each(_element, [out if isinstance(out, np.ndarray) else _array([out], ())])
    return found if isinstance(found, np.ndarray) else _array([found], x.shape or ())


def _called(x: Expr, operands: list[Any], is_float: bool) -> Any:
    name, exponent = x.name, x.args[-1]
    given = dict(zip(x.keywords, operands[len(operands) - len(x.keywords) :], strict=True))
    values = operands[: len(operands) - len(given)]
    if name in MOVING:
        if name == "getitem" and any(y.name == "symbol" for y in ordered(x.args[1])):
            return _picked(*operands)
        return invoke(OPERATORS.get(name) or getattr(arrays, name), operands, x.keywords)
    if name in FOLDS:
        return _folded(FOLDS[name], values[0], **given)
    if name in ("matmul", "linear"):
        product = np.matmul(*operands[:2])
        return product if name == "matmul" else _each(operator.add, [product, operands[2]])
    if name == "power" and exponent.name == "constant":
        taken = POWERS.get(float(exponent.value)) if not is_float or exponent.value == 0.5 else None
        return _each(taken or (lambda a: call("power", a, float(exponent.value))), operands[:1])
    if name in ("logical_and", "logical_or") and is_float and any(part.dtype != BOOL for part in x.args):
        raise Unsupported("Python's `and` of numbers gives one of them")
    if name == "round":
        if any(places != 0 for places in operands[1:]):
            raise Unsupported("round to decimal places")
        values = values[:1]
    if name == "asarray":
        return _each(lambda a: a if a.dtype == x.dtype else call("asarray", a, dtype=x.dtype), values)
    if name in COMPOSED:
        return np.frompyfunc(COMPOSED[name], len(values), 1)(*values)
    if name not in KERNELS:
        raise Unsupported(f"{name} of single numbers is not known")
    return _each(partial(call, name), values)


def _picked(x: Any, index: Any) -> Any:
    """x[rows, labels] of labels that are known at each call alone: for each label the one among all elements that there are."""
    places = [i for i, part in enumerate(index) if isinstance(part, np.ndarray) and part.dtype == object]
    if len(index) != x.ndim or len(places) != 1 or not all(isinstance(part, np.ndarray) for part in index):
        raise Unsupported("an index that is computed, beside others than whole arrays of numbers")
    [i], labels = places, index[places[0]]
    found: Any = None
    for k in reversed(range(x.shape[i])):
        chosen = x[(*index[:i], np.full(labels.shape, k), *index[i + 1 :])]
        test = _each(lambda label, k=k: call("equal", label, float(k)), [labels])
        found = chosen if found is None else _each(partial(call, "where"), [test, chosen, found])
    return found


def number_of(x: Expr) -> Any:
    """The dtype in which single numbers of it are computed: whole ones are float64."""
    return x.dtype if x.dtype == SINGLE else FLOAT


def _folded(step: str, x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """A reduction over one axis, several or all; an initial ±∞ of a largest or smallest changes nothing."""
    if not x.size or (initial is not None and step in ("add", "multiply")):
        raise Unsupported("a reduction of nothing, or with a start")
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    lost = {one % x.ndim for one in axes}
    kept = [1 if i in lost else n for i, n in enumerate(x.shape) if keepdims or i not in lost]
    rows = np.moveaxis(x, [*lost], range(-len(lost), 0)).reshape(prod(kept), -1).tolist()
    is_last = min(lost, default=0) == x.ndim - len(lost)  # else NumPy adds row to row
    fold = _sum if step == "add" and is_last else lambda row: functools.reduce(partial(call, step), row)
    return _array([*map(fold, rows)], tuple(kept))


def _sum(x: list[Expr]) -> Expr:
    """The sum of a row in NumPy's order: of up to 128 numbers as eight sums side by side, of more in halves."""
    n = len(x)
    if n > 128:
        half = n // 2 - n // 2 % 8
        return _sum(x[:half]) + _sum(x[half:])
    if n >= 8:
        sums = [functools.reduce(operator.add, x[i : n - n % 8 : 8]) for i in range(8)]
        while len(sums) > 1:
            sums = [*map(operator.add, sums[::2], sums[1::2])]
        x = [*sums, *x[n - n % 8 :]]
    return functools.reduce(operator.add, x)
