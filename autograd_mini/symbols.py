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

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, chain, count, zip_longest
from types import SimpleNamespace
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from .core.array_rows import axes_of
from .core.op import Op, Rule
from .core.readings import XP, Reading, arrays, sum_to
from .support.quiet import quietly

OPERATORS: dict[str, Rule] = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul}
OPERATORS |= {"divide": operator.truediv, "negative": operator.neg, "positive": operator.pos}
# Calls that make no array
PARTS: dict[str, Rule] = {"tuple": lambda *xs: xs, "list": lambda *xs: list(xs), "slice": slice}
# A mean is what readers write for a sum over its count
OPERATORS |= PARTS | {"getitem": operator.getitem, "mean": np.mean}
SMALL = 64  # elements of a constant array that is known by its bytes; a larger one is known by its identity


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


@dataclass(eq=False, repr=False, slots=True, weakref_slot=True)
class Expr:
    """A call `name(*args, **keywords)` of Exprs, or a leaf: a "symbol" of that label, a "constant" of that value.

    `shape` and `dtype` are those of its result, None where that is no array; `weak` says that it is a number of Python's, which
    takes the dtype of what stands beside it. Made by `symbol`, `constant`, operators and EXPRESSIONS; never changed.

    >>> x = symbol("x", (4, 2))
    >>> y = 2.0 * x.T @ x
    >>> y, y.shape, y is 2.0 * x.T @ x
    (matmul(multiply(2.0, swapaxes(x, -1, -2)), x), (2, 2), True)
    """

    serial: int  # larger than those of its parts
    name: str
    args: tuple["Expr", ...]
    keywords: tuple[str, ...]  # the names of the last of args
    value: Any  # of a constant; a symbol's label
    shape: tuple[int, ...] | None
    dtype: Any
    weak: bool

    # An array beside it leaves the operation to it, and np.exp(expr) is a TypeError
    __array_ufunc__ = __iter__ = None
    __hash__ = object.__hash__
    __bool__ = _refused("the truth", "xp.where(condition, x, y)")
    __array_function__ = __array__ = _refused("a function of NumPy", "xp.… in place of np.…")
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refused("a comparison", "xp.less, … (or `is`)")

    __add__, __radd__ = _method("add"), _reflected("add")
    __sub__, __rsub__ = _method("subtract"), _reflected("subtract")
    __mul__, __rmul__ = _method("multiply"), _reflected("multiply")
    __truediv__, __rtruediv__ = _method("divide"), _reflected("divide")
    __matmul__, __rmatmul__ = _method("matmul"), _reflected("matmul")
    __pow__, __rpow__ = _method("power"), _reflected("power")
    __neg__, __pos__, __abs__, __getitem__ = map(_method, ("negative", "positive", "abs", "getitem"))

    T = property(lambda self: call("swapaxes", self, -1, -2))  # of a matrix, or of each of a stack
    is_leaf = property(lambda self: self.name in ("symbol", "constant"))

    def __repr__(self) -> str:
        shown: dict[Expr, str] = {}
        for x in ordered(self):
            line = str(x.value) if x.is_leaf else f"{x.name}({', '.join([shown[part] for part in x.args])})"
            shown[x] = line if len(line) <= 200 else f"{x.name}(…)"
        return shown[self]


_made: WeakValueDictionary[Any, Expr] = WeakValueDictionary()
_serials = count()


def _expr(key: Any, name: str, args: Any, keywords: Any, value: Any, kind: Callable[[], Any]) -> Expr:
    """The one Expr of that key; `kind` gives the shape, dtype and weakness of a new one."""
    found = _made.get((name, args, keywords, key))
    if found is None:
        found = _made[name, args, keywords, key] = Expr(next(_serials), name, args, keywords, value, *kind())
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
        x = x.copy() if x.size <= SMALL else x
        key, kind = x.tobytes() if x.size <= SMALL else id(x), (x.shape, x.dtype, False)
    elif type(x) in (bool, int, float):
        key, kind = np.float64(x).tobytes() if type(x) is float else x, ((), np.dtype(type(x)), True)
    elif not (x is None or x is ... or isinstance(x, str | type | np.dtype)):
        raise Unreadable(f"a rule gave {type(x).__name__}: numbers, real arrays and expressions are needed")
    return _expr((type(x), key, kind), "constant", (), (), x, lambda: kind)


def call(name: str, *args: Any, **keywords: Any) -> Expr:
    """Return the Expr of a call: of a name of XP, of an operator by NumPy's name ("add", "getitem"), or of a tuple, list or slice.

    Raises Unreadable where the arguments do not fit together.

    >>> call("sum", symbol("x", (2, 3)), axis=0).shape
    (3,)
    """
    return _call(name, tuple(map(constant, (*args, *keywords.values()))), tuple(keywords))


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
    if x.name == "constant" and (x.weak or x.shape is None):
        return x.value
    return np.ones((1,) * len(x.shape or ()), x.dtype)


