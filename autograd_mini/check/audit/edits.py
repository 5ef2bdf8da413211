"""Small edits of a statement: what a person gets wrong in one, the likeliest first, as new texts that can be run."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from .source import Text

SIMPLE = (ast.Name, ast.Attribute, ast.Subscript)
SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
OTHERS = {"+": "-", "-": "+", "*": "@/", "/": "*", "@": "*"}
MOST_OPERANDS = 6  # that are tried in the place of each


RANKS = {"path_missing": 0, "wrong_sign": 0, "not_zeroed": 0, "one_factor_too_many": 1, "swapped": 1}


class Fix:
    """A new text for an expression of the script."""

    def __init__(self, node: Any, text: str, mistake: str, why: str) -> None:
        self.node, self.text, self.mistake, self.why = node, text, mistake, why
        self.rank = RANKS.get(mistake, len(RANKS))


def edited(text: Text, fixes: list[Fix]) -> str:
    """The file's text with expressions replaced."""
    lines = text.source.splitlines(keepends=True)
    starts = np.cumsum([0] + [len(line.encode()) for line in lines])
    raw = text.source.encode()
    for fix in sorted(fixes, key=lambda f: (f.node.lineno, f.node.col_offset), reverse=True):
        a = starts[fix.node.lineno - 1] + fix.node.col_offset
        b = starts[fix.node.end_lineno - 1] + fix.node.end_col_offset
        raw = raw[:a] + fix.text.encode() + raw[b:]
    return raw.decode()


def wrapped(code: str) -> str:
    """The code in parentheses where an operator beside it would bind more tightly."""
    node = ast.parse(code.strip(), mode="eval").body
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant)
    enclosed = code.startswith("(") and isinstance(node, ast.Tuple)
    return code if simple or enclosed else f"({code})"


def edits(text: Text, statement: Any, values: dict[str, Any] | None = None) -> Iterator[Fix]:
    """The small edits of a statement; `values` are what the names around it stand for, where that is known."""
    if isinstance(statement, ast.For | ast.While | ast.If | ast.With | ast.FunctionDef | ast.ClassDef):
        return
    yield from of_assignments(text, statement)
    nodes = [n for n in ast.walk(statement) if hasattr(n, "lineno")]
    known = values or {}
    for node in nodes:
        yield from of_operators(text, node)
    yield from swapped(text, statement, nodes)
    for find in (of_indices, of_operands, of_constants, of_calls, of_factors):
        for node in nodes:
            yield from find(text, node, known)


def of_parts(text: Text, node: Any) -> Iterator[Fix]:
    """The edits of one part of an expression that can be tried on numbers."""
    for find in (of_operators, of_constants, of_calls):
        yield from find(text, node)


