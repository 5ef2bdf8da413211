"""Expr and EXPRESSIONS: the reading of the table in which a rule gives its own formula.

    read(op.forward, x, y)  an Expr: a tree of calls of `xp` that knows its shape and dtype, and computes nothing

What is done with it stands here too: `evaluate` (the bits that the rule gives itself), `simplify` (exactly, or for readers),
`substitute`, `walk` and `replace` (to name parts of it and to change them), and `text` in three styles: for people, LaTeX,
and Python (a line of NumPy). A part of a rule's call is an Expr too: a tuple, a list or a slice is a call of that name, and
whatever else is no array is a constant, so nothing of an index or a keyword is lost.

Two Exprs that say the same are one object (`is` compares them). Keys are type and bits for numbers (0.0 is not −0.0, 1 is
not True), dtype, shape and bytes for small arrays, identity for large ones.
"""

import math
import operator
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from .core.namespaces import arrays
from .core.ops import axes_of

XP = """
    abs arccos arccosh arcsin arcsinh arctan arctan2 arctanh argsort asarray broadcast_to ceil concatenate cos cosh cumprod
    cumsum det einsum equal erf erfc exp expm1 eye flip floor greater greater_equal hypot index_update inv isfinite
    last_written less less_equal linear log log10 log1p log2 log_softmax logabsdet logaddexp logical_and logical_or logistic
    matmul max maximum min minimum normal_cdf normal_pdf not_equal ones pad power prod recurrence remainder reshape roll
    round scatter scatter_along_axis sech2 shape sigmoid sign sin sinc sinh softmax softplus solve sort sqrt square squeeze
    stack sum swapaxes take_along_axis tan tanh transpose tril triu where xlogy zeros_like
""".split()  # noqa: SIM905  (a list would be four times as long)
OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "positive": operator.pos,
    "getitem": operator.getitem,
    "tuple": lambda *parts: parts,
    "list": lambda *parts: list(parts),
    "slice": slice,
}
PARTS = ("tuple", "list", "slice")  # calls that make no array
SMALL = 64  # elements of a constant array that is known by its bytes; a larger one is known by its identity


class Unreadable(TypeError):
    """A rule does what is no call of `xp` and no operator: it has no formula."""


def _refused(what: str, instead: str) -> Callable[..., NoReturn]:
    def method(self: "Expr", *args: Any, **kwargs: Any) -> NoReturn:
        raise Unreadable(f"{what} of an expression: a rule is read without numbers; write {instead}")

    return method


def _infix(name: str) -> tuple[Callable[[Any, Any], "Expr"], Callable[[Any, Any], "Expr"]]:
    """An operator, and the same with the expression on its right."""
    return lambda self, other: call(name, self, other), lambda self, other: call(name, other, self)


class Expr:
    """A call `name(*args, **keywords)` of Exprs, or a leaf: a "symbol" of that label, a "constant" of that value.

    `shape` and `dtype` are those of its result, None where that is no array; `weak` says that it is a number of Python's, which
    takes the dtype of what stands beside it. Made by `symbol`, `constant`, operators and EXPRESSIONS; never changed.

    >>> x = symbol("x", (4, 2))
    >>> y = 2.0 * x.T @ x
    >>> y, y.shape, y is 2.0 * x.T @ x
    (np.dot(2.0 * np.swapaxes(x, -1, -2), x), (2, 2), True)
    """

    __slots__ = ("__weakref__", "args", "dtype", "keywords", "name", "shape", "value", "weak")
    name: str
    args: tuple["Expr", ...]
    keywords: tuple[str, ...]  # the names of the last of args
    value: Any  # of a constant; a symbol's label
    shape: tuple[int, ...] | None
    dtype: Any
    weak: bool

    __array_ufunc__ = None  # an array beside an Expr leaves the operation to it, np.exp(expr) is a TypeError
    __iter__ = None
    __hash__ = object.__hash__
    __bool__ = _refused("the truth", "xp.where(condition, x, y)")
    __array_function__ = _refused("a function of NumPy", "xp.… in place of np.…")
    __array__ = _refused("the array", "xp.… in place of np.…")
    __eq__ = _refused("a comparison", "xp.equal, xp.less, … (or `is`, where the expression itself is meant)")
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__

    __add__, __radd__ = _infix("add")
    __sub__, __rsub__ = _infix("subtract")
    __mul__, __rmul__ = _infix("multiply")
    __truediv__, __rtruediv__ = _infix("divide")
    __matmul__, __rmatmul__ = _infix("matmul")
    __pow__, __rpow__ = _infix("power")

    def __neg__(self) -> "Expr":
        return call("negative", self)

    def __pos__(self) -> "Expr":
        return call("positive", self)

    def __abs__(self) -> "Expr":
        return call("abs", self)

    def __getitem__(self, index: Any) -> "Expr":
        return call("getitem", self, index)

    @property
    def T(self) -> "Expr":
        """The transpose of a matrix, or of each of a stack."""
        return call("swapaxes", self, -1, -2)

    def __repr__(self) -> str:
        return text(self, style=PYTHON, longest=200) or f"Expr({self.name}, {self.shape}, {self.dtype})"


