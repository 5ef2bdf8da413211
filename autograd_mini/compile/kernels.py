"""The calls of single numbers in LLVM's language, for straight lines (native.py) and for the tape (tape.py).

Each is IEEE arithmetic in the order of the formula: nothing is contracted or reordered, and functions are those of the C library,
as Python's own `math` has them.
"""

import ctypes
import os
import struct
import sys
from functools import cache
from typing import Any

import numpy as np

from ..support.numerics import find_spec
from ..symbols import Expr, ordered

BOOL, SINGLE = np.dtype(bool), np.dtype(np.float32)
LONG = 2200  # lines from which on it takes a second to find out which can go side by side in vectors
TRUTHS = {"where": 1, "logical_and": 2, "logical_or": 2}  # how many of the operands are booleans


class Unsupported(ValueError):
    """A program is too large, or does what is no arithmetic of single numbers."""


class AT:
    """Where things lie in CPython's objects, behind what every one begins with; of arrays, NumPy's C API says so."""

    HEAD, ITEMS = object.__basicsize__, tuple.__basicsize__
    TYPE, NUMBER, DATA, AXES, SIZES, DTYPE, FLAGS = (
        HEAD - 8,
        HEAD,
        HEAD,
        HEAD + 8,
        HEAD + 16,
        HEAD + 40,
        HEAD + 48,
    )


# The lines of a call: {0} and {1} are operands, {s[0]} is the result of its first line, {c[…]} a function of the C library
KERNELS = {
    "add": "fadd {t} {0}, {1}",
    "subtract": "fsub {t} {0}, {1}",
    "multiply": "fmul {t} {0}, {1}",
    "divide": "fdiv {t} {0}, {1}",
    "negative": "fneg {t} {0}",
    "square": "fmul {t} {0}, {0}",
    "greater": "fcmp ogt {t} {0}, {1}",
    "greater_equal": "fcmp oge {t} {0}, {1}",
    "less": "fcmp olt {t} {0}, {1}",
    "less_equal": "fcmp ole {t} {0}, {1}",
    "equal": "fcmp oeq {t} {0}, {1}",
    "not_equal": "fcmp une {t} {0}, {1}",
    "logical_and": "and i1 {0}, {1}",
    "logical_or": "or i1 {0}, {1}",
    "where": "select i1 {0}, {t} {1}, {t} {2}",
    "sqrt": "call {t} @llvm.sqrt.{f}({t} {0})",
    "abs": "call {t} @llvm.fabs.{f}({t} {0})",
    "floor": "call {t} @llvm.floor.{f}({t} {0})",
    "ceil": "call {t} @llvm.ceil.{f}({t} {0})",
    "round": "call {t} @llvm.rint.{f}({t} {0})",
    "copysign": "call {t} @llvm.copysign.{f}({t} {0}, {t} {1})",
    "isfinite": "call {t} @llvm.fabs.{f}({t} {0}); fcmp olt {t} {s[0]}, 0x7FF0000000000000",
    # The first where it is NaN, the second where that is
    "maximum": "fcmp ogt {t} {0}, {1}; fcmp uno {t} {0}, {0}; or i1 {s[0]}, {s[1]}; "
    "select i1 {s[2]}, {t} {0}, {t} {1}",
    "minimum": "fcmp olt {t} {0}, {1}; fcmp uno {t} {0}, {0}; or i1 {s[0]}, {s[1]}; "
    "select i1 {s[2]}, {t} {0}, {t} {1}",
    # The square root for an exponent of ½, as the scalar reading has it
    "power": "fcmp oeq {t} {1}, 5.0e-1; call {t} @llvm.sqrt.{f}({t} {0}); "
    "call {t} {c[pow]}({t} {0}, {t} {1}); select i1 {s[0]}, {t} {s[1]}, {t} {s[2]}",
    # Python's: of the divisor's sign
    "remainder": "call {t} {c[fmod]}({t} {0}, {t} {1}); fcmp oeq {t} {s[0]}, 0.0; "
    "fcmp olt {t} {s[0]}, 0.0; fcmp olt {t} {1}, 0.0; xor i1 {s[2]}, {s[3]}; fadd {t} {s[0]}, {1}; "
    "select i1 {s[4]}, {t} {s[5]}, {t} {s[0]}; call {t} @llvm.copysign.{f}({t} 0.0, {t} {1}); "
    "select i1 {s[1]}, {t} {s[7]}, {t} {s[6]}",
}
FUNCTIONS = """
    exp expm1 log log1p log2 log10 sin cos tan arcsin arccos arctan
    sinh cosh tanh arcsinh arccosh arctanh erf erfc
""".split()  # noqa: SIM905
KERNELS |= {name: f"call double {{c[{name}]}}(double {{0}})" for name in FUNCTIONS}
KERNELS |= {name: f"call double {{c[{name}]}}(double {{0}}, double {{1}})" for name in ("arctan2", "hypot")}
READ = """\
define internal ptr @at(ptr %x, i64 %i) alwaysinline {
  %place = getelementptr i8, ptr %x, i64 %i
  %found = load ptr, ptr %place
  ret ptr %found
}
define internal i1 @is(ptr %x, i64 %i, i64 %mask, i64 %wanted) alwaysinline {
  %place = getelementptr i8, ptr %x, i64 %i
  %found = load i64, ptr %place
  %masked = and i64 %found, %mask
  %same = icmp eq i64 %masked, %wanted
  ret i1 %same
}
"""
DECLARED = "\n".join(
    f"declare {kind} @llvm.{name}.{short}({', '.join([kind] * (1 + (name == 'copysign')))})"
    for name in ("sqrt", "fabs", "floor", "ceil", "rint", "copysign")
    for kind, short in (("double", "f64"), ("float", "f32"))
)


