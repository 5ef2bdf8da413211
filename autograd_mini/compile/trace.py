"""Trace: one run of a function on nodes, written down as a Program.

The function runs as it stands, on nodes that keep how they were made, constants and gradients too. Wherever a node's numbers
would decide or leave the graph, the core asks the Trace (`support.modes.recorder`): a comparison becomes a mask node, its truth a
guard, `backward()` a sweep whose gradients are nodes, an update under no_grad a change to be written at the end. What cannot be
replayed raises CompileError, with the user's own line.
"""

import keyword
import linecache
import operator
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, repeat
from math import nan
from typing import Any, cast

import numpy as np

from ..core import rows
from ..core.array_rows import CAST
from ..core.engine import sweep, toposort
from ..core.functions import GRAPH
from ..core.node import Node, apply, made
from ..core.op import Op
from ..core.readings import ARRAYS, FLOATS, KINDS
from ..core.tensor import Tensor, touch
from ..core.value import Value
from ..errors import CompileError, ShapeError
from ..support.coercion import FLOAT_TYPES, to_array
from ..support.modes import enable_grad, inside, keep_constants, recorded_by, recorder
from ..symbols import EXPRESSIONS, SMALL, Expr, Unreadable, call, constant, symbol
from .bindings import Binding

PACKAGE = __name__.partition(".")[0]
COMPARISONS = {
    operator.eq: rows.equal, operator.ne: rows.not_equal, operator.lt: rows.less,
    operator.le: rows.less_equal, operator.gt: rows.greater, operator.ge: rows.greater_equal,
}  # fmt: skip
# Functions of ours whose results leave the graph: they may not read a node's data while a function is compiled
LEAVING = {
    "node.item": ".item()", "tensor.tolist": ".tolist()",
    "tensor.argmax": ".argmax()", "tensor.argmin": ".argmin()", "array_functions.slogdet": "slogdet",
    "readings.fitted": "an optimiser's step()", "train._measures": "a metric",
    "numpy_protocols._data": "a NumPy function that gives plain data",
}  # fmt: skip

PASSING = "node.plain", "containers."  # functions that read data for those that call them


class Restart(BaseException):
    """The gradients without numbers of a lazy Trace are needed after all."""