_made: WeakValueDictionary[Any, Expr] = WeakValueDictionary()


def _expr(key: Any, name: str, args: Any, keywords: Any, value: Any, kind: Callable[[], Any]) -> Expr:
    """The one Expr of that key; `kind` gives the shape, dtype and weakness of a new one."""
    found = _made.get((name, args, keywords, key))
    if found is None:
        found = object.__new__(Expr)
        found.name, found.args, found.keywords, found.value = name, args, keywords, value
        found.shape, found.dtype, found.weak = kind()
        _made[name, args, keywords, key] = found
    return found


def symbol(name: str, shape: tuple[int, ...] = (), dtype: Any = float) -> Expr:
    """Return the leaf of that name, an array of that shape and dtype.

    >>> symbol("x") is symbol("x"), symbol("x") is symbol("x", (3,))
    (True, False)
    """
    kind = (tuple(shape), np.dtype(dtype), False)
    return _expr((name, kind), "symbol", (), (), name, lambda: kind)


def constant(x: Any) -> Expr:
    """Return an Expr as it is; a tuple, list or slice as a call of its parts; a number, an array, None, … as a constant.

    >>> constant(0.0) is constant(-0.0), constant((1, 2)).args
    (False, (1, 2))
    """
    if isinstance(x, Expr):
        return x
    if isinstance(x, tuple | list):
        return call(type(x).__name__, *x)
    if isinstance(x, slice):
        return call("slice", x.start, x.stop, x.step)
    key: Any = x
    kind: Any = (None, None, False)
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "biuf":
        kind, key = (x.shape, x.dtype, False), id(x)
        if x.size <= SMALL:
            x, key = x.copy(), (x.dtype.str, x.shape, x.tobytes())
    elif type(x) in (bool, int, float):
        kind, key = ((), np.dtype(type(x)), True), struct.pack("d", x) if type(x) is float else x
    elif not (x is None or x is ... or isinstance(x, str | type | np.dtype)):
        kinds = "numbers, real arrays, expressions and indices are needed"
        raise Unreadable(f"a rule gave {type(x).__name__}: {kinds}")
    return _expr((type(x), key), "constant", (), (), x, lambda: kind)


def call(name: str, *args: Any, **keywords: Any) -> Expr:
    """Return the Expr of a call: of a name of XP, of an operator by NumPy's name ("add", "getitem"), or of a tuple, list or slice.

    Raises Unreadable where the arguments do not fit together.

    >>> call("sum", symbol("x", (2, 3)), axis=0).shape
    (3,)
    """
    parts = tuple(map(constant, (*args, *keywords.values())))
    return _call(name, parts, tuple(keywords))


def _call(name: str, args: tuple[Expr, ...], keywords: tuple[str, ...]) -> Expr:
    return _expr(None, name, args, keywords, None, lambda: _kind(name, args, keywords))


# ---- Shapes and dtypes ------------------------------------------------------------------------------------------------


def _ghost(x: Expr) -> Any:
    """A constant's own value; else zeros of that shape which take no memory, integers where x are."""
    if x.name == "constant":
        return x.value
    return np.broadcast_to(np.zeros((), x.dtype if x.dtype.kind in "iu" else bool), x.shape or ())


def _tiny(x: Expr) -> Any:
    """A number of Python's and a parameter as they are; of an array as many axes, each of length 1."""
    if x.weak or x.shape is None:
        return x.value if x.name == "constant" else x.dtype.type(1).item()
    return np.ones((1,) * len(x.shape), x.dtype)


