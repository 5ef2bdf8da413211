"""Native code of small programs, by llvmlite: one call, without NumPy and without Python in between.

The text of LLVM's language is written line by line, each an operation of two numbers in IEEE arithmetic, in the order of the
program: nothing is contracted or reordered, and functions are those of the C library, as Python's own `math` has them.
"""

import ctypes
import os
import struct
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import count
from math import prod
from typing import Any

import numpy as np

from ..support.numerics import find_spec
from ..symbols import Expr, ordered
from .program import Program
from .scalars import BOOL, Scalars, Unsupported, scalars

MOST = 6000  # elements of a program that are compiled: beyond, the compiler takes longer than it gains
ARITHMETIC = {"add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv"}
ORDER = {
    "greater": "ogt", "greater_equal": "oge", "less": "olt", "less_equal": "ole", "equal": "oeq",
    "not_equal": "une",
}  # fmt: skip
INTRINSICS = {
    "sqrt": "sqrt",
    "abs": "fabs",
    "floor": "floor",
    "ceil": "ceil",
    "round": "rint",
    "copysign": "copysign",
}


def is_installed() -> bool:
    """Whether native code can be made here."""
    return find_spec("llvmlite") is not None


class Writer:
    """Writes the function `run(table)`; the table is n, the number of points, then the addresses of all inputs and all outputs.

    It returns 0, or 1 where a guard has another outcome than when the program was recorded, and then writes nothing. `steps` says of
    each input and output how many numbers lie between one point and the next.
    """

    def __init__(self, program: Scalars, steps: Sequence[int]) -> None:
        self.program, self.steps = program, steps
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.used: dict[str, str] = {}  # functions, and what declares them
        self.numbers = count()
        self.names: dict[Expr, str] = {}
        self.inputs: dict[int, str] = {}
        self.text = self.written()

    def line(self, text: str) -> str:
        name = f"%t{next(self.numbers)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def written(self) -> str:
        program = self.program
        seen: set[Expr] = set()
        roots = [test for test, _ in program.guards] + [x for array in program.outputs for x in array.flat]
        for root in roots:
            for x in ordered(root, seen):
                if x not in seen:
                    seen.add(x)
                    self.names[x] = self.named(x)
        is_right = [
            self.truth(test) if outcome else self.line(f"xor i1 {self.truth(test)}, true")
            for test, outcome in program.guards
        ]
        if is_right:
            whole = is_right[0]
            for one in is_right[1:]:
                whole = self.line(f"and i1 {whole}, {one}")
            self.lines += [f"  br i1 {whole}, label %write, label %leave", "write:"]
        for i, array in enumerate(program.outputs):
            base = self.address(len(program.shapes) + i)
            for j, x in enumerate(array.flat):
                place = self.line(f"getelementptr double, ptr {base}, i64 {j}")
                self.lines.append(f"  store double {self.number(x)}, ptr {place}")
        head = ["define i32 @run(ptr %table) {", "entry:", "  %n = load i64, ptr %table", *self.entry,
                "  br label %loop", "loop:", "  %i = phi i64 [ 0, %entry ], [ %next, %more ]"]  # fmt: skip
        tail = ["  br label %more", "more:", "  %next = add i64 %i, 1", "  %again = icmp slt i64 %next, %n",
                "  br i1 %again, label %loop, label %done", "done:",
                "  ret i32 0", "leave:", "  ret i32 1", "}"]  # fmt: skip
        return "\n".join([*self.used.values(), *head, *self.lines, *tail])

    def address(self, i: int) -> str:
        """Where the numbers of an input or output begin for this point."""
        base = f"%base{i}"  # read before the loop, as its writes might be thought to change it
        self.entry.append(f"  %entry{i} = getelementptr ptr, ptr %table, i64 {i + 1}")
        self.entry.append(f"  {base} = load ptr, ptr %entry{i}")
        if not self.steps[i]:
            return base
        offset = self.line(f"mul i64 %i, {self.steps[i]}")
        return self.line(f"getelementptr double, ptr {base}, i64 {offset}")

    def named(self, x: Expr) -> str:
        """The name of a value, whose lines are written."""
        if x.name == "constant":
            if x.dtype == BOOL:
                return "true" if x.value else "false"
            return f"0x{struct.unpack('<Q', struct.pack('<d', float(x.value)))[0]:016X}"
        if x.name == "symbol":
            i, j = self.program.places[x]
            if i not in self.inputs:
                self.inputs[i] = self.address(i)
            place = self.line(f"getelementptr double, ptr {self.inputs[i]}, i64 {j}")
            return self.line(f"load double, ptr {place}")
        return self.computed(x)

    def number(self, x: Expr) -> str:
        """A value as a number: a boolean is 0 or 1."""
        name = self.names[x]
        return self.line(f"uitofp i1 {name} to double") if x.dtype == BOOL else name

    def truth(self, x: Expr) -> str:
        """A value as a boolean."""
        name = self.names[x]
        return name if x.dtype == BOOL else self.line(f"fcmp une double {name}, 0.0")

    def computed(self, x: Expr) -> str:
        name, args = x.name, x.args
        if name in ("logical_and", "logical_or"):
            return self.line(f"{name[8:]} i1 {self.truth(args[0])}, {self.truth(args[1])}")
        if name == "where":
            test = self.truth(args[0])
            if x.dtype == BOOL:
                return self.line(f"select i1 {test}, i1 {self.truth(args[1])}, i1 {self.truth(args[2])}")
            return self.line(
                f"select i1 {test}, double {self.number(args[1])}, double {self.number(args[2])}"
            )
        parts = [self.number(part) for part in args]
        a = parts[0]
        if name in ARITHMETIC:
            return self.line(f"{ARITHMETIC[name]} double {a}, {parts[1]}")
        if name == "negative":
            return self.line(f"fneg double {a}")
        if name == "square":
            return self.line(f"fmul double {a}, {a}")
        if name in ORDER:
            return self.line(f"fcmp {ORDER[name]} double {a}, {parts[1]}")
        if name == "isfinite":
            return self.line(f"fcmp olt double {self.function('llvm.fabs.f64', [a])}, 0x7FF0000000000000")
        if name in ("maximum", "minimum"):  # the first where it is NaN, the second where that is
            chosen = self.line(f"fcmp {'ogt' if name == 'maximum' else 'olt'} double {a}, {parts[1]}")
            unknown = self.line(f"fcmp uno double {a}, {a}")
            either = self.line(f"or i1 {chosen}, {unknown}")
            return self.line(f"select i1 {either}, double {a}, double {parts[1]}")
        if name == "power":
            return self.power(a, parts[1], args[1])
        if name in INTRINSICS:
            return self.function(f"llvm.{INTRINSICS[name]}.f64", parts)
        if name == "remainder":
            return self.remainder(a, parts[1])
        return self.function(name.replace("arc", "a"), parts)

    def power(self, a: str, b: str, exponent: Expr) -> str:
        """The square root for an exponent of ½, also where that is found at run time, as the scalar reading has it."""
        if exponent.name == "constant" and exponent.value != 0.5:
            return self.function("pow", [a, b])
        root = self.function("llvm.sqrt.f64", [a])
        if exponent.name == "constant":
            return root
        is_half = self.line(f"fcmp oeq double {b}, 5.0e-1")
        return self.line(f"select i1 {is_half}, double {root}, double {self.function('pow', [a, b])}")

    def remainder(self, a: str, b: str) -> str:
        """Python's: of the divisor's sign."""
        rest = self.function("fmod", [a, b])
        is_none = self.line(f"fcmp oeq double {rest}, 0.0")
        signs = [self.line(f"fcmp olt double {one}, 0.0") for one in (rest, b)]
        differ = self.line(f"xor i1 {signs[0]}, {signs[1]}")
        moved = self.line(f"fadd double {rest}, {b}")
        mended = self.line(f"select i1 {differ}, double {moved}, double {rest}")
        none = self.function("llvm.copysign.f64", ["0.0", b])
        return self.line(f"select i1 {is_none}, double {none}, double {mended}")

    def function(self, name: str, parts: list[str]) -> str:
        """A call of an intrinsic by its name, of a function of the C library by its address: so it is not taken for one to be improved."""
        if name.startswith("llvm."):
            self.used[name] = f"declare double @{name}({', '.join(['double'] * len(parts))})"
            place = f"@{name}"
        else:
            place = f"inttoptr (i64 {_address_of(name)} to ptr)"
        return self.line(f"call double {place}({', '.join(f'double {part}' for part in parts)})")