def of_assignments(text: Text, statement: Any) -> Iterator[Fix]:
    """+= for =, and the reverse; a step in the other direction."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        first, value = statement.targets[0], text.source_of(statement.value)
        if isinstance(first, SIMPLE):
            why = "= keeps the last share only: += adds them up"
            yield Fix(statement, f"{text.text(first)} += {value}", "path_missing", why)
    if isinstance(statement, ast.AugAssign):
        target, value = text.text(statement.target), text.source_of(statement.value)
        sign = SIGNS.get(type(statement.op), "")
        if sign in ("+", "-"):
            code = f"{target} {OTHERS[sign]}= {value}"
            yield Fix(statement, code, "wrong_sign", "the sign is wrong")
        if sign == "+" and isinstance(statement.target, ast.Subscript):
            base, index = text.text(statement.target.value), text.text(statement.target.slice)
            code = f"np.add.at({base}, {index}, {value})"
            yield Fix(
                statement,
                code,
                "path_missing",
                "an index that stands twice is added once: np.add.at adds both",
            )
        if sign == "+":
            yield Fix(statement, f"{target} = {value}", "not_zeroed", "+= keeps what was there before")
        if sign in ("*", "/"):
            yield Fix(statement, f"{target} = {target}", "wrong_factor", "one factor too many")


def of_operators(text: Text, node: Any, values: Any = None) -> Iterator[Fix]:
    """Another operator, an operand left out, a sign."""
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        left, right, sign = text.text(node.left), text.text(node.right), SIGNS[type(node.op)]
        whole = text.text(node)
        i, j = len(left) + whole.index(left), len(whole) - len(right) - whole[::-1].index(right[::-1])
        for other in OTHERS[sign]:
            words = ("wrong_operation", f"{other} belongs here")
            if other in "+-":
                words = ("wrong_sign", "the sign is wrong")
            code = whole[:i] + whole[i:j].replace(sign, other) + whole[j:]
            yield Fix(node, inside(text, node, code), *words)
        if sign == "-":
            yield Fix(
                node, inside(text, node, f"{right} - {wrapped(left)}"), "wrong_sign", "the sign is wrong"
            )
        kept = [(node.left, right)] if sign in "-/" else [(node.left, right), (node.right, left)]
        for operand, gone in kept:
            code = inside(text, node, text.text(operand))
            yield Fix(node, code, "one_factor_too_many", f"{gone} does not belong here")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield Fix(node, text.source_of(node.operand), "wrong_sign", "the sign is wrong")
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = text.text(node.left), text.text(node.comparators[0])
        for sign in (">", "<=", ">=", "<"):
            code = f"{left} {sign} {right}"
            if code != text.text(node):
                yield Fix(node, code, "derivative_at_activation", f"the comparison must be {sign}")


def of_constants(text: Text, node: Any, values: Any = None) -> Iterator[Fix]:
    """Another small number, or a number that has a name."""
    outer = text.parent.get(node)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        names = (
            [] if isinstance(outer, ast.keyword) else [n for n, v in (values or {}).items() if not np.ndim(v)]
        )
        for other in (
            "0",
            "1",
            *(("2", "0.5", *names[:MOST_OPERANDS]) if not isinstance(outer, ast.keyword) else ()),
        ):
            if other != text.text(node):
                yield Fix(node, other, "wrong_number", f"{other} belongs here, not {text.text(node)}")


def of_indices(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Fix]:
    """The element before or after, or at another index of the statement."""
    outer = text.parent.get(node)
    if (
        not isinstance(outer, ast.Subscript)
        or outer.slice is not node
        or isinstance(node, ast.Slice | ast.Tuple)
    ):
        return
    code, statement = text.text(node), text.statement(node)
    others = [text.text(n.slice) for n in ast.walk(statement) if isinstance(n, ast.Subscript)]
    others = [f"{code} - 1", f"{code} + 1", *(c for c in dict.fromkeys(others) if c != code)]
    value = getattr(statement, "value", None)
    if isinstance(node, ast.Constant) and node.value == 0 and isinstance(value, ast.BinOp):
        first = text.text(value)
        yield Fix(
            value, f"{first} + {first.replace('[0]', '[1]')}", "path_missing", "another path is missing"
        )
    for other in others if isinstance(outer.ctx, ast.Load) else ():
        yield Fix(node, other, "wrong_array", f"the element at {other} belongs here")


def swapped(text: Text, statement: Any, nodes: list[Any]) -> Iterator[Fix]:
    """Two names of the statement in each other's place."""
    value = getattr(statement, "value", statement)
    loads = [
        n for n in nodes if isinstance(n, SIMPLE) and isinstance(n.ctx, ast.Load) and not called(text, n)
    ]
    code, start = text.text(statement), statement.col_offset
    if statement.lineno != statement.end_lineno or not code.isascii() or value is statement:
        return
    for i, x in enumerate(loads):
        for y in loads[i + 1 :]:
            a, b = sorted((x, y), key=lambda n: int(n.col_offset))
            if text.text(a) != text.text(b) and (a.end_col_offset or 0) <= b.col_offset:
                new = [text.text(b), code[a.end_col_offset - start : b.col_offset - start], text.text(a)]
                new = [code[: a.col_offset - start], *new, code[b.end_col_offset - start :]]
                yield Fix(
                    statement, "".join(new), "swapped", f"{text.text(a)} and {text.text(b)} change places"
                )


FUNCTIONS = {
    "convolve": "correlate",
    "correlate": "convolve",
    "sum": "mean",
    "mean": "sum",
    "sin": "cos",
    "cos": "sin",
}