def _invoke(function: Callable[..., Any], values: Sequence[Any], keywords: tuple[str, ...]) -> Any:
    split = len(values) - len(keywords)
    return function(*values[:split], **dict(zip(keywords, values[split:], strict=True)))


def _reduced(x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> tuple[int, ...]:
    lost = axes_of(axis, x.ndim)
    return tuple(1 if i in lost else n for i, n in enumerate(x.shape) if keepdims or i not in lost)


def _product(x: Any, y: Any, *_: Any) -> tuple[int, ...]:
    """Of matmul, whose inner lengths must agree."""
    if x.shape[-1] != y.shape[max(y.ndim - 2, 0)]:
        raise ValueError("the inner lengths differ")
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return (*stack, *x.shape[:-1][-1:], *y.shape[1:][-1:])


def _einsum(spec: str, *xs: Any, **_: Any) -> tuple[int, ...]:
    inputs, output = spec.split("->")
    lengths: dict[str, int] = {}
    for letters, x in zip(inputs.split(","), xs, strict=True):
        pairs = zip(letters, x.shape, strict=True)
        lengths |= {letter: n for letter, n in pairs if n != 1 or letter not in lengths}
    return tuple(lengths[letter] for letter in output)


def _with(x: Any, axis: int, length: int) -> tuple[int, ...]:
    """The shape of x with another length along one axis."""
    return tuple(length if i == axis % x.ndim else n for i, n in enumerate(x.shape))


# NumPy computes nothing of these; of these each axis keeps its length, or pads it; the others go element by element
VIEWS = {"reshape", "broadcast_to", "transpose", "swapaxes", "squeeze", "flip", "getitem"}
AXES = {"softmax", "log_softmax", "cumsum", "cumprod", "roll", "tril", "triu", "sort", "argsort", "pad"}
REDUCTIONS = {"sum", "prod", "max", "min"}
SHAPES: dict[str, Callable[..., tuple[int, ...]]] = {
    "matmul": _product,
    "linear": _product,
    "einsum": _einsum,
    "concatenate": lambda xs, axis: _with(xs[0], axis, sum(x.shape[axis] for x in xs)),
    "stack": lambda xs, axis: _with(np.expand_dims(xs[0], axis), axis, len(xs)),
    "solve": lambda a, b: a.shape[:-1] if b.ndim == 1 else np.broadcast_shapes((*a.shape[:-1], 1), b.shape),
    "inv": lambda a: a.shape,
    "det": lambda a: a.shape[:-2],
    "logabsdet": lambda a: a.shape[:-2],
    "take_along_axis": lambda x, indices, axis: np.broadcast_shapes(_with(x, axis, 1), indices.shape),
    "scatter_along_axis": lambda x, indices, axis, shape: shape,
    "scatter": lambda x, shape, index: shape,
    "index_update": lambda x, index, value: x.shape,
    "last_written": lambda shape, index: np.broadcast_to(False, shape)[index].shape,
    "recurrence": lambda a, b, axis, reverse: b.shape,
    "eye": lambda n: (n, n),
    "ones": lambda n: (n,),
}


def _kind(name: str, args: tuple[Expr, ...], keywords: tuple[str, ...]) -> Any:
    """The shape, dtype and weakness of a call's result; nothing of full size is computed but what an index array picks."""
    if name in PARTS:
        return None, None, False

    def applied(function: Callable[..., Any], leaf: Callable[[Expr], Any]) -> Any:
        def made(x: Expr) -> Any:
            return OPERATORS[x.name](*map(made, x.args)) if x.name in PARTS else leaf(x)

        return _invoke(function, [made(x) for x in args], keywords)

    function = OPERATORS.get(name) or getattr(arrays, name)
    try:
        with np.errstate(all="ignore"):
            if name == "getitem" and any(_is_mask(part) for part in (args[1], *args[1].args)):
                raise ValueError("how many places a computed mask picks is not known")
            if name in VIEWS:
                return applied(function, _ghost).shape, args[0].dtype, False
            if name in SHAPES:
                return applied(SHAPES[name], _ghost), _float_type(args), False
            if name in REDUCTIONS:
                return applied(_reduced, _ghost), applied(function, _tiny).dtype, False
            if name in AXES:
                out = applied(function, _tiny)
                grown = zip_longest(out.shape, args[0].shape or (), fillvalue=1)
                return tuple(n + m - 1 for n, m in grown), out.dtype, False
            shape = np.broadcast_shapes(*(x.shape for x in args if x.shape is not None))
            if name == "asarray":
                return shape, applied(function, _tiny).dtype, False
            return shape, *_of_numbers(name, tuple([(x.dtype, x.weak) for x in args]))
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        shapes = ", ".join(str(x.shape) for x in args if x.shape is not None)
        raise Unreadable(f"{name} of operands of shapes {shapes} cannot be read: {error}") from error


@cache
def _of_numbers(name: str, kinds: tuple[tuple[np.dtype[Any], bool], ...]) -> tuple[np.dtype[Any], bool]:
    """The dtype and weakness of what works element by element, tried on ones."""
    function = OPERATORS.get(name) or getattr(arrays, name)
    out = function(*[dtype.type(1).item() if weak else dtype.type(1) for dtype, weak in kinds])
    return np.result_type(out), type(out) in (bool, int, float)


def _is_mask(index: Expr) -> bool:
    return index.name != "constant" and index.dtype == np.dtype(bool)


def _float_type(args: Sequence[Expr]) -> Any:
    """The common dtype of the floats among the operands: what else there is are indices and lengths."""
    parts = [y for x in args for y in (x.args if x.name in PARTS else (x,))]
    floats = [_tiny(x) for x in parts if x.shape is not None and x.dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(float)


# ---- Reading and evaluating -------------------------------------------------------------------------------------------


EXPRESSIONS: Any = SimpleNamespace(**{name: partial(call, name) for name in XP})
EXPRESSIONS.shape = lambda x: constant(x).shape


def read(rule: Callable[..., Any], *operands: Any) -> Expr:
    """Return what a rule of the table says of these operands: an Expr, a "list" of them where the rule gives all shares.

    Raises Unreadable where the rule does what is no call of `xp` and no operator.

    >>> from autograd_mini.core import ops
    >>> x, g = symbol("x"), symbol("g")
    >>> text(read(ops.SIN.vjps[0], g, symbol("out"), x))
    'g × cos(x)'
    """
    try:
        return constant(rule(EXPRESSIONS, *operands))
    except Unreadable:
        raise
    except (TypeError, AttributeError) as error:  # how Python says that an Expr is no number and no array
        raise Unreadable(f"a rule cannot be read as an expression: {error}") from error


def _ordered(root: Expr, known: Any = ()) -> list[Expr]:
    """All parts of an Expr once, parts before wholes, not going into what is known."""
    order: list[Expr] = []
    seen: set[Expr] = set()
    stack = [(root, False)]
    while stack:
        x, done = stack.pop()
        if done:
            order.append(x)
        elif x not in seen:
            seen.add(x)
            stack.append((x, True))
            if x not in known:
                stack += [(part, False) for part in reversed(x.args)]
    return order


def evaluate(expr: Expr, values: Mapping[str, Any], xp: Any = arrays) -> Any:
    """Return the value of an Expr, its symbols having those values: to the bit what the rule gives in that namespace.

    >>> x = symbol("x")
    >>> evaluate(x * x + 1.0, {"x": 3.0})
    10.0
    """
    found: dict[Expr, Any] = {}
    for x in _ordered(expr):
        if not x.args and x.name in ("symbol", "constant"):
            found[x] = values[x.value] if x.name == "symbol" else x.value
            continue
        function = OPERATORS.get(x.name) or getattr(xp, x.name)
        found[x] = _invoke(function, [found[part] for part in x.args], x.keywords)
    return found[expr]


# ---- Changing ---------------------------------------------------------------------------------------------------------


def _same(ones: Sequence[Expr], others: Sequence[Expr]) -> bool:
    return len(ones) == len(others) and all(map(operator.is_, ones, others))


def _rebuilt(expr: Expr, known: dict[Expr, Expr], rule: Callable[[Expr], Expr]) -> Expr:
    """The Expr with what is known in place of its parts, and each whole as `rule` has it."""
    for x in _ordered(expr, known):
        if x not in known:
            args = tuple([known[part] for part in x.args])
            known[x] = rule(x if _same(args, x.args) else _call(x.name, args, x.keywords))
    return known[expr]


def substitute(expr: Expr, changes: Mapping[Expr, Any]) -> Expr:
    """Return the Expr with each part that is a key of `changes` replaced, the largest first; what is put in is left as it is.

    >>> x = symbol("x")
    >>> substitute(1.0 - EXPRESSIONS.tanh(x) * EXPRESSIONS.tanh(x), {EXPRESSIONS.tanh(x): symbol("out")})
    1.0 - out * out
    """
    return _rebuilt(expr, {old: constant(new) for old, new in changes.items()}, lambda x: x)


def walk(expr: Expr) -> Iterator[tuple[tuple[int, ...], Expr]]:
    """Yield (path, part) of every part of an Expr, as often as it stands there; a path names places among `args`.

    >>> [(path, part) for path, part in walk(-symbol("x") * 2.0)]
    [((), -x * 2.0), ((0,), -x), ((0, 0), x), ((1,), 2.0)]
    """
    stack: list[tuple[tuple[int, ...], Expr]] = [((), expr)]
    while stack:
        path, x = stack.pop()
        yield path, x
        stack += [((*path, i), part) for i, part in reversed([*enumerate(x.args)])]


def replace(expr: Expr, path: Sequence[int], new: Any) -> Expr:
    """Return the Expr with another part at that one path.

    >>> replace(symbol("x") * symbol("x"), (1,), 2.0)
    x * 2.0
    """
    wholes = [expr]
    for i in path:
        wholes.append(wholes[-1].args[i])
    part = constant(new)
    for whole, i in zip(reversed(wholes[:-1]), reversed(path), strict=True):
        part = _call(whole.name, (*whole.args[:i], part, *whole.args[i + 1 :]), whole.keywords)
    return part


# ---- Simplifying ------------------------------------------------------------------------------------------------------

# (name, place): the constant that changes nothing there, its sign included
NEUTRAL = {("multiply", 0): 1.0, ("multiply", 1): 1.0, ("divide", 1): 1.0, ("power", 1): 1.0}
NEUTRAL |= {("add", 0): -0.0, ("add", 1): -0.0, ("subtract", 1): 0.0}
SHAPING = (
    "broadcast_to",
    "reshape",
    "asarray",
)  # the same numbers in another shape or dtype: a reader sees nothing


def simplify(expr: Expr, *, for_readers: bool = False) -> Expr:
    """Return an Expr that says the same in fewer calls, of the same shape and dtype.

    As it is, by identities of IEEE arithmetic alone: the value is the same number everywhere, zeros' signs, NaN and ∞ among
    them. `for_readers`, by algebra: also x·0 = 0, 0 + x = x, x⁰ = 1, and slopes spelt out: sech² as 1 − tanh².

    >>> x = symbol("x")
    >>> simplify(1.0 * x + 0.0), simplify(1.0 * x + 0.0, for_readers=True)
    (x + 0.0, x)
    """
    step = _for_readers if for_readers else _exact

    def settled(x: Expr) -> Expr:
        while (y := step(x)) is not x:
            x = y
        return x

    return _rebuilt(expr, {}, settled)


def _is(x: Expr, number: float) -> bool:
    """Whether it is that number, sign of zero included."""
    if x.name != "constant" or x.shape != ():
        return False
    return bool(x.value == number) and math.copysign(1.0, x.value) == math.copysign(1.0, number)


def _like(part: Expr, whole: Expr) -> bool:
    return (part.shape, part.dtype, part.weak) == (whole.shape, whole.dtype, whole.weak)


def _exact(x: Expr) -> Expr:
    """One step to a simpler Expr of the same value, bit for bit (of NaN, which has many, to another NaN)."""
    name, args = x.name, x.args
    for i, part in enumerate(args[:2]):
        if (name, i) in NEUTRAL and _like(other := args[1 - i], x):
            if _is(part, NEUTRAL[name, i]):
                return other
            if _is(part, -1.0) and name in ("multiply", "divide"):
                return -other
    if name in ("add", "subtract") and args[1].name == "negative":
        return call("subtract" if name == "add" else "add", args[0], args[1].args[0])
    if name == "subtract" and _is(args[0], -0.0) and _like(args[1], x):
        return -args[1]
    if name == "negative" and args[0].name == "negative":
        return args[0].args[0]
    if name == "positive" or (name in SHAPING and _like(args[0], x)):
        return args[0]
    if name == "where" and args[1] is args[2] and _like(args[1], x):
        return args[1]
    if name == "swapaxes" and args[0].name == "swapaxes" and _same(args[0].args[1:], args[1:]):
        return args[0].args[0]
    return _folded(x)


def _folded(x: Expr) -> Expr:
    """Arithmetic of Python's own numbers, done."""
    if not x.weak or not x.args or x.name not in OPERATORS or any(part.name != "constant" for part in x.args):
        return x
    try:
        return constant(OPERATORS[x.name](*(part.value for part in x.args)))
    except ArithmeticError:  # 1 / 0.0 is left as it stands
        return x


def _bare(x: Expr) -> Expr:
    while x.name in SHAPING:
        x = x.args[0]
    return x


def _spread(x: Any, whole: Expr) -> Expr:
    """The same numbers in the shape and dtype of the whole."""
    x = constant(x)
    x = x if x.shape == whole.shape else call("broadcast_to", x, whole.shape)
    return x if x.dtype == whole.dtype else call("asarray", x, dtype=whole.dtype)


def _for_readers(x: Expr) -> Expr:
    """One step to what a reader would write."""
    simpler = _exact(x)
    if simpler is not x:
        return simpler
    if not x.args:
        return x
    name, first, rest = x.name, x.args[0], x.args[1:]
    bare = [_bare(part) for part in x.args[:2]]
    zero = [_is(part, 0.0) or _is(part, -0.0) for part in bare]
    if name == "zeros_like" or (name == "multiply" and any(zero)):
        return _spread(0.0, x)
    if name == "power" and zero[1]:
        return _spread(1.0, x)
    if name == "subtract" and zero[0]:
        return _spread(-rest[0], x)
    for i, part in enumerate(bare):
        neutral = NEUTRAL.get((name, i))
        if neutral is not None and (_is(part, neutral) or (zero[i] and not neutral)):
            return _spread(x.args[1 - i], x)
        if name == "multiply" and _is(part, -1.0):
            return _spread(-x.args[1 - i], x)
    if name in ("multiply", "divide"):  # a sign goes before the product
        if first.name == "negative":
            return -call(name, first.args[0], rest[0])
        if first.name == "constant" and first.weak and first.value < 0:
            return -call(name, -first.value, rest[0])
    if name == "copysign" and _is(rest[0], -1.0):
        return -call("abs", first)
    if name == "sech2":
        return 1.0 - call("square", call("tanh", first))
    if name == "logistic":
        return call("sigmoid", first) * (1.0 - call("sigmoid", first))
    return x


# ---- Printing ---------------------------------------------------------------------------------------------------------

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
    label: Callable[[str], str] = str
    brackets: str = "({})"
    squared: str = ""  # of a function of SQUARED; "" as of any other
    minus: str = ""  # what merges: a + −b is a − b


def text(
    expr: Expr,
    names: Mapping[Expr, str] | None = None,
    style: Style | None = None,
    longest: int | None = None,
) -> str | None:
    """Return the Expr as one line in a style: PEOPLE (the default), LATEX or PYTHON. None where it is longer than `longest`.

    `names` are the texts of parts that have a name of their own. PYTHON, computed where `np` is NumPy and `xp` the arrays'
    namespace, gives the same bits; it raises ValueError for a large constant array without a name.

    >>> x, y = symbol("x"), symbol("y")
    >>> text(x / (x + y) - y), text(x / (x + y) - y, style=LATEX), text(x - (x + y), {x + y: "z"})
    ('x / (x + y) − y', '\\\\frac{x}{x + y} - y', 'x − z')
    """
    style, names = style or PEOPLE, names or {}
    done: dict[Expr, tuple[str, int]] = {}
    for x in _ordered(expr, names):
        if x in names or x.name in ("symbol", "constant"):
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
    if style.squared and name == "square" and inner.name in SQUARED and inner not in names:
        return style.squared.format(inner.name, done[inner.args[0]][0]), POWER
    if name == "getitem":
        base, binds = parts[0]
        index = _index(x.args[1], done, names)
        return f"{base if binds >= ATOM else style.brackets.format(base)}[{index}]", ATOM
    if name in SHAPING and style.minus:
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
    texts = [part if holds >= need else style.brackets.format(part) for (part, holds), need in pairs]
    if name == "tuple" and len(texts) != 1:
        template = template.replace(",)", ")")
    raised = texts[-1].translate(SUPERSCRIPT) if texts else ""
    return template.format(*texts, raised=raised, joined=", ".join(texts)), binds


def _form_name(x: Expr) -> str:
    """The name of a call, or of the special case of it that styles write in another way."""
    if x.name == "swapaxes" and _is(x.args[1], -1) and _is(x.args[2], -2):
        return "transposed"
    if x.name == "power" and x.args[1].weak and x.args[1].name == "constant":
        return "whole power" if float(x.args[1].value).is_integer() else "power"
    return x.name


def _index(index: Expr, done: Mapping[Expr, Any], names: Mapping[Expr, str]) -> str:
    """The text of what stands in square brackets."""

    def part(x: Expr) -> str:
        if x.name != "slice" or x in names:
            return str(done[x][0])
        start, stop, step = ("" if done[y][0] == "None" else done[y][0] for y in x.args)
        return f"{start}:{stop}" + (f":{step}" if step else "")

    whole = index.name == "tuple" and index.args and index not in names
    return ", ".join(map(part, index.args)) if whole else part(index)


def _leaf(leaf: Expr, style: Style) -> str:
    x = leaf.value
    if leaf.name == "symbol":
        return style.label(x)
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


def _latex_number(x: Any) -> str:
    shown = _rounded(x).replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
    base, e, exponent = shown.partition("e")
    return rf"{base} \cdot 10^{{{int(exponent)}}}" if e and exponent.lstrip("+-").isdigit() else shown


def _exact_number(x: Any) -> str:
    if isinstance(x, float) and not math.isfinite(x):
        return "np.nan" if math.isnan(x) else "np.inf" if x > 0 else "-np.inf"
    if isinstance(x, np.generic):
        return f"np.{x.dtype.name}({_exact_number(x.item())})"
    if not isinstance(x, np.ndarray):
        return repr(x)
    if x.size > SMALL:
        raise ValueError(
            f"a constant array of shape {x.shape} is too large for a line of Python: give it a name"
        )
    return f"np.array([{', '.join(map(_exact_number, x.ravel().tolist()))}], np.{x.dtype.name}).reshape({x.shape})"


def _arguments(x: Expr, texts: list[str]) -> list[str]:
    """The arguments that a formula shows: numbers and arrays, and lists of them; not how they lie in memory."""

    def shown(part: Expr) -> bool:
        return part.shape is not None or any(y.shape is not None and y.name != "constant" for y in part.args)

    pairs = zip(x.args[: len(x.args) - len(x.keywords)], texts, strict=False)
    return [part for arg, part in pairs if shown(arg)][: 1 if x.name == "sum" else None]


def _spoken(x: Expr, texts: list[str]) -> str:
    shown = {"sqrt": "√", "normal_pdf": "φ", "normal_cdf": "Φ"}.get(x.name, x.name)
    return f"{shown}({', '.join(_arguments(x, texts))})"


def _latex_function(x: Expr, texts: list[str]) -> str:
    plain = x.name in (*SQUARED, "exp", "log", "max", "min", "arcsin", "arccos", "arctan", "det")
    escaped = x.name.replace("_", r"\_")
    name = f"\\{x.name}" if plain else rf"\operatorname{{{escaped}}}"
    return rf"{name}\left({', '.join(_arguments(x, texts))}\right)"


def _latex_label(label: str) -> str:
    letters = label.rstrip("0123456789")
    if len(letters) == 1:
        return f"{letters}_{{{label[1:]}}}" if label[1:] else letters
    return rf"\mathrm{{{label}}}".replace("_", r"\_")


def _numpy_call(x: Expr, texts: list[str]) -> str:
    """As source: NumPy's own function where it gives the same bits, else that of the arrays' namespace."""
    name = x.name
    ours = getattr(arrays, name)
    where = "np." if getattr(np, name, None) is ours else "xp."
    if name in ("sum", "prod", "max", "min", "reshape", "swapaxes", "broadcast_to"):
        where = "np."
    if name in ("solve", "inv", "det"):
        where = "np.linalg."
    if name == "matmul":
        where, name = "np.", "dot" if all(len(part.shape or ()) == 2 for part in x.args) else "matmul"
    split = len(texts) - len(x.keywords)
    named = [f"{key}={part}" for key, part in zip(x.keywords, texts[split:], strict=True)]
    return f"{where}{name}({', '.join(texts[:split] + named)})"


def _between(sign: str, binds: int, left: int, right: int) -> Form:
    return f"{{}} {sign} {{}}", binds, (left, right)


COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
PARTS_FORMS: dict[str, Form] = {
    name: (template, ATOM, ())
    for name, template in zip(PARTS, ("({joined})", "[{joined}]", "slice({joined})"), strict=True)
}
PYTHON = Style(
    {
        "add": _between("+", SUM, SUM, PRODUCT),
        "subtract": _between("-", SUM, SUM, PRODUCT),
        "multiply": _between("*", PRODUCT, PRODUCT, POWER),
        "divide": _between("/", PRODUCT, PRODUCT, POWER),
        "negative": ("-{}", SIGN, (SIGN,)),
        "positive": ("+{}", SIGN, (SIGN,)),
        **PARTS_FORMS,
        "tuple": ("({joined},)", ATOM, ()),
    },
    _exact_number,
    _numpy_call,
)
PEOPLE = Style(
    {
        "add": _between("+", SUM, SUM, SUM),
        "subtract": _between("−", SUM, SUM, PRODUCT),
        "multiply": _between("×", PRODUCT, PRODUCT, POWER),
        "divide": _between("/", PRODUCT, PRODUCT, POWER),
        "matmul": _between("@", PRODUCT, PRODUCT, POWER),
        "negative": ("−{}", SIGN, (PRODUCT,)),
        "positive": ("{}", ATOM, (ATOM,)),
        "square": ("{}²", POWER, (ATOM,)),
        "whole power": ("{}{raised}", POWER, (ATOM,)),
        "power": ("{}^{}", POWER, (ATOM, ATOM)),
        "transposed": ("{}ᵀ", ATOM, (ATOM,)),
        "where": ("{1} if {0} else {2}", ANY, (OR, OR)),
        "logical_and": _between("and", AND, AND, AND),
        "logical_or": _between("or", OR, OR, OR),
        **{
            name: _between(sign, COMPARISON, SUM, SUM)
            for name, sign in zip(COMPARISONS, ">≥<≤=≠", strict=True)
        },
        **PARTS_FORMS,
        "tuple": PARTS_FORMS["list"],
    },
    _rounded,
    _spoken,
    squared="{}²({})",
    minus="−",
)
LATEX = Style(
    {
        **PEOPLE.forms,
        "subtract": _between("-", SUM, SUM, PRODUCT),
        "multiply": _between(r"\cdot", PRODUCT, PRODUCT, POWER),
        "divide": (r"\frac{{{}}}{{{}}}", PRODUCT, ()),
        "matmul": _between(r"\,", PRODUCT, PRODUCT, POWER),
        "negative": ("-{}", SIGN, (PRODUCT,)),
        "square": ("{}^{{2}}", POWER, (ATOM,)),
        "whole power": ("{}^{{{}}}", POWER, (ATOM,)),
        "power": ("{}^{{{}}}", POWER, (ATOM,)),
        "sqrt": (r"\sqrt{{{}}}", ATOM, ()),
        "abs": (r"\left|{}\right|", ATOM, ()),
        "transposed": (r"{}^{{\top}}", POWER, (ATOM,)),
        "where": (
            r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
            ATOM,
            (),
        ),
        "logical_and": _between(r"\land", AND, AND, AND),
        "logical_or": _between(r"\lor", OR, OR, OR),
        "less_equal": _between(r"\le", COMPARISON, SUM, SUM),
        "greater_equal": _between(r"\ge", COMPARISON, SUM, SUM),
        "not_equal": _between(r"\ne", COMPARISON, SUM, SUM),
    },
    _latex_number,
    _latex_function,
    _latex_label,
    r"\left({}\right)",
    r"\{}^{{2}}\left({}\right)",
    "-",
)
