"""An expression that a user typed, as a graph. Python parses it, and only what is on a list is taken: nothing of it is run as Python."""

import ast
import difflib
import inspect
import math
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from keyword import iskeyword
from typing import Any

import autograd_mini as ag

from ..core.value import Value
from ..errors import AutogradError

OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: ag.add, ast.Sub: ag.subtract, ast.Mult: ag.multiply, ast.Div: ag.divide,
    ast.Mod: ag.remainder, ast.Pow: ag.power,
}  # fmt: skip
SIGNS: dict[type[ast.unaryop], Any] = {ast.USub: ag.negative, ast.UAdd: lambda x: x}
FUNCTIONS = {
    name: getattr(ag, name)
    for name in """
        abs add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil clip copysign cos cosh divide
        elu erf exp expm1 floor gelu hypot leaky_relu log log10 log1p log2 log_sigmoid logaddexp logistic
        maximum minimum multiply negative normal_cdf normal_pdf positive power reciprocal relu remainder
        round sech2 sigmoid sigmoid_cross_entropy sign silu sin sinc sinh softplus sqrt square squared_error
        subtract tan tanh xlogy
    """.split()  # noqa: SIM905  (a list would be three times as long)
}
CONSTANTS = {"pi": math.pi, "e": math.e}
INSTEAD = {
    "^": "a power is written **", **dict.fromkeys("×·⋅", "a product is written *"),
    **dict.fromkeys("−–", "minus is written -"), "÷": "a quotient is written /",
    "²": "a square is written **2", "³": "a cube is written **3", "√": "a root is written sqrt(x)",
    "π": "π is written pi", "#": "a comment has no place here",
    "=": "there are no comparisons and assignments here: the numbers stand after the expression, as x=2",
}  # fmt: skip
ALLOWED = "allowed are numbers, names, + - * / % **, parentheses and functions such as tanh(x)"
NOT_ALLOWED = f"this is not allowed: {ALLOWED}"
BEYOND = "this number is beyond the range of floats, 1.8e308"
SPACES = "NAME=NUMBER is needed, as x=2, without spaces; an expression of several words in quotes"
LONGEST = 10_000  # characters of an expression
INSTEAD_OF = {  # messages of the parser that say too little or too much here
    "invalid syntax": f"this is not understood here: {ALLOWED}",
    "invalid decimal literal": "this is no number; a product is written *",
    "Exceeds the limit": BEYOND,
}  # fmt: skip
WINDOW = 60  # characters of the expression to each side of a place in it


class ExpressionError(AutogradError, ValueError):
    """An expression, or one of its numbers, is not understood; the text shows where."""


def evaluate(text: str, numbers: Mapping[str, float]) -> tuple[Value, list[str]]:
    """Return the last node of the graph of an expression, a constant where it has no name; and the names that it does not use.

    `numbers`: a number for each name. Each name becomes a Value with that label. Arithmetic follows IEEE: 1/0 is ∞. Raises
    ExpressionError, which shows the place, for what is not a number, a name, `+ - * / % **`, or a call of an elementwise function.

    >>> root, unused = evaluate("tanh(w*x + b)", {"w": 2.0, "x": -1.0, "b": 0.5})
    >>> root, root.op.name, unused
    (Value(-0.9051482536448664), 'tanh', [])
    """
    reader = _Reader(text, numbers)
    found = reader.result()
    root = found if isinstance(found, Value) else Value(found, requires_grad=False)
    return root, [name for name in numbers if name not in reader.used]


def numbers_of(arguments: Sequence[str]) -> dict[str, float]:
    """Return the numbers of arguments NAME=NUMBER, by name. Raises ExpressionError for any other argument.

    >>> numbers_of(["w=2", "x=-1"])
    {'w': 2.0, 'x': -1.0}
    """
    found: dict[str, float] = {}
    for argument in arguments:
        before, equals, after = argument.partition("=")
        name = unicodedata.normalize("NFKC", before.strip())  # as the parser does
        try:
            number = float(after)
        except ValueError:
            number = math.nan
        is_name, low = name.isidentifier() and not iskeyword(name), after.lower()
        for fault, why in (
            (not equals, SPACES),
            (not is_name, f"{name[:WINDOW]!r} cannot be a name: letters, digits and _, as w1"),
            (name in found, f"{name} is given twice"),
            (
                math.isnan(number) and "nan" not in low,
                f"{after[:WINDOW]!r} is no number: {name}=0.5 would be",
            ),
            (math.isinf(number) and "inf" not in low, BEYOND),
        ):
            if fault:
                raise ExpressionError(f"{_printable(argument)[:WINDOW]}: {why}")
        found[name] = number
    return found


