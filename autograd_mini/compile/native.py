"""Native code of small programs, by llvmlite: one call, without NumPy and without Python in between."""

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .kernels import AT, BOOL, SINGLE, Lines, Unsupported, built
from .program import Program
from .scalars import FLOAT, Scalars, number_of, scalars

MOST = 6000  # elements of a program that are compiled: beyond, the compiler takes longer than it gains
PLAIN, WRITABLE = 0x101, 0x400  # flags: contiguous and aligned; may be written into
FUNCTION = """\
define i32 @run(ptr %args) {{
{checks}
  br i1 {fit}, label %begin, label %other
begin:
{bases}
  br label %loop
loop:
  %i = phi i64 [ 0, %begin ], [ %next, %more ]
{lines}
  br label %more
more:
  %next = add i64 %i, 1
  %again = icmp slt i64 %next, {n}
  br i1 %again, label %loop, label %done
done:
  ret i32 0
leave:
  ret i32 1
other:
  ret i32 2
}}"""


class Operand(NamedTuple):
    """What native code reads or writes: an array, or, without a dtype, a number of Python's."""

    dtype: Any
    shape: tuple[int, ...]
    is_given: bool = True  # by others, who may give what does not fit
    is_written: bool = False
    step: int = 0  # numbers between one point and the next, where there are many

    def fits(self, i: int) -> str:
        """The function `fits`, whether an object is such an operand; of an object of another type nothing else is read."""
        checks = [f"%x, i64 {AT.TYPE}, i64 -1, i64 {id(float if self.dtype is None else np.ndarray)}"]
        if self.dtype is not None:
            flags = PLAIN | (WRITABLE if self.is_written else 0)
            checks += [
                f"%x, i64 {AT.DTYPE}, i64 -1, i64 {id(self.dtype)}",
                f"%x, i64 {AT.AXES}, i64 {2**32 - 1}, i64 {len(self.shape)}",
                f"%x, i64 {AT.FLAGS}, i64 {flags}, i64 {flags}",
            ]
            checks += [f"%sizes, i64 {8 * axis}, i64 -1, i64 {size}" for axis, size in enumerate(self.shape)]
        lines = [f"define internal i1 @fits{i}(ptr %x) alwaysinline {{", "  br label %go0", "go0:"]
        for k, check in enumerate(checks, 1):
            lines += [f"  %sizes = call ptr @at(ptr %x, i64 {AT.SIZES})"] if k == 5 else []
            lines += [f"  %is{k} = call i1 @is(ptr {check})", f"  br i1 %is{k}, label %go{k}, label %no"]
            lines.append(f"go{k}:")
        return "\n".join([*lines, "  ret i1 true", "no:", "  ret i1 false", "}"])

    @property
    def kind(self) -> str:
        """What LLVM calls its numbers."""
        if self.dtype is None or self.dtype.kind == "f":
            return "float" if self.dtype == SINGLE else "double"
        return f"i{8 * self.dtype.itemsize}"

    def loaded(self, lines: Lines, place: str) -> str:
        """The name of the number at a place, a float or a double."""
        found = lines.line(f"load {self.kind}, ptr {place}")
        how = "sitofp" if self.kind.startswith("i") and self.dtype.kind == "i" else "uitofp"
        return lines.line(f"{how} {self.kind} {found} to double") if self.kind.startswith("i") else found