@cache
def _address_of(name: str) -> int:
    """Where the C library has a function: the very one that Python's `math` calls."""
    for library in ("ucrtbase",) if os.name == "nt" else (None, "libm.so.6"):
        try:
            return int(ctypes.cast(getattr(ctypes.CDLL(library), name), ctypes.c_void_p).value or 0)
        except (OSError, AttributeError):
            continue
    raise Unsupported(f"the C library has no {name} here")


@cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def built(text: str) -> tuple[Any, Any]:
    """The function `run` of a text in LLVM's language, called with an address, and what keeps it alive."""
    import llvmlite.binding as llvm

    machine = _target().create_target_machine(opt=2)  # each engine owns one
    module = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    # Not CFUNCTYPE: what runs for microseconds keeps Python's lock
    kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    return kind(engine.get_function_address("run")), engine


# ---- Calls ------------------------------------------------------------------------------------------------------------


class Native:
    """A program as native code. Called with its inputs, it does what the function of its NumPy source does.

    Raises Unsupported where the program is too large or not of single numbers.
    """

    def __init__(self, program: Program, most: int = MOST) -> None:
        self.program, self.scalars = program, scalars(program, most)
        places = len(program.inputs) + len(self.scalars.outputs)
        writer = Writer(self.scalars, [0] * places)
        if len(writer.lines) > 2 * most:
            raise Unsupported(f"it has {len(writer.lines)} operations on single numbers")
        self.run, self.engine = built(writer.text)
        self.sets: list[Any] = []  # buffers, one set for each thread that is running
        space: dict[str, Any] = {"copyto": np.copyto, "run": self.run, "sets": self.sets, "new": self.new}
        exec(compile(self.caller(), "<native call>", "exec"), space)
        self.call: Callable[..., Any] = space["call"]

    def new(self) -> Any:
        """A set of buffers for all inputs and outputs, and the address of their table."""
        shapes = [*self.scalars.shapes, *(array.shape for array in self.scalars.outputs)]
        buffers = [np.empty(shape) for shape in shapes]
        table = table_of(1, buffers)
        return (*buffers, table.ctypes.data, table)

    def caller(self) -> str:
        """The Python of a call."""
        program = self.program
        ins = [f"x{i}" for i in range(len(program.inputs))]
        slots = [f"s{i}" for i in range(len(ins))]
        outs = [f"r{i}" for i in range(len(self.scalars.outputs))]
        floats, where = program.kinds(), dict(zip(program.inputs, ins, strict=True))
        copies = [
            f"{slot}[()] = {x}" if one.shape == () else f"copyto({slot}, {x})"
            for slot, x, one in zip(slots, ins, program.inputs, strict=True)
        ]

        def result(name: str, x: Expr) -> str:
            found = f"{name}.item()" if x in floats else f"{name}.copy()"
            return f"({found} != 0.0)" if x.dtype == BOOL else found

        count = len(program.outputs)
        results = [result(name, x) for name, x in zip(outs, program.outputs, strict=False)]
        grads, writes = [], []
        for name, change in zip(outs[count:], program.changes, strict=True):
            if change.what == "data":
                writes.append(f"copyto({where[change.target]}, {name})")
            else:
                grads.append(result(name, change.value))
        lines = [
            "buffers = sets.pop() if sets else new()",
            f"{', '.join([*slots, *outs, 'address', '_'])} = buffers",
            *copies,
            "if run(address):",
            "    return None",
            f"found = [{', '.join(results)}], [{', '.join(grads)}]",
            *writes,
            "sets.append(buffers)",
            "return found",
        ]
        return f"def call({', '.join(ins)}):\n" + "\n".join(f"    {line}" for line in lines)


