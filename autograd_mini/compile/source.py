"""A Program as Python source: a function of the inputs, one line of NumPy an instruction, with the eager engine's bits.

Names come from labels. `np` is NumPy, `xp` the namespace of arrays (what NumPy lacks), `fl` that of Python's floats.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.readings import arrays, scalar
from ..symbols import PARTS, VIEWS, Expr
from .program import Program
from .text import PYTHON, text

HEADER = """\
import numpy as np
from autograd_mini.core.readings import arrays as xp, scalar as fl
"""
FLOATS_STYLE = replace(PYTHON, function=lambda x, texts: f"fl.{x.name}({', '.join(texts)})")


def source(program: Program, name: str = "compiled") -> str:
    """Return the source of a function of the program's inputs. It returns the list of outputs and of what to write, or None.

    None says that a guard has another outcome than when the program was recorded.
    """
    return HEADER + "\n\n" + body(program, name)


def body(program: Program, name: str) -> str:
    """The function alone, without imports."""
    return "\n".join(_Writer(program).lines(name)) + "\n"


class _Writer:
    """Writes the lines of one function."""

    def __init__(self, program: Program) -> None:
        self.program, self.floats = program, program.kinds()
        self.names: dict[Expr, str] = {x: x.value for x in program.inputs}
        self.taken = set(self.names.values())
        self.given: set[Expr] = set()  # what has been returned: nothing is twice

    def lines(self, name: str) -> list[str]:
        program = self.program
        lines = [f"def {name}({', '.join(str(x.value) for x in program.inputs)}):"]
        guards = iter(program.guards)
        guard = next(guards, None)
        for x in program.instructions():
            if not x.is_leaf and x.name not in PARTS:
                lines.append(f"    {self.line(x)}")
            while guard is not None and (guard.test in self.names or guard.test.is_leaf):
                known = text(guard.test, self.names, PYTHON)
                lines.append(f"    if {'not ' if guard.outcome else ''}{known}:  #{guard.line}")
                lines.append("        return None")
                guard = next(guards, None)
        results = [self.result(x) for x in program.outputs]
        if program.changes:
            results.append(f"[{', '.join(self.result(change.value) for change in program.changes)}]")
        return [*lines, f"    return [{', '.join(results)}]"]

    def line(self, x: Expr) -> str:
        """The assignment of one instruction, which has a name from then on."""
        found = self.text(x)
        name = f"t{len(self.names)}"
        while name in self.taken:
            name += "_"
        self.names[x] = name
        self.taken.add(name)
        return f"{name} = {found}"

    def text(self, x: Expr) -> str:
        """One instruction as Python."""
        if x in self.floats:
            line = str(text(x, self.names, PYTHON if x.name == "getitem" else FLOATS_STYLE))
            return f"float({line})" if x.name == "getitem" else line
        return self.override(x) or str(text(x, self.names, PYTHON))

    def override(self, x: Expr) -> str:
        """What NumPy writes shorter with the same bits, or nothing."""
        if x.name == "power" and x.args[1].weak and x.args[1].name == "constant":
            base = str(text(x.args[0], self.names, PYTHON))
            base = base if x.args[0].shape else f"np.asarray({base})"
            return f"{base} ** {text(x.args[1], self.names, PYTHON)}"
        if x.name == "sum":
            given = [str(text(part, self.names, PYTHON)) for part in x.args]
            named = [f"{key}={part}" for key, part in zip(x.keywords, given[1:], strict=True)]
            return f"np.add.reduce({', '.join([given[0], *(n for n in named if n != 'keepdims=False')])})"
        return ""

    def result(self, x: Expr) -> str:
        """An output, as an array that is nobody else's memory."""
        found = str(text(x, self.names, PYTHON))
        if x in self.floats:
            return found
        is_taken = x in self.given
        self.given.add(x)
        return f"np.array({found})" if is_taken or is_shared(x) else found


def is_shared(x: Expr) -> bool:
    """Whether the value may be an input's, a constant's or another value's memory."""
    return x.is_leaf or x.name in VIEWS or x.name in ("asarray", "positive")


def compiled(program: Program, name: str = "compiled") -> Callable[..., Any]:
    """Return the program as a function."""
    return function_of(body(program, name), name)


def function_of(text: str, name: str) -> Callable[..., Any]:
    """Return the function that a source text defines; what it calls of NumPy is looked up once."""
    space: dict[str, Any] = {"np": np, "xp": arrays, "fl": scalar}

    def bound(match: re.Match[str]) -> str:
        path = match.group(0)
        found: Any = space[path.partition(".")[0]]
        for part in path.split(".")[1:]:
            found = getattr(found, part)
        if not callable(found):
            return path
        space[path.replace(".", "_")] = found
        return path.replace(".", "_")

    text = re.sub(r"\b(?:np|xp|fl)(?:\.[a-z_]\w*)+", bound, text)
    exec(compile(text, f"<compiled {name}>", "exec"), space)
    return space[name]  # type: ignore[no-any-return]