def written(formulas: Scalars, operands: Sequence[Operand], goals: Sequence[tuple[int, int]]) -> str:
    """The function `run(operands)` of a tuple of all that is read and written. `goals`: (operand, place in it) of each result.

    It returns 0; 1 where a guard has another outcome than when the program was recorded, 2 where an operand that others give is not
    as it was then: then nothing is written. Where operands have steps, it runs for each of the points that the first one has.
    """
    lines, bases, n = Lines(), list[str](), "1"
    checks, fit, texts = ["entry:"], "true", list[str]()
    for i, one in enumerate(operands):
        checks.append(f"  %x{i} = call ptr @at(ptr %args, i64 {AT.ITEMS + 8 * i})")
        if one.is_given:
            texts.append(one.fits(i))
            checks += [f"  %is{i} = call i1 @fits{i}(ptr %x{i})", f"  %fit{i} = and i1 {fit}, %is{i}"]
            fit = f"%fit{i}"
        how = f"getelementptr i8, ptr %x{i}, i64" if one.dtype is None else f"call ptr @at(ptr %x{i}, i64"
        bases.append(
            f"  %base{i} = {how} {AT.NUMBER}" if one.dtype is None else f"  %base{i} = {how} {AT.DATA})"
        )
    if operands[0].step:
        n = "%n"
        bases += [f"  %sizes = call ptr @at(ptr %x0, i64 {AT.SIZES})", "  %n = load i64, ptr %sizes"]
    starts = [
        lines.line(f"getelementptr {one.kind}, ptr %base{i}, i64 {lines.line(f'mul i64 %i, {one.step}')}")
        if one.step else f"%base{i}"
        for i, one in enumerate(operands)
    ]  # fmt: skip

    def place(i: int, j: int) -> str:
        return lines.line(f"getelementptr {operands[i].kind}, ptr {starts[i]}, i64 {j}")

    for x, (i, j) in formulas.places.items():
        lines.names[x] = operands[i].loaded(lines, place(i, j))
    is_right = "true"
    for test, outcome in formulas.guards:
        truth = lines.truth(test)
        met = truth if outcome else lines.line(f"xor i1 {truth}, true")
        is_right = lines.line(f"and i1 {is_right}, {met}")
    numbers = [x for array in formulas.outputs for x in array.flat]
    found = [lines.number(x, operands[i].kind) for x, (i, _) in zip(numbers, goals, strict=True)]
    lines.lines += [f"  br i1 {is_right}, label %write, label %leave", "write:"]
    for name, (i, j) in zip(found, goals, strict=True):
        lines.lines.append(f"  store {operands[i].kind} {name}, ptr {place(i, j)}")
    parts = {"checks": checks, "bases": bases, "lines": lines.lines}
    texts.append(FUNCTION.format(fit=fit, n=n, **{name: "\n".join(part) for name, part in parts.items()}))
    return "\n".join(texts)


def made(program: Program, most: int, operands: Sequence[Operand], goals: Sequence[tuple[int, int]]) -> Any:
    """The function `run` of a program, and what keeps it alive. Unsupported where it is too large or not of single numbers."""
    text = written(scalars(program, most), operands, goals)
    if (count := text.count("\n")) > 3 * most:
        raise Unsupported(f"it has {count} operations on single numbers")
    return built(text)


def apart(program: Program, inputs: Sequence[Operand], outputs: Sequence[Operand]) -> Any:
    """The same where every output is an operand of its own."""
    sizes = [prod(x.shape or ()) for x in program.outputs]
    goals = [(i, j) for i, size in enumerate(sizes, len(inputs)) for j in range(size)]
    return made(program, MOST, [*inputs, *outputs], goals)


