"""Program: what a traced function computes, as Exprs over its inputs. Passes turn one Program into another.

Two Exprs that say the same are one object, so what is computed twice stands once; and what nothing needs does not stand there at all.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ..core.readings import ERRORS, arrays, scalar
from ..symbols import AXES, OPERATORS, PARTS, REDUCTIONS, SHAPES, VIEWS, Expr, invoke, ordered

# Calls that are not made element by element; their result is an array even where all operands are floats
NOT_ELEMENTWISE = {*VIEWS, *AXES, *REDUCTIONS, *SHAPES, *PARTS, "symbol", "constant"}


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


@dataclass(frozen=True)
class Program:
    """Inputs (symbols, in the order of the call), guards in program order, outputs, and what is written at the end."""

    inputs: tuple[Expr, ...]
    guards: tuple[Guard, ...]
    outputs: tuple[Expr, ...]
    changes: tuple[Change, ...] = ()
    floats: frozenset[Expr] = frozenset()  # inputs and elements of arrays that are Python's floats

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All that is computed, in order."""
        return (
            *(guard.test for guard in self.guards), *self.outputs, *(change.value for change in self.changes)
        )  # fmt: skip

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
            parts = [
                part for part in x.args if not (part.name == "constant" and (part.weak or part.shape is None))
            ]
            if parts and all(part in found for part in parts):
                found.add(x)
        return found


def evaluate(program: Program, values: Mapping[Expr, Any]) -> tuple[list[Any], list[bool]] | None:
    """Return all roots' values by IEEE arithmetic, floats by Python's functions and again by NumPy's where those raise.

    None where a guard has another outcome. It is the slow way of running a program, and right wherever the quick one raises.
    """
    floats, found = program.kinds(), dict(values)
    outcomes = {guard.test: guard.outcome for guard in program.guards}
    for x in program.instructions():
        if x.name == "constant":
            found[x] = x.value
        elif x.name != "symbol":
            found[x] = _value(x, [found[part] for part in x.args], x in floats)
        if x in outcomes and bool(found[x]) != outcomes[x]:
            return None
    return [found[x] for x in program.roots[len(program.guards) :]]  # type: ignore[return-value]


def _value(x: Expr, operands: list[Any], is_float: bool) -> Any:
    spaces = [scalar, arrays] if is_float and x.name != "getitem" else [arrays]
    for xp in spaces:
        function = OPERATORS.get(x.name) or getattr(xp, x.name)
        try:
            found = invoke(function, operands, x.keywords)
        except ERRORS:
            if xp is spaces[-1]:
                raise
            operands = [np.float64(one) if isinstance(one, float) else one for one in operands]
            continue
        if x.name in PARTS or x.shape is None:
            return found
        return (bool(found) if x.dtype == bool else float(found)) if is_float else np.asarray(found)
    raise AssertionError