def invoke(function: Rule, values: Sequence[Any], keywords: tuple[str, ...]) -> Any:
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
    pairs = [*zip(inputs.replace(",", ""), chain(*[x.shape for x in xs]), strict=True)]
    return tuple(np.broadcast_shapes(*[n for letter, n in pairs if letter == one])[0] for one in output)


def _with(x: Any, axis: int, length: int) -> tuple[int, ...]:
    """The shape of x with another length along one axis."""
    return tuple(length if i == axis % x.ndim else n for i, n in enumerate(x.shape))


# NumPy computes nothing of these; of these each axis keeps its length, or pads it; the others go element by element
VIEWS = {"reshape", "broadcast_to", "transpose", "swapaxes", "squeeze", "flip", "getitem"}
AXES = {"softmax", "log_softmax", "cumsum", "cumprod", "recurrence", "inv", "asarray", "centred"}
AXES |= {"cofactors", "cholesky", "roll", "tril", "triu", "sort", "argsort", "pad"}
REDUCTIONS = {"sum", "prod", "max", "min", "mean"}
SHAPES: dict[str, Callable[..., tuple[int, ...]]] = {
    **dict.fromkeys(("matmul", "linear"), _product),
    **dict.fromkeys(("det", "logabsdet"), lambda a: a.shape[:-2]),
    "einsum": _einsum,
    "concatenate": lambda xs, axis: _with(xs[0], axis, sum(x.shape[axis] for x in xs)),
    "stack": lambda xs, axis: _with(np.expand_dims(xs[0], axis), axis, len(xs)),
    "solve": lambda a, b: a.shape[:-1] if b.ndim == 1 else np.broadcast_shapes((*a.shape[:-1], 1), b.shape),
    "take_along_axis": lambda x, indices, axis: np.broadcast_shapes(_with(x, axis, 1), indices.shape),
    "scatter_along_axis": lambda x, indices, axis, shape: shape,
    "scatter": lambda x, shape, index: shape,
    "index_update": lambda x, index, value: x.shape,
    "last_written": lambda shape, index: np.broadcast_to(False, shape)[index].shape,
    "eye": lambda n: (n, n),
    "pinv": lambda a, *how: (*a.shape[:-2], a.shape[-1], a.shape[-2]),
    "eigen": lambda a: (*a.shape[:-2], 1 + a.shape[-1], a.shape[-1]),
    "singular": lambda a: (*a.shape[:-2], sum(a.shape[-2:]) + 1, min(a.shape[-2:])),
    "ones": lambda n: (n,),
}


def _kind(name: str, args: tuple[Expr, ...], keywords: tuple[str, ...]) -> Any:
    """The shape, dtype and weakness of a call's result; nothing of full size is computed but what an index array picks."""
    if name in PARTS:
        return None, None, False
    try:
        return quietly(_kind_of_call, name, args, keywords)
    except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
        shapes = ", ".join(str(x.shape) for x in args if x.shape is not None)
        raise Unreadable(f"{name} of operands of shapes {shapes} cannot be read: {error}") from error


def _kind_of_call(name: str, args: tuple[Expr, ...], keywords: tuple[str, ...]) -> Any:
    """The same, with NumPy's own errors."""

    def applied(function: Rule, leaf: Callable[[Expr], Any]) -> Any:
        def made(x: Expr) -> Any:
            return OPERATORS[x.name](*map(made, x.args)) if x.name in PARTS else leaf(x)

        return invoke(function, [made(x) for x in args], keywords)

    function = OPERATORS.get(name) or getattr(arrays, name)
    indices = (args[1], *args[1].args) if name == "getitem" else ()
    if any(i.name != "constant" and i.dtype == np.dtype(bool) for i in indices):
        raise ValueError("how many places a computed mask picks is not known")
    if name in VIEWS:
        return applied(function, _ghost).shape, args[0].dtype, False
    if name in SHAPES:
        return applied(SHAPES[name], _ghost), _float_type(args), False
    if name in REDUCTIONS:
        return applied(_reduced, _ghost), applied(function, _tiny).dtype, False
    if name in AXES:
        out = np.asarray(applied(function, _tiny))
        grown = zip_longest(out.shape, args[0].shape or (), fillvalue=1)
        return tuple(n + m - 1 for n, m in grown), out.dtype, False
    shape = np.broadcast_shapes(*(x.shape for x in args if x.shape is not None))
    one = applied(function, lambda x: x.dtype.type(1).item() if x.weak else x.dtype.type(1))
    return shape, np.result_type(one), type(one) in (bool, int, float)


