"""Program: what a traced function computes, as Exprs over its inputs. Passes turn one Program into another.

Two Exprs that say the same are one object, so what is computed twice stands once; and what nothing needs does not stand there at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from math import log
from typing import Any, NamedTuple

import numpy as np

from ..support import numerics
from ..support.numerics import find_spec
from ..symbols import AXES, EXPRESSIONS, OPERATORS, PARTS, REDUCTIONS, SHAPES, VIEWS, Expr, ordered, rebuilt


@cache
def _gemm(dtype: Any) -> Any:
    """BLAS's factor · x @ y + beta · w for arrays of a dtype; None without scipy."""
    if not find_spec("scipy"):
        return None
    from scipy.linalg import blas

    return blas.dgemm if dtype == np.float64 else blas.sgemm


def adding(w: Any, factor: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """The call, of a function in C, that adds factor · x @ y to a matrix w in place; with scipy in one pass over its memory."""
    gemm = _gemm(w.dtype)
    if not gemm or not w.flags.c_contiguous or not w.dtype == x.dtype == y.dtype:
        return np.add, w, factor * np.dot(x, y), w
    # BLAS knows columns: wᵀ += factor · yᵀ xᵀ, each given as what lies in memory
    left, turn_left = (y.T, 0) if y.flags.c_contiguous else (y, 1)
    right, turn_right = (x, 1) if x.flags.f_contiguous else (x.T, 0)
    # by their places: beta, c, trans_a, trans_b, overwrite_c
    return gemm, factor, left, right, 1.0, w.T, turn_left, turn_right, 1


def add_product(w: Any, factor: Any, x: Any, y: Any) -> None:
    """Add factor · x @ y to a matrix w in place.

    Arguments: `w` (m, n), `x` (m, k), `y` (k, n), all of one dtype.

    >>> w = np.ones((2, 2))
    >>> add_product(w, -1.0, np.array([[1.0], [0.0]]), np.array([[1.0, 2.0]]))
    >>> w
    array([[ 0., -1.],
           [ 1.,  1.]])
    """
    function, *arguments = adding(w, factor, x, y)
    function(*arguments)


# Calls that only plans make: of the numbers of a vector, and what is written into w itself where it is w's new value
OPERATORS |= {
    "vdot": np.vdot,
    "pack": lambda *xs: np.concatenate([np.ravel(x) for x in xs]),
    "add_product": lambda w, factor, x, y: w + factor * np.dot(x, y),
}
SHAPES |= {
    "vdot": lambda x, y: (),
    "pack": lambda *xs: (sum(np.size(x) for x in xs),),
    "add_product": lambda w, factor, x, y: w.shape,
}
# Calls that are not made element by element; their result is an array even where all operands are floats
NOT_ELEMENTWISE = {*VIEWS, *AXES, *REDUCTIONS, *SHAPES, *PARTS, "symbol", "constant"}

xp = EXPRESSIONS.xp
# Calls element by element that are made of others, with the same bits
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


class Guard(NamedTuple):
    """A branch that the function took: the call is replayed only where the test has this outcome again."""

    test: Expr
    outcome: bool
    line: str


class Change(NamedTuple):
    """What a call writes into an input once all is computed: its data, or its gradient."""

    target: Expr
    value: Expr
    what: str  # "data", "grad", or "more grad", which is added


class Flat(NamedTuple):
    """An input in which the data of others, the parameters that a program updates, lie side by side."""

    vector: Expr
    targets: tuple[Expr, ...]


def is_shared(x: Expr) -> bool:
    """Whether the value may be an input's, a constant's or another value's memory."""
    return x.is_leaf or x.name in VIEWS or x.name in ("asarray", "einsum")


def owner(x: Expr) -> Expr:
    """What a view is a view of."""
    while not x.is_leaf and is_shared(x) and x.name != "einsum":
        x = x.args[0]
    return x


@dataclass(frozen=True)
class Program:
    """Inputs (symbols, in the order of the call), guards in program order, outputs, and what is written at the end."""

    inputs: tuple[Expr, ...]
    guards: tuple[Guard, ...]
    outputs: tuple[Expr, ...]
    changes: tuple[Change, ...] = ()
    floats: frozenset[Expr] = frozenset()  # inputs and elements of arrays that are Python's floats
    flats: tuple[Flat, ...] = ()
    is_kept: bool = False  # whether leaves keep their arrays, and changes come all or not at all

    @property
    def results(self) -> tuple[Expr, ...]:
        """The outputs, and what is written."""
        return (*self.outputs, *(change.value for change in self.changes))

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All that is computed, in order."""
        return (*(guard.test for guard in self.guards), *self.results)

    def lean(self) -> "Program":
        """Return the program without gradients, where it is a step that keeps none."""
        data = tuple(change for change in self.changes if change.what == "data" or not self.is_kept)
        return replace(self, changes=data)

    def mapped(self, change: Callable[[Expr], Expr]) -> "Program":
        """Return the program with every root changed; what was a Python float stays one."""
        floats = frozenset(change(x) for x in self.floats)
        return replace(
            self,
            guards=tuple(guard._replace(test=change(guard.test)) for guard in self.guards),
            outputs=tuple(map(change, self.outputs)),
            changes=tuple(one._replace(value=change(one.value)) for one in self.changes),
            floats=floats,
        )

    def stepped(self, step: Callable[[Expr], Expr]) -> "Program":
        """Return the program with a step made wherever it can be made, parts first."""
        known: dict[Expr, Expr] = {}
        return self.mapped(lambda expr: rebuilt(expr, known, step))

    def instructions(self) -> Iterator[Expr]:
        """Yield every call once, parts before wholes, and no earlier than a guard or an output needs it."""
        known: set[Expr] = set()
        for root in self.roots:
            for x in ordered(root, known):
                if x not in known:
                    known.add(x)
                    yield x

    def kinds(self) -> set[Expr]:
        """The Exprs that are Python's floats when the program runs: all that is computed of floats alone."""
        found = set(self.floats)
        for x in self.instructions():
            if x.name in NOT_ELEMENTWISE:
                continue
            parts = {
                part for part in x.args if part.name != "constant" or not (part.weak or part.shape is None)
            }
            if parts and parts <= found:
                found.add(x)
        return found