class Native:
    """A program as native code. Called with its inputs, it does what the function of its NumPy source does.

    It reads and writes arrays where they lie; where one is of another kind than recorded, or not contiguous, it does nothing and
    returns False. Raises Unsupported where the program is too large or not of single numbers.
    """

    def __init__(self, program: Program, most: int = MOST) -> None:
        self.program = program
        places = {x: i for i, x in enumerate(program.inputs)}
        data = {change.target for change in program.changes if change.what == "data"}
        # The dtype by its letter, which is the one object that arrays of it share
        kinds = [None if x in program.floats else np.dtype(x.dtype.char) for x in program.inputs]
        pairs = zip(kinds, program.inputs, strict=True)
        self.inputs = [Operand(kind, x.shape or (), is_written=x in data) for kind, x in pairs]
        self.written = [places[x] for x in data]
        operands, goals, rooms, texts = [*self.inputs], list[tuple[int, int]](), list[str](), list[str]()
        operands.append(Operand(FLOAT, (), is_given=False))  # for all results that are single numbers
        count, floats, names = 0, program.kinds(), [f"x{i}" for i in range(len(self.inputs))]
        homes = {
            len(program.outputs) + i: places[x.target]
            for i, x in enumerate(program.changes)
            if x.what == "data"
        }
        for k, x in enumerate(program.results):
            i, begin = homes.get(k, len(operands)), 0
            if x.shape and k not in homes:
                dtype = FLOAT if x.dtype == BOOL else x.dtype
                operands.append(Operand(dtype, x.shape, is_given=False))
                rooms.append(f"b{i} = empty({x.shape}{', float32' if dtype == SINGLE else ''})")
                texts.append(f"b{i} != 0.0" if x.dtype == BOOL else f"b{i}")
            elif k not in homes:
                i, begin, count = len(names), count, count + 1
                number = f"values[{begin}]" if x in floats or x.dtype == BOOL else f"numbers[{begin}]"
                texts.append({BOOL: f"{number} != 0.0", SINGLE: f"float32({number})"}.get(x.dtype, number))
            goals += [(i, begin + j) for j in range(prod(x.shape or ()))]
        self.run, self.engine = made(program, most, operands, goals)
        split, buffers = len(program.outputs), [room.partition(" ")[0] for room in rooms]
        self.results, grads = texts[:split], texts[split:]  # as Python
        self.lines = [
            f"numbers = empty({count})",
            *rooms,
            f"given = {', '.join([*names, 'numbers', *buffers])},",
            "status = run(id(given))",
            "if status:",
            "    return None if status == 1 else False",
            *(["values = numbers.tolist()"] if any("values" in text for text in texts) else []),
        ]
        self.call = self.function(names, [], [], f"[{', '.join(self.results)}], [{', '.join(grads)}]")

    def function(
        self, given: Sequence[str], before: Sequence[str], after: Sequence[str], result: str, **space: Any
    ) -> Callable[..., Any]:
        """A function of Python's that runs the program: of those inputs, x0, x1, …, that no line `before` gives a value."""
        lines = [f"def call({', '.join(given)}):", *before, *self.lines, *after, f"return {result}"]
        space |= {"empty": np.empty, "float32": np.float32, "run": self.run}
        exec(compile("\n    ".join(lines), "<native call>", "exec"), space)
        return space["call"]  # type: ignore[no-any-return]

    def copied(self, *inputs: Any) -> Any:
        """A call with copies of the inputs that are as they must be; what is written is copied back."""
        pairs = zip(inputs, self.inputs, strict=True)
        plain = [float(x) if one.dtype is None else np.array(x, one.dtype, order="C") for x, one in pairs]
        found = self.call(*plain)
        for i in self.written if found else ():
            np.copyto(inputs[i], plain[i])
        return found

    def bound(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[[], Any]:
        """A call without arguments that reads these arrays and writes those, of a program without guards."""
        held = *inputs, *outputs
        operands = [Operand(FLOAT, x.shape, is_given=False) for x in held]
        _, engine = apart(self.program, operands[: len(inputs)], operands[len(inputs) :])
        run = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("run"))
        call = partial(run, id(held))
        vars(call)["held"] = held, engine
        return call


def batched(program: Program, arguments: int) -> Callable[[int, Sequence[Any]], list[Any]]:
    """A program of one point for many: a function of their number, the arrays of points, and what is the same for all."""
    kinds = [*map(number_of, program.inputs)]
    inputs = [
        Operand(dtype, (), is_given=False, step=prod(x.shape or ()) if i < arguments else 0)
        for i, (x, dtype) in enumerate(zip(program.inputs, kinds, strict=True))
    ]
    outputs = [Operand(FLOAT, (), is_given=False, step=prod(x.shape or ())) for x in program.outputs]
    run, engine = apart(program, inputs, outputs)

    def call(n: int, arrays: Sequence[Any], held: Any = engine) -> list[Any]:
        given = [np.ascontiguousarray(x, dtype) for x, dtype in zip(arrays, kinds, strict=True)]
        outs = [np.empty((n, *(x.shape or ()))) for x in program.outputs]
        operands = *given, *outs
        run(id(operands))
        return outs

    return call