class Batch:
    """A program of one point as native code that evaluates many: called with the arrays of points, then what is the same for all."""

    def __init__(self, program: Program, arguments: int) -> None:
        formulas = scalars(program, MOST)
        sizes = [prod(shape) for shape in formulas.shapes]
        self.shapes = [array.shape for array in formulas.outputs]
        outs = [prod(shape) for shape in self.shapes]
        self.run, self.engine = built(
            Writer(formulas, [*sizes[:arguments], *[0] * len(sizes[arguments:]), *outs]).text
        )

    def __call__(self, n: int, inputs: Sequence[Any]) -> list[Any]:
        """The outputs for n points, an array each."""
        given = [np.ascontiguousarray(x, float) for x in inputs]
        outs = [np.empty((n, *shape)) for shape in self.shapes]
        table = table_of(n, [*given, *outs])
        if n:
            self.run(table.ctypes.data)
        return outs


def bound(native: Native, inputs: Sequence[Any], outputs: Sequence[Any]) -> Callable[[], Any]:
    """Return a call without arguments that reads these arrays and writes those; it gives 1 where a guard has another outcome."""
    table = table_of(1, [*inputs, *outputs])
    status = ctypes.c_int if native.program.guards else None
    run = ctypes.PYFUNCTYPE(status, ctypes.c_void_p)(native.engine.get_function_address("run"))
    call = partial(run, table.ctypes.data)
    vars(call)["held"] = native, table, inputs, outputs  # the addresses are theirs
    return call


def table_of(n: int, buffers: Sequence[Any]) -> Any:
    """What `run` is called with: the number of points, and where the buffers are."""
    return np.array([n, *(buffer.ctypes.data for buffer in buffers)], np.int64)
