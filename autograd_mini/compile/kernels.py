"""The calls of single numbers in LLVM's language, for straight lines (native.py) and for the tape (tape.py).

Each is IEEE arithmetic in the order of the formula: nothing is contracted or reordered, and functions are those of the C library,
as Python's own `math` has them.
"""

import ctypes
import os
import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from ..symbols import Expr, ordered

BOOL = np.dtype(bool)
TRUTHS = {"where": 1, "logical_and": 2, "logical_or": 2}  # how many of the operands are booleans


class Unsupported(ValueError):
    """A program is too large, or does what is no arithmetic of single numbers."""


# The lines of a call: {0} and {1} are operands, {s[0]} is the result of its first line, {c[…]} a function of the C library
KERNELS = {
    "add": "fadd double {0}, {1}",
    "subtract": "fsub double {0}, {1}",
    "multiply": "fmul double {0}, {1}",
    "divide": "fdiv double {0}, {1}",
    "negative": "fneg double {0}",
    "square": "fmul double {0}, {0}",
    "greater": "fcmp ogt double {0}, {1}",
    "greater_equal": "fcmp oge double {0}, {1}",
    "less": "fcmp olt double {0}, {1}",
    "less_equal": "fcmp ole double {0}, {1}",
    "equal": "fcmp oeq double {0}, {1}",
    "not_equal": "fcmp une double {0}, {1}",
    "logical_and": "and i1 {0}, {1}",
    "logical_or": "or i1 {0}, {1}",
    "where": "select i1 {0}, {kind} {1}, {kind} {2}",
    "sqrt": "call double @llvm.sqrt.f64(double {0})",
    "abs": "call double @llvm.fabs.f64(double {0})",
    "floor": "call double @llvm.floor.f64(double {0})",
    "ceil": "call double @llvm.ceil.f64(double {0})",
    "round": "call double @llvm.rint.f64(double {0})",
    "copysign": "call double @llvm.copysign.f64(double {0}, double {1})",
    "isfinite": "call double @llvm.fabs.f64(double {0}); fcmp olt double {s[0]}, 0x7FF0000000000000",
    # The first where it is NaN, the second where that is
    "maximum": "fcmp ogt double {0}, {1}; fcmp uno double {0}, {0}; or i1 {s[0]}, {s[1]}; "
    "select i1 {s[2]}, double {0}, double {1}",
    "minimum": "fcmp olt double {0}, {1}; fcmp uno double {0}, {0}; or i1 {s[0]}, {s[1]}; "
    "select i1 {s[2]}, double {0}, double {1}",
    # The square root for an exponent of ½, as the scalar reading has it
    "power": "fcmp oeq double {1}, 5.0e-1; call double @llvm.sqrt.f64(double {0}); "
    "call double {c[pow]}(double {0}, double {1}); select i1 {s[0]}, double {s[1]}, double {s[2]}",
    # Python's: of the divisor's sign
    "remainder": "call double {c[fmod]}(double {0}, double {1}); fcmp oeq double {s[0]}, 0.0; "
    "fcmp olt double {s[0]}, 0.0; fcmp olt double {1}, 0.0; xor i1 {s[2]}, {s[3]}; fadd double {s[0]}, {1}; "
    "select i1 {s[4]}, double {s[5]}, double {s[0]}; call double @llvm.copysign.f64(double 0.0, double {1}); "
    "select i1 {s[1]}, double {s[7]}, double {s[6]}",
}
FUNCTIONS = """
    exp expm1 log log1p log2 log10 sin cos tan arcsin arccos arctan
    sinh cosh tanh arcsinh arccosh arctanh erf erfc
""".split()  # noqa: SIM905
KERNELS |= {name: f"call double {{c[{name}]}}(double {{0}})" for name in FUNCTIONS}
KERNELS |= {name: f"call double {{c[{name}]}}(double {{0}}, double {{1}})" for name in ("arctan2", "hypot")}
DECLARED = "\n".join(
    f"declare double @llvm.{name}.f64({', '.join(['double'] * (1 + (name == 'copysign')))})"
    for name in ("sqrt", "fabs", "floor", "ceil", "rint", "copysign")
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

    def __init__(self, names: Mapping[Expr, str] | None = None, stem: str = "t") -> None:
        self.names: dict[Expr, str] = dict(names or {})
        self.lines: list[str] = []
        self.stem = stem

    def line(self, text: str) -> str:
        """Write a line; return the name of its result."""
        name = f"%{self.stem}{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self, x: Expr) -> str:
        """The name of a value as a number, computed where it is not known: a boolean is 0 or 1."""
        name = self.value(x)
        return self.line(f"uitofp i1 {name} to double") if x.dtype == BOOL else name

    def truth(self, x: Expr) -> str:
        """The same as a boolean."""
        name = self.value(x)
        return name if x.dtype == BOOL else self.line(f"fcmp une double {name}, 0.0")

    def value(self, root: Expr) -> str:
        for x in ordered(root, self.names) if root not in self.names else ():
            if x not in self.names:
                self.names[x] = self.computed(x)
        return self.names[root]

    def computed(self, x: Expr) -> str:
        if x.name == "constant":
            if x.dtype == BOOL:
                return "true" if x.value else "false"
            return f"0x{struct.unpack('<Q', struct.pack('<d', float(x.value)))[0]:016X}"
        truths = len(x.args) if x.dtype == BOOL and x.name == "where" else TRUTHS.get(x.name, 0)
        parts = [self.truth(part) if i < truths else self.number(part) for i, part in enumerate(x.args)]
        found: list[str] = []
        for step in KERNELS[x.name].split("; "):
            kind = "i1" if x.dtype == BOOL else "double"
            found.append(self.line(step.format(*parts, s=found, c=LIBRARY, kind=kind)))
        return found[-1]


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
    module = llvm.parse_assembly(f"{DECLARED}\n{text}")
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    # Not CFUNCTYPE: what runs for microseconds keeps Python's lock
    kind = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
    return kind(engine.get_function_address("run")), engine
