"""A graph read to parts, as a person would write it: rows in plainer rows, what is spelt out recognised, and the parts' names."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import array_rows, rows
from ..core.engine import toposort
from ..core.node import made
from ..core.op import NOT_WANTED
from ..core.readings import ARRAYS, sum_to
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import AutogradError, CompileError
from ..symbols import (
    EXPRESSIONS,
    Expr,
    Unreadable,
    call,
    constant,
    is_number,
    ordered,
    rebuilt,
    spread,
    substitute,
    symbol,
)
from .passes import is_range
from .taught import taught
from .trace import unique

ACTIVATIONS = {
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "log_softmax",
    "softplus",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
}
SUM, MEAN = array_rows.SUM(None, False), array_rows.MEAN(None, False)


def _sigmoid(axis: int) -> Any:
    return rows.sigmoid


# What people spell out, and the family of rows that it is of; of a sum the axis is any
_z = symbol("z", (2, 2))
_e = call("exp", _z)
_total = call("sum", _e, axis=-1, keepdims=True)
SPELLINGS: dict[Expr, Callable[[Any], Any]] = {
    1.0 / (1.0 + call("exp", -_z)): _sigmoid,
    1.0 / (call("exp", -_z) + 1.0): _sigmoid,
    _e / _total: array_rows.SOFTMAX,
    _e / call("reshape", call("sum", _e, axis=-1, keepdims=False), (2, 1)): array_rows.SOFTMAX,
    _z - call("log", _total): array_rows.LOG_SOFTMAX,
}


class Part:
    """An operation on parts, or a leaf: `formula` is made of the symbols of its parents, `sym` stands for it in others."""

    def __init__(
        self, sym: Expr, op: Any = None, parents: Sequence["Part"] = (), formula: Any = None
    ) -> None:
        self.sym, self.op, self.parents, self.formula = sym, op, parents, formula
        self.shape: tuple[int, ...] = sym.shape or ()
        self.name = op.name if op else ""
        self.node: Any = None  # the first of the nodes that it is
        self.given: str | None = None  # the name that the caller has for it
        self.needs_gradient: bool = bool(op) and op.has_derivative and any(x.needs_gradient for x in parents)
        self.like = symbol(f"~{sym.value}", self.shape, sym.dtype)  # its shape, in sizes
        is_number = sym.name == "constant" and sym.shape == ()
        self.number = float(sym.value) if is_number else None

    @property
    def is_leaf(self) -> bool:
        return self.formula is None and self.number is None

    @property
    def is_data(self) -> bool:
        """Whether it is an argument that is no parameter."""
        return self.is_leaf and self.node is not None and not self.needs_gradient


def _averaged(make: Any, losses: Part, n: float) -> Part:
    """Losses added up and divided by n, as their mean where they are n."""
    count = math.prod(losses.shape)
    if n not in (count, 2 * count):
        return make(rows.divide, make(SUM, losses), n)  # type: ignore[no-any-return]
    return make(MEAN, losses) if n == count else make(rows.divide, make(MEAN, losses), 2.0)  # type: ignore[no-any-return]


def _of_probabilities(make: Any, p: Any, t: Any) -> Any:
    right = make(rows.multiply, t, make(rows.log, p))
    wrong = make(rows.multiply, make(rows.subtract, 1.0, t), make(rows.log, make(rows.subtract, 1.0, p)))
    return make(rows.negative, make(rows.add, right, wrong))


def _of_classes(make: Any, z: Any, t: Any) -> Any:
    losses = make(rows.multiply, t, make(rows.log, make(array_rows.SOFTMAX(-1), z)))
    return make(rows.negative, make(array_rows.SUM(-1, False), losses))


def _norm(make: Any, x: Any, p: float, axis: Any, keepdims: bool) -> Any:
    return make(rows.sqrt, make(array_rows.SUM(axis, keepdims), make(rows.square, x))) if p == 2 else None


PLAINER: dict[
    str, Callable[..., Any]
] = {  # rows by those of which they are made, without care for numbers at the limits
    "squared_error": lambda make, x, y: make(rows.square, make(rows.subtract, x, y)),
    "squared_distance": lambda make, x, y, n: _averaged(
        make, make(rows.square, make(rows.subtract, x, y)), n
    ),
    "binary_cross_entropy": _of_probabilities,
    "softmax_cross_entropy": _of_classes,
    "std": lambda make, x, **how: make(rows.sqrt, make(array_rows.VAR(*how.values()), x)),
    "norm": _norm,
}


class Graph:
    """All that the roots are made from as parts, each formula once, parents first; `is_plain`: by PLAINER and SPELLINGS."""

    def __init__(self, roots: Sequence[Any], variables: Mapping[str, Any], is_plain: bool) -> None:
        self.order: list[Part] = []
        self.parts: dict[Any, Part] = {}
        self.by_formula: dict[Expr, Part] = {}
        self.by_sym: dict[Expr, Part] = {}
        # What sums to 1 along an axis: by its nature, or (a list) as recorded; and what has been put in order by it
        self.units: dict[tuple[Expr, int], Any] = {}
        self.tidied: dict[Expr, Expr] = {}
        self.indices: dict[Expr, tuple[str, Any]] = {}  # index arrays by name
        self.ranges: dict[Expr, str] = {}  # 0, 1, 2, … beside them
        self.variables, self.is_plain = variables, is_plain
        self.arrays: dict[str, Any] = {
            name: x for name, x in variables.items() if isinstance(x, np.ndarray | list) and name[0] != "_"
        }
        nodes = _forwards(roots)
        for node in nodes:  # data with names first: others may be made of them
            is_raw = node.op is None and not node.requires_grad and type(node) is Tensor
            if is_raw and (self.name_of(node) or self.viewed(node._content)):
                self.parts[node] = self.leaf(node)
        for node in nodes:
            part = self.parts.get(node) or (self.leaf(node) if node.op is None else self.read(node))
            self.parts[node] = part
            part.node = node if part.node is None else part.node
            part.given = part.given or self.name_of(node)

    def keep(self, roots: Sequence[Any]) -> set[Part]:
        """Return what the roots are computed from; from then on no formula is known but these."""
        found = {self.parts[root] for root in roots}
        for part in reversed(self.order):
            found.update(part.parents if part in found else [])
        self.by_formula = {formula: part for formula, part in self.by_formula.items() if part in found}
        return found

    def add(self, op: Any, parents: Sequence[Part], formula: Any) -> Part:
        """A new part; `formula` is the shape and dtype of a leaf."""
        is_leaf = not isinstance(formula, Expr)
        kind = formula if is_leaf else (formula.shape or (), formula.dtype)
        part = Part(symbol(f"#{len(self.order)}", *kind), op, parents, None if is_leaf else formula)
        self.order.append(part)
        self.by_sym[part.sym] = part
        self.by_formula |= {} if is_leaf else {formula: part}
        if part.name == "softmax" and (axis := _axis(op.params["axis"], part.shape)) is not None:
            self.units[part.sym, axis] = None
            self.tidied.clear()
        return part

    # ---- Leaves

    def leaf(self, node: Any) -> Part:
        """A leaf as an argument, a number, a part of another array, or 1 − another array."""
        is_array, given = type(node) is Tensor and node.shape != (), self.name_of(node)
        if not node.requires_grad and node.shape == () and given is None:
            number = constant(float(node.data))
            return Part(spread(number, symbol("", (), node.dtype)) if node.dtype.kind in "iub" else number)
        same = [
            x for x in self.order if x.node is not None and x.is_leaf and x.node._content is node._content
        ]
        if same and is_array:
            return same[0]
        if is_array and not node.requires_grad and given is None:
            made_of = self.viewed(node._content) or self.complement(node._content)
            if made_of is not None:
                return made_of
        part = self.add(None, (), (node.shape, node.dtype if node.dtype.kind in "iub" else float))
        part.node, part.given, part.needs_gradient = node, given, bool(node.requires_grad)
        if (
            is_array
            and node.data.ndim == 2
            and part.is_data
            and node.shape[1] > 1
            and (node.data.sum(axis=1) == 1).all()
        ):
            self.units[part.sym, -1] = []
        return part

    def viewed(self, array: Any) -> Part | None:
        """Raw data that are a view of the caller's array."""
        for name, whole in self.arrays.items():
            index = _index_of_view(array, whole) if isinstance(whole, np.ndarray) else None
            if index is not None:
                base = next((x for x in self.order if x.is_data and x.node._content is whole), None)
                if base is None:
                    base = self.add(None, (), (whole.shape, float))
                    base.node, base.given = Tensor(whole, requires_grad=False), name
                    base.node._content = whole
                formula = call("getitem", base.sym, index)
                return self.by_formula.get(formula) or self.add(None, [base], formula)
        return None

    def complement(self, array: Any) -> Part | None:
        """Raw data that are 1 − other data, computed before they came into the graph."""
        for other in self.order:
            x: Any = other.node._content if other.is_data else None
            if x is not None and x.shape == array.shape and np.array_equal(array, 1.0 - x):
                return self.by_formula.get(1.0 - other.sym) or self.add(None, [other], 1.0 - other.sym)
        return None

    def name_of(self, node: Any) -> str | None:
        """Its label, or the name of the caller's variable that is the node, its array, or holds the same numbers."""
        if node.label:
            return str(node.label)
        for name, x in self.variables.items():
            if x is node and name[0] != "_":
                return name
        return self.array_name(node._content) if type(node) is Tensor and node.op is None else None

    def array_name(self, array: Any) -> str | None:
        same = [name for name, x in self.arrays.items() if x is array]
        return next(iter(same or (name for name, x in self.arrays.items() if _holds(x, array))), None)

    def name_index(self, index: Any) -> None:
        """Index arrays are data: arguments, by the caller's names for them, with 0, 1, 2, … beside them."""
        arrays = [
            x
            for x in (index if isinstance(index, tuple) else (index,))
            if isinstance(x, np.ndarray) and x.ndim
        ]
        for array in arrays:
            if array.dtype.kind in "iu" and not is_range(array):
                name = self.array_name(array) or unique("y", {name for name, _ in self.indices.values()})
                name = self.indices.setdefault(constant(array), (name, array))[0]
                beside = [x for x in arrays if is_range(x) and len(x) == len(array)]
                self.ranges |= {constant(x): f"np.arange(len({name}))" for x in beside}

    # ---- Operations

    def read(self, node: Any) -> Part:
        """A node as a part, or as several plainer ones."""
        self.name_index(node.op.params.get("index"))
        return self.make(node.op, *[self.parts[parent] for parent in node.parents])

    def make(self, op: Any, *parents: Any) -> Part:
        """The part of an operation; of numbers among the parents too."""
        given: tuple[Part, ...] = tuple(
            x if isinstance(x, Part) else Part(constant(float(x))) for x in parents
        )
        if self.is_plain and op.is_ours and (plain := self.plainer(op, given)) is not None:
            return plain
        formula = self.value(op, given)
        if not any(x.name == "symbol" for x in ordered(formula)):
            return Part(formula, op, given)
        while formula not in self.by_formula and (shared := self.tidy(self.by_names(formula))) is not formula:
            formula = shared
        if formula in self.by_formula:
            return self.by_formula[formula]
        if formula.name == "symbol":  # a cast, or + x
            return self.by_sym[formula]
        return (self.spelling(formula) if self.is_plain else None) or self.add(op, given, formula)

    def value(self, op: Any, parents: Sequence[Part]) -> Expr:
        """The formula of an operation."""
        operands = [parent.sym for parent in parents]
        if op.name in ("mean", "var") and op.is_ours:
            return taught(
                call(op.name, *operands, **{key: x for key, x in op.params.items() if key != "ddof" or x})
            )
        return taught(_read(op, lambda: constant(op.value(EXPRESSIONS, operands))))

    def plainer(self, op: Any, parents: Sequence[Any]) -> Part | None:
        """The same by plainer rows; a sum over the number of rows as that."""
        if op.name == "class_cross_entropy" and [len(x.shape) for x in parents] == [2, 1]:
            labels = parents[1].node.data.astype(int)
            self.name_index(index := (np.arange(len(labels)), labels))
            logs = self.make(rows.log, self.make(array_rows.SOFTMAX(-1), parents[0]))
            return self.make(rows.negative, self.make(array_rows.GETITEM(index), logs))
        if op.name == "log" and parents[0].name == "getitem":
            return self.make(parents[0].op, self.make(op, *parents[0].parents))
        if op.name in ("divide", "multiply"):
            return self.mean_of_sum(op.name, *parents)
        return PLAINER[op.name](self.make, *parents, **op.params) if op.name in PLAINER else None

    def mean_of_sum(self, name: str, x: Part, y: Part) -> Part | None:
        """A sum of all numbers over how many there are as their mean; over how many rows there are, with that as len(…)."""
        total, by = (x, y) if y.number else (y, x)
        inner = total.parents[0] if total.name == "negative" else total
        if (
            not by.number
            or (name == "divide" and by is not y)
            or inner.op is not SUM
            or not inner.parents[0].shape
        ):
            return None
        number = by.number if name == "divide" else 1 / by.number
        summed = inner.parents[0]
        for halves in (1, 2):
            count = abs(number) / halves
            if count < 3 or count not in (math.prod(summed.shape), summed.shape[0]):
                continue  # a half, or another number of the caller's
            found = self.make(MEAN, summed)
            if count != math.prod(summed.shape):
                found = self.make(rows.divide, inner, Part(_size(summed.like, 0)))
            found = found if halves == 1 else self.make(rows.divide, found, 2.0)
            return self.make(rows.negative, found) if (number < 0) != (inner is not total) else found
        return None

    def spelling(self, formula: Expr) -> Part | None:
        """The row that people spell out so. A softmax is the same whatever is added to all the numbers of a row."""
        for pattern, family in SPELLINGS.items():
            found: dict[Any, Expr] = {}
            if self.looks_like(formula, pattern, found):
                z = self.by_sym[found[_z]]
                axis = _axis(found["axis"].value, z.shape) if "axis" in found else -1
                if axis is None:
                    return None
                while family is not _sigmoid and z.name in ("subtract", "add") and _is_constant_along(
                    z.parents[1].shape, axis):  # fmt: skip
                    z = z.parents[0]
                return self.make(family(axis), z)
        return None

    def looks_like(self, x: Expr, pattern: Expr, found: dict[Any, Expr]) -> bool:
        """Whether a formula is of this form, with what its symbols stand for spelt out."""
        if pattern is _z:
            return x.name == "symbol" and found.setdefault(_z, x) is x
        if x.name == "symbol" and x in self.by_sym and self.by_sym[x].formula is not None:
            x = self.by_sym[x].formula
        if pattern.name in ("constant", "tuple", "slice"):
            return x is pattern or (is_number(x, 1.0) and is_number(pattern, 1.0))
        if pattern.name != x.name or len(x.args) != len(pattern.args):
            return False
        if pattern.name == "sum":
            found["axis"] = x.args[1]
            is_same = x.args[2] is pattern.args[2] or x.shape == ()
            return is_same and self.looks_like(x.args[0], pattern.args[0], found)
        return all(self.looks_like(y, like, found) for y, like in zip(x.args, pattern.args, strict=True))

    # ---- Gradients

    def shares(self, part: Part, g: Expr, wanted: Sequence[bool]) -> list[Expr | None]:
        """What each parent receives, of its shape; None where nobody needs it."""
        operands = [parent.sym for parent in part.parents]
        found = _read(part.op, lambda: part.op.shares(EXPRESSIONS, g, part.sym, operands, wanted))
        return [
            None if share is NOT_WANTED else self.fitted(share, part, parent)
            for share, parent in zip(found, part.parents, strict=True)
        ]

    def fitted(self, share: Any, part: Part, parent: Part) -> Expr:
        """A share in the shape of the parent, with sizes and what has been computed by name."""
        share = constant(share)
        if "axis" in part.op.params and parent.shape:
            share = _sized(share, part.op.params["axis"], parent.like)
        share = spread(constant(sum_to(EXPRESSIONS.xp, share, parent.shape, part.op)), parent.sym)
        share = self.tidy(_one_hot(share, parent))
        is_log = part.name == "log_softmax"
        also = {call("softmax", *part.formula.args): call("exp", part.sym)} if is_log else {}
        while (found := self.tidy(self.by_names(substitute(share, also)))) is not share:
            share = found
        return share

    def by_names(self, expr: Expr) -> Expr:
        """With the symbols of what has been computed."""
        return substitute(expr, {x: self.by_formula[x].sym for x in ordered(expr) if x in self.by_formula})

    def tidy(self, expr: Expr) -> Expr:
        """As a teacher writes it."""
        return taught(expr, self.units, self.tidied)


