"""Exprs as one line of text: for people, as a teacher writes them, and as Python (a line of NumPy with the same bits).

text(expr)  'x / (x + y) − y'      text(expr, {part: "name"}, PYTHON)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.readings import arrays
from ..symbols import REDUCTIONS, SHAPING, SMALL, Expr, is_number, ordered
from .passes import is_range

ANY, OR, AND, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(9)  # how tightly a text holds together
SUPERSCRIPT = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SQUARED = ("sin", "cos", "tan", "sinh", "cosh", "tanh")  # of these one writes tanh²(x)
Form = tuple[str, int, tuple[int, ...]]  # a template, how tightly it holds, and how tightly its parts must


@dataclass(frozen=True)
class Style:
    """How Exprs are written: by forms, and where a name has no form, as a function of its arguments."""

    forms: Mapping[str, Form]
    number: Callable[[Any], str]
    function: Callable[[Expr, list[str]], str]
    minus: str = ""  # for people: a + −b is a − b, and of a function of SQUARED tanh²(x)


def text(
    expr: Expr,
    names: Mapping[Expr, str] | None = None,
    style: Style | None = None,
    longest: int | None = None,
) -> str | None:
    """Return the Expr as one line in a style: PEOPLE (the default), TEACHER or PYTHON. None where it is longer than `longest`.

    `names` are the texts of parts that have a name of their own. PYTHON, computed where `np` is NumPy and `xp` the arrays'
    namespace, gives the same bits; it raises ValueError for a large constant array without a name.

    >>> from autograd_mini.symbols import symbol
    >>> x, y = symbol("x"), symbol("y")
    >>> text(x / (x + y) - y), text(x - (x + y), {x + y: "z"}, PYTHON)
    ('x / (x + y) − y', 'x - z')
    """
    style, names = style or PEOPLE, names or {}
    done: dict[Expr, tuple[str, int]] = {}
    for x in ordered(expr, names):
        if x in names or x.is_leaf:
            found = names[x] if x in names else _leaf(x, style)
            done[x] = found, SIGN if found[:1] in ("-", "−") else ATOM
        else:
            done[x] = _written(x, done, names, style)
        if longest is not None and x.shape is not None and len(done[x][0]) > longest:
            return None
    return done[expr][0]


def _written(x: Expr, done: Mapping[Expr, Any], names: Mapping[Expr, str], style: Style) -> tuple[str, int]:
    name, parts = _form_name(x), [done[part] for part in x.args]
    inner = x.args[0] if x.args else x
    if style.minus and name == "square" and inner.name in SQUARED and inner not in names:
        return f"{inner.name}²({done[inner.args[0]][0]})", POWER
    if name in (*SHAPING, "axes") and style.minus:
        return parts[0]  # type: ignore[no-any-return]
    if name not in style.forms:
        return style.function(x, [part for part, _ in parts]), ATOM
    template, binds, needs = style.forms[name]
    negative = [bool(style.minus) and holds == SIGN and part.startswith(style.minus) for part, holds in parts]
    if name == "negative" and negative[0]:
        return parts[0][0][1:], PRODUCT
    if name == "add" and negative[1]:
        template, parts[1] = style.forms["subtract"][0], (parts[1][0][1:], PRODUCT)
    if name in ("multiply", "divide") and negative[0]:
        binds = SIGN
    pairs = zip(parts, (*needs, *[ANY] * len(parts)), strict=False)
    texts = [part if holds >= need else f"({part})" for (part, holds), need in pairs]
    shapes = inner.shape or (), x.shape or ()
    index = _index(x.args[1], done, names) if name == "getitem" else _axes_of_one(*shapes)
    comma, raised = "," * (len(texts) == 1), texts[-1].translate(SUPERSCRIPT) if texts else ""
    return template.format(*texts, raised=raised, joined=", ".join(texts), comma=comma, index=index), binds


def _form_name(x: Expr) -> str:
    """The name of a call, or of the special case of it that styles write in another way."""
    if x.name == "swapaxes" and is_number(x.args[1], -1) and is_number(x.args[2], -2):
        return "transposed" if len(x.shape or ()) == 2 else "transposed stack"
    if x.name == "reshape" and x.shape == ():
        return "reshape to a number"
    if x.name == "reshape" and (x.args[0].shape or ()) and _axes_of_one(x.args[0].shape or (), x.shape or ()):
        return "axes"
    if x.name in REDUCTIONS and x.keywords != ("axis", "keepdims"):
        return f"{x.name} with more options"
    if x.name in REDUCTIONS:
        is_of_all = x.args[1].name == "constant" and x.args[1].value is None
        return f"{x.name} kept" if x.args[2].value else f"{x.name} of all" if is_of_all else x.name
    if x.name == "power" and x.args[1].weak and x.args[1].name == "constant":
        return "whole power" if float(x.args[1].value).is_integer() else "power"
    return x.name


def _axes_of_one(shape: Sequence[int], wanted: Sequence[int]) -> str:
    """The index that gives an array another shape, where only axes of length 1 come or go; "" where others do."""
    index, left = list[str](), [*shape]
    for n in wanted:
        while left[:1] == [1] != [n]:
            index.append("0")
            left.pop(0)
        if left[:1] != [n] and n != 1:
            return ""
        index.append(":" if left[:1] == [n] else "None")
        left = left[left[:1] == [n] :]
    index += ["0"] * len(left)
    while index[-1:] == [":"]:
        index.pop()
    return ", ".join(index) if all(n == 1 for n in left) else ""


def _index(index: Expr, done: Mapping[Expr, Any], names: Mapping[Expr, str]) -> str:
    """The text of what stands in square brackets."""

    def part(x: Expr) -> str:
        if x.name != "slice" or x in names:
            return str(done[x][0])
        start, stop, step = ("" if done[y][0] == "None" else done[y][0] for y in x.args)
        start = "" if start == "0" else start
        return f"{start}:{stop}" + (f":{step}" if step else "")

    whole = index.name == "tuple" and index.args and index not in names
    return ", ".join(map(part, index.args)) if whole else part(index)


def _leaf(leaf: Expr, style: Style) -> str:
    x = leaf.value
    if leaf.name == "symbol":
        return str(x)
    if x is None or x is ... or isinstance(x, str):
        return "..." if x is ... else repr(x)
    if isinstance(x, type):
        return x.__name__ if x in (bool, int, float) else f"np.{x.__name__}"
    return f"np.dtype({x.str!r})" if isinstance(x, np.dtype) else style.number(x)


def _rounded(x: Any) -> str:
    if np.size(x) != 1:
        return f"array{np.shape(x)}"
    x = float(np.reshape(x, ())) + 0.0  # no -0: its sign says nothing here
    return "NaN" if math.isnan(x) else f"{x:.6g}".replace("inf", "∞").replace("-", "−")


def exact_text(x: Any) -> str:
    """A number or an array as Python of the same bits."""
    if isinstance(x, float) and not math.isfinite(x):
        return "np.nan" if math.isnan(x) else "np.inf" if x > 0 else "-np.inf"
    if isinstance(x, np.generic):
        return f"np.{x.dtype.name}({exact_text(x.item())})"
    if not isinstance(x, np.ndarray):
        return repr(x)
    numbers = ", ".join(map(exact_text, x.ravel().tolist()))
    numbers, shaped = (f"[{numbers}]", f".reshape({x.shape})") if x.ndim else (numbers, "")
    return f"np.array({numbers}, np.{x.dtype.name}){shaped if x.ndim > 1 else ''}"


def _exact_number(x: Any) -> str:
    if np.size(x) > SMALL:
        what = f"a constant array of shape {x.shape} is too large for a line of Python"
        raise ValueError(f"{what}: give it a name")
    return exact_text(x)


def _arguments(x: Expr, texts: list[str]) -> list[str]:
    """The arguments that a formula shows: numbers and arrays, and lists of them; not how they lie in memory."""

    def shown(part: Expr) -> bool:
        return part.shape is not None or any(y.shape is not None and y.name != "constant" for y in part.args)

    pairs = zip(x.args[: len(x.args) - len(x.keywords)], texts, strict=False)
    return [part for arg, part in pairs if shown(arg)][: 1 if x.name == "sum" else None]


def _spoken(x: Expr, texts: list[str]) -> str:
    shown = {"sqrt": "√", "normal_pdf": "φ", "normal_cdf": "Φ"}.get(x.name, x.name)
    return f"{shown}({', '.join(_arguments(x, texts))})"


def _call(x: Expr, texts: list[str], where: str, name: str = "") -> str:
    """A call of a function of a module, its last arguments by their names."""
    split = len(texts) - len(x.keywords)
    named = [f"{key}={part}" for key, part in zip(x.keywords, texts[split:], strict=True)]
    where = "np.linalg." if x.name in ("solve", "inv", "det", "cholesky", "pinv") else where
    return f"{where}{name or x.name}({', '.join(texts[:split] + named)})"


def _numpy_call(x: Expr, texts: list[str]) -> str:
    """As source: NumPy's own function where it gives the same bits, else that of the arrays' namespace."""
    is_dot = x.name == "matmul" and all(len(part.shape or ()) == 2 for part in x.args)
    is_numpys = getattr(np, x.name, None) is getattr(arrays, x.name) or x.name in NUMPYS
    return _call(x, texts, "np." if is_numpys else "xp.", "dot" if is_dot else "")


def _short_number(x: Any) -> str:
    if np.ndim(x):
        return f"np.arange({x.size})" if is_range(x) else _exact_number(x)
    x = x.item() if isinstance(x, np.generic | np.ndarray) else x
    is_whole = not isinstance(x, bool) and float(x).is_integer() and abs(x) < 1e9
    return str(int(x)) if is_whole else _exact_number(x).replace("e-0", "e-")


def _taught(x: Expr, texts: list[str]) -> str:
    """A call as a teacher writes it: of NumPy where that has the name, else of a small function beside."""
    if x.name == "broadcast_to" and x.args[0].name == "constant":
        plain = {1.0: "ones", 0.0: "zeros"}.get(float(x.args[0].value))
        return f"np.{plain}({texts[1]})" if plain else f"np.full({texts[1]}, {float(x.args[0].value)!r})"
    if x.name == "asarray":
        if x.shape == ():
            return f"float({texts[0]})" if x.dtype.kind == "f" else f"np.asarray({texts[0]}, int)"
        dtype = {"float64": "float"}.get(x.args[-1].value.name, repr(x.args[-1].value.name))
        return f"{texts[0] if texts[0].isidentifier() else f'({texts[0]})'}.astype({dtype})"
    if x.name in ("softmax", "log_softmax"):
        is_last, axis = is_number(x.args[1], -1), x.args[1].value
        axis = axis % len(x.shape or ()) if isinstance(axis, int) else texts[1]
        return f"{x.name}({texts[0]})" if is_last else f"{x.name}({texts[0]}, axis={axis})"
    return _call(x, texts, "np." if hasattr(np, x.name) and x.name != "sinc" else "")


def of_numbers(name: str) -> str:
    """What Python calls a function of NumPy for single numbers."""
    plain = {"abs": "abs", "maximum": "max", "minimum": "min", "remainder": "remainder"}
    name = name.replace("arc", "a") if name.startswith("arc") else name
    return plain.get(name, f"math.{name}" if hasattr(math, name) else name)


# ---- The table of forms -------------------------------------------------------------------------------------------------

# Where ours is quicker, and no other
NUMPYS = {"matmul", "sum", "prod", "max", "min", "reshape", "swapaxes", "broadcast_to"}
PRODUCTS, SIDES = (PRODUCT, POWER), (SUM, SUM)
# Of each call: how tightly its text holds together and how tightly its parts must, then as people read it and as Python
COMMON: dict[str, Any] = {
    "add": (SUM, (SUM, PRODUCT), "{} + {}", "{} + {}"),
    "subtract": (SUM, (SUM, PRODUCT), "{} − {}", "{} - {}"),
    "multiply": (PRODUCT, PRODUCTS, "{} × {}", "{} * {}"),
    "divide": (PRODUCT, PRODUCTS, "{} / {}", "{} / {}"),
    "negative": (SIGN, (PRODUCT,), "−{}", "-{}"),
    "positive": (SIGN, (SIGN,), "{}", "+{}"),
    "getitem": (ATOM, (ATOM,), "{}[{index}]", "{}[{index}]"),
    "tuple": (ATOM, (), "[{joined}]", "({joined}{comma})"),
    "list": (ATOM, (), "[{joined}]", "[{joined}]"),
    "slice": (ATOM, (), "slice({joined})", "slice({joined})"),
}
BY_SIGN: dict[str, Any] = {  # which PYTHON, for its bits, writes as calls
    "matmul": (PRODUCT, PRODUCTS, "{} @ {}", "{} @ {}"),
    "square": (POWER, (ATOM,), "{}²", "{} ** 2"),
    "whole power": (POWER, (ATOM,), "{}{raised}", "{} ** {}"),
    "power": (POWER, (ATOM, ATOM), "{}^{}", "{} ** {}"),
    "transposed": (ATOM, (ATOM,), "{}ᵀ", "{}.T"),
    "transposed stack": (ATOM, (ATOM,), "{}ᵀ", "{}.swapaxes(-1, -2)"),
    "greater": (COMPARISON, SIDES, "{} > {}", "{} > {}"),
    "greater_equal": (COMPARISON, SIDES, "{} ≥ {}", "{} >= {}"),
    "less": (COMPARISON, SIDES, "{} < {}", "{} < {}"),
    "less_equal": (COMPARISON, SIDES, "{} ≤ {}", "{} <= {}"),
    "equal": (COMPARISON, SIDES, "{} = {}", "{} == {}"),
    "not_equal": (COMPARISON, SIDES, "{} ≠ {}", "{} != {}"),
}
OF_NUMBERS: dict[str, Any] = {
    "where": (ANY, (OR, OR), "{1} if {0} else {2}", "{1} if {0} else {2}"),
    "logical_and": (AND, (AND, AND), "{} and {}", "{} and {}"),
    "logical_or": (OR, (OR, OR), "{} or {}", "{} or {}"),
}


def _forms(column: int, *tables: Mapping[str, Any]) -> dict[str, Form]:
    """The forms of a column: 2 for people, 3 Python."""
    return {name: (row[column], *row[:2]) for table in tables for name, row in table.items()}


def _reductions() -> dict[str, Form]:
    """Reductions as methods: over all, over an axis, and with that axis kept."""
    endings = {" of all": "", "": "axis={1}", " kept": "axis={1}, keepdims=True"}
    return {
        name + kind: (f"{{0}}.{name}({given})", ATOM, (ATOM,))
        for name in sorted(REDUCTIONS)
        for kind, given in endings.items()
    }


PYTHON = Style(_forms(3, COMMON) | {"negative": ("-{}", SIGN, (SIGN,))}, _exact_number, _numpy_call)
TEACHER = Style(
    {
        **_forms(3, COMMON, BY_SIGN),
        **_reductions(),
        "reshape": ("{}.reshape{}", ATOM, (ATOM,)),
        "axes": ("{}[{index}]", ATOM, (ATOM,)),
        "transpose": ("{}.transpose{}", ATOM, (ATOM,)),
        "flip": ("np.flip({}, {})", ATOM, ()),
        "size": ("{}.size", ATOM, (ATOM,)),
        "length": ("len({})", ATOM, ()),
        "shape_at": ("{}.shape[{}]", ATOM, (ATOM,)),
        "one_hot": ("np.eye({1}.shape[1])[{0}]", ATOM, (ANY, ATOM)),
    },
    _short_number,
    _taught,
)
MORE_OF_NUMBERS = {"remainder": ("{} % {}", PRODUCT, PRODUCTS), "zeros_like": ("0", ATOM, ())}
TEACHER_OF_NUMBERS = replace(
    TEACHER,
    forms={**TEACHER.forms, **_forms(3, OF_NUMBERS), **MORE_OF_NUMBERS},
    function=lambda x, texts: f"{of_numbers(x.name)}({', '.join(texts)})",
)
PEOPLE = Style(
    _forms(2, COMMON, BY_SIGN, OF_NUMBERS) | {"add": ("{} + {}", SUM, SIDES)}, _rounded, _spoken, "−"
)
