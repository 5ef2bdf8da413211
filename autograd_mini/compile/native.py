"""Native code of small programs, by llvmlite: one call, without NumPy and without Python in between."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ..support.numerics import find_spec
from .kernels import BOOL, Lines, Unsupported, built
from .program import Program
from .scalars import Scalars, scalars

MOST = 6000  # elements of a program that are compiled: beyond, the compiler takes longer than it gains
FUNCTION = """\
define i32 @run(ptr %table) {{
entry:
  %n = load i64, ptr %table
{entry}
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %more ]
{lines}
  br label %more
more:
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, %n
  br i1 %again, label %loop, label %done
done:
  ret i32 0
leave:
  ret i32 1
}}"""


def is_installed() -> bool:
    """Whether native code can be made here."""
    return find_spec("llvmlite") is not None


def written(program: Scalars, steps: Sequence[int]) -> str:
    """The function `run(table)`; the table is n, the number of points, then the addresses of all inputs and all outputs.

    It returns 0, or 1 where a guard has another outcome than when the program was recorded, and then writes nothing. `steps` says of
    each input and output how many numbers lie between one point and the next.
    """
    entry, lines, bases = list[str](), Lines(), list[str]()
    for i, step in enumerate(
        steps
    ):  # addresses are read before the loop, as its writes might be thought to change them
        entry += [
            f"  %entry{i} = getelementptr ptr, ptr %table, i64 {i + 1}",
            f"  %base{i} = load ptr, ptr %entry{i}",
        ]
        offset = lines.line(f"mul i64 %i, {step}")
        bases.append(lines.line(f"getelementptr double, ptr %base{i}, i64 {offset}"))

    def place(i: int, j: int) -> str:
        return lines.line(f"getelementptr double, ptr {bases[i]}, i64 {j}")

    for x, (i, j) in program.places.items():
        lines.names[x] = lines.line(f"load double, ptr {place(i, j)}")
    is_right = "true"
    for test, outcome in program.guards:
        truth = lines.truth(test)
        is_right = lines.line(
            f"and i1 {is_right}, {truth if outcome else lines.line(f'xor i1 {truth}, true')}"
        )
    found = [[lines.number(x) for x in array.flat] for array in program.outputs]
    lines.lines += [f"  br i1 {is_right}, label %write, label %leave", "write:"]
    for i, numbers in enumerate(found, len(program.shapes)):
        for j, number in enumerate(numbers):
            lines.lines.append(f"  store double {number}, ptr {place(i, j)}")
    return FUNCTION.format(entry="\n".join(entry), lines="\n".join(lines.lines))


def table_of(n: int, buffers: Sequence[Any]) -> Any:
    """What `run` is called with: the number of points, and where the buffers are."""
    return np.array([n, *(buffer.ctypes.data for buffer in buffers)], np.int64)


class Native:
    """A program as native code. Called with its inputs, it does what the function of its NumPy source does.

    Raises Unsupported where the program is too large or not of single numbers.
    """

    def __init__(self, program: Program, most: int = MOST) -> None:
        formulas = scalars(program, most)
        self.program, outputs = program, formulas.outputs
        text = written(formulas, [0] * (len(program.inputs) + len(outputs)))
        if (count := text.count("\n")) > 3 * most:
            raise Unsupported(f"it has {count} operations on single numbers")
        self.run, self.engine = built(text)
        self.shapes = [*formulas.shapes, *(array.shape for array in outputs)]
        space: dict[str, Any] = {"copyto": np.copyto, "run": self.run, "sets": [], "new": self.new}
        exec(compile(self.caller(), "<native call>", "exec"), space)
        self.call: Callable[..., Any] = space["call"]

    def new(self) -> Any:
        """A set of buffers for all inputs and outputs, and the address of their table."""
        buffers = [np.empty(shape) for shape in self.shapes]
        table = table_of(1, buffers)
        return (*buffers, table.ctypes.data, table)

    def caller(self) -> str:
        """The Python of a call."""
        program, floats = self.program, self.program.kinds()
        given = {x: f"x{i}" for i, x in enumerate(program.inputs)}
        buffers = [f"b{i}" for i in range(len(self.shapes))]
        results = list[str]()
        for name, x in zip(buffers[len(given) :], program.results, strict=True):
            found = f"{name}.item()" if x in floats else f"{name}.copy()" if x.shape else f"{name}[()]"
            results.append(f"({found} != 0.0)" if x.dtype == BOOL else found)
        split = len(program.outputs)
        pairs = [*zip(program.changes, buffers[len(given) + split :], results[split:], strict=True)]
        grads = [text for change, _, text in pairs if change.what != "data"]
        lines = [
            "buffers = sets.pop() if sets else new()",
            f"{', '.join([*buffers, 'address', '_'])} = buffers",
            *(f"copyto({name}, {x})" if one.shape else f"{name}[()] = {x}"
              for name, (one, x) in zip(buffers, given.items(), strict=False)),
            "if run(address):",
            "    return None",
            f"found = [{', '.join(results[:split])}], [{', '.join(grads)}]",
            *(f"copyto({given[one.target]}, {name})" for one, name, _ in pairs if one.what == "data"),
            "sets.append(buffers)",
            "return found",
        ]  # fmt: skip
        return f"def call({', '.join(given.values())}):\n" + "\n".join(f"    {line}" for line in lines)

    def bound(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[[], Any]:
        """A call without arguments that reads these arrays and writes those; it gives 1 where a guard has another outcome."""
        table = table_of(1, [*inputs, *outputs])
        status = ctypes.c_int if self.program.guards else None
        run = ctypes.PYFUNCTYPE(status, ctypes.c_void_p)(self.engine.get_function_address("run"))
        call = partial(run, table.ctypes.data)
        vars(call)["held"] = self, table, inputs, outputs  # the addresses are theirs
        return call


def batched(program: Program, arguments: int) -> Callable[[int, Sequence[Any]], list[Any]]:
    """A program of one point for many: a function of their number, the arrays of points, and what is the same for all."""
    formulas = scalars(program, MOST)
    sizes = [prod(shape) if i < arguments else 0 for i, shape in enumerate(formulas.shapes)]
    run, engine = built(written(formulas, [*sizes, *(array.size for array in formulas.outputs)]))

    def call(n: int, inputs: Sequence[Any], held: Any = engine) -> list[Any]:
        given = [np.ascontiguousarray(x, float) for x in inputs]
        outs = [np.empty((n, *array.shape)) for array in formulas.outputs]
        table = table_of(n, [*given, *outs])
        run(table.ctypes.data)
        return outs

    return call
