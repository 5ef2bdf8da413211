"""Small edits of a statement: what a person gets wrong in one, the likeliest first, as new texts that can be run."""

import ast
import contextlib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ..mistakes import MISTAKES
from .source import Text

SIMPLE = (ast.Name, ast.Attribute, ast.Subscript)
SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}
OTHERS = {"+": "-", "-": "+", "*": "@/", "/": "*", "@": "*"}
FUNCTIONS = {"convolve": "correlate", "sum": "mean", "sin": "cos"}
FUNCTIONS |= {other: name for name, other in FUNCTIONS.items()}
RANKS = {
    "path_missing": 0,
    "index_overwritten": 0,
    "wrong_sign": 0,
    "not_zeroed": 0,
    "one_factor_too_many": 1,
}
MOST_OPERANDS = 6  # that are tried in the place of each
Edit = tuple[str, str]  # the new text for a node, and the mistake's name


class Fix:
    """A new text for an expression of the script."""

    def __init__(self, node: Any, text: str, mistake: str = "", why: str = "") -> None:
        self.node, self.text, self.mistake = node, text, mistake
        self.why = why or MISTAKES.get(mistake, "")
        self.beside: list[Fix] = []  # what must change with it
        self.rank = RANKS.get(mistake, len(RANKS))


def edited(text: Text, fixes: list[Fix]) -> str:
    """The file's text with expressions replaced."""
    raw, whole = text.bytes, [part for fix in fixes for part in (fix, *fix.beside)]
    for (start, stop), new in sorted(((text.span(fix.node), fix.text) for fix in whole), reverse=True):
        raw = raw[:start] + new.encode() + raw[stop:]
    return raw.decode()


@lru_cache(4096)  # a GRU's wrong line asks 19,000 times for 800 of them: a quarter of its audit
def joined(template: str, *codes: str) -> str:
    """The template with pieces of code in its places, each in parentheses where it needs them.

    >>> joined("{} * {}", "a + b", "c @ d")
    '(a + b) * (c @ d)'
    >>> joined("{} * {}", "a * b", "np.sum(c)")
    'a * b * np.sum(c)'
    """
    parts = [f"({code})" for code in codes]
    meant = ast.dump(ast.parse(template.format(*parts)))
    for i, code in enumerate(codes):
        bare = template.format(*parts[:i], code, *parts[i + 1 :])
        with contextlib.suppress(SyntaxError):
            if ast.dump(ast.parse(bare)) == meant:
                parts[i] = code
    return template.format(*parts)


def scope_of(text: Text, node: Any) -> Any:
    """The function, or the file, whose variables an expression reads."""
    while node is not None and not isinstance(node, ast.FunctionDef | ast.Module | ast.Lambda):
        node = text.parent.get(node)
    return node or text.tree


def inside(text: Text, node: Any, code: str) -> str:
    """The code as it may stand where the node stood: in parentheses where it would mean something else without them."""
    outer = text.parent.get(node)
    if not isinstance(outer, ast.BinOp | ast.UnaryOp | ast.Attribute | ast.Subscript | ast.Compare):
        return code
    (start, stop), (a, b), raw = text.span(outer), text.span(node), text.bytes
    forms = (raw[start:a] + part.encode() + raw[b:stop] for part in (code, f"({code})"))
    bare, apart = (ast.dump(ast.parse(b"(" + form + b")")) for form in forms)
    return code if bare == apart else f"({code})"


def is_read(text: Text, node: Any) -> bool:
    """Whether an expression is a name, attribute or element that is read for its value."""
    outer = text.parent.get(node)
    owner = isinstance(outer, ast.Attribute) or node in (
        getattr(outer, "func", None),
        outer.value if isinstance(outer, ast.Subscript) else None,
    )
    return isinstance(node, SIMPLE) and isinstance(node.ctx, ast.Load) and not owner


def edits(text: Text, statement: Any, values: dict[str, Any] | None = None) -> Iterator[Fix]:
    """The small edits of a statement; `values` are what the names around it stand for, where that is known."""
    if hasattr(statement, "body"):
        return
    for edit in of_statements(text, statement):
        yield Fix(statement, *edit)
    nodes = [n for n in ast.walk(statement) if hasattr(n, "lineno")]
    for rule in (of_operators, of_indices, of_operands, of_constants, of_calls, of_factors):
        for node in nodes:
            yield from fixes_of(text, node, rule(text, node, values or {}))