class _Library(dict[str, str]):
    """Functions of the C library by their address: the very ones that `math` calls, and not taken for any to be improved."""

    def __missing__(self, name: str) -> str:
        for library in ("ucrtbase",) if os.name == "nt" else (None, "libm.so.6"):
            try:
                function = getattr(ctypes.CDLL(library), name.replace("arc", "a"))
            except (OSError, AttributeError):
                continue
            place = ctypes.cast(function, ctypes.c_void_p).value
            self[name] = f"inttoptr (i64 {place} to ptr)"
            return self[name]
        raise Unsupported(f"the C library has no {name} here")


LIBRARY = _Library()


class Lines:
    """Lines of LLVM's language, one operation each. `names` are those of the values that are known."""

    def __init__(self, stem: str = "t") -> None:
        self.names: dict[Expr, str] = {}
        self.lines: list[str] = []
        self.stem = stem

    def line(self, text: str) -> str:
        """Write a line; return the name of its result."""
        name = f"%{self.stem}{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self, x: Expr, kind: str = "double") -> str:
        """The name of a value as a number of that kind, computed where it is not known: a boolean is 0 or 1."""
        if x.name == "constant" and x.dtype != BOOL:
            value = float(x.value) if kind == "double" else float(np.float32(x.value))
            return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        name, has = self.value(x), kind_of(x)
        step = {"i1": "uitofp", "float": "fpext", "double": "fptrunc"}[has]
        return name if has == kind else self.line(f"{step} {has} {name} to {kind}")

    def truth(self, x: Expr) -> str:
        """The same as a boolean."""
        return self.value(x) if x.dtype == BOOL else self.line(f"fcmp une double {self.number(x)}, 0.0")

    def value(self, root: Expr) -> str:
        for x in ordered(root, self.names) if root not in self.names else ():
            if x not in self.names and (x.name != "constant" or x.dtype == BOOL):
                self.names[x] = self.computed(x)
        return self.names[root]

    def computed(self, x: Expr) -> str:
        if x.name == "constant":
            return "true" if x.value else "false"
        if x.name == "asarray":
            return self.number(x.args[0], kind_of(x))
        kernel, has = KERNELS[x.name], kind_of(x)
        truths = len(x.args) if has == "i1" and x.name == "where" else TRUTHS.get(x.name, 0)
        kinds = {kind_of(part) for part in x.args if not part.weak}
        # Numbers of Python's take the kind of what stands beside them; the C library has doubles
        kind = "float" if "float" in kinds and not ("double" in kinds or "{c[" in kernel) else "double"
        parts = [self.truth(part) if i < truths else self.number(part, kind) for i, part in enumerate(x.args)]
        found: list[str] = []
        chosen = "i1" if truths == len(x.args) else kind
        for step in kernel.split("; "):
            form = {"t": chosen, "f": "f32" if kind == "float" else "f64"}
            found.append(self.line(step.format(*parts, s=found, c=LIBRARY, **form)))
        is_wide = has == "float" and kind == "double"
        return self.line(f"fptrunc double {found[-1]} to float") if is_wide else found[-1]


def kind_of(x: Expr) -> str:
    """LLVM's name for the numbers that it is of; whole numbers are doubles."""
    return {BOOL: "i1", SINGLE: "float"}.get(x.dtype, "double")


@cache
def is_installed() -> bool:
    """Whether native code can be made here: by llvmlite, for objects that lie in memory as is said above."""
    if find_spec("llvmlite") is None or sys.implementation.name != "cpython" or sys.maxsize < 2**62:
        return False
    x, word = np.ones((2, 3)), ctypes.c_size_t
    found = [word.from_address(id(x) + place).value for place in (AT.TYPE, AT.DATA, AT.DTYPE)]
    return found == [id(np.ndarray), x.ctypes.data, id(x.dtype)]


@cache
def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple()


def built(text: str) -> tuple[Any, Any]:
    """The function `run` of a text in LLVM's language, called with the id of an object of Python's, and what keeps it alive."""
    import llvmlite.binding as llvm

    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    machine = _target().create_target_machine(cpu, features, opt=2)  # each engine owns one
    module = llvm.parse_assembly(f"{DECLARED}\n{READ}{text}")
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.slp_vectorization = text.count("\n") < LONG
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    # Not CFUNCTYPE: what runs for microseconds keeps Python's lock
    kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    return kind(engine.get_function_address("run")), engine
