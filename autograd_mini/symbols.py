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
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from .core.namespaces import arrays

_XP = """
    abs arccos arccosh arcsin arcsinh arctan arctan2 arctanh argsort asarray broadcast_to ceil concatenate cos cosh cumprod
    cumsum det einsum equal erf erfc exp expm1 eye flip floor greater greater_equal hypot index_update inv isfinite
    last_written less less_equal linear log log10 log1p log2 log_softmax logabsdet logaddexp logical_and logical_or logistic
    matmul max maximum min minimum normal_cdf normal_pdf not_equal ones pad power prod recurrence remainder reshape roll
    round scatter scatter_along_axis sech2 shape sigmoid sign sin sinc sinh softmax softplus solve sort sqrt square squeeze
    stack sum swapaxes take_along_axis tan tanh transpose tril triu where xlogy zeros_like
"""
XP = tuple(_XP.split())
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

    def __add__(self, other: Any) -> "Expr":
        return call("add", self, other)

    def __radd__(self, other: Any) -> "Expr":
        return call("add", other, self)

    def __sub__(self, other: Any) -> "Expr":
        return call("subtract", self, other)

    def __rsub__(self, other: Any) -> "Expr":
        return call("subtract", other, self)

    def __mul__(self, other: Any) -> "Expr":
        return call("multiply", self, other)

    def __rmul__(self, other: Any) -> "Expr":
        return call("multiply", other, self)

    def __truediv__(self, other: Any) -> "Expr":
        return call("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Expr":
        return call("divide", other, self)

    def __matmul__(self, other: Any) -> "Expr":
        return call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> "Expr":
        return call("matmul", other, self)

    def __pow__(self, other: Any) -> "Expr":
        return call("power", self, other)

    def __rpow__(self, other: Any) -> "Expr":
        return call("power", other, self)

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
    if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "biuf":
        if x.size <= SMALL:
            x = x.copy() if isinstance(x, np.ndarray) else x
            key: Any = (type(x), x.dtype.str, x.shape, x.tobytes())
        else:
            key = id(x)
        return _expr((np.ndarray, key), "constant", (), (), x, lambda: (x.shape, x.dtype, False))
    if type(x) in (bool, int, float):
        key = struct.pack("d", x) if type(x) is float else x
        return _expr((type(x), key), "constant", (), (), x, lambda: ((), np.dtype(type(x)), True))
    if x is None or x is ... or isinstance(x, str | type | np.dtype):
        return _expr((type(x), x), "constant", (), (), x, lambda: (None, None, False))
    raise Unreadable(
        f"a rule gave {type(x).__name__}: numbers, real arrays, expressions and indices are needed"
    )


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
    """As many axes, each of length 1; a number of Python's is one."""
    if x.name == "constant" and (x.shape is None or x.weak):
        return x.value
    return x.dtype.type(1).item() if x.weak else np.ones((1,) * len(x.shape or ()), x.dtype)


def _bound(leaf: Callable[[Expr], Any], parts: Sequence[Expr], keywords: tuple[str, ...]) -> Any:
    """The arguments of a call as NumPy takes them, each array as `leaf` has it."""

    def made(x: Expr) -> Any:
        return OPERATORS[x.name](*map(made, x.args)) if x.name in PARTS else leaf(x)

    values = [made(x) for x in parts]
    split = len(values) - len(keywords)
    return values[:split], dict(zip(keywords, values[split:], strict=True))


def _reduced(x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> tuple[int, ...]:
    ndim = len(x.shape)
    lost = range(ndim) if axis is None else [i % ndim for i in ((axis,) if isinstance(axis, int) else axis)]
    return tuple(1 if i in lost else n for i, n in enumerate(x.shape) if keepdims or i not in lost)


def _product(x: Any, y: Any, *_: Any) -> tuple[int, ...]:
    """Of matmul, whose inner lengths must agree."""
    if not x.ndim or not y.ndim or x.shape[-1] != y.shape[max(y.ndim - 2, 0)]:
        raise ValueError(f"shapes {x.shape} and {y.shape} do not fit")
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    return (*stack, *x.shape[:-1][-1:], *(y.shape[-1:] if y.ndim > 1 else ()))


def _einsum(spec: str, *xs: Any, **_: Any) -> tuple[int, ...]:
    inputs, output = spec.split("->")
    lengths: dict[str, int] = {}
    for letters, x in zip(inputs.split(","), xs, strict=True):
        for letter, n in zip(letters, x.shape, strict=True):
            lengths[letter] = n if lengths.get(letter, 1) == 1 else lengths[letter]
    return tuple(lengths[letter] for letter in output)


def _joined(xs: Sequence[Any], axis: int) -> tuple[int, ...]:
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return tuple(shape)


def _stacked(xs: Sequence[Any], axis: int) -> tuple[int, ...]:
    at = axis % (xs[0].ndim + 1)
    return (*xs[0].shape[:at], len(xs), *xs[0].shape[at:])


def _solved(a: Any, b: Any) -> tuple[int, ...]:
    return a.shape[:-1] if b.ndim == 1 else (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])


def _taken(x: Any, indices: Any, axis: int) -> tuple[int, ...]:
    at = axis % x.ndim
    pairs = enumerate(zip(x.shape, indices.shape, strict=True))
    return tuple(n if i == at else np.broadcast_shapes((m,), (n,))[0] for i, (m, n) in pairs)


VIEWS = {
    "reshape",
    "broadcast_to",
    "transpose",
    "swapaxes",
    "squeeze",
    "flip",
    "getitem",
}  # NumPy computes nothing
AXES = {"softmax", "log_softmax", "cumsum", "cumprod", "roll", "tril", "triu", "sort", "argsort", "pad"}
REDUCTIONS = {"sum", "prod", "max", "min"}
SHAPES: dict[str, Callable[..., tuple[int, ...]]] = {
    "matmul": _product,
    "linear": _product,
    "einsum": _einsum,
    "concatenate": _joined,
    "stack": _stacked,
    "solve": _solved,
    "inv": lambda a: a.shape,
    "det": lambda a: a.shape[:-2],
    "logabsdet": lambda a: a.shape[:-2],
    "take_along_axis": _taken,
    "scatter_along_axis": lambda x, indices, axis, shape: shape,
    "scatter": lambda x, shape, index: shape,
    "index_update": lambda x, index, value: x.shape,
    "last_written": lambda shape, index: np.broadcast_to(False, shape)[index].shape,
    "recurrence": lambda a, b, axis, reverse: b.shape,
    "asarray": lambda x, dtype: x.shape,
    "eye": lambda n: (n, n),
    "ones": lambda n: (n,),
}
DTYPE_OF = {
    "take_along_axis": [0],
    "scatter": [0],
    "scatter_along_axis": [0],
    "recurrence": [1],
    "index_update": [0, 2],
}


def _kind(name: str, args: tuple[Expr, ...], keywords: tuple[str, ...]) -> Any:
    """The shape, dtype and weakness of a call's result; nothing of full size is computed but what an index array picks."""
    if name in PARTS:
        return None, None, False
    function = OPERATORS.get(name) or getattr(arrays, name)
    try:
        with np.errstate(all="ignore"):
            if name in VIEWS:
                values, named = _bound(_ghost, args, keywords)
                if name == "getitem" and any(_is_mask(part) for part in (args[1], *args[1].args)):
                    raise ValueError("how many places a computed mask picks is not known")
                out = function(*values, **named)
                return out.shape, args[0].dtype, False
            if name in SHAPES:
                values, named = _bound(_ghost, args, keywords)
                return SHAPES[name](*values, **named), _common(name, args, named), False
            tiny, named = _bound(_tiny, args, keywords)
            out = function(*tiny, **named)
            dtype, weak = np.result_type(out), type(out) in (bool, int, float)
            if name in REDUCTIONS:
                return _reduced(args[0], *tiny[1:], **named), dtype, weak
            if name in AXES:
                grown = zip_longest(out.shape, args[0].shape or (), fillvalue=1)
                return tuple(n + m - 1 for n, m in grown), dtype, weak
            return np.broadcast_shapes(*(x.shape for x in args if x.shape is not None)), dtype, weak
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        shapes = ", ".join(str(x.shape) for x in args if x.shape is not None)
        raise Unreadable(f"{name} of operands of shapes {shapes} cannot be read: {error}") from error


def _is_mask(index: Expr) -> bool:
    return index.name != "constant" and index.dtype == np.dtype(bool)


def _common(name: str, args: tuple[Expr, ...], named: dict[str, Any]) -> Any:
    if "dtype" in named:
        return np.dtype(named["dtype"])
    parts = [args[i] for i in DTYPE_OF[name]] if name in DTYPE_OF else args
    parts = [
        y for x in parts for y in (x.args if x.name in ("tuple", "list") else (x,)) if y.shape is not None
    ]
    numbers = name in ("eye", "ones", "last_written")
    return np.dtype(float) if numbers else np.result_type(*map(_tiny, parts))


# ---- Reading and evaluating -------------------------------------------------------------------------------------------


def _reader(name: str) -> Callable[..., Expr]:
    def function(*args: Any, **keywords: Any) -> Expr:
        return call(name, *args, **keywords)

    function.__name__ = name
    return function


def _shape(x: Any) -> tuple[int, ...]:
    return constant(x).shape or ()


EXPRESSIONS: Any = SimpleNamespace(**{name: _reader(name) for name in XP})
EXPRESSIONS.shape = _shape


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
        parts = [found[part] for part in x.args]
        split = len(parts) - len(x.keywords)
        function = OPERATORS.get(x.name) or getattr(xp, x.name)
        found[x] = function(*parts[:split], **dict(zip(x.keywords, parts[split:], strict=True)))
    return found[expr]


# ---- Changing ---------------------------------------------------------------------------------------------------------


def _rebuilt(expr: Expr, known: dict[Expr, Expr], rule: Callable[[Expr], Expr]) -> Expr:
    """The Expr with what is known in place of its parts, and each whole as `rule` has it."""
    for x in _ordered(expr, known):
        if x not in known:
            args = tuple([known[part] for part in x.args])
            known[x] = rule(x if all(map(operator.is_, args, x.args)) else _call(x.name, args, x.keywords))
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
        other = args[1 - i] if len(args) == 2 else part
        if (name, i) in NEUTRAL and _is(part, NEUTRAL[name, i]) and _like(other, x):
            return other
        if (name, i) in NEUTRAL and name in ("multiply", "divide") and _is(part, -1.0) and _like(other, x):
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
    if name == "swapaxes" and args[0].name == "swapaxes" and args[0].args[1:] == args[1:]:
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
    name, args = x.name, [_bare(part) for part in x.args]
    zero = [_is(part, 0.0) or _is(part, -0.0) for part in args]
    if name == "zeros_like" or (name == "multiply" and any(zero)):
        return _spread(0.0, x)
    if name == "power" and zero[1]:
        return _spread(1.0, x)
    for i, part in enumerate(args[:2]):
        if (name, i) in NEUTRAL and (_is(part, NEUTRAL[name, i]) or (zero[i] and not NEUTRAL[name, i])):
            return _spread(x.args[1 - i], x)
        if name == "multiply" and _is(part, -1.0):
            return _spread(-x.args[1 - i], x)
    if name == "subtract" and zero[0]:
        return _spread(-x.args[1], x)
    if name in ("multiply", "divide") and args[0].name == "negative":
        return -call(name, args[0].args[0], x.args[1])
    if name in ("multiply", "divide") and args[0].weak and args[0].name == "constant" and args[0].value < 0:
        return -call(name, -args[0].value, x.args[1])
    if name == "sech2":
        return 1.0 - call("square", call("tanh", args[0]))
    if name == "logistic":
        return call("sigmoid", args[0]) * (1.0 - call("sigmoid", args[0]))
    return x


# ---- Printing ---------------------------------------------------------------------------------------------------------

ANY, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)  # how tightly a text holds together
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