def fixes_of(text: Text, node: Any, found: Iterator[Edit]) -> Iterator[Fix]:
    """The edits of one node as texts that may stand in its place."""
    for code, mistake in found:
        yield Fix(node, inside(text, node, code), mistake)


def of_parts(text: Text, node: Any) -> Iterator[Edit]:
    """The edits of one part of an expression that can be tried on numbers."""
    for rule in (of_operators, of_indices, of_constants, of_calls):
        yield from rule(text, node, {})


def of_statements(text: Text, statement: Any) -> Iterator[Edit]:
    """+= for =, and the reverse; a step in the other direction."""
    value = text.text(getattr(statement, "value", None))
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], SIMPLE):
        yield f"{text.text(statement.targets[0])} += {value}", "path_missing"
        yield f"{text.text(statement.targets[0])} *= {value}", "factor_missing"
    if isinstance(statement, ast.AugAssign):
        target, sign = text.text(statement.target), SIGNS.get(type(statement.op), "")
        if sign in ("+", "-"):
            yield f"{target} {OTHERS[sign]}= {value}", "wrong_sign"
        if sign == "+" and isinstance(statement.target, ast.Subscript):
            base, index = text.text(statement.target.value), text.text(statement.target.slice)
            yield f"np.add.at({base}, {index}, {value})", "index_overwritten"
        if sign == "+":
            yield f"{target} = {value}", "not_zeroed"
        if sign in ("*", "/"):
            yield f"{target} = {target}", "one_factor_too_many"


