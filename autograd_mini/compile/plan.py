"""What makes a program quick in NumPy, as passes Program → Program: fewer calls, and updates in one pass over the memory.

Sums of products become dot products; small parameters are updated as one vector, with what all of them have in common (weight decay,
squares that are added up) computed once over it; a large weight gets its gradient added by BLAS.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from math import prod
from operator import is_
from typing import Any

import numpy as np

from ..core.readings import arrays
from ..support.numerics import find_spec
from ..symbols import Expr, call, constant, substitute, symbol
from ..symbols import _like as is_like
from .passes import closer, in_rows
from .program import NOT_ELEMENTWISE, Change, Flat, Program, is_shared, owner
from .trace import unique

DEEPEST = 40  # calls inside one another that all parameters of a vector have in common
SMALL, LARGE = 8192, 16384  # numbers of a parameter that goes into a vector; of one that BLAS adds to
UFUNCS = {
    name for name, function in vars(np).items()
    if isinstance(function, np.ufunc) and getattr(arrays, name, function) is function
} & {*vars(arrays), "add", "subtract", "multiply", "divide", "negative"} - NOT_ELEMENTWISE  # fmt: skip


def planned(program: Program, is_quick: bool) -> Program:
    """Return the program as it is to be written; quick: with the results of sums up to rounding."""
    exact = (of_one_row, added_by_blas) if program.is_kept else ()
    for step in (closer, in_rows, added_by_blas, dotted, in_vectors, squares_together) if is_quick else exact:
        program = step(program)
    return program


def of_one_row(program: Program) -> Program:
    """Sums of one number each as NumPy adds them, to 0; what is spread to one row alone as that row."""

    def as_row(part: Expr, x: Expr) -> Expr:
        is_row = part.shape and part.shape != x.shape and prod(part.shape) == prod(x.shape or ())
        return call("reshape", part, x.shape) if is_row else part

    def step(x: Expr) -> Expr:
        inner = x.args[0] if x.name == "sum" else x
        if inner is not x and inner.dtype == x.dtype and prod(inner.shape or ()) == prod(x.shape or ()):
            return call("reshape", inner, x.shape) + 0.0
        return call(x.name, *(as_row(part, x) for part in x.args)) if x.name in ("add", "subtract") else x

    return program.stepped(step)


def uses(program: Program) -> Counter[Expr]:
    """How often each value is read, or is a result."""
    found = Counter(part for x in program.instructions() for part in x.args)
    found.update(program.roots)
    return found


def dotted(program: Program) -> Program:
    """The sum of a product as a dot product; a small sum as one with ones, which takes BLAS half the time of a reduction."""
    count, floats = uses(program), program.kinds()

    def step(x: Expr) -> Expr:
        inner = x.args[0] if x.args else x
        shape, is_float = inner.shape or (), inner.dtype is not None and inner.dtype.kind == "f"
        is_sum = x.name == "sum" or (x.name == "reshape" and x.shape == ())  # of one number
        if not is_sum or x.keywords[1:] not in ((), ("keepdims",)) or not is_float or inner in floats:
            return x
        pair = inner.args * 2 if inner.name == "square" else inner.args if inner.name == "multiply" else ()
        if x.shape == () and pair and count[inner] <= 1 and all(is_like(part, inner) for part in pair):
            return call("vdot", *pair)
        if is_shared(inner) or len(x.shape or ()) not in (0, len(shape) - 1) or not 1 < prod(shape) <= SMALL:
            return x
        if x.shape == ():
            return call("vdot", ones(shape, inner.dtype), inner)
        is_over_rows = x.args[1].value == 0 and len(shape) == 2
        return call("matmul", ones(shape[:1], inner.dtype), inner) if is_over_rows else x

    return program.stepped(step)


@cache
def ones(shape: tuple[int, ...], dtype: Any) -> Any:
    return constant(np.ones(shape, dtype))


def added_by_blas(program: Program) -> Program:
    """w − factor · x @ y of a large w as `add_product`, which adds the product straight into it."""
    count, targets = uses(program.lean()), {change.target for change in program.changes}

    def changed(change: Change) -> Change:
        value, target = change.value, change.target
        if value.name != "subtract" or value.args[0] is not target or prod(target.shape or ()) < LARGE:
            return change
        factor, product = constant(1.0), value.args[1]
        if product.name == "multiply" and product.args[0].shape == ():
            factor, product = product.args
            factor = factor.args[0] if factor.name == "asarray" else factor  # BLAS takes a number
        once = all(count[x] == 1 for x in (value, value.args[1], product))
        if product.name != "matmul" or not once or product.dtype != target.dtype or not find_spec("scipy"):
            return change
        if any(len(x.shape or ()) != 2 or owner(x) in targets for x in product.args):
            return change
        return change._replace(value=call("add_product", target, -factor, *product.args))

    return replace(program, changes=tuple(map(changed, program.changes)))


def in_vectors(program: Program) -> Program:
    """The updates of small parameters as one of a vector in which they lie side by side, unless they must keep their arrays."""
    if program.is_kept:
        return program
    count, flats, changes = uses(program), list[Flat](), list[Change]()
    taken = {x.value for x in program.inputs}
    small = [
        change for change in program.changes
        if change.what == "data" and prod(change.target.shape or ()) <= SMALL
        and is_like(change.value, change.target) and change.value.name != "add_product"
    ]  # fmt: skip
    for dtype in dict.fromkeys(change.target.dtype for change in small):
        pairs = [(change.target, change.value) for change in small if change.target.dtype == dtype]
        targets, values = zip(*pairs, strict=True)
        if len(targets) > 1:
            size = sum(prod(target.shape or ()) for target in targets)
            flat = Flat(symbol(unique("flat", taken), (size,), dtype), targets)
            flats.append(flat)
            changes.append(Change(flat.vector, alike(values, flat, count), "data"))
    gone = {target for flat in flats for target in flat.targets}
    rest = [change for change in program.changes if change.what != "data" or change.target not in gone]
    inputs = *program.inputs, *(flat.vector for flat in flats)
    return replace(program, inputs=inputs, changes=(*rest, *changes), flats=tuple(flats))


def alike(values: Sequence[Expr], flat: Flat, count: Counter[Expr], depth: int = 0) -> Expr:
    """What is done to every parameter alike, done to the vector; where they part, their values are packed into one."""
    first = values[0]
    if all(map(is_, values, flat.targets)):
        return flat.vector
    if first.shape == () and all(value is first for value in values):
        return first
    once = all(value.name == first.name and count[value] == 1 for value in values)
    if once and first.name in UFUNCS and depth < DEEPEST:
        columns = [*zip(*(value.args for value in values), strict=True)]
        if all(map(_fits, columns, [flat] * len(columns))):
            return call(first.name, *(alike(column, flat, count, depth + 1) for column in columns))
    return call("pack", *values)


def _fits(values: Sequence[Expr], flat: Flat) -> bool:
    """Whether values are one number, or of the parameters' shapes."""
    is_number = values[0].shape == () and all(value is values[0] for value in values)
    return is_number or all(map(is_like, values, flat.targets))


def squares_together(program: Program) -> Program:
    """The squares of all parameters of a vector, where they are added up, as the vector's."""
    count = uses(program)
    for flat in program.flats:
        wanted = {call("vdot", target, target) for target in flat.targets}
        for x in program.instructions():
            terms = [*_terms(x, count)] if x.name == "add" and x.shape == () else []
            if wanted <= {*terms} and all(count[term] == 1 for term in wanted):
                total = call("vdot", flat.vector, flat.vector)
                for term in terms:
                    total = total if term in wanted else term + total
                program = program.mapped(partial(substitute, changes={x: total}))
                break
    return program


def _terms(x: Expr, count: Counter[Expr]) -> Sequence[Expr]:
    """What an addition adds up, by way of the additions inside it that nothing else needs."""
    found, stack = list[Expr](), [*reversed(x.args)]
    while stack:
        part = stack.pop()
        if part.name == "add" and count[part] == 1 and part.shape == ():
            stack += reversed(part.args)
        else:
            found.append(part)
    return found