def _infix(sign: str, binds: int, left: int, right: int) -> Form:
    return f"{{}} {sign} {{}}", binds, (left, right)


COMPARED = {
    "greater": ">",
    "greater_equal": "≥",
    "less": "<",
    "less_equal": "≤",
    "equal": "=",
    "not_equal": "≠",
}
PARTS_FORMS: dict[str, Form] = {
    "tuple": ("({joined})", ATOM, ()),
    "list": ("[{joined}]", ATOM, ()),
    "slice": ("slice({joined})", ATOM, ()),
}
PYTHON = Style(
    {
        "add": _infix("+", SUM, SUM, PRODUCT),
        "subtract": _infix("-", SUM, SUM, PRODUCT),
        "multiply": _infix("*", PRODUCT, PRODUCT, POWER),
        "divide": _infix("/", PRODUCT, PRODUCT, POWER),
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
        "add": _infix("+", SUM, SUM, SUM),
        "subtract": _infix("−", SUM, SUM, PRODUCT),
        "multiply": _infix("×", PRODUCT, PRODUCT, POWER),
        "divide": _infix("/", PRODUCT, PRODUCT, POWER),
        "matmul": _infix("@", PRODUCT, PRODUCT, POWER),
        "negative": ("−{}", SIGN, (PRODUCT,)),
        "positive": ("{}", ATOM, (ATOM,)),
        "square": ("{}²", POWER, (ATOM,)),
        "whole power": ("{}{raised}", POWER, (ATOM,)),
        "power": ("{}^{}", POWER, (ATOM, ATOM)),
        "transposed": ("{}ᵀ", ATOM, (ATOM,)),
        "where": ("{1} if {0} else {2}", SUM, ()),
        "logical_and": _infix("and", SUM, ANY, ANY),
        "logical_or": _infix("or", SUM, ANY, ANY),
        **{name: _infix(sign, SUM, ANY, ANY) for name, sign in COMPARED.items()},
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
        "subtract": _infix("-", SUM, SUM, PRODUCT),
        "multiply": _infix(r"\cdot", PRODUCT, PRODUCT, POWER),
        "divide": (r"\frac{{{}}}{{{}}}", PRODUCT, ()),
        "matmul": _infix(r"\,", PRODUCT, PRODUCT, POWER),
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
        "logical_and": _infix(r"\land", SUM, ANY, ANY),
        "logical_or": _infix(r"\lor", SUM, ANY, ANY),
    },
    _latex_number,
    _latex_function,
    _latex_label,
    r"\left({}\right)",
    r"\{}^{{2}}\left({}\right)",
    "-",
)
