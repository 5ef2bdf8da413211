"""A Program as Python source: a function of the inputs, one line of NumPy an instruction.

Names come from labels. `np` is NumPy, `xp` the namespace of arrays (what NumPy lacks), `fl` that of Python's floats. What makes it
quick beside the plan (plan.py): constants are arrays already, and a temporary that is needed no more is written over.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from ..symbols import PARTS, Expr
from .passes import is_range
from .plan import UFUNCS, uses
from .program import Change, Program, is_shared, owner
from .text import PYTHON, exact_text, text

HEADER = """\
from collections import deque
from itertools import starmap
from math import isfinite
from operator import call

import numpy as np

from autograd_mini.core.readings import arrays as xp, scalar as fl
from autograd_mini.compile.program import add_product, adding
"""
FLOATS_STYLE = replace(PYTHON, function=lambda x, texts: f"fl.{x.name}({', '.join(texts)})")
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
CALLS = {"sum": "np.add.reduce", "max": "np.maximum.reduce", "vdot": "np.vdot", "add_product": "add_product"}


class Writer:
    """Writes a program as a function, `body`; `is_quick`: whether temporaries are written over."""

    def __init__(self, program: Program, name: str, is_quick: bool) -> None:
        self.program, self.is_quick = program, is_quick
        self.floats, self.uses = program.kinds(), uses(program)
        self.tests = {guard.test for guard in program.guards if self.uses[guard.test] == 1}  # and no results
        self.names: dict[Expr, str] = {x: x.value for x in program.inputs}
        self.taken = set(self.names.values())
        self.constants: dict[Any, str] = {}
        self.before: list[str] = []  # lines that make constants
        self.lines: list[str] = []
        self.scratch: list[tuple[str, str]] = []  # names in a set of buffers, and what makes them
        self.places: dict[Any, str] = {}  # where an instruction's result is to be written
        self.plan()
        self.write(name)

    def plan(self) -> None:
        """Decide which lines come last, where values are read last, and where they are put."""
        data = [change for change in self.program.changes if change.what == "data"]
        written = {change.target for change in data}
        written.update(target for flat in self.program.flats for target in flat.targets)
        # Values that are written where they belong, once all else is done
        own = [change for change in data if not any(owner(x) in written for x in without(change))]
        self.late = {change.value: change.target for change in own if self.is_late(change)}
        self.copied = [change for change in data if change.value not in self.late]
        every = [x for x in self.program.instructions() if not x.is_leaf and x.name not in PARTS]
        needed = {*self.program.lean().instructions()}
        self.order = [x for x in every if x not in self.late and x in needed]
        self.rest = [x for x in every if x not in needed]  # what gradients alone need
        self.last = {part: x for x in [*self.order, *self.rest, *self.late] for part in operands(x)}
        self.kept = {owner(x) for x in self.program.roots}
        self.viewed = {owner(x) for x in every if is_shared(x)}
        for x in self.order:
            if x.name == "pack":
                self.pack(x)

    def is_late(self, change: Change) -> bool:
        """Whether a new value can be computed in the place of the old one that it is made from."""
        value, shape = change.value, change.target.shape
        is_made = value.name == "add_product" or (value.name in UFUNCS and value.shape == shape != ())
        return is_made and self.uses[value] == 1 and len(without(change)) < len(value.args)

    def pack(self, x: Expr) -> None:
        """A buffer with a place for each value; what can be computed there is not copied."""
        whole = self.fresh("g")
        self.scratch.append((whole, f"np.empty({x.shape}, np.{x.dtype.name})"))
        ends = accumulate((prod(part.shape or ()) for part in x.args), initial=0)
        for part, (start, end) in zip(x.args, pairwise(ends), strict=True):
            self.scratch.append((place := self.fresh("g"), f"{whole}[{start}:{end}].reshape({part.shape})"))
            is_placed = self.uses[part] == 1 and part.shape and part not in self.floats
            if is_placed and (part.name in UFUNCS or part.name in ("matmul", "sum")):
                self.places[part] = place
            else:
                self.places[x, part] = place
        self.places[x] = whole

    # ---- Lines

    def write(self, name: str) -> None:
        program = self.program
        guards = [*program.guards]
        for x in [*self.order, None]:
            while guards and (guards[0].test in self.names or guards[0].test.is_leaf):
                test, outcome, line = guards.pop(0)
                self.lines.append(f"if {'not ' if outcome else ''}{self.text(test)}:  #{line}")
                self.lines.append("    return None")
            if x is not None:
                self.assign(x)
        given = {change.value for change in self.copied}  # nobody else's already; nothing is given twice
        results, begin = ", ".join([self.result(one, given) for one in program.outputs]), len(self.lines)
        for x in self.rest:
            self.assign(x)
        grads = ", ".join([self.result(one.value, given) for one in program.changes if one.what != "data"])
        self.lines.append(f"found = [{results}], [{grads}]")
        if program.is_kept:
            more = [f"    {line}" for line in self.lines[begin:]]
            self.lines[begin:] = [f"found = [{results}], []", "if not is_lean:", *more]
        values = [(change.target, self.unshared(change.value)) for change in self.copied]
        writes = [self.instruction(value, self.names[target]) for value, target in self.late.items()]
        writes += [f"np.copyto({self.text(target)}, {value})" for target, value in values]
        self.lines += [at_once(writes)] if program.is_kept and writes else writes
        if self.scratch:
            taken = ", ".join(place for place, _ in self.scratch)
            made = [f"    {place} = {how}" for place, how in self.scratch]
            self.before += ["", "", "def scratch():", *made, f"    return {taken},", "", "",
                            "sets = []  # one for each thread that is running"]  # fmt: skip
            self.lines[:0] = ["buffers = sets.pop() if sets else scratch()", f"{taken}, = buffers"]
            self.lines.append("sets.append(buffers)")
        named = [*(str(x.value) for x in program.inputs), *(["is_lean=False"] if program.is_kept else [])]
        head = f"def {name}({', '.join(named)}):"
        body = [head, *[f"    {line}" for line in self.lines], "    return found"]
        self.body = "\n".join([*self.before, "", "", *body]).strip() + "\n"

    def assign(self, x: Expr) -> None:
        """The line of one instruction, which has a name from then on."""
        dead = self.dying(x)
        if x.name == "pack":
            self.names[x] = self.places[x]
            self.lines += [f"np.copyto({self.places[x, part]}, {self.text(part)})"
                           for part in x.args if (x, part) in self.places]  # fmt: skip
        elif x.name == "where" and x.args[1].shape == () and dead and dead == self.names.get(x.args[2]):
            self.names[x] = dead
            self.lines.append(f"np.copyto({dead}, {self.text(x.args[1])}, where={self.text(x.args[0])})")
        else:
            line = self.instruction(x, self.places.get(x) or (dead if x.name in UFUNCS else None))
            self.names[x] = self.fresh("t")
            self.lines.append(f"{self.names[x]} = {line}")

    def fresh(self, stem: str) -> str:
        count = len(self.taken)
        while (name := f"{stem}{count}") in self.taken:
            count += 1
        self.taken.add(name)
        return name

    def text(self, x: Expr) -> str:
        for part in operands(x) if not x.is_leaf else [x]:
            is_array = part.name == "constant" and isinstance(part.value, np.ndarray)
            if is_array and part not in self.names:
                self.names[part] = self.constant(part.value)
        return str(text(x, self.names, PYTHON))

    def instruction(self, x: Expr, place: str | None) -> str:
        """One instruction as Python, its result in a place where there is one."""
        if x in self.floats:
            return f"float({self.text(x)})" if x.name == "getitem" else str(text(x, self.names, FLOATS_STYLE))
        if x.name == "isfinite" and x in self.tests:
            return f"isfinite({self.text(x.args[0])})"
        if x.name == "power" and x.args[1].weak and x.args[1].name == "constant":
            base = self.text(x.args[0])
            return f"{base if x.args[0].shape else f'np.asarray({base})'} ** {self.text(x.args[1])}"
        if x.name == "swapaxes" and len(x.shape or ()) == 2:
            return f"{self.text(x.args[0])}.T"
        if x.name == "reshape" and x.args[0].shape:
            return f"{self.text(x.args[0])}.reshape({self.text(x.args[1])})"
        is_dot = x.name == "matmul" and all(len(part.shape or ()) <= 2 for part in x.args)
        is_ufunc = x.name in UFUNCS and x.shape
        function = f"np.{x.name}" if is_ufunc else "np.dot" if is_dot else CALLS.get(x.name)
        if function is None:
            return self.text(x)
        out = [f"out={place}"] if place and x.name != "add_product" else []
        texts = self.as_arrays(x) if is_ufunc else [*map(self.text, x.args)]
        if is_ufunc and not place and x.name in SIGNS and all(map(str.isidentifier, texts)):
            return f" {SIGNS[x.name]} ".join(texts)
        split = len(texts) - len(x.keywords)
        pairs = zip(x.keywords, texts[split:], strict=True)
        named = [f"{key}={part}" for key, part in pairs if part != "False"]
        return f"{function}({', '.join([*texts[:split], *named, *out])})"

    def as_arrays(self, x: Expr) -> list[str]:
        """The operands of an operation element by element, its numbers as arrays."""
        kinds = {part.dtype for part in x.args if not part.weak}
        dtype = kinds.pop() if len(kinds) == 1 else np.dtype(bool)
        texts = []
        for part in x.args:
            is_number = part.name == "constant" and part.shape == () and part.dtype.kind in "if"
            is_array = is_number and dtype.kind == "f" and (part.weak or part.dtype == dtype)
            texts.append(self.constant(np.array(part.value, dtype)) if is_array else self.text(part))
        return texts

    def constant(self, array: Any) -> str:
        """The name of a constant as an array, which is made once."""
        key = array.dtype, array.shape, array.tobytes()
        if key not in self.constants:
            self.constants[key] = self.fresh("k")
            self.before.append(f"{self.constants[key]} = {_written(array)}")
        return self.constants[key]

    def dying(self, x: Expr) -> str | None:
        """An operand that nothing needs any more, of the same shape and dtype: its memory takes the result."""
        for part in x.args if x.shape and self.is_quick else ():
            is_free = self.last.get(part) is x and not is_shared(part) and part not in self.floats
            is_like = part.shape == x.shape and part.dtype == x.dtype
            is_lone = part not in self.kept and part not in self.viewed
            if is_free and is_like and is_lone and (part.name == "pack" or part not in self.places):
                return self.names[part]
        return None

    def result(self, x: Expr, given: set[Expr]) -> str:
        """An output, as an array that is nobody else's memory."""
        found = self.text(x)
        if x in self.floats:
            return found
        is_taken = x in given or is_shared(x)
        given.add(x)
        return f"np.array({found})" if is_taken else found

    def unshared(self, x: Expr) -> str:
        """The name of a value that the lines at the end do not change: of a view of an input, that of a copy."""
        if not is_shared(x):
            return self.text(x)
        name = self.fresh("v")
        self.lines.append(f"{name} = np.array({self.text(x)})")
        return name


