"""Passes: small pure functions from Expr to Expr that keep every bit, and one that keeps all but the last.

A step changes the top of an Expr whose parts are done, or returns it as it is; `rebuilt` applies it everywhere.
"""

from math import prod
from typing import Any

import numpy as np

from ..symbols import VIEWS, Expr, call, constant, is_number
from ..symbols import _exact as identity
from ..symbols import _like as is_like
from .program import NOT_ELEMENTWISE, Program

FEW_ROWS, LARGE = 32, 16384  # of a product; numbers of a large matrix
FEW = 256  # numbers that NumPy handles in the time of a call


def exact(program: Program) -> Program:
    """Return a program of the same bits in fewer calls.

    By identities of IEEE arithmetic, without spreading that a call does itself, and with calls of ours as those of NumPy that they
    make. Python's floats have functions of their own, which stay.
    """
    floats = set(program.floats)
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

    return program.stepped(step)


ARITHMETIC = ("add", "subtract", "multiply", "divide", "negative")


def _is_spread(x: Expr) -> bool:
    """Whether it is one number in a larger shape."""
    return x.name == "broadcast_to" and x.args[0].shape == ()


def folded(x: Expr) -> Expr:
    """A constant in another dtype as the constant that it is; x⁰ as 1, of NaN and ∞ too."""
    if x.name == "asarray" and x.args[0].name == "constant" and not x.args[0].weak:
        return constant(np.asarray(x.args[0].value, x.dtype))
    if x.name == "power" and x.shape and x.args[1].weak and is_number(x.args[1], 0):
        return call("broadcast_to", np.ones((), x.dtype), x.shape)
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
        start = {} if np.prod(inner.shape or ()) else {"initial": -np.inf}
        below = inner - call("max", inner, axis=x.args[1], keepdims=True, **start)
        total = call("sum", e := call("exp", below), axis=x.args[1], keepdims=True)
        return e / total if x.name == "softmax" else below - call("log", total)
    if x.name in ("sigmoid", "logistic"):
        # two quick loops cost less than copysign, a mask less than an exponential
        is_large = np.prod(x.shape or ()) > FEW
        e = call("exp", -abs(inner) if is_large else call("copysign", inner, -1.0))
        if x.name == "logistic":
            return e / (e + 1.0) / (e + 1.0)
        above = call("greater_equal", inner, 0.0) if is_large else call("minimum", inner, 0.0)
        return (call("maximum", e, above) if is_large else call("exp", above)) / (e + 1.0)
    return picked(x)


def closer(program: Program) -> Program:
    """Return a program of the same results up to rounding.

    Numbers that multiply one after the other are one number. A product of few rows by a large matrix is that of the transposes, in
    which BLAS takes half to nine tenths of the time in double precision.
    """
    return program.stepped(_closer_step)


def _closer_step(x: Expr) -> Expr:
    if x.name == "matmul" and x.dtype == np.float64 and all(len(part.shape or ()) == 2 for part in x.args):
        (rows, k), (_, columns) = (part.shape or (0, 0) for part in x.args)
        if 1 < rows <= FEW_ROWS < columns and k * columns >= LARGE:
            return call("swapaxes", call("matmul", x.args[1].T, x.args[0].T), -1, -2)
    return _one_number(x)


def _one_number(x: Expr) -> Expr:
    whole = x.args[0].shape or () if x.name == "sum" else ()
    if whole and prod(whole) == prod(x.shape or ()) and x.args[0].dtype == x.dtype:  # a sum counts booleans
        return call("reshape", x.args[0], x.shape)  # of one number each
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


# ---- Many alike ---------------------------------------------------------------------------------------------------------

FEWEST, DEEPEST = 8, 40  # how many rows are worth it; how many calls inside one another are followed


def in_rows(program: Program) -> Program:
    """Return a program in which rows that are computed alike, as those of a Hessian are, are computed at once as one array."""
    rows: Rows = {}

    def step(x: Expr) -> Expr:
        parts = x.args[0].args if x.name == "stack" and is_number(x.args[-1], 0) else ()
        found = _together(parts, rows) if len(parts) >= FEWEST and parts[0].shape else None
        return found if found is not None and is_like(found, x) else x

    return program.stepped(step)


Rows = dict[tuple[Expr, ...], Expr | None]


def _together(parts: tuple[Expr, ...], rows: Rows, depth: int = 0) -> Expr | None:
    """What is stacked of parts that are the same calls of other operands, as one call of what is stacked of these; else None."""
    if parts not in rows and depth <= DEEPEST:
        rows[parts] = None
        rows[parts] = _as_one(parts, rows, depth)
    return rows.get(parts)


def _as_one(parts: tuple[Expr, ...], rows: Rows, depth: int) -> Expr | None:
    first, shape = parts[0], parts[0].shape or ()
    is_of_places = first.name in ("getitem", "scatter")
    count = 1 if is_of_places else len(first.args)

    def form(x: Expr) -> Any:
        return x.name, x.shape, x.dtype, x.weak, x.keywords, len(x.args), [*map(id, x.args[count:])]

    if any(form(part) != form(first) for part in parts):
        return None
    if first.name == "symbol":
        whole = call("concatenate", parts, axis=0)
        return call("reshape", whole, (len(parts), *shape)) if len(shape) == 1 else None
    if first.name in NOT_ELEMENTWISE and not is_of_places:
        return None
    args: list[Any] = []
    for column in zip(*(part.args[:count] for part in parts), strict=True):
        is_same = all(y is column[0] for y in column)
        is_row = len(column[0].shape or ()) == (1 if is_of_places else len(shape))
        row = column[0] if is_same else _together(column, rows, depth + 1)
        if row is None or not (is_same or is_row):
            return None
        args.append(row)
    if is_of_places:  # an index of slices for each row of the stack
        index = first.args[-1].args if first.args[-1].name == "tuple" else first.args[-1:]
        if any(part.name != "slice" for part in index):
            return None
        args += [(len(parts), *first.args[1].args)] if first.name == "scatter" else []
        args.append((slice(None), *index))
    return call(first.name, *args)


def _is_column(x: Expr) -> bool:
    """Whether it is y[..., None]."""
    return x.name == "getitem" and [part.value for part in x.args[1].args] == [..., None]


def is_range(array: Any) -> bool:
    """Whether an array is 0, 1, 2, …"""
    is_whole = isinstance(array, np.ndarray) and array.ndim == 1 and array.dtype.kind in "iu"
    return is_whole and array.size > 0 and np.array_equal(array, np.arange(array.size))