class _Reader:
    """One expression that is read: `names` are the Values of the numbers given, `used` the names that occur."""

    def __init__(self, text: str, numbers: Mapping[str, float]) -> None:
        self.text = "".join([" " if c in "\t\n\r\f\v" else c for c in text]).strip()
        self.names = {name: Value(number, label=name) for name, number in numbers.items()}
        self.used: set[str] = set()

    def result(self) -> Any:
        """The result of the expression: a Value, or a float where it has no names."""
        order = [self.parsed()]
        for part in order:  # each part before its operands, which are appended meanwhile
            order += self.operands(part)
        found: dict[ast.expr, Any] = {}
        for part in reversed(order):
            found[part] = self.made(part, [found[operand] for operand in self.operands(part)])
        return found[order[0]]

    def parsed(self) -> ast.expr:
        """The syntax tree; what Python would misread, or could not parse, is refused before."""
        if not self.text:
            raise ExpressionError('the expression is empty: write one, as "tanh(w*x + b)"')
        if len(self.text) > LONGEST:
            size = f"the expression has {len(self.text):,} characters"
            raise ExpressionError(f"{size}, at most {LONGEST:,} are read: take it apart")
        for i, c in enumerate(self.text):
            if c in INSTEAD or not c.isprintable():
                raise self.error(i, i + 1, INSTEAD.get(c, f"the character U+{ord(c):04X} has no place here"))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a string in it, which is refused anyway
                return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            why = next((ours for begin, ours in INSTEAD_OF.items() if error.msg.startswith(begin)), error.msg)
            raise self.error((error.offset or 1) - 1, (error.end_offset or 0) - 1, why) from None
        except (RecursionError, MemoryError):
            raise ExpressionError("the expression is nested too deeply: take it apart") from None

    def operands(self, part: ast.expr) -> list[ast.expr]:
        """The operands of a part; an error where the part is not on the list."""
        match part:
            case ast.Constant() | ast.Name():
                return []
            case ast.UnaryOp(op=op, operand=operand) if type(op) in SIGNS:
                return [operand]
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return [left, right]
            case ast.Call(func=ast.Name(), keywords=[first, *_]):  # **x: a = was found before
                raise self.refused(first.value)
            case ast.Call(func=ast.Name(), args=args):
                return args
            case ast.Call(func=ast.Constant() | ast.BinOp() | ast.UnaryOp() | ast.Call() as func):
                raise self.refused(func, "this is no function: for a product write *")
            case ast.Call(func=func):
                raise self.refused(func)
        raise self.refused(part)

    def made(self, part: Any, operands: list[Any]) -> Any:
        """The number or node of a part, whose operands are made already."""
        match part:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                try:
                    number = float(value)
                except OverflowError:
                    number = math.inf
                if math.isinf(number):
                    raise self.refused(part, BEYOND)
                return number
            case ast.Constant():
                raise self.refused(part)
            case ast.Name(id=name) if name in CONSTANTS | self.names:
                self.used.add(name)
                return (CONSTANTS | self.names)[name]
            case ast.Name(id=name) if name in FUNCTIONS:
                raise self.refused(part, f"{name} is a function: {_usage(name)}")
            case ast.Name(id=name):
                close = _alike(name, [*self.names, *CONSTANTS])
                guess = f"did you mean {close}? Or " if close else ""
                advice = f"{guess}add {name}=1 after the expression"
                raise self.refused(part, f"{name} has no number: {advice}")
            case ast.Call():
                return self.function(part)(*operands)
        return (SIGNS | OPERATORS)[type(part.op)](*operands)

    def function(self, part: ast.Call) -> Any:
        """The function that is called, if it takes as many numbers."""
        func: Any = part.func
        name, count = func.id, len(part.args)
        if name in CONSTANTS | self.names:
            raise self.refused(func, f"{name} is a number, no function: for a product write {name}*(…)")
        if name not in FUNCTIONS:
            close = _alike(name, FUNCTIONS)
            known = f"did you mean {close}?" if close else f"the functions are {', '.join(FUNCTIONS)}"
            raise self.refused(func, f"{name} is no function here: {known}")
        least, most = _counts(name)
        if not least <= count <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            numbers = "number" if most == 1 else "numbers"
            raise self.refused(part, f"{name} takes {wanted} {numbers}, not {count}: {_usage(name)}")
        return FUNCTIONS[name]

    def place(self, part: ast.expr) -> tuple[int, int]:
        """The characters at which a part starts and ends; the parser counts bytes."""
        ends = (part.col_offset, part.end_col_offset or part.col_offset)
        start, end = (len(self.text.encode()[:offset].decode(errors="ignore")) for offset in ends)
        return start, end

    def refused(self, part: ast.expr, why: str = NOT_ALLOWED) -> ExpressionError:
        """The error for a part; without a reason, that it is not on the list."""
        return self.error(*self.place(part), why)

    def error(self, start: int, end: int, why: str) -> ExpressionError:
        """The error, with the expression, and a mark below the place."""
        text, first = self.text, max(start - WINDOW, 0)
        last = start + WINDOW
        before, after = ("…" if first else ""), ("…" if last < len(text) else "")
        mark = " " * (len(before) + start - first) + "^" * max(min(end, last) - start, 1)
        return ExpressionError(f"{why}\n  {before}{_printable(text[first:last])}{after}\n  {mark}")


def _counts(name: str) -> tuple[int, int]:
    """The least and the greatest count of numbers that a function takes."""
    given = inspect.signature(FUNCTIONS[name]).parameters.values()
    least = sum(parameter.default is parameter.empty for parameter in given)
    return least, len(given) if name == "clip" else least  # the options of others are no operands


def _usage(name: str) -> str:
    """How a function is called."""
    given = list(inspect.signature(FUNCTIONS[name]).parameters)
    return f"{name}({', '.join(given[: _counts(name)[1]])})"


def _alike(name: str, known: Any) -> str:
    """The names that are like a misspelt one, as "tan or tanh"."""
    name = {"ln": "log", "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}.get(name, name)
    return " or ".join(difflib.get_close_matches(name, known, n=2))


def _printable(text: str) -> str:
    """The text without control characters, each replaced by one that can be printed."""
    return "".join([c if c.isprintable() else "\ufffd" for c in text])
