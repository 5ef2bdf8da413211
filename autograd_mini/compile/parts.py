"""A graph read to parts, as a person would write it: rows in plainer rows, what is spelt out recognised, and the parts' names."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import array_rows, functions, rows
from ..core.engine import toposort
from ..core.op import NOT_WANTED
from ..core.readings import sum_to
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import AutogradError, CompileError
from ..support.modes import keep_constants
from ..symbols import EXPRESSIONS, Expr, Unreadable, call, constant, ordered, rebuilt, spread, symbol
from .passes import is_range
from .taught import one_axis, taught
from .trace import unique

ACTIVATIONS = {
    *["relu", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "leaky_relu", "elu", "gelu", "silu"]
}
PRODUCTS = ("matmul", "linear")
SUM, MEAN = array_rows.SUM(None, False), array_rows.MEAN(None, False)
# Rows of which others are made, without care for numbers at the limits
PLAINER: dict[str, Callable[..., Any]] = {
    "squared_error": lambda x, y: rows.square(x - y),
    "squared_distance": lambda x, y, n: functions.sum(rows.square(x - y)) / n,
    "binary_cross_entropy": lambda p, t: -(t * rows.log(p) + (1.0 - t) * rows.log(1.0 - p)),
    "softmax_cross_entropy": lambda z, t: -functions.sum(t * rows.log(functions.softmax(z)), -1),
    "class_cross_entropy": lambda z, y: -rows.log(functions.softmax(z))[_places(y)],
}


def _places(y: Any) -> tuple[Any, ...]:
    """The index of the numbers of classes y in an array that has an axis more."""
    return *np.indices(y.shape), y.data.astype(int)


class Part:
    """An operation on parts, or a leaf: `formula` is made of the symbols of its parents, `sym` stands for it in others."""

    def __init__(self, sym: Expr, op: Any = None, parents: Sequence[Any] = (), formula: Any = None) -> None:
        self.sym, self.op, self.parents, self.formula = sym, op, parents, formula
        self.shape: tuple[int, ...] = sym.shape or ()
        self.name = op.name if op else ""
        self.node: Any = None  # the first of the nodes that it is
        self.given: str | None = None  # the name that the caller has for it
        self.needs_gradient: bool = bool(op) and op.has_derivative and any(x.needs_gradient for x in parents)
        is_number = sym.name == "constant" and sym.shape == ()
        self.number = float(sym.value) if is_number else None
        self.is_leaf = formula is None and not is_number

    @property
    def is_data(self) -> bool:
        """Whether it is an argument that is no parameter."""
        return self.is_leaf and not self.needs_gradient

    @property
    def is_activation(self) -> bool:
        is_relu = self.name == "maximum" and any(x.number == 0 for x in self.parents)
        return is_relu or (self.name in ACTIVATIONS and self.op.is_ours)


class Graph:
    """All that the roots are made from as parts, each formula once, parents first; `is_plain`: by PLAINER and as spelt out."""

    def __init__(self, roots: Sequence[Any], variables: Mapping[str, Any], is_plain: bool) -> None:
        self.order: list[Part] = []
        self.parts: dict[Any, Part] = {}
        self.by_formula: dict[Expr, Part] = {}
        # What sums to 1 along an axis, each with the sums that were replaced by 1; and what has been put in order by it
        self.units: dict[tuple[Expr, int], list[Expr]] = {}
        self.tidied: dict[Expr, Expr] = {}
        self.indices: dict[Expr, tuple[str, Any]] = {}  # index arrays by name
        self.ranges: dict[Expr, str] = {}  # 0, 1, 2, … beside them
        self.named: Mapping[Part, str] = {}
        self.variables = {name: x for name, x in variables.items() if name[0] != "_"}
        self.arrays = {name: x for name, x in self.variables.items() if isinstance(x, np.ndarray | list)}
        self.is_plain = is_plain
        nodes = [x for root in roots for x in toposort(root, constants=True, is_mirrored=True)]
        nodes.sort(key=lambda x: x.op is not None or x.requires_grad or not self.name_of(x))
        for node in nodes:  # data with names first: others may be made of them
            self.part(node)

    def part(self, node: Any) -> Part:
        """The part that a node is, whose parents have theirs."""
        if node not in self.parts:
            self.parts[node] = part = self.leaf(node) if node.op is None else self.read(node)
            part.node = node if part.node is None else part.node
            part.given = part.given or self.name_of(node)
        return self.parts[node]

    def needs(self, part: Part) -> list[Part]:
        """The parts that its formula is made of."""
        formula = part.sym if part.formula is None else part.formula
        symbols = [x for x in ordered(formula) if x.name == "symbol" and x in self.by_formula]
        found = dict.fromkeys([*part.parents, *(self.by_formula[x] for x in symbols)])
        return [x for x in found if x is not part and x.sym.name == "symbol"]

    def made_of(self, roots: Sequence[Part]) -> list[Part]:
        """What the roots are computed from, the longest way first: of a cell that is repeated the first step.

        From then on no formula is known but these.
        """
        needs = {part: self.needs(part) for part in self.order}
        depth: dict[Part, int] = {}
        for part, parents in needs.items():
            depth[part] = 1 + max((depth[x] for x in parents), default=0)
        done, stack = dict[Part, None](), [*reversed(roots)]
        while stack:
            waits = [x for x in needs.get(stack[-1], ()) if x not in done]
            if waits:
                stack.append(max(waits, key=depth.__getitem__))
            else:
                done[stack.pop()] = None
        self.by_formula = {formula: part for formula, part in self.by_formula.items() if part in done}
        return [part for part in done if part in needs]

    def add(self, op: Any, parents: Sequence[Part], formula: Any) -> Part:
        """A new part; `formula` is the shape and dtype of a leaf."""
        is_leaf = not isinstance(formula, Expr)
        kind = formula if is_leaf else (formula.shape or (), formula.dtype)
        part = Part(symbol(f"#{len(self.order)}", *kind), op, parents, None if is_leaf else formula)
        self.order.append(part)
        self.by_formula |= {part.sym: part} | ({} if is_leaf else {formula: part})  # a cast and + x are x
        if part.name == "softmax" and (axis := one_axis(op.params["axis"], len(part.shape))) is not None:
            self.units[part.sym, axis] = []
            self.tidied.clear()
        return part

    # ---- Leaves

    def leaf(self, node: Any) -> Part:
        """A leaf as an argument, a number, or 1 − another array."""
        given, is_raw = self.name_of(node), not node.requires_grad
        if is_raw and node.shape == () and given is None:
            number = constant(float(node.data))
            return Part(spread(number, symbol("", (), node.dtype)) if node.dtype.kind in "iub" else number)
        if type(node) is Tensor and node.shape != ():
            for part in self.order:
                if part.is_leaf and part.node._content is node._content:
                    return part
                is_other = is_raw and given is None and part.is_data
                if is_other and np.array_equal(node.data, 1.0 - part.node.data):
                    complement = 1.0 - part.sym  # computed before it came into the graph
                    return self.by_formula.get(complement) or self.add(None, [part], complement)
        part = self.add(None, (), (node.shape, node.dtype if node.dtype.kind in "iub" else float))
        part.node, part.given, part.needs_gradient = node, given, not is_raw
        for axis in (-1, -2) if is_raw and node.data.ndim == 2 else ():
            if node.shape[axis] > 1 and (node.data.sum(axis=axis) == 1).all():
                self.units[part.sym, axis] = []
        return part

    def name_of(self, node: Any) -> str | None:
        """Its label, or the name of the caller's variable that is the node, its array, or holds the same numbers."""
        if node.label:
            return str(node.label)
        for name, x in self.variables.items():
            if x is node:
                return name
        return self.array_name(node._content) if type(node) is Tensor and node.op is None else None

    def array_name(self, array: Any) -> str | None:
        pairs = sorted(self.arrays.items(), key=lambda pair: pair[1] is not array)  # itself first
        return next((name for name, x in pairs if _holds(x, array)), None)

    def name_index(self, index: Any) -> None:
        """Index arrays are data: arguments, by the caller's names for them, with 0, 1, 2, … beside them."""
        parts = index if isinstance(index, tuple) else (index,)
        arrays = [x for x in parts if isinstance(x, np.ndarray) and x.ndim]
        for array in arrays:
            if array.dtype.kind in "iu" and not is_range(array):
                name = self.array_name(array) or unique("y", {name for name, _ in self.indices.values()})
                name = self.indices.setdefault(constant(array), (name, array))[0]
                beside = [x for x in arrays if is_range(x) and len(x) == len(array)]
                self.ranges |= {constant(x): f"np.arange(len({name}))" for x in beside}

    def size(self, part: Part, axis: int | None) -> Expr:
        """How many numbers a part has, or how long an axis is, by name."""
        ndim = len(part.shape)
        if axis is None and ndim > 1:
            return call("size", self.like(part))
        axis = (axis or 0) % ndim
        return call("shape_at", self.like(part), axis) if axis else call("length", self.like(part, True))

    def like(self, part: Part, is_length: bool = False) -> Expr:
        """What has the shape of a part, or its length, by how it is computed: data, else what has a name, else itself."""
        shape, found, stack = part.shape, list[Expr](), [part]
        while stack:
            x = stack.pop(0)
            if x.shape[:1] != shape[:1] if is_length else x.shape != shape:
                continue
            labels = [y for y in ordered(x.sym if x.formula is None else x.formula) if y in self.indices]
            if is_length and labels and (labels[0].shape or ())[:1] == shape[:1]:
                return labels[0]
            if x.is_data:
                return x.sym
            found += [x.sym] if x.is_leaf or x in self.named else []
            stack += x.parents[: int(is_length)] if x.name in PRODUCTS else x.parents
        return found[0] if found else part.sym

    # ---- Operations

    def read(self, node: Any) -> Part:
        """A node as a part, or as several plainer ones."""
        op, plain = node.op, PLAINER.get(node.op.name)
        if self.is_plain and op.is_ours and plain:
            with keep_constants(), np.errstate(all="ignore"):
                found = plain(*node.parents, **op.params)
            return [self.part(x) for x in toposort(found, constants=True, is_mirrored=True)][-1]
        self.name_index(op.params.get("index"))
        return self.make(op, *[self.parts[parent] for parent in node.parents])

    def make(self, op: Any, *parents: Any) -> Part:
        """The part of an operation; of numbers among the parents too."""
        given = [x if isinstance(x, Part) else Part(constant(float(x))) for x in parents]
        if self.is_plain and op.is_ours and (plain := self.plainer(op, given)) is not None:
            return plain
        formula = self.value(op, given)
        if not any(x.name == "symbol" for x in ordered(formula)):
            return Part(formula, op, given)
        while formula not in self.by_formula and (shared := self.tidy(self.by_names(formula))) is not formula:
            formula = shared
        return self.by_formula.get(formula) or self.add(op, given, formula)

    def value(self, op: Any, parents: Sequence[Part]) -> Expr:
        """The formula of an operation."""
        operands = [parent.sym for parent in parents]
        if op.name == "mean" and op.is_ours:
            return taught(call("mean", *operands, **op.params))
        return taught(_read(op, lambda: constant(op.value(EXPRESSIONS, operands))))

    def plainer(self, op: Any, parents: Sequence[Any]) -> Part | None:
        """The same by plainer rows, or by the row that people spell out so."""
        first = parents[0]
        if op.name == "log" and first.name == "getitem":
            return self.make(first.op, self.make(op, *first.parents))
        if op.name in ("divide", "multiply", "subtract"):
            return self.spelling(op.name, *parents) or self.mean_of_sum(op.name, *parents)
        return None

    def mean_of_sum(self, name: str, x: Part, y: Part) -> Part | None:
        """A sum of all numbers over how many there are as their mean; over how many rows there are, with that as len(…)."""
        total, by = (x, y) if y.number else (y, x)
        inner = total.parents[0] if total.name == "negative" else total
        if name == "subtract" or not by.number or (name == "divide" and by is not y) or inner.op is not SUM:
            return None
        number = by.number if name == "divide" else 1 / by.number
        summed = inner.parents[0]
        for halves in (1, 2):
            count = abs(number) / halves
            if count < 3 or count not in (math.prod(summed.shape), *summed.shape[:1]):
                continue  # a half, or another number of the caller's
            found = self.make(MEAN, summed)
            if count != math.prod(summed.shape):
                found = self.make(rows.divide, inner, Part(self.size(summed, 0)))
            found = found if halves == 1 else self.make(rows.divide, found, 2.0)
            return self.make(rows.negative, found) if (number < 0) != (inner is not total) else found
        return None

    def spelling(self, name: str, x: Part, y: Part) -> Part | None:
        """1 / (1 + e⁻ᶻ), eᶻ / Σ eᶻ and z − log Σ eᶻ by their names. A softmax is the same whatever is added to a row."""
        if name == "divide" and x.number == 1 and y.name == "add":
            one, e = sorted(y.parents, key=lambda part: part.name == "exp")
            if one.number == 1 and e.name == "exp" and e.parents[0].name == "negative":
                return self.make(rows.sigmoid, *e.parents[0].parents)
        family = array_rows.SOFTMAX
        if name == "subtract":
            y, family = (y.parents[0] if y.name == "log" else y), array_rows.LOG_SOFTMAX
        total = y.parents[0] if y.name in ("getitem", "reshape") else y
        if total.name != "sum" or total.parents[0].name != "exp":
            return None
        e, z = total.parents[0], total.parents[0].parents[0]
        axis = one_axis(total.op.params["axis"], ndim := len(e.shape))
        kept = [1 if i - ndim == axis else n for i, n in enumerate(e.shape)]
        is_like = kept == [1] * (ndim - len(y.shape)) + [*y.shape]
        if axis is None or not is_like or x is not (e if name == "divide" else z):
            return None
        while z.name in ("subtract", "add") and _is_constant_along(z.parents[1].shape, axis):
            z = z.parents[0]
        return self.make(family(axis), z)

    # ---- Gradients

    def shares(self, part: Part, g: Expr, wanted: Sequence[bool]) -> list[Expr | None]:
        """What each parent receives, of its shape; None where nobody needs it."""
        operands = [parent.sym for parent in part.parents]
        found = _read(part.op, lambda: part.op.shares(EXPRESSIONS, g, part.sym, operands, wanted))
        pairs = zip(found, part.parents, strict=True)
        return [None if x is NOT_WANTED else self.fitted(constant(x), part, parent) for x, parent in pairs]

    def fitted(self, share: Expr, part: Part, parent: Part) -> Expr:
        """A share in the shape of the parent, with sizes and what has been computed by name."""
        if part.name == "mean" and parent.shape:  # the count by name
            axis = part.op.params["axis"]
            share = share * float(math.prod(parent.shape) // math.prod(part.shape))
            for i in axis if isinstance(axis, tuple) else [axis]:
                share = share / self.size(parent, i)
        share = spread(constant(sum_to(EXPRESSIONS.xp, share, parent.shape, part.op)), parent.sym)
        share = self.tidy(self.one_hot(share, parent))
        while (found := self.tidy(self.by_names(share))) is not share:
            share = found
        return share

    def one_hot(self, share: Expr, parent: Part) -> Expr:
        """What goes back to P[np.arange(n), y], as np.eye(…)[y] times it."""
        index = share.args[2].args if share.name == "scatter" and len(parent.shape) == 2 else ()
        is_of_rows = len(index) == 2 and is_range(index[0].value)
        if not is_of_rows or not index[0].shape == index[1].shape == parent.shape[:1]:
            return share
        return call("one_hot", index[1], self.like(parent)) * share.args[0][:, None]

    def by_names(self, expr: Expr) -> Expr:
        """With the symbols of what has been computed."""
        names = {x: self.by_formula[x].sym for x in ordered(expr) if x in self.by_formula}
        return rebuilt(expr, names, lambda x: x)

    def tidy(self, expr: Expr) -> Expr:
        """As a teacher writes it."""
        return taught(expr, self.units, self.tidied)


def _is_constant_along(shape: Sequence[int], axis: int) -> bool:
    """Whether what is broadcast from a shape is the same along an axis, counted from the end."""
    return len(shape) < -axis or shape[axis] == 1


def _read(op: Any, reading: Callable[[], Any]) -> Any:
    try:
        return reading()
    except Unreadable as error:
        what = f"backprop_source: the rule of {op.name!r} cannot be read: {error}"
        raise CompileError(f"{what}. Write it with the functions of xp alone") from None


def _holds(x: Any, array: Any) -> bool:
    """Whether a variable of the caller's holds these numbers."""
    try:
        found = np.asarray(x)
    except (ValueError, TypeError, AutogradError):  # ragged, or it holds nodes
        return False
    is_like = bool(array.ndim) and found.shape == array.shape and found.dtype.kind in "biuf"
    return is_like and np.array_equal(found, array)


# ---- Names --------------------------------------------------------------------------------------------------------------


class Names:
    """What the parts are called: by the caller, else by what they are to a layer, counted forwards."""

    def __init__(self, graph: Graph, order: list[Part], roots: list[Part], targets: list[Part]) -> None:
        self.taken = {"np", "math"} | {unique(part.given, set()) for part in order if part.given}
        self.taken |= {name for name, _ in graph.indices.values()}
        self.users: dict[Part, list[Part]] = {part: [] for part in order}
        self.affine: set[Part] = set()  # products, and sums of these and of leaves
        for part in order:
            for parent in part.parents:
                self.users.setdefault(parent, []).append(part)
            is_sum = part.name == "add" and all(x in self.affine or x.formula is None for x in part.parents)
            if part.needs_gradient and (part.name in PRODUCTS or (is_sum and self.affine & {*part.parents})):
                self.affine.add(part)
        self.names: dict[Part, str] = {}
        nameless = {(part.shape, self.role(part)) for part in order if part.is_data and not part.given}
        for part in order:
            role = self.role(part)
            is_of_loop = (
                part.is_data and role and (part.shape, role) in nameless
            )  # its variable held them all
            if part.given and not is_of_loop:
                plain = unique(part.given, set())
                self.names[part] = unique(plain, self.taken) if plain in self.names.values() else plain
            elif role or part.formula is None or part in roots or part in targets:
                self.names[part] = unique(role or self.default(part, roots), self.taken)

    def default(self, part: Part, roots: list[Part]) -> str:
        if part in roots:
            return "loss" if len(roots) == 1 and type(part.node) is not Value else "out"
        if part.formula is not None or part.needs_gradient:
            return "w1" if part.formula is None else "t1"
        is_unit = any(user.name == "concatenate" for user in self.users[part])
        return "unit" if is_unit else "y"  # a bias unit, or the targets

    def role(self, part: Part) -> str | None:
        """X, W1, b1, Z1 or A1, by what a part is to a layer; A2 is of Z2."""
        users = [y for x in self.users[part] for y in (self.users[x] if x.name == "transpose" else [x])]
        if part.formula is None:
            if any(
                part in [*user.parents[2:]] or user.name == "add" for user in self.affine.intersection(users)
            ):
                return "b1" if part.needs_gradient else None
            is_factor = any(user.name in PRODUCTS for user in users)
            return None if not is_factor else "W1" if part.needs_gradient else "X"
        if not part.needs_gradient or type(part.node) is Value:
            return None
        if part.is_activation:
            z = next((self.names.get(x, "") for x in part.parents if x.number is None), "")
            return f"A{z[1:]}" if z[:1] == "Z" else "A1"
        is_inner = len(users) == 1 and users[0] in self.affine
        is_top = part in self.affine and not is_inner
        return "Z1" if is_top or any(user.is_activation for user in users) else None