def _float_type(args: Sequence[Expr]) -> Any:
    """The common dtype of the floats among the operands: what else there is are indices and lengths."""
    parts = [y for x in args for y in (x.args if x.name in PARTS else (x,))]
    floats = [_tiny(x) for x in parts if x.shape is not None and x.dtype.kind == "f"]
    return np.result_type(*floats) if floats else np.dtype(float)


# ---- Reading and evaluating -------------------------------------------------------------------------------------------


class Expressions(Reading):
    """Rules read on Exprs: what they give are formulas. In a sweep each node is the Expr that `names` has for it.

    A node without a name stands there as its numbers.
    """

    xp: Any = SimpleNamespace(**{n: partial(call, n) for n in XP} | {"shape": lambda x: constant(x).shape})
    refusals = (TypeError, AttributeError)  # how Python says that an Expr is no number and no array

    def __init__(self, names: Mapping[Any, Expr] | None = None) -> None:
        self.names = names or {}

    def operand(self, node: Any) -> Expr:
        return self.names[node] if node in self.names else constant(node.data)

    def read_again(self, rule: Rule, *operands: Any) -> Any:
        """Raise Unreadable, with what the rule does that is no call of `xp` and no operator."""
        try:
            return rule(self.xp, *operands)
        except self.refusals as error:
            raise Unreadable(f"a rule cannot be read as an expression: {error}") from error

    def constant(self, data: Any, dtype: Any = None) -> Expr:
        return constant(data)

    def zero(self, node: Any) -> Expr:
        return spread(constant(0.0), self.operand(node))

    def share_for(self, parent: Any, share: Any, op: Op) -> Expr:
        whole = self.operand(parent)
        return spread(constant(sum_to(self.xp, share, whole.shape or (), op)), whole)

    def arriving(self, root: Any, gradient: Any, what: str) -> Expr:
        return spread(constant(1.0), self.operand(root)) if gradient is None else constant(gradient)


EXPRESSIONS = Expressions()


def read(rule: Rule, *operands: Any) -> Expr:
    """Return what a rule of the table says of these operands: an Expr, a "list" of them where the rule gives all shares.

    Raises Unreadable where the rule does what is no call of `xp` and no operator.

    >>> read(lambda xp, g, out, x: g * xp.cos(x), symbol("g"), symbol("out"), symbol("x"))
    multiply(g, cos(x))
    """
    return constant(EXPRESSIONS.read_again(rule, *operands))


def ordered(root: Expr, known: Any = ()) -> list[Expr]:
    """All parts of an Expr once, parts before wholes, not going into what is known."""
    found, stack = {root}, [root]
    while stack:
        x = stack.pop()
        fresh = set() if x in known else set(x.args) - found
        found |= fresh
        stack += fresh
    return sorted(found, key=lambda x: x.serial)


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
        else:
            function = OPERATORS.get(x.name) or getattr(xp, x.name)
            found[x] = invoke(function, [found[part] for part in x.args], x.keywords)
    return found[expr]


# ---- Changing ---------------------------------------------------------------------------------------------------------


def rebuilt(expr: Expr, known: dict[Expr, Expr], step: Callable[[Expr], Expr]) -> Expr:
    """The Expr with what is known in place of its parts, each whole changed by `step` as long as that changes it."""
    for x in ordered(expr, known):
        if x not in known:
            new = x if x.is_leaf else _call(x.name, tuple([known[part] for part in x.args]), x.keywords)
            while (changed := step(new)) is not new:
                new = changed
            known[x] = new
    return known[expr]


def substitute(expr: Expr, changes: Mapping[Expr, Any]) -> Expr:
    """Return the Expr with each part that is a key of `changes` replaced, the largest first; what is put in is left as it is.

    >>> x = symbol("x")
    >>> substitute(1.0 - (y := call("tanh", x)) * y, {y: symbol("out")})
    subtract(1.0, multiply(out, out))
    """
    return rebuilt(expr, {old: constant(new) for old, new in changes.items()}, lambda x: x)


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
    wholes = [*accumulate(path, lambda x, i: x.args[i], initial=expr)]
    part = constant(new)
    for whole, i in zip(reversed(wholes[:-1]), reversed(path), strict=True):
        part = _call(whole.name, (*whole.args[:i], part, *whole.args[i + 1 :]), whole.keywords)
    return part


# ---- Simplifying ------------------------------------------------------------------------------------------------------

SHAPING = ("broadcast_to", "reshape", "asarray")  # the same numbers otherwise: a reader sees nothing