def _axis(axis: Any, shape: Sequence[int]) -> int | None:
    """The one axis of a reduction, counted from the end."""
    at = 0 if axis is None and len(shape) == 1 else axis
    return at - (len(shape) if at >= 0 else 0) if isinstance(at, int) else None


def _is_constant_along(shape: Sequence[int], axis: int) -> bool:
    """Whether what is broadcast from a shape is the same along an axis, counted from the end."""
    return len(shape) < -axis or shape[axis] == 1


def _size(like: Expr, axis: int | None) -> Expr:
    """How many numbers an array has, or how long an axis is, by name."""
    shape = like.shape or ()
    if axis is None:
        return call("length" if len(shape) == 1 else "size", like)
    axis %= len(shape)
    return call("length", like) if axis == 0 else call("shape_at", like, axis)


def _one_hot(share: Expr, parent: Part) -> Expr:
    """What goes back to P[np.arange(n), y], as np.eye(…)[y] times it."""
    index = share.args[2].args if share.name == "scatter" and len(parent.shape) == 2 else ()
    if (
        len(index) != 2
        or not is_range(index[0].value)
        or not index[0].shape == index[1].shape == parent.shape[:1]
    ):
        return share
    return call("one_hot", index[1], parent.like) * share.args[0][:, None]


def _sized(share: Expr, axis: Any, like: Expr) -> Expr:
    """A share with the number of elements that it is divided by under its name."""
    shape = like.shape or ()
    count = math.prod([shape[i] for i in array_rows.axes_of(axis, len(shape))])
    sizes = [_size(like, i) for i in axis] if isinstance(axis, tuple) else [_size(like, axis)]
    number = constant(count)

    def step(x: Expr) -> Expr:
        if x.name == "divide" and x.args[1] is number:
            for size in sizes:
                x = x.args[0] / size if x.args[-1] is number else x / size
        return x

    return rebuilt(share, {}, step)