def of_operators(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """Another operator, an operand left out, a sign."""
    if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
        left, right, sign = text.text(node.left), text.text(node.right), SIGNS[type(node.op)]
        for other in OTHERS[sign]:
            yield (
                joined(f"{{}} {other} {{}}", left, right),
                "wrong_sign" if other in "+-" else "wrong_operation",
            )
        if sign == "-":
            yield joined("{} - {}", right, left), "wrong_sign"
        if sign == "*" and is_read(text, node.right):  # as of an L1 penalty
            yield joined("{} * np.sign({})", left, right), "penalty_value"
        yield left, "one_factor_too_many"
        if sign not in "-/":
            yield right, "one_factor_too_many"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield text.text(node.operand), "wrong_sign"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = text.text(node.left), text.text(node.comparators[0])
        yield from ((f"{left} {sign} {right}", "derivative_at_activation") for sign in (">", "<=", ">=", "<"))


def of_constants(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """Another small number, or a number that has a name."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        others = ["0", "1"]
        if not isinstance(text.parent.get(node), ast.keyword):
            others += [
                "2",
                "0.5",
                *[name for name, value in values.items() if not np.ndim(value)][:MOST_OPERANDS],
            ]
        yield from ((other, "wrong_number") for other in others)


def of_indices(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """The element before or after, or at another index of the statement."""
    outer, code = text.parent.get(node), text.text(node)
    for n in sorted({int(n) for n in re.findall(r"\[(\d+)\]", code)}) if isinstance(node, ast.BinOp) else ():
        for path in (n + 1, abs(n - 1)):
            yield joined("{} + {}", code, code.replace(f"[{n}]", f"[{path}]")), "path_missing"
    whole = isinstance(node, ast.Slice | ast.Tuple)
    if not isinstance(outer, ast.Subscript) or outer.slice is not node or whole:
        return
    others = [text.text(n.slice) for n in ast.walk(text.statement(node)) if isinstance(n, ast.Subscript)]
    beside = (outer.value, text.parent.get(outer))  # Q[j][j] would be an element of the diagonal
    own = {code, *(text.text(n.slice) for n in beside if isinstance(n, ast.Subscript))}
    others = [f"{code} - 1", f"{code} + 1", *(other for other in others if other not in own)]
    yield from ((other, "wrong_array") for other in others if isinstance(outer.ctx, ast.Load))


def of_operands(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """Another name in the place of one, of the same shape where its value is known."""
    code = text.text(node)
    if is_read(text, node) and code in values:
        base, others = code.partition("[")[0], [n for n in values if n != code]
        alike = [n for n in others if np.shape(values[n]) == np.shape(values[code])][:MOST_OPERANDS]
        elements = [n for n in others if "[" in code and n.partition("[")[0] == base][:MOST_OPERANDS]
        yield from ((other, "wrong_array") for other in dict.fromkeys([*elements, *alike]))


def of_calls(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """A function not called, or its counterpart; a transpose or a square more or less."""
    if isinstance(node, ast.Call):
        if len(node.args) == 1 and not node.keywords:
            yield text.text(node.args[0]), "wrong_function"
        yield from ((text.text(kept), "one_factor_too_many") for kept in node.args if len(node.args) == 2)
    owner, _, last = text.text(node).rpartition(".")
    if isinstance(node, ast.Attribute) and last in FUNCTIONS:
        yield f"{owner}.{FUNCTIONS[last]}", "wrong_function"
    if isinstance(node, ast.Attribute) and last == "T":
        yield owner, "transposed"
    if is_read(text, node):
        yield joined("{} ** 2", text.text(node)), "square_missing"


def of_factors(text: Text, node: Any, values: dict[str, Any]) -> Iterator[Edit]:
    """A factor more, for what is summed in a comprehension or stands in a list."""
    outer: Any = text.parent.get(node)
    summed = isinstance(outer, ast.GeneratorExp | ast.ListComp) and outer.elt is node
    if not summed and not (isinstance(outer, ast.List) and isinstance(node, SIMPLE)):
        return
    near = [text.text(n) for n in ast.walk(outer) if is_read(text, n)] if summed else []
    shape = np.shape(values.get(text.text(node), 0.0))
    alike = [name for name, value in values.items() if np.ndim(value) and np.shape(value) == shape]
    for name in dict.fromkeys([*near, *alike[: 2 * MOST_OPERANDS]]):
        yield joined("{} * {}", text.text(node), name), "factor_missing"


def of_rules(text: Text, statement: Any) -> Iterator[Fix]:
    """What goes wrong in an optimiser's rule: the root, the square, the name of a decay, the correction of a moment."""
    every: list[Any] = list(ast.walk(text.tree))
    names = sorted({text.text(n) for n in every if is_read(text, n)})
    here = [text.text(n) for n in ast.walk(statement) if is_read(text, n)]
    corrects = any(is_one_less(n) and isinstance(n.right, ast.BinOp) for n in ast.walk(statement))  # type: ignore[attr-defined]
    for name in dict.fromkeys(here):
        alike = [other for other in names if other[:-1] == name[:-1] and other != name]
        for other in alike if here.count(name) > 1 or len(alike) == 1 else ():
            code = re.sub(rf"(?<![\w.]){re.escape(name)}\b", other, text.text(statement))
            yield Fix(statement, code, "bias_correction" if corrects else "betas_swapped")
    taken = [n.right for n in every if is_one_less(n)]
    counters = (n.target for n in every if isinstance(n, ast.AugAssign | ast.For))
    steps = dict.fromkeys(text.text(n.right) for n in taken if isinstance(n, ast.BinOp))
    steps = steps or dict.fromkeys(map(text.text, counters))
    decays = [
        n for n in every if isinstance(n, ast.Constant) and type(n.value) is float and 0.5 <= n.value < 1
    ]
    betas = dict.fromkeys(text.text(n.left if isinstance(n, ast.BinOp) else n) for n in [*taken, *decays])
    powers = [joined("1 - {} ** {}", beta, step) for beta in betas for step in steps]
    for node in ast.walk(statement):
        outer, code, found = text.parent.get(node), text.text(node), list[tuple[str, str]]()
        if isinstance(node, ast.BinOp) and isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div):
            found = [(f"np.sqrt({text.text(node.left)}) + {text.text(node.right)}", "root_missing")]
        if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.args[0], ast.BinOp):
            root, inner = text.text(node.func), node.args[0]
            apart = f"{root}({text.text(inner.left)}) + {text.text(inner.right)}"
            found = [(apart, "epsilon_inside_root")]
        if is_one_less(node):
            beta = text.text(getattr(node, "right", None))
            found = [
                (joined("1 - {} ** {}", beta, step), "bias_correction") for step in steps if beta in betas
            ]
        if is_read(text, node):
            found = [(joined("{} / {}", code, power), "bias_correction") for power in powers]
            found.append((joined("{} ** 2", code), "square_missing"))
        for new, mistake in found:
            yield Fix(node, inside(text, node, new), mistake)


def is_one_less(node: Any) -> bool:
    """Whether an expression is 1 less something."""
    return (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and getattr(node.left, "value", 0) == 1
    )
