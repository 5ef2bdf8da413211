"""Expr and EXPRESSIONS: the reading of the table in which a rule gives its own formula.

    op.value(EXPRESSIONS, (x, y))   an Expr: a tree of calls of `xp` that knows its shape and dtype, and computes nothing
    op.shares(EXPRESSIONS, …)       the same of what each parent receives

What is done with it stands here too: `evaluate` (the bits that the rule gives itself), `simplify` (exactly, or for readers),
`substitute`, `walk` and `replace` (to name parts of it and to change them); compile/text.py prints it. A part of a rule's
call is an Expr too: a tuple, a list or a slice is a call of that name, and whatever else is no array is a constant, so
nothing of an index or a keyword is lost.

Two Exprs that say the same are one object (`is` compares them). Keys are type and bits for numbers (0.0 is not −0.0, 1 is
not True), dtype, shape and bytes for small arrays, identity for large ones.
"""

import math
import operator
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from .core.array_rows import axes_of
from .core.op import Op, Rule
from .core.readings import XP, Reading, arrays, quiet, sum_to

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
LONGEST = 200  # letters that the repr of a part may have


class Unreadable(TypeError):
    """A rule does what is no call of `xp` and no operator: it has no formula."""


def _refused(what: str, instead: str) -> Callable[..., NoReturn]:
    def method(self: "Expr", *args: Any, **kwargs: Any) -> NoReturn:
        raise Unreadable(f"{what} of an expression: a rule is read without numbers; write {instead}")

    return method


def _method(name: str) -> Callable[..., "Expr"]:
    return lambda self, *others: call(name, self, *others)


def _reflected(name: str) -> Callable[..., "Expr"]:
    return lambda self, other: call(name, other, self)


class Expr:
    """A call `name(*args, **keywords)` of Exprs, or a leaf: a "symbol" of that label, a "constant" of that value.

    `shape` and `dtype` are those of its result, None where that is no array; `weak` says that it is a number of Python's, which
    takes the dtype of what stands beside it. Made by `symbol`, `constant`, operators and EXPRESSIONS; never changed.

    >>> x = symbol("x", (4, 2))
    >>> y = 2.0 * x.T @ x
    >>> y, y.shape, y is 2.0 * x.T @ x
    (matmul(multiply(2.0, swapaxes(x, -1, -2)), x), (2, 2), True)
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

    __add__, __radd__ = _method("add"), _reflected("add")
    __sub__, __rsub__ = _method("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _method("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _method("divide"), _reflected("divide")
    __matmul__, __rmatmul__ = _method("matmul"), _reflected("matmul")
    __pow__, __rpow__ = _method("power"), _reflected("power")
    __neg__, __pos__, __abs__ = _method("negative"), _method("positive"), _method("abs")
    __getitem__ = _method("getitem")

    @property
    def is_leaf(self) -> bool:
        """Whether it is a symbol or a constant."""
        return self.name in ("symbol", "constant")

    @property
    def T(self) -> "Expr":
        """The transpose of a matrix, or of each of a stack."""
        return call("swapaxes", self, -1, -2)

    def __repr__(self) -> str:
        shown: dict[Expr, str] = {}
        for x in ordered(self):
            words = (*("" for _ in x.args[len(x.keywords) :]), *(f"{word}=" for word in x.keywords))
            line = (
                f"{x.name}({', '.join(word + shown[part] for word, part in zip(words, x.args, strict=True))})"
            )
            if x.is_leaf:
                line = x.value if x.name == "symbol" else repr(x.value)
            shown[x] = line if len(line) <= LONGEST else f"{x.name}(…)"
        return shown[self]


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
        with quiet():
            if name == "getitem" and any(map(_is_mask, (args[1], *args[1].args))):
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


class _Expressions(Reading):
    """Rules read on Exprs: what they give are formulas. A node is read as the symbol that `names` has for it."""

    refusals = (TypeError, AttributeError)
    xp: Any = SimpleNamespace(**{name: partial(call, name) for name in XP})
    xp.shape = lambda x: constant(x).shape

    def __init__(self, names: Mapping[Any, Expr] | None = None) -> None:
        self.names = names or {}

    def constant(self, data: Any, dtype: Any = None) -> Expr:
        return constant(self.names.get(data, data) if hasattr(data, "requires_grad") else data)

    operand = constant

    def read_again(self, rule: Rule, *operands: Any) -> Any:
        return self.read(rule, *operands)  # which raises Unreadable

    def read(self, rule: Rule, *operands: Any) -> Any:
        """Return what a rule gives: an Expr, or a list of them where it gives all shares. Raises Unreadable."""
        try:
            found = rule(self.xp, *map(self.constant, operands))
            return [constant(x) for x in found] if isinstance(found, list | tuple) else constant(found)
        except Unreadable:
            raise
        except (TypeError, AttributeError) as error:  # how Python says that an Expr is no number and no array
            raise Unreadable(f"a rule cannot be read as an expression: {error}") from error

    def zero(self, node: Any) -> Expr:
        return _spread(0.0, self.constant(node))

    def share_for(self, parent: Any, share: Any, op: Op) -> Expr:
        whole = self.constant(parent)
        share = constant(share)
        share = share if share.shape == whole.shape else sum_to(self.xp, share, whole.shape or (), op)
        return _spread(share, whole)

    def arriving(self, root: Any, gradient: Any, what: str) -> Expr:
        return _spread(1.0, self.constant(root)) if gradient is None else constant(gradient)


EXPRESSIONS = _Expressions()


def naming(names: Mapping[Any, Expr]) -> Reading:
    """Return EXPRESSIONS for a graph of nodes: each node is read as the Expr that `names` has for it."""
    return _Expressions(names)


def read(rule: Rule, *operands: Any) -> Expr:
    """Return what a rule of the table says of these operands: an Expr, a "list" of them where the rule gives all shares.

    Raises Unreadable where the rule does what is no call of `xp` and no operator.

    >>> read(lambda xp, g, out, x: g * xp.cos(x), symbol("g"), symbol("out"), symbol("x"))
    multiply(g, cos(x))
    """
    return constant(EXPRESSIONS.read(rule, *operands))


def ordered(root: Expr, known: Any = ()) -> list[Expr]:
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
    for x in ordered(expr):
        if x.is_leaf:
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
    for x in ordered(expr, known):
        if x not in known:
            args = tuple([known[part] for part in x.args])
            known[x] = rule(x if _same(args, x.args) else _call(x.name, args, x.keywords))
    return known[expr]


def substitute(expr: Expr, changes: Mapping[Expr, Any]) -> Expr:
    """Return the Expr with each part that is a key of `changes` replaced, the largest first; what is put in is left as it is.

    >>> x = symbol("x")
    >>> substitute(1.0 - (y := call("tanh", x)) * y, {y: symbol("out")})
    subtract(1.0, multiply(out, out))
    """
    return _rebuilt(expr, {old: constant(new) for old, new in changes.items()}, lambda x: x)


def walk(expr: Expr) -> Iterator[tuple[tuple[int, ...], Expr]]:
    """Yield (path, part) of every part of an Expr, as often as it stands there; a path names places among `args`.

    >>> [(path, part) for path, part in walk(-symbol("x") * 2.0)]
    [((), multiply(negative(x), 2.0)), ((0,), negative(x)), ((0, 0), x), ((1,), 2.0)]
    """
    stack: list[tuple[tuple[int, ...], Expr]] = [((), expr)]
    while stack:
        path, x = stack.pop()
        yield path, x
        stack += [((*path, i), part) for i, part in reversed([*enumerate(x.args)])]


def replace(expr: Expr, path: Sequence[int], new: Any) -> Expr:
    """Return the Expr with another part at that one path.

    >>> replace(symbol("x") * symbol("x"), (1,), 2.0)
    multiply(x, 2.0)
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
SHAPING = ("broadcast_to", "reshape", "asarray")  # the same numbers otherwise: a reader sees nothing