def of_calls(text: Text, node: Any, values: Any = None) -> Iterator[Fix]:
    """A function not called, or its counterpart; a transpose or a square more or less."""
    if isinstance(node, ast.Call):
        name = text.text(node.func)
        if len(node.args) == 1 and not node.keywords:
            yield Fix(node, text.text(node.args[0]), "wrong_function", f"{name} does not belong here")
        for kept, gone in (node.args, node.args[::-1]) if len(node.args) == 2 else ():
            why = f"{text.text(gone)} does not belong here"
            yield Fix(node, text.text(kept), "one_factor_too_many", why)
        last = name.rpartition(".")[2]
        if last in FUNCTIONS:
            other = name[: len(name) - len(last)] + FUNCTIONS[last]
            yield Fix(node.func, other, "wrong_function", f"{FUNCTIONS[last]} belongs here, not {last}")
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield Fix(node, text.source_of(node.value), "transposed", "the transpose is too much here")
    if isinstance(node, SIMPLE) and isinstance(node.ctx, ast.Load) and not called(text, node):
        code = text.text(node)
        yield Fix(node, f"{code} ** 2", "square_missing", f"the square of {code} is missing")


def of_factors(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Fix]:
    """A factor more, for what is summed in a comprehension or stands in a list."""
    outer: Any = text.parent.get(node)
    summed = isinstance(outer, ast.GeneratorExp | ast.ListComp) and outer.elt is node
    if not summed and not (isinstance(outer, ast.List) and isinstance(node, SIMPLE)):
        return
    near = [text.text(n) for n in ast.walk(outer) if isinstance(n, SIMPLE) and not called(text, n)]
    value: Any = values.get(text.text(node))
    alike = [n for n, v in values.items() if np.ndim(v) and np.shape(v) == np.shape(value)]
    for name in dict.fromkeys([*(near if summed else ()), *alike[: 2 * MOST_OPERANDS]]):
        code = f"{wrapped(text.text(node))} * {name}"
        yield Fix(node, code, "factor_missing", f"the factor {name} is missing")


def of_operands(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Fix]:
    """Another name in the place of one, of the same shape where its value is known."""
    if not isinstance(node, SIMPLE) or not isinstance(node.ctx, ast.Load) or called(text, node):
        return
    code = text.text(node)
    names = [
        other
        for other, value in values.items()
        if other != code and code in values and np.shape(value) == np.shape(values[code])
    ]
    for other in names[:MOST_OPERANDS]:
        yield Fix(node, other, "wrong_array", f"{other} belongs here, not {code}")


def of_rules(text: Text, statement: Any) -> Iterator[Fix]:
    """What goes wrong in an optimiser's rule: the root, the square, the name of a decay."""
    names = {n.id for n in ast.walk(text.tree) if isinstance(n, ast.Name)}
    here = [n for n in ast.walk(statement) if isinstance(n, ast.Name)]
    for name in dict.fromkeys(n.id for n in here):
        alike = [other for other in sorted(names) if other[:-1] == name[:-1] and other != name]
        if sum(n.id == name for n in here) > 1 or len(alike) == 1:
            for other in alike:
                code = re.sub(rf"\b{name}\b", other, text.text(statement))
                yield Fix(statement, code, "betas_swapped", f"{other} belongs here, not {name}")
    for node in ast.walk(statement):
        outer = text.parent.get(node)
        divides = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.right is node
        if divides and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            code = f"np.sqrt({text.text(node.left)}) + {text.text(node.right)}"
            yield Fix(node, code, "root_missing", "the root is missing")
        if isinstance(node, SIMPLE) and isinstance(node.ctx, ast.Load) and not called(text, node):
            code = f"{text.text(node)} ** 2"
            yield Fix(node, code, "square_missing", f"the square of {text.text(node)} is missing")


def called(text: Text, node: Any) -> bool:
    """Whether an expression is what is called, or a part of another name."""
    outer = text.parent.get(node)
    return isinstance(outer, ast.Attribute) or (
        isinstance(outer, ast.Call | ast.Subscript)
        and node in (getattr(outer, "func", None), getattr(outer, "value", None))
    )


def inside(text: Text, node: Any, code: str) -> str:
    """The code as it may stand where the node stood."""
    outer = text.parent.get(node)
    return wrapped(code) if isinstance(outer, ast.BinOp | ast.UnaryOp | ast.Attribute) else code