# What a part that looks like the left is to become: the same bits, zeros' signs included; and what a reader would write
_a, _b = symbol("a"), symbol("b")
EXACT = {1.0 * _a: _a, _a * 1.0: _a, _a / 1.0: _a, _a**1.0: _a, -0.0 + _a: _a, _a + -0.0: _a, _a - 0.0: _a}
EXACT |= {-1.0 * _a: -_a, _a * -1.0: -_a, _a / -1.0: -_a, -0.0 - _a: -_a, +_a: _a}
EXACT |= {call("negative", -_a): _a, _a + -_b: _a - _b, _a - -_b: _a + _b, call("where", _b, _a, _a): _a}
READABLE = {0.0 * _a: 0.0, _a * 0.0: 0.0, call("zeros_like", _a): 0.0, _a**0.0: 1.0, 0.0 - _a: -_a, **EXACT}
READABLE |= {-_a * _b: -(_a * _b), -_a / _b: -(_a / _b), call("copysign", _a, -1.0): -abs(_a)}
READABLE[call("sech2", _a)] = 1.0 - call("square", call("tanh", _a))
READABLE[call("logistic", _a)] = call("sigmoid", _a) * (1.0 - call("sigmoid", _a))


def simplify(expr: Expr, *, for_readers: bool = False) -> Expr:
    """Return an Expr that says the same in fewer calls, of the same shape and dtype.

    As it is, by identities of IEEE arithmetic alone: the value is the same number everywhere, zeros' signs, NaN and ∞ among
    them. `for_readers`, by algebra: also x·0 = 0, 0 + x = x, x⁰ = 1, and slopes spelt out: sech² as 1 − tanh².

    >>> x = symbol("x")
    >>> simplify(1.0 * x + 0.0), simplify(1.0 * x + 0.0, for_readers=True)
    (add(x, 0.0), x)
    """
    return rebuilt(expr, {}, _for_readers if for_readers else _exact)


def is_number(x: Expr, number: float) -> bool:
    """Whether it is that number, sign of zero included."""
    is_one = x.name == "constant" and x.shape == () and x.value == number
    return bool(is_one and np.signbit(x.value) == np.signbit(number))


def _like(part: Expr, whole: Expr) -> bool:
    return (part.shape, part.dtype, part.weak) == (whole.shape, whole.dtype, whole.weak)


def _fits(x: Expr, pattern: Expr, found: dict[Expr, Expr], loosely: bool) -> bool:
    """Whether an Expr looks like a pattern, whose symbols are put into `found`; loosely, in any shape and with either zero."""
    if pattern.name == "symbol":
        return found.setdefault(pattern, x) is x
    if pattern.name == "constant":
        while loosely and x.name in SHAPING:
            x = x.args[0]
        return is_number(x, pattern.value) or (loosely and not pattern.value and is_number(x, -pattern.value))
    parts = zip(x.args, pattern.args, strict=False)
    return x.name == pattern.name and all(_fits(part, like, found, loosely) for part, like in parts)


def rewritten(x: Expr, rules: Mapping[Expr, Any], loosely: bool = False) -> Expr:
    """The Expr by the first rule that fits it and keeps its shape and dtype, loosely by spreading it out."""
    for pattern, simpler in rules.items():
        found: dict[Expr, Expr] = {}
        if _fits(x, pattern, found, loosely):
            new = substitute(constant(simpler), found)
            if loosely or _like(new, x):
                return spread(new, x)
    return x


def _exact(x: Expr) -> Expr:
    """One step to a simpler Expr of the same value, bit for bit (of NaN, which has many, to another NaN)."""
    if x.name in SHAPING and _like(x.args[0], x):
        return x.args[0]
    if x.name == "swapaxes" and (inner := x.args[0]).name == "swapaxes":
        return inner.args[0] if call("swapaxes", inner.args[0], *x.args[1:]) is inner else x
    if x.weak and x.name in OPERATORS and all(part.name == "constant" for part in x.args):
        with suppress(ArithmeticError):  # 1 / 0.0 is left as it stands
            return constant(OPERATORS[x.name](*(part.value for part in x.args)))
    return rewritten(x, EXACT)


def spread(x: Expr, whole: Expr) -> Expr:
    """The same numbers in the shape and dtype of the whole."""
    x = x if x.shape == whole.shape else call("broadcast_to", x, whole.shape)
    return x if x.dtype == whole.dtype else call("asarray", x, dtype=whole.dtype)


def _for_readers(x: Expr) -> Expr:
    """One step to what a reader would write."""
    return simpler if (simpler := _exact(x)) is not x else rewritten(x, READABLE, loosely=True)