def simplify(expr: Expr, *, for_readers: bool = False) -> Expr:
    """Return an Expr that says the same in fewer calls, of the same shape and dtype.

    As it is, by identities of IEEE arithmetic alone: the value is the same number everywhere, zeros' signs, NaN and ∞ among
    them. `for_readers`, by algebra: also x·0 = 0, 0 + x = x, x⁰ = 1, and slopes spelt out: sech² as 1 − tanh².

    >>> x = symbol("x")
    >>> simplify(1.0 * x + 0.0), simplify(1.0 * x + 0.0, for_readers=True)
    (add(x, 0.0), x)
    """
    step = _for_readers if for_readers else _exact

    def settled(x: Expr) -> Expr:
        while (y := step(x)) is not x:
            x = y
        return x

    return _rebuilt(expr, {}, settled)


def is_number(x: Expr, number: float) -> bool:
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
            if is_number(part, NEUTRAL[name, i]):
                return other
            if is_number(part, -1.0) and name in ("multiply", "divide"):
                return -other
    if name in ("add", "subtract") and args[1].name == "negative":
        return call("subtract" if name == "add" else "add", args[0], args[1].args[0])
    if name == "subtract" and is_number(args[0], -0.0) and _like(args[1], x):
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
    zero = [is_number(part, 0.0) or is_number(part, -0.0) for part in bare]
    if name == "zeros_like" or (name == "multiply" and any(zero)):
        return _spread(0.0, x)
    if name == "power" and zero[1]:
        return _spread(1.0, x)
    if name == "subtract" and zero[0]:
        return _spread(-rest[0], x)
    for i, part in enumerate(bare):
        neutral = NEUTRAL.get((name, i))
        if neutral is not None and (is_number(part, neutral) or (zero[i] and not neutral)):
            return _spread(x.args[1 - i], x)
        if name == "multiply" and is_number(part, -1.0):
            return _spread(-x.args[1 - i], x)
    if name in ("multiply", "divide"):  # a sign goes before the product
        if first.name == "negative":
            return -call(name, first.args[0], rest[0])
        if first.name == "constant" and first.weak and first.value < 0:
            return -call(name, -first.value, rest[0])
    if name == "copysign" and is_number(rest[0], -1.0):
        return -call("abs", first)
    if name == "sech2":
        return 1.0 - call("square", call("tanh", first))
    if name == "logistic":
        return call("sigmoid", first) * (1.0 - call("sigmoid", first))
    return x