def _forwards(roots: Sequence[Any]) -> list[Any]:
    """All nodes, parents first, each as soon as it can be computed, so that of a repeated cell the first step comes first."""
    top = made(ARRAYS, None, rows.positive, [*roots] * 3)
    nodes = toposort(top, constants=True, is_mirrored=True)[:-1]
    users: dict[Any, list[Any]] = {node: [] for node in nodes}
    waiting = {node: {parent for parent in node.parents if parent.op is not None} for node in nodes}
    for node in nodes:
        for parent in waiting[node]:
            users[parent].append(node)
    order: dict[Any, None] = {}
    ends = set(roots)
    stack = [x for x in reversed(nodes) if not waiting[x] and (x.op is not None or x in ends)]
    while stack:
        node = stack.pop()
        order |= dict.fromkeys([*(parent for parent in node.parents if parent.op is None), node])
        for user in reversed(users[node]):
            waiting[user].discard(node)
            if not waiting[user]:
                stack.append(user)
    return [*order]


def _index_of_view(view: Any, whole: Any) -> tuple[Any, ...] | None:
    """The index by which an array is a view of another one, of slices and whole numbers."""
    if view is whole or not view.size or not whole.flags.c_contiguous or not np.may_share_memory(view, whole):
        return None
    start = (view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // whole.itemsize
    length = sum((n - 1) * step for n, step in zip(view.shape, view.strides, strict=True)) // whole.itemsize
    if not 0 <= start <= start + length < whole.size:
        return None
    ends = zip(*(np.unravel_index(at, whole.shape) for at in (start, start + length)), strict=True)
    bounds = [(int(i), int(j) + 1, n) for (i, j), n in zip(ends, whole.shape, strict=True)]
    index = tuple(i if i + 1 == j else slice(i or None, j if j < n else None) for i, j, n in bounds)
    while index and index[-1] == slice(None):
        index = index[:-1]
    return index if index and whole[index].__array_interface__ == view.__array_interface__ else None


# ---- Names --------------------------------------------------------------------------------------------------------------


class Names:
    """What the parts are called: by the caller, else by what they are to a layer, counted forwards."""

    def __init__(
        self, graph: Graph, order: Sequence[Part], roots: Sequence[Part], targets: Sequence[Part]
    ) -> None:
        self.graph, self.order, self.roots, self.targets = graph, order, roots, targets
        self.taken = {"np", "math"} | {unique(part.given, set()) for part in order if part.given}
        self.taken |= {name for name, _ in graph.indices.values()}
        self.users: dict[Part, list[Part]] = {part: [] for part in order}
        for part in order:
            for parent in part.parents:
                if parent in self.users:
                    self.users[parent].append(part)
        self.names: dict[Part, str] = {}
        steps = self.steps()
        roles = self.roles(steps)
        for part in order:
            if part in steps:
                self.names[part] = steps[part]
            elif part.given:
                plain = unique(part.given, set())
                is_free = plain not in self.names.values()
                self.names[part] = plain if is_free else unique(plain, self.taken)
            elif part in roles or part.formula is None or part in roots or part in targets:
                self.names[part] = unique(roles.get(part) or self.default(part), self.taken)

    def default(self, part: Part) -> str:
        if part in self.roots:
            return "loss" if len(self.roots) == 1 and type(part.node) is not Value else "out"
        if part.formula is not None:
            return "t1"
        if part.needs_gradient:
            return "w1"
        is_unit = any(user.name == "concatenate" for user in self.users[part])
        return "unit" if is_unit else "y"  # a bias unit, or the targets

    def roles(self, steps: Mapping[Part, str]) -> dict[Part, str]:
        """X, W1, b1, Z1, A1, … by what the parts are to a layer; layers whose parts all have names do not count."""
        cells: dict[Part, list[tuple[Part, str]]] = {}
        for part in self.order:
            if part.name in ("matmul", "linear") and part.needs_gradient:
                z = self.affine(part)
                x, w, *bias = part.parents
                x, w = (w, x) if _is_weight(x) and not _is_weight(w) else (x, w)
                w = w.parents[0] if w.name == "transpose" else w
                bias += [y for y in z.parents if z is not part]
                cells.setdefault(z, []).extend(
                    [(x, "X"), (w, "W"), *((b, "b") for b in bias if _is_weight(b))]
                )
            elif _is_activation(part) and part.needs_gradient and type(part.node) is not Value:
                z = next(x for x in part.parents if x.number is None)
                if z.formula is not None and z not in steps and not _is_scaled(z):
                    cells.setdefault(z, [])
        found: dict[Part, str] = {}
        layer, places = 0, {part: i for i, part in enumerate(self.order)}
        for z in sorted(cells, key=places.__getitem__):
            above = self.users[z]
            while len(above) == 1 and _is_scaled(above[0]):
                above = self.users[above[0]]
            is_activated = len({user.name for user in above}) == 1 and _is_activation(above[0])
            new = [(z, "Z"), *([(above[0], "A")] if is_activated else []), *cells[z]]
            new = [pair for pair in new if pair[0] not in found and not pair[0].given]
            new = [(y, letter) for y, letter in new if y.formula is None or letter in "ZA"]
            layer += any(letter != "X" for _, letter in new)
            found |= {y: letter if letter == "X" else f"{letter}{layer}" for y, letter in new}
        return found

    def affine(self, part: Part) -> Part:
        """The sum that a product belongs to: with its bias, and with other products."""
        while len(above := self.users[part]) == 1 and above[0].name == "add" and not part.given:
            other = next((x for x in above[0].parents if x is not part), part)
            if other.formula is not None and other.name not in ("matmul", "add"):
                break
            part = above[0]
        return part

    def steps(self) -> dict[Part, str]:
        """Of a cell that is repeated the caller's variable names the last: h1, h2, …, and h0 for what it starts from."""
        found: dict[Part, str] = {}
        cells: dict[Any, list[Part]] = {}
        for part in self.order:
            if part.formula is not None and part.needs_gradient:
                near = _near(part, not _is_activation(part))
                if _is_activation(part) or any(isinstance(x, tuple) for x in near):
                    kind = part.name, part.shape, near, *[x.name for x in part.parents]
                    cells.setdefault(kind, []).append(part)
        for parts in cells.values():
            given = [part.given for part in parts if part.given]
            if len(given) != 1 or len(parts) < 2:
                continue
            name = given[0]
            stem = re.sub(r"(?<=^\w)t$|_t$|\d+$", "", name)
            others = self.taken - {name} | {*found.values()}
            stem = name + "_" if any(f"{stem}{i}" in others for i in range(len(parts) + 1)) else stem
            found |= {part: f"{stem}{i}" for i, part in enumerate(parts, 1)}
            start = _same_place(parts[0], parts[1])
            if start is not None and start.is_data and not start.given:
                found[start] = f"{stem}0"
        self.taken |= set(found.values())
        return found


def _near(part: Part, is_deep: bool) -> frozenset[Any]:
    """The weights, and if deep the activations with theirs, that a part is made of this side of any other activation."""
    found, stack, seen = set[Any](), [*part.parents], set[Part]()
    while stack:
        x = stack.pop()
        if _is_activation(x):
            found |= {(x.name, _near(x, False))} if is_deep else set()
        elif x not in seen:
            seen.add(x)
            found |= {x} if _is_weight(x) else set()
            stack += x.parents
    return frozenset(found)


def _is_scaled(part: Part) -> bool:
    return part.name == "multiply" and any(x.number for x in part.parents)


def _is_weight(part: Part) -> bool:
    return part.is_leaf and part.needs_gradient


def _is_activation(part: Part) -> bool:
    is_relu = part.name == "maximum" and any(x.number == 0 for x in part.parents)
    return is_relu or (part.name in ACTIVATIONS and part.op.is_ours)


def _same_place(first: Part, second: Part) -> Part | None:
    """What stands in the first where the first stands in the second."""
    seen, stack = {second, first}, [(second, first)]
    while stack:
        later, earlier = stack.pop()
        for x, y in zip(later.parents, earlier.parents, strict=False):
            if x is first:
                return y
            if x.op is not None and y.op is not None and x.name == y.name and x not in seen:
                seen.add(x)
                stack.append((x, y))
    return None


def _read(op: Any, reading: Callable[[], Any]) -> Any:
    try:
        return reading()
    except Unreadable as error:
        advice = "Write it with the functions of xp alone"
        raise CompileError(
            f"backprop_source: the rule of {op.name!r} cannot be read: {error}. {advice}"
        ) from None


def _holds(x: Any, array: Any) -> bool:
    """Whether a variable of the caller's holds these numbers."""
    try:
        found = np.asarray(x)
    except (ValueError, TypeError, AutogradError):  # ragged, or it holds nodes
        return False
    return (
        bool(array.ndim)
        and found.shape == array.shape
        and found.dtype.kind in "biuf"
        and np.array_equal(found, array)
    )