class Trace:
    """What is recorded while a function runs: guards in their order, what was made inside, changes and gradients.

    `fewest`: of more Values than that a tape is made, None: of none; `is_lazy`: then gradients have no numbers, which the tape computes.
    """

    def __init__(self, fewest: int | None = None, is_lazy: bool = True) -> None:
        self.guards: list[tuple[Any, bool, str]] = []
        self.inner: set[Any] = set()  # leaves that the function made
        # Of a leaf: (version from which it holds, its new value)
        self.changes: dict[Any, list[tuple[int, Any]]] = {}
        self.before: dict[Any, tuple[Any, int]] = {}  # the data and version of a leaf that was changed
        # Of a leaf: `.grad` before, and whether that is forgotten
        self.grads: dict[Any, tuple[Any, bool]] = {}
        self.fewest, self.is_lazy = fewest, is_lazy
        self.sweeps: list[tuple[Sequence[Any], Any, Any]] = []  # (nodes, root, gradient from above)
        # Of a gradient without a number: its sweep, and whose it is
        self.pulled: dict[Any, tuple[int, Any]] = {}
        self.lines: dict[Any, str] = {}  # of raw data that became a node: the user's line
        self.ranges: list[tuple[Any, int, str]] = []  # integer nodes, the number of classes, and who says so
        self.kept: list[Any] = []  # all nodes whose `.grad` was set

    # ---- What the core asks

    def born(self, node: Any) -> None:
        """A leaf was made by the function itself."""
        self.inner.add(node)

    def given(self, node: Any, data: Any) -> Any:
        """Raw data became a node; integers and booleans stay what it is made from, so that they are read again."""
        line, source = user_line(is_by_rule=True), node
        if isinstance(data, np.ndarray) and data.dtype not in FLOAT_TYPES and data.ndim:
            source = made(ARRAYS, data)
            node = made(ARRAYS, node.data, CAST(node.dtype), (source,))
        if line is None or isinstance(data, list | tuple):  # a rule of ours made it
            self.inner.add(source)
        else:
            self.lines[source] = line
        return node

    def classes(self, target: Any, checked: Any, count: int, name: str) -> Any:
        """Class indices as a node that is read at each call, its range checked then too."""
        if isinstance(target, Node):
            is_cast = target.op is not None and target.op.name == "cast"
            is_whole = is_cast and target.parents[0].data.dtype.kind in "iu"
            node = target.parents[0] if is_whole else target
            checked(node.data if is_whole else target)
        else:
            found = checked(target)
            node = made(ARRAYS, found)
            self.lines[node] = user_line()
            if isinstance(target, list | tuple):
                self.inner.add(node)
        self.ranges.append((node, count, name))
        return node

    def variable(self, x: Any) -> Any:
        """A variable of the value of x, and made from x, where a transformation takes one."""
        x = x if isinstance(x, Node) else ARRAYS.as_node(to_array(x))
        reading: Any = KINDS[type(x)]
        data = x.data.copy() if reading is ARRAYS else x.data
        return made(reading, data, rows.positive, (x,), True)

    def detached(self, x: Any) -> Any:
        """The same numbers as a constant."""
        return made(KINDS[type(x)], x.data, rows.positive, (x,), False, {"cut": "detach"})

    def compared(self, function: Any, x: Any, y: Any) -> Any:
        """A comparison as a mask node."""
        if not isinstance(y, Node | np.ndarray | int | float | np.number | list | tuple):
            return NotImplemented
        return apply(COMPARISONS[function], x, y)

    def decided(self, node: Any) -> bool:
        """A Python branch on a node's value: it is a guard that later calls must pass."""
        if self.pulled:
            raise Restart
        outcome = bool(node.data)
        self.guards.append((node, outcome, user_line()))
        return outcome

    def changed(self, x: Any, new: Any) -> Any:
        """`w -= …` under no_grad: the leaf has the new numbers from here on, and after the call."""
        if type(x) is not Tensor or x in self.inner:
            self.refuse("an update in place of what is no closed-over Tensor", x, "return the new value")
        if new.shape != x.shape:
            raise ShapeError(f"an update in place: shape {new.shape} for a Tensor of shape {x.shape}")
        new = new if new.dtype == x.dtype else apply(CAST(x.dtype), new)
        self.before.setdefault(x, (x._content, x._version))
        x._content = new._content.copy()
        touch([x])
        self.changes.setdefault(x, []).append((x._version, new))
        return x

    def forgotten(self, x: Any) -> None:
        """zero_grad(): what `.grad` held before the call counts no more."""
        if x.op is None and x not in self.inner:
            self.grads.setdefault(x, (x.grad, True))

    def swept(self, root: Any, gradient: Any) -> None:
        """backward(): every `.grad` becomes a node; those of leaves from outside are written after the call."""
        with enable_grad():
            order, cotangent = toposort(root), GRAPH.arriving(root, gradient, "backward")
            grads = self.pulled_back(order, cotangent, order) or sweep(order, cotangent, GRAPH)
        for node, g in grads.items():
            if node.op is None and node not in self.inner:
                self.grads.setdefault(node, (node.grad, False))
            is_first = node.op is not None or not isinstance(node.grad, Node)
            node.grad = g if is_first else node.grad + g
            self.kept.append(node)

    def pulled_back(self, order: Sequence[Any], cotangent: Any, keep: Sequence[Any]) -> dict[Any, Any]:
        """The gradients of a sweep over many Values, as nodes without numbers; an empty dict for any other sweep."""
        is_many = self.fewest is not None and self.is_lazy and len(order) > self.fewest
        if not is_many or {*map(type, order), type(cotangent)} != {Value}:
            return {}
        if not self.pulled.keys().isdisjoint(order):
            raise Restart
        root, found = order[-1], {}
        for node in set(order).intersection(keep):
            found[node] = g = made(FLOATS, nan, SWEPT, (root, cotangent), True)
            self.pulled[g] = len(self.sweeps), node
        self.sweeps.append((order, root, cotangent))
        self.inner.update([cotangent] if cotangent.op is None and not cotangent.requires_grad else [])
        return found

    def refuse(
        self, what: str, node: Any, instead: str = "compute with the node itself, or return it"
    ) -> None:
        """Raise CompileError for what cannot be replayed."""
        frozen = f"{what} of {type(node).__name__} would be frozen at this call's numbers"
        raise CompileError(f"compile: {frozen}: {instead}.{user_line()}")

    # ---- One run

    def run(self, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Run f on nodes; return what it returned. Afterwards every leaf has its data and `.grad` as before."""
        with _doors_watched(), enable_grad(), inside(), keep_constants(), recorded_by(self):
            return f(*args, **kwargs)

    def undo(self) -> dict[Any, Any]:
        """Put back data and gradients; return the gradient nodes of the leaves from outside."""
        found = {leaf: leaf.grad for leaf in self.grads}
        for node in self.kept:
            node.grad = None
        for leaf, (grad, _) in self.grads.items():
            leaf.grad = grad
        for leaf, (data, version) in self.before.items():
            leaf._content, leaf._version = data, version
        return found


def sorted_nodes(roots: Sequence[Any]) -> list[Any]:
    """Every node that the roots are made from, parents first."""
    return toposort(made(ARRAYS, None, rows.positive, [*roots] * 3), constants=True)[:-1]


def user_line(is_by_rule: bool = False) -> Any:
    """The innermost line of the user's own code that is running, for a message; None, if wanted, where a rule of ours is inside it."""
    frame: Any = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        if is_by_rule and _module(frame) in RULES:
            return None
        frame = frame.f_back
    if frame is None:
        return ""
    path, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(path, number, frame.f_globals).strip()
    return f" Line {number} of {path.rpartition('/')[2]}: {text}"


RULES = ("rows", "special_rows", "array_rows")  # the modules of the table


def _module(frame: Any) -> str:
    return str(frame.f_globals.get("__name__", "")).rpartition(".")[2]


def _is_ours(frame: Any) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    is_program = name.startswith((f"{PACKAGE}.gallery", f"{PACKAGE}.cli"))
    return name.partition(".")[0] == PACKAGE and not is_program


_door, _watching = threading.RLock(), Counter[str]()
_plain: dict[type, Any] = {kind: vars(kind)["data"] for kind in (Value, Tensor)}


class _doors_watched:
    """While a function is traced, `.data` asks who reads it: our own code may, the user's code and what leaves the graph may not.

    Each class has another property meanwhile, which in other threads does as the usual one.
    """

    def __enter__(self) -> None:
        with _door:
            _watching["traces"] += 1
            for kind, plain in _plain.items():
                kind.data = _watched(plain)  # type: ignore[attr-defined]

    def __exit__(self, *error: object) -> None:
        with _door:
            _watching["traces"] -= 1
            for kind, plain in _plain.items() if not _watching["traces"] else ():
                kind.data = plain  # type: ignore[attr-defined]


def _watched(plain: Any) -> Any:
    def check(node: Any) -> None:
        trace, frame = recorder(), cast(Any, sys._getframe(2))
        if trace is None:
            return
        while (name := f"{_module(frame)}.{frame.f_code.co_name}").startswith(PASSING):
            frame = frame.f_back
        if not _is_ours(frame):
            trace.refuse(".data", node)
        elif name in LEAVING:
            trace.refuse(LEAVING[name], node)

    def read(node: Any) -> Any:
        check(node)
        return plain.fget(node)

    def write(node: Any, data: Any) -> None:
        check(node)
        plain.fset(node, data)

    return property(read, write)


SWEPT = Op("swept", lambda xp, x, g: g, (lambda xp, g, out, x, y: g, lambda xp, g, out, x, y: g))


# ---- From the graph to a program --------------------------------------------------------------------------------------


class Lowering:
    """The nodes of a trace as Exprs, and what the program reads at each call: the arguments, then live leaves and arrays."""

    def __init__(
        self, trace: Trace, arguments: dict[Any, Expr], taken: set[str], order: Sequence[Any], strict: bool
    ) -> None:
        self.trace, self.taken, self.order, self.strict = trace, taken, order, strict
        self.exprs: dict[Any, Expr] = dict(arguments)
        self.live: dict[Any, Any] = {}  # of a symbol (a tape's leaf): the leaf node or array that it is
        self.arrays: dict[int, Expr] = {}
        self.floats = {e for node, e in arguments.items() if type(node) is Value}
        self.indices: list[Binding] = []  # index arrays, and what they held
        self.index = {node: i for i, node in enumerate(order)}
        place, count = self.index.get, len(order)
        # The places of the first and the second parent, or −1; and of all, where there are more
        self.left, self.right = (
            np.fromiter(map(place, map(operator.attrgetter(name), order), repeat(-1)), int, count)
            for name in ("_left", "_right")
        )
        self.several = {i: [*map(place, x._left)] for i, x in enumerate(order) if type(x._left) is tuple}
        others = np.array([*chain(*self.several.values())], int)
        edges = np.bincount(np.concatenate([self.left, self.right, others]) + 1, minlength=count + 1)[1:]
        self.leaves = [
            x for x in map(order.__getitem__, np.flatnonzero(self.left < 0).tolist()) if x._left is None
        ]
        # Those that somebody holds outside the graph
        self.held = {
            x for x in self.leaves
            if sys.getrefcount(x) - edges[self.index[x]] > HELD + (x in trace.lines)
        }  # fmt: skip

    def is_constant(self, leaf: Any) -> bool:
        """Whether a leaf is the same at each call: what is held outside the graph is read again."""
        return leaf in self.trace.inner or not (leaf.requires_grad or leaf in self.held)

    def lower(self) -> None:
        """Find the Expr of every node, parents first."""
        news = sorted(chain(*self.trace.changes.values()), key=operator.itemgetter(0))
        before = [node for _, new in news for node in toposort(new, constants=True)]
        for node in [*before, *self.order]:  # what a leaf was changed to comes before what read it then
            if node not in self.exprs:
                self.exprs[node] = self.leaf(node) if node.op is None else self.called(node)

    def called(self, node: Any) -> Expr:
        """The Expr of what an operation made."""
        op: Any = node.op
        operands = [self.now(parent, node) for parent in node.parents]
        self.check_index(op)
        try:
            found = constant(op.value(EXPRESSIONS, operands))
        except Unreadable as error:
            why = f"the rule of {op.name!r} cannot be read: {error}"
            raise CompileError(f"compile: {why}. Write it with the functions of xp alone") from None
        if type(node) is Value:
            self.floats.update([found] if op.arrays_only else [])
            return found
        if found.shape != node.shape:
            raise CompileError(f"compile: {op.name!r} read as shape {found.shape}, and ran as {node.shape}")
        is_same = found.dtype == node.dtype and not found.weak
        return found if is_same else call("asarray", found, dtype=node.dtype)

    def now(self, parent: Any, node: Any) -> Expr:
        """The Expr of a parent as it was when the node read it: a leaf may have been changed before or after."""
        found = self.exprs[parent]
        for version, new in self.trace.changes.get(parent, ()):
            if node._version >= version:
                found = self.exprs[new]
        return found

    def leaf(self, node: Any) -> Expr:
        """A number as a constant, else a symbol."""
        if not self.is_constant(node):
            return self.symbol(node, node)
        array = node._content
        if not node.ndim or (node in self.trace.inner and array.size <= SMALL):
            return constant(array)
        line = self.trace.lines.get(node)  # of what the function itself made of raw data
        if self.strict and line is not None and _is_unowned(array):
            what = f"an array of shape {array.shape} was computed with NumPy while the function ran"
            why = "and would be frozen, though arrays that it may come from can change"
            advice = "pass those as arguments, or compute it outside"
            raise CompileError(f"compile: {what}, {why}: {advice}.{line}")
        if id(array) not in self.arrays:
            self.arrays[id(array)] = self.symbol(node, array)
        return self.arrays[id(array)]

    def inputs(self) -> dict[Expr, Any]:
        """What is read at each call beside the arguments: nodes, then arrays."""
        return dict(sorted(self.live.items(), key=lambda pair: isinstance(pair[1], np.ndarray)))

    def check_index(self, op: Any) -> None:
        """The arrays among a row's static parameters are copied into the program: note which to compare at each call."""
        stack = [*op.params.values()]
        while stack:
            part = stack.pop()
            stack += part if isinstance(part, tuple | list) else []
            if isinstance(part, np.ndarray) and part.ndim:
                self.indices.append((part, "", part.copy()))

    def symbol(self, node: Any, source: Any) -> Expr:
        """A live input."""
        name = unique(node.label or ("w" if node.requires_grad else "c"), self.taken)
        found = symbol(name, node.shape, node.dtype)
        if type(node) is Value:
            self.floats.add(found)
        self.live[found] = source
        return found


HELD = 5  # references to a leaf beside its children's: by the order, the index, the leaves, the loop, the call of getrefcount


def unique(name: str, taken: set[str]) -> str:
    """The name as an identifier that is not taken, which it is from now on."""
    name = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in name)
    if not name.isidentifier() or keyword.iskeyword(name) or name in ("np", "xp", "math", "x_"):
        name = f"v_{name}"
    stem = name.rstrip("0123456789")
    found, count = name, int(name[len(stem) :] or 1)
    while found in taken:
        count += 1
        found = f"{stem}{count}"
    taken.add(found)
    return found


def _is_unowned(array: Any) -> bool:
    """Whether nobody but one node holds this array, nor what it is a view of."""
    if sys.getrefcount(array) > 4:  # the node, two names here and the argument
        return False
    return array.base is None or (isinstance(array.base, np.ndarray) and sys.getrefcount(array.base) <= 2)