def at_once(calls: list[str]) -> str:
    """Calls of functions in C as one, so that Ctrl-C comes before all of them, or after."""
    tuples = [re.sub(r"^([\w.]+)\(", r"(\1, ", call).replace("(add_product, ", "adding(") for call in calls]
    return f"deque(starmap(call, [{', '.join(tuples).replace(', out=', ', ')}]), 0)"


def without(change: Change) -> list[Expr]:
    """The operands of a new value but for the old one."""
    return [x for x in change.value.args if x is not change.target]


def _written(array: Any) -> str:
    if is_range(array):
        return f"np.arange({array.size})"
    if array.size > 1 and (array == 1).all():
        return f"np.ones({array.shape}, np.{array.dtype.name})"
    return exact_text(array)


def operands(x: Expr) -> list[Expr]:
    """The values that an instruction reads, those inside its tuples and lists too."""
    return [value for part in x.args for value in (operands(part) if part.name in PARTS else [part])]


def function_of(text: str, name: str) -> Callable[..., Any]:
    """Return the function that a source text defines; what it calls of NumPy is looked up once."""
    space: dict[str, Any] = {}
    exec(HEADER, space)

    def bound(match: re.Match[str]) -> str:
        path = match.group(0)
        found: Any = space[path.partition(".")[0]]
        for part in path.split(".")[1:]:
            found = getattr(found, part)
        if not callable(found) or isinstance(found, type):
            return path
        space[path.replace(".", "_")] = found
        return path.replace(".", "_")

    text = re.sub(r"\b(?:np|xp|fl)(?:\.[a-z_]\w*)+", bound, text)
    exec(compile(text, f"<compiled {name}>", "exec"), space)
    return space[name]  # type: ignore[no-any-return]
