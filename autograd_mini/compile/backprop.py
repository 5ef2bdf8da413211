"""backprop_source: the backprop of a graph as a person would write it by hand, in NumPy or plain Python.

The graph is read to lines, one for each node and one for each gradient, by the same rows that the engine runs. Then what has a name
(layers, activations, the caller's variables), or is used again, keeps its line; the rest is put into the lines that use it, and what
cancels there is not written.
"""

import inspect
import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import array_rows, rows
from ..core.engine import check_root, toposort
from ..core.node import Node, made
from ..core.op import NOT_WANTED
from ..core.readings import ARRAYS, sum_to
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import AutogradError, CompileError, DTypeError, GraphError
from ..support import numerics
from ..support.containers import flatten
from ..symbols import (
    EXPRESSIONS,
    VIEWS,
    Expr,
    Unreadable,
    call,
    constant,
    ordered,
    rebuilt,
    spread,
    substitute,
    symbol,
)
from .passes import is_range
from .taught import MIRRORED, cost, is_elementwise, taught
from .text import OF_NUMBERS, TEACHER, TEACHER_OF_NUMBERS, text
from .trace import unique

HELPERS = {  # what NumPy lacks, as one writes it
    "sigmoid": "def sigmoid(z):\n    return 1 / (1 + np.exp(-z))",
    "softmax": "def softmax(z, axis=-1):\n    e = np.exp(z - z.max(axis=axis, keepdims=True))\n"
    "    return e / e.sum(axis=axis, keepdims=True)",
    "log_softmax": "def log_softmax(z, axis=-1):\n    z = z - z.max(axis=axis, keepdims=True)\n"
    "    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))",
    "logsumexp": "def logsumexp(z, axis=None, keepdims=False):\n    top = z.max(axis=axis, keepdims=True)\n"
    "    out = top + np.log(np.exp(z - top).sum(axis=axis, keepdims=True))\n"
    "    return out if keepdims else out.squeeze(axis)",
    "erf": "erf = np.vectorize(math.erf)",
    "erfc": "erfc = np.vectorize(math.erfc)",
    "cholesky": "cholesky = np.linalg.cholesky",
    "pinv": "pinv = np.linalg.pinv",
    "logabsdet": "def logabsdet(a):\n    return np.linalg.slogdet(a)[1]",
}
HELPERS_OF_NUMBERS = {  # what `math` lacks
    "sign": "def sign(x):\n    return (x > 0) - (x < 0)",
    "logaddexp": "def logaddexp(x, y):\n    return max(x, y) + math.log1p(math.exp(-abs(x - y)))",
    "where": "def where(condition, x, y):\n    return x if condition else y",
    "logical_and": "def logical_and(x, y):\n    return x and y",
    **{name: f"def {name}(x, y):\n    return x {sign} y"
       for name, sign in (("greater", ">"), ("greater_equal", ">="), ("less", "<"), ("equal", "=="))},
    "asarray": "def asarray(x, dtype=None):\n    return float(x)",
}  # fmt: skip
SHORT = {
    "subtract",
    "add",
    "negative",
    "multiply",
    "divide",
    *VIEWS,
    *MIRRORED,
}  # may be written again, up to three times
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
PLAIN = {*SHORT, "power", "where", "zeros_like", "asarray", "logical_and", "logical_or"}
LONG = 72  # letters of a line at which a part of it gets a line of its own


def backprop_source(loss: Any, wrt: Any) -> str:
    """Return Python source that computes a loss and its gradients, as one would write the backprop by hand.

    Arguments: `loss`, a scalar node (or a list of them, whose gradients are added up); `wrt`, the nodes to differentiate by, a node or
    nested lists and dicts of them. The source is one function of the data and parameters; it returns the loss and the gradients, in the
    order of `wrt`. It needs NumPy alone, or for a graph of Values nothing at all, and gives the engine's gradients up to rounding.
    Names are the labels of nodes, else the names that variables have where this is called, else X, W1, b1, Z1, A1, … Shapes stand
    in comments. Raises GraphError where the loss does not depend on a node of `wrt`, CompileError for an operation of your own
    whose rule does more than call the functions of `xp`.

    >>> import autograd_mini as ag
    >>> x, w, b = ag.Value(0.5), ag.Value(2.0), ag.Value(-1.0)
    >>> print(ag.backprop_source((w * x + b).tanh(), [w, b]))
    import math
    <BLANKLINE>
    <BLANKLINE>
    def backprop(w, x, b):
        # Forward
        out = math.tanh(w * x + b)
        # Backward
        db = 1 - out ** 2
        dw = db * x
        return out, dw, db
    <BLANKLINE>
    """
    frame: Any = sys._getframe(1)
    variables = {**frame.f_globals, **frame.f_locals}
    return written(loss, wrt, variables)[0]


def written(loss: Any, wrt: Any, variables: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The source, and the arguments of its function by name."""
    roots = [node for _, node in flatten(loss, "loss")]
    targets = [node for _, node in flatten(wrt, "wrt")]
    for what, nodes in (("loss", roots), ("wrt", targets)):
        for node in nodes:
            if not isinstance(node, Node):
                raise DTypeError(f"backprop_source: {what} must be nodes, got a {type(node).__name__}")
    for root in roots:
        check_root(root)
        if root.size != 1:
            raise GraphError(
                f"backprop_source: a scalar is needed, {root._name} has shape {root.shape}: "
                "take .sum() or .mean()"
            )
    for is_plain in (True, False):  # a target inside of what would be written as a softmax is to be seen
        graph = _Graph(roots, variables, is_plain)
        if all(node in graph.parts and graph.parts[node] in graph.alive(roots) for node in targets):
            break
    for node in targets:
        if node not in graph.parts:
            raise GraphError(f"backprop_source: the loss does not depend on {node._name}")
    return _Page(graph, roots, targets).written()


# ---- The graph, read ----------------------------------------------------------------------------------------------------


class _Part:
    """An operation on parts, or a leaf: `formula` is made of the symbols of its parents, `sym` stands for it in others."""

    def __init__(
        self, sym: Expr, op: Any = None, parents: Sequence["_Part"] = (), formula: Any = None
    ) -> None:
        self.sym, self.op, self.parents, self.formula = sym, op, parents, formula
        self.node: Any = None  # the first of the nodes that it is
        self.given: str | None = None  # the name that the caller has for it
        self.needs_gradient = bool(op) and op.has_derivative and any(x.needs_gradient for x in parents)
        self.like = symbol(f"~{sym.value}", sym.shape or (), sym.dtype)  # its shape, in sizes

    @property
    def name(self) -> str:
        """The row's name."""
        return self.op.name if self.op else ""

    @property
    def number(self) -> float | None:
        """The number that it is, if it is one."""
        is_number = self.sym.name == "constant" and self.sym.shape == ()
        return float(self.sym.value) if is_number else None


class _Graph:
    """All that the roots are made from as parts, each formula once, parents first.

    `is_plain`: rows and forms with a plainer name are that: 1 / (1 + exp(−z)) is a sigmoid, exp(z − c) over its sum a softmax.
    """

    def __init__(self, roots: Sequence[Any], variables: Mapping[str, Any], is_plain: bool) -> None:
        self.order: list[_Part] = []
        self.parts: dict[Any, _Part] = {}
        self.known: dict[Expr, Expr] = {}  # formulas, and the symbols that stand for them
        self.by_formula: dict[Expr, _Part] = {}
        self.units: dict[
            tuple[Expr, int], Any
        ] = {}  # what sums to 1 along an axis: by its nature, or (a list) as recorded
        self.indices: dict[Expr, tuple[str, Any]] = {}  # index arrays by name
        self.ranges: dict[Expr, str] = {}  # 0, 1, 2, … beside them
        self.variables, self.is_plain = variables, is_plain
        self.arrays = {
            name: x for name, x in variables.items() if isinstance(x, np.ndarray | list) and name[0] != "_"
        }
        nodes = _forwards(roots)
        for node in nodes:  # data with names first: others may be made of them
            if node.op is None and not node.requires_grad and self.name_of(node):
                self.parts[node] = self.leaf(node)
        for node in nodes:
            part = self.parts.get(node) or (self.leaf(node) if node.op is None else self.read(node))
            self.parts[node] = part
            part.node = node if part.node is None else part.node
            part.given = part.given or self.name_of(node)

    def alive(self, roots: Sequence[Any]) -> set[_Part]:
        """What the roots are computed from."""
        found = {self.parts[root] for root in roots}
        for part in reversed(self.order):
            found.update(part.parents if part in found else [])
        return found

    def add(self, op: Any, parents: Sequence[_Part], formula: Any) -> _Part:
        """A new part; `formula` is the shape and dtype of a leaf."""
        is_leaf = not isinstance(formula, Expr)
        kind = formula if is_leaf else (formula.shape or (), formula.dtype)
        part = _Part(symbol(f"#{len(self.order)}", *kind), op, parents, None if is_leaf else formula)
        self.order.append(part)
        if not is_leaf:
            self.by_formula[formula] = part
        if part.name == "softmax" and isinstance(axis := op.params["axis"], int):
            self.units[part.sym, axis - len(kind[0]) if axis >= 0 else axis] = None
        return part

    def leaf(self, node: Any) -> _Part:
        """A leaf as an argument, a number, a part of another array, or 1 − another array."""
        is_array = type(node) is Tensor and node.shape != ()
        given = self.name_of(node)
        if not node.requires_grad and node.shape == () and given is None:
            number = constant(float(node.data))
            return _Part(spread(number, symbol("", (), node.dtype)) if node.dtype.kind in "iub" else number)
        for other in [*self.parts.values()] if is_array else []:
            if other.op is None and other.node is not None and other.node._content is node._content:
                return other
        if is_array and not node.requires_grad and given is None:
            base = self.base_of(node._content)
            if base is not None:
                return base
        part = self.add(None, (), (node.shape, node.dtype if node.dtype.kind in "iub" else float))
        part.node, part.given, part.needs_gradient = node, given, bool(node.requires_grad)
        if is_array and node.data.ndim <= 2 and not part.needs_gradient:
            along = [-1 - i for i in range(node.data.ndim) if (node.data.sum(axis=-1 - i) == 1).all()]
            self.units |= {(part.sym, axis): [] for axis in along if node.shape[axis] > 1}
        return part

    def base_of(self, array: Any) -> _Part | None:
        """What raw data were made of before they came into the graph: a view of the caller's array, or 1 − it."""
        for name, whole in self.arrays.items():
            index = _index_of_view(array, whole) if isinstance(whole, np.ndarray) else None
            if index is not None:
                base = next((x for x in self.order if x.op is None and x.node._content is whole), None)
                if base is None:
                    base = self.add(None, (), (whole.shape, whole.dtype))
                    base.node, base.given = Tensor(whole, requires_grad=False), name
                    base.node._content = whole
                formula = taught(call("getitem", base.sym, index))
                return self.by_formula.get(formula) or self.add(None, [base], formula)
        for other in self.order:
            x = other.node._content if other.op is None and other.node is not None else None
            is_raw = isinstance(x, np.ndarray) and not other.needs_gradient
            if is_raw and x.shape == array.shape and np.array_equal(array, 1.0 - x):
                return self.by_formula.get(1.0 - other.sym) or self.add(None, [other], 1.0 - other.sym)
        return None

    def name_of(self, node: Any) -> str | None:
        """Its label, or the name of the caller's variable that is the node, its array, or holds the same numbers."""
        if node.label:
            return str(node.label)
        for name, x in self.variables.items():
            if x is node and name[0] != "_":
                return name
        if type(node) is not Tensor or node.op is not None:
            return None
        return self.array_name(node._content)

    def array_name(self, array: Any) -> str | None:
        same = [name for name, x in self.arrays.items() if x is array]
        return next(
            (name for name in same or (name for name, x in self.arrays.items() if _holds(x, array))), None
        )

    def read(self, node: Any) -> _Part:
        """A node as a part, or as several plainer ones."""
        parents = [self.parts[parent] for parent in node.parents]
        self.name_indices(node.op)
        if node.op.name in ("multiply", "where") and type(node) is Tensor:
            parents = [self.mask(part, parents) or part for part in parents]
        return self.make(node.op, *parents)

    def mask(self, part: _Part, parents: Sequence[_Part]) -> _Part | None:
        """Raw data of 0 and 1 that say where another part is positive, as in Z * (Z > 0), as that comparison."""
        data = (
            part.node.data if part.op is None and part.node is not None and not part.needs_gradient else None
        )
        if data is None or not data.ndim or {*np.unique(data).tolist()} != {0, 1}:
            return None
        for other in {y: None for x in parents for y in (x, *x.parents)}:
            if other.op is not None and other.node is not None and other.node.shape == data.shape:
                for row in (rows.greater, rows.greater_equal, rows.less, rows.less_equal):
                    if np.array_equal(data, row.forward(ARRAYS.xp, other.node.data, 0.0)):
                        return self.make(row, other, 0.0)
        return None

    def make(self, op: Any, *parents: Any) -> _Part:
        """The part of an operation; of numbers among the parents too."""
        parents = tuple(x if isinstance(x, _Part) else _Part(constant(float(x))) for x in parents)
        found = (self.plainer(op, parents) or self.recognised(op, parents)) if self.is_plain else None
        if found is not None:
            return found
        formula = self.value(op, parents)
        if not any(x.name == "symbol" for x in ordered(formula)):
            return _Part(formula, op, parents)
        known = {x: part.sym for x, part in self.by_formula.items()}
        while (
            formula not in self.by_formula and (found := self.tidy(substitute(formula, known))) is not formula
        ):
            formula = found
        if formula in self.by_formula:
            return self.by_formula[formula]
        if formula.name == "symbol":  # a cast, or + x
            return next(x for x in parents if x.sym is formula)
        return self.add(op, parents, formula)

    def value(self, op: Any, parents: Sequence[_Part]) -> Expr:
        """The formula of an operation."""
        operands = [parent.sym for parent in parents]
        if op.name in ("mean", "var") and op.is_ours:
            more = {key: x for key, x in op.params.items() if key != "ddof" or x}
            return taught(call(op.name, *operands, **more))
        if op.name == "logsumexp" and op.is_ours:
            return call(op.name, *operands, **op.params)
        return taught(_read(op, lambda: constant(op.value(EXPRESSIONS, operands))))

    def plainer(self, op: Any, parents: Sequence[Any]) -> _Part | None:
        """The same by rows that a reader knows, where the row is made of them, with care for numbers at the limits."""
        make, name, p = self.make, op.name if op.is_ours else "", op.params
        x, y = (*parents[:2], None)[:2] if parents else (None, None)
        log, times, less = rows.log, rows.multiply, rows.subtract
        if name == "squared_error":
            return make(rows.square, make(less, x, y))
        if name == "squared_distance":
            squares, count = make(rows.square, make(less, x, y)), math.prod(x.sym.shape)
            if p["n"] in (count, 2 * count):
                mean = make(array_rows.MEAN(None, False), squares)
                return mean if p["n"] == count else make(rows.divide, mean, 2.0)
            return make(rows.divide, make(array_rows.SUM(None, False), squares), p["n"])
        if name == "sum_of_squares":
            sums = [make(array_rows.SUM(None, False), make(rows.square, part)) for part in parents]
            total = sums[0]
            for one in sums[1:]:
                total = make(rows.add, total, one)
            return total
        if name == "binary_cross_entropy":
            right, wrong = (
                make(times, y, make(log, x)),
                make(times, make(less, 1.0, y), make(log, make(less, 1.0, x))),
            )
            return make(rows.negative, make(rows.add, right, wrong))
        if name == "class_cross_entropy" and len(x.sym.shape) == 2 and len(y.sym.shape) == 1:
            labels = (np.arange(len(y.node.data)), y.node.data.astype(int))
            self.name_index(labels[1], labels)
            picked = make(array_rows.GETITEM(labels), make(array_rows.SOFTMAX(-1), x))
            return make(rows.negative, make(log, picked))
        if name == "softmax_cross_entropy":
            losses = make(times, y, make(log, make(array_rows.SOFTMAX(-1), x)))
            return make(rows.negative, make(array_rows.SUM(-1, False), losses))
        if name == "std":
            return make(rows.sqrt, make(array_rows.VAR(*p.values()), x))
        if name == "norm" and p["p"] in (1, 2):
            powers = make(rows.square if p["p"] == 2 else rows.abs, x)
            total = make(array_rows.SUM(p["axis"], p["keepdims"]), powers)
            return make(rows.sqrt, total) if p["p"] == 2 else total
        if name in ("divide", "multiply") and y is not None:
            return self.mean_of_sum(name, *parents)
        return None

    def mean_of_sum(self, name: str, x: _Part, y: _Part) -> _Part | None:
        """A sum of all numbers over how many there are as their mean; over how many rows there are, with that as len(…)."""
        total, by = (x, y) if y.number else (y, x)
        if not by.number or (name == "divide" and by is not y):
            return None
        number = by.number if name == "divide" else 1 / by.number
        inner = total.parents[0] if total.name == "negative" else total
        shape = inner.parents[0].sym.shape if inner.parents else ()
        if inner.name != "sum" or inner.op.params["axis"] is not None or not shape:
            return None
        for halves in (1, 2):
            count = abs(number) / halves
            axes = [axis for axis in (0, len(shape) - 1) if shape[axis] == count > 2]
            if count == math.prod(shape) > 2:
                found = self.make(array_rows.MEAN(None, False), *inner.parents)
            elif axes:
                found = self.make(rows.divide, inner, _Part(_size(inner.parents[0].like, axes[0])))
            else:
                continue
            found = found if halves == 1 else self.make(rows.divide, found, 2.0)
            return self.make(rows.negative, found) if (number < 0) != (inner is not total) else found
        return None

    def recognised(self, op: Any, parents: Sequence[_Part]) -> _Part | None:
        """A sigmoid, a softmax or its logarithm that is written out."""
        if not op.is_ours or op.name not in ("multiply", "divide", "reciprocal", "subtract", "log"):
            return None
        above, below = parents[0], parents[-1]
        if op.name == "log" and below.name == "sum" and below.parents[0].name == "exp":
            z = below.parents[0].parents[0]
            formula = call("log", substitute(below.formula, {below.parents[0].sym: call("exp", z.sym)}))
            return self.by_formula.get(formula) or self.add(
                array_rows.LOGSUMEXP(*below.op.params.values()), [z], formula
            )
        shape = below.sym.shape
        while below.name == "reshape" or (below.name == "getitem" and _is_of_axes(below.op.params["index"])):
            below = below.parents[0]
        if op.name == "multiply" and (
            below.name == "reciprocal" or (below.name == "power" and below.op.params.get("n") == -1)
        ):
            below = below.parents[0]
        elif op.name == "subtract" and below.name == "logsumexp":
            return self.softmax(
                array_rows.LOG_SOFTMAX, above, below.parents[0], below.op.params["axis"], shape
            )
        elif op.name not in ("divide", "reciprocal"):
            return None
        for one, power in (below.parents, below.parents[::-1]) if below.name == "add" else ():
            if one.number == 1 and power.name == "exp" and op.name in ("divide", "reciprocal"):
                z = power.parents[0]
                if z.name == "negative" and (op.name == "reciprocal" or above.number == 1):
                    return self.make(rows.sigmoid, z.parents[0])
                if power is above:
                    return self.make(rows.sigmoid, z)
        if below.name != "sum" or below.parents[0].name != "exp":
            return None
        return self.softmax(array_rows.SOFTMAX, above, below.parents[0], below.op.params["axis"], shape)

    def softmax(self, family: Any, above: _Part, whole: _Part, axis: Any, shape: Any) -> _Part | None:
        """The softmax, or its logarithm, of z where `above` is `whole`, which was made of z and summed to this shape."""
        sizes = whole.sym.shape or ()
        axis = 0 if axis is None and len(sizes) == 1 else axis
        if above is not whole or not isinstance(axis, int):
            return None
        axis -= len(sizes) if axis >= 0 else 0
        if not _is_constant_along(shape or (), axis, sizes):
            return None
        z = whole.parents[0] if whole.name == "exp" else whole
        while z.name in ("subtract", "add") and _is_constant_along(z.parents[1].sym.shape or (), axis, sizes):
            z = z.parents[0]  # a softmax is the same whatever is added to all the numbers of a row
        return self.make(family(axis), z)

    def name_indices(self, op: Any) -> None:
        """Index arrays are data: arguments, by the caller's names for them."""
        index = op.params.get("index")
        arrays = [
            x
            for x in (index if isinstance(index, tuple) else (index,))
            if isinstance(x, np.ndarray) and x.ndim
        ]
        for array in arrays:
            if array.dtype.kind in "iu" and not is_range(array):
                self.name_index(array, arrays)

    def name_index(self, array: Any, beside: Sequence[Any]) -> None:
        """The name of an index array, and of 0, 1, 2, … beside it."""
        taken = {name for name, _ in self.indices.values()}
        name = self.array_name(array) or unique("y", taken)
        name = self.indices.setdefault(constant(array), (name, array))[0]
        self.ranges |= {
            constant(x): f"np.arange(len({name}))" for x in beside if is_range(x) and len(x) == len(array)
        }

    # ---- Gradients

    def shares(self, part: _Part, g: Expr, wanted: Sequence[bool]) -> list[Expr | None]:
        """What each parent receives, of its shape; None where nobody needs it."""
        operands = [parent.sym for parent in part.parents]
        found = _read(part.op, lambda: part.op.shares(EXPRESSIONS, g, part.sym, operands, wanted))
        return [
            None if share is NOT_WANTED else self.fitted(share, part, parent)
            for share, parent in zip(found, part.parents, strict=True)
        ]

    def fitted(self, share: Any, part: _Part, parent: _Part) -> Expr:
        """A share in the shape of the parent, with sizes and what has been computed by name."""
        share = constant(share)
        if "axis" in part.op.params and parent.sym.shape:
            share = _sized(share, part.op.params["axis"], parent.like)
        share = spread(constant(sum_to(EXPRESSIONS.xp, share, parent.sym.shape, part.op)), parent.sym)
        share = self.tidy(_one_hot(share, parent))
        known = self.known
        if part.name == "log_softmax":
            known = {**known, call("softmax", *part.formula.args): call("exp", part.sym)}
        if part.name == "logistic":  # its slope by the sigmoid
            x = parent.sym
            known = {**known, call("tanh", 0.5 * x): 2.0 * call("sigmoid", x) - 1.0}
        while (found := self.tidy(substitute(share, known))) is not share:
            share = found
        return share

    def tidy(self, expr: Expr) -> Expr:
        """As a teacher writes it."""
        return taught(expr, self.units)


def _is_of_axes(index: Any) -> bool:
    """Whether an index makes axes of length 1, and nothing else."""
    parts = index if isinstance(index, tuple) else (index,)
    whole = slice(None)
    return all(part is None or part is ... or (isinstance(part, slice) and part == whole) for part in parts)


def _is_constant_along(shape: Sequence[int], axis: int, whole: Sequence[int]) -> bool:
    """Whether what is broadcast from a shape to a whole one is the same along an axis, counted from the end."""
    return len(shape) < -axis or (shape[axis] == 1 and whole[axis] != 1)


def _size(like: Expr, axis: int | None) -> Expr:
    """How many numbers an array has, or how long an axis is, by name."""
    shape = like.shape or ()
    if axis is None:
        return call("length" if len(shape) == 1 else "size", like)
    axis %= len(shape)
    return call("length", like) if axis == 0 else call("shape_at", like, axis)


def _one_hot(share: Expr, parent: _Part) -> Expr:
    """What goes back to P[np.arange(n), y], P[y, np.arange(n)] or P[y], as np.eye(…)[y] times it."""
    if share.name != "scatter":
        return share
    g, _, index = share.args
    like, parts = parent.like, index.args if index.name == "tuple" else (index,)
    n = len(like.shape or ())
    if n == len(parts) == 2 and parts[0].shape == parts[1].shape == g.shape != ():
        for axis, labels, places in ((-1, parts[1], parts[0]), (-2, parts[0], parts[1])):
            if is_range(places.value) and places.shape == ((like.shape or ())[-3 - axis],):
                return call("one_hot", labels, like, axis) * (g[:, None] if axis == -1 else g)
    is_score = any(x.name in ("softmax", "log_softmax") for x in (parent, *parent.parents))
    return call("one_hot", parts[0], like, -1) * g if n == 1 and parts[0].shape == () and is_score else share


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
    stack = [
        node for node in reversed(nodes) if not waiting[node] and (node.op is not None or node in set(roots))
    ]
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
    if view is whole or view.dtype != whole.dtype or not view.size or not np.may_share_memory(view, whole):
        return None
    offset = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    index: list[Any] = [0] * whole.ndim
    for axis in sorted(range(whole.ndim), key=lambda axis: -abs(whole.strides[axis])):
        if whole.strides[axis] <= 0:
            return None
        index[axis], offset = divmod(offset, whole.strides[axis])
    at = 0
    for axis, start in enumerate(index):
        step = view.strides[at] // whole.strides[axis] if at < view.ndim else 0
        stop = start + step * (view.shape[at] - 1) + 1 if step > 0 else 0
        if 0 < stop <= whole.shape[axis] and view.strides[at] % whole.strides[axis] == 0:
            index[axis] = slice(start, stop, step)
            at += 1
    if not all(isinstance(i, slice) or 0 <= i < n for i, n in zip(index, whole.shape, strict=True)):
        return None
    found = whole[tuple(index)]
    is_it = found.__array_interface__ == view.__array_interface__
    return tuple(index) if is_it else None


# ---- Names --------------------------------------------------------------------------------------------------------------


class _Names:
    """What the parts are called: by the caller, else by what they are to a layer, counted forwards."""

    def __init__(
        self, graph: _Graph, order: Sequence[_Part], roots: Sequence[_Part], targets: Sequence[_Part]
    ) -> None:
        self.graph, self.order, self.roots, self.targets = graph, order, roots, targets
        self.taken = {"np", "math"} | {unique(part.given, set()) for part in order if part.given}
        self.taken |= {name for name, _ in graph.indices.values()}
        self.users: dict[_Part, list[_Part]] = {part: [] for part in order}
        for part in order:
            for parent in part.parents:
                if parent in self.users:
                    self.users[parent].append(part)
        self.names: dict[_Part, str] = {}
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

    def default(self, part: _Part) -> str:
        if part in self.roots:
            return "loss" if len(self.roots) == 1 and type(part.node) is not Value else "out"
        if part.formula is not None:
            return "t1"
        if part.needs_gradient:
            return "w1"
        is_unit = any(user.name == "concatenate" for user in self.users[part])
        return "unit" if is_unit else "y"  # a bias unit, or the targets

    def roles(self, steps: Mapping[_Part, str]) -> dict[_Part, str]:
        """X, W1, b1, Z1, A1, … by what the parts are to a layer; layers whose parts all have names do not count."""
        cells: dict[_Part, list[tuple[_Part, str]]] = {}
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
                z = next(x for x in part.parents if x.number is None and x.name not in MIRRORED)
                if (
                    z.formula is not None
                    and z not in steps
                    and not (z.name == "multiply" and any(x.number for x in z.parents))
                ):
                    cells.setdefault(z, [])
        found: dict[_Part, str] = {}
        layer, places = 0, {part: i for i, part in enumerate(self.order)}
        for z in sorted(cells, key=places.__getitem__):
            above = self.users[z]
            while len(above) == 1 and above[0].name == "multiply" and any(x.number for x in above[0].parents):
                above = self.users[above[0]]
            act = next((user for user in above if _is_activation(user)), None)
            is_activated = act is not None and all(
                user.name == act.name or user in act.parents for user in above
            )
            new = [(z, "Z"), *([(act, "A")] if is_activated else []), *cells[z]]
            new = [
                (y, letter)
                for y, letter in new
                if y not in found and not y.given and (y.formula is None or letter in "ZA")
            ]
            layer += any(letter != "X" for _, letter in new)
            found |= {y: letter if letter == "X" else f"{letter}{layer}" for y, letter in new}
        return found

    def affine(self, part: _Part) -> _Part:
        """The sum that a product belongs to: with its bias, and with other products."""
        while len(above := self.users[part]) == 1 and above[0].name == "add" and not part.given:
            other = next((x for x in above[0].parents if x is not part), part)
            if other.formula is not None and other.name not in ("matmul", "add"):
                break
            part = above[0]
        return part

    def steps(self) -> dict[_Part, str]:
        """Of a cell that is repeated the caller's variable names the last: h1, h2, …, and h0 for what it starts from."""
        found: dict[_Part, str] = {}
        cells: dict[Any, list[_Part]] = {}
        for part in self.order:
            if part.formula is not None and part.needs_gradient:
                cells.setdefault(
                    self.kind(part, 1 if part.name in ("concatenate", "stack") else 2), []
                ).append(part)
        for parts in cells.values():
            name = next((part.given for part in parts if part.given), None)
            inner = {y for x in parts[0].parents for y in (x, *x.parents)}
            is_cell = any(_is_activation(x) for x in {parts[0], *inner}) or parts[0].name in (
                "concatenate",
                "stack",
            )
            if name is None or len(parts) < 2 or sum(bool(part.given) for part in parts) > 1 or not is_cell:
                continue
            stem = re.sub(r"(?<=^\w)t$|_t$|\d+$", "", name)
            others = self.taken - {name} | {*found.values()}
            stem = name + "_" if any(f"{stem}{i}" in others for i in range(len(parts) + 1)) else stem
            found |= {part: f"{stem}{i}" for i, part in enumerate(parts, 1)}
            start = _same_place(parts[0], parts[1])
            if start is not None and start.formula is None and not start.given and not start.needs_gradient:
                found[start] = f"{stem}0"
        self.taken |= set(found.values())
        return found

    def kind(self, part: _Part, depth: int) -> Any:
        """What two steps of a repeated cell have in common: operations, shapes and weights."""
        if _is_weight(part):
            return part
        if part.formula is None or (depth == 0 and not _is_activation(part)):
            return part.sym.shape
        if _is_activation(part):
            weights, stack = set(), [*part.parents]
            while stack:
                x = stack.pop()
                weights |= {x} if _is_weight(x) else set()
                stack += [] if _is_activation(x) else x.parents
            return part.name, part.sym.shape, frozenset(weights)
        return part.name, part.sym.shape, *[self.kind(x, depth - 1) for x in part.parents]


def _is_weight(part: _Part) -> bool:
    return part.formula is None and part.needs_gradient


def _is_activation(part: _Part) -> bool:
    is_relu = part.name == "maximum" and any(x.number == 0 for x in part.parents)
    is_relu |= part.name in ("multiply", "where") and any(x.name in MIRRORED for x in part.parents)
    return is_relu or (part.name in ACTIVATIONS and part.op.is_ours)


def _same_place(first: _Part, second: _Part) -> _Part | None:
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


# ---- The page -----------------------------------------------------------------------------------------------------------


class _Page:
    """The lines: `values` are formulas by the symbols that they define, forward and then backward, in order."""

    def __init__(self, graph: _Graph, roots: Sequence[Any], targets: Sequence[Any]) -> None:
        self.graph = graph
        alive = graph.alive(roots) | {graph.parts[target] for target in targets}
        self.order = [part for part in graph.order if part in alive]
        graph.known = {part.formula: part.sym for part in self.order if part.formula is not None}
        self.roots, self.targets = (
            [*dict.fromkeys(graph.parts[x] for x in nodes)] for nodes in (roots, targets)
        )
        self.wrt = [graph.parts[x] for x in targets]
        self.only_numbers = all(type(node) is Value for node in graph.parts)
        self.style = TEACHER_OF_NUMBERS if self.only_numbers else TEACHER
        self.names = _Names(graph, self.order, self.roots, self.targets)
        self.values = {part.sym: part.formula for part in self.order if part.formula is not None}
        self.forward = set(self.values)
        self.grads: dict[_Part, Expr] = {}
        self.said = {array: name for array, (name, _) in graph.indices.items()} | graph.ranges
        self.backward()
        self.users: dict[Expr, Counter[Expr]] = {}  # of each symbol: the lines that use it, and how often
        for sym in self.values:
            self.count(sym, 1)
        self.settle()

    def backward(self) -> None:
        """A line for the gradient of each part between the targets and the roots."""
        needed = set(self.targets)
        for part in self.order:
            if part.needs_gradient and not needed.isdisjoint(part.parents):
                needed.add(part)
        held: dict[_Part, Expr] = {root: spread(constant(1.0), root.sym) for root in self.roots}
        for part in reversed(self.order):
            if part in self.targets and part not in held:
                held[part] = spread(constant(0.0), part.sym)
            if part not in needed or part not in held:
                continue
            g = symbol(f"d{part.sym.value}", part.sym.shape or (), part.sym.dtype)
            self.values[g] = self.graph.tidy(held[part])
            self.grads[part] = g
            if part.formula is None:
                continue
            shares = self.graph.shares(part, g, [parent in needed for parent in part.parents])
            for parent, share in zip(part.parents, shares, strict=True):
                if share is not None:
                    held[parent] = held[parent] + share if parent in held else share

    # ---- Which lines stay

    def count(self, sym: Expr, sign: int) -> None:
        """Note, or forget, which symbols a line uses."""
        for used, n in _occurrences(self.values[sym]).items():
            users = self.users.setdefault(used, Counter())
            users[sym] += sign * n
            if not users[sym]:
                del users[sym]

    def change(self, sym: Expr, value: Expr) -> None:
        self.count(sym, -1)
        self.values[sym] = value
        self.count(sym, 1)

    def put_in(self, sym: Expr) -> None:
        """A line into the lines that use it."""
        value = self.values[sym]
        for user in [*self.users.get(sym, ())]:
            self.change(user, self.graph.tidy(substitute(self.values[user], {sym: value})))
        self.remove(sym)

    def remove(self, sym: Expr) -> None:
        self.count(sym, -1)
        del self.values[sym]

    def settle(self) -> None:
        """Put the lines that say little into those that use them."""
        results = {part.sym for part in self.roots} | {self.grads[part] for part in self.targets}
        named = {part.sym for part in self.names.names} | {
            self.grads[x] for x in self.names.names if x in self.grads
        }
        self.named, backward = named | results, [sym for sym in self.values if sym not in self.forward]
        self.small = {
            sym for sym in self.forward_order()
            if sym not in named and cost(self.values[sym]) == 1 and len(_occurrences(self.values[sym])) == 1
        }  # fmt: skip
        before = 0
        while before != len(self.values):
            before = len(self.values)
            for sym in backward:
                value = self.values.get(sym)
                is_new = value in self.values and value not in self.forward | named | results
                if sym in named | results and is_new:  # a gradient that is another one of its name: db = dt1
                    self.rename(value, sym)
            for sym in backward:
                if sym in self.values and sym not in results:
                    if self.is_small(sym, sym in named):
                        self.put_in(sym)
                    else:
                        self.absorb(sym)
        kept = {part.sym for part, g in self.grads.items() if g in self.values}
        for sym in reversed([*self.forward_order()]):
            if not self.users.get(sym) and sym not in results:
                self.remove(sym)
        for sym in self.forward_order():
            if sym not in results | named | kept and self.is_small(sym, False):
                self.put_in(sym)
        self.share_calls()

    def share_calls(self) -> None:
        """A line of its own for each call that stands there twice, where it is more than arithmetic."""
        while True:
            count: Counter[Expr] = Counter()
            for value in self.values.values():
                parts = _counted(value)
                count.update({x: n for x, n in parts.items() if is_elementwise(x) and _occurrences(x)})
            called = [
                x
                for x, n in count.items()
                if n > 1 and (x.name not in PLAIN or (x.name in MIRRORED and cost(x) > 1))
            ]
            if not called:
                return
            shared = max(called, key=lambda x: x.serial)
            first = next(sym for sym, value in self.values.items() if shared in set(ordered(value)))
            sym = first
            if self.values[first] is not shared:
                part = self.graph.add(None, (), shared)
                sym = part.sym
                self.order.append(part)
                self.forward |= {sym} if first in self.forward else set()
            lines, self.values = self.values, {}
            for key, value in lines.items():
                self.values |= {sym: shared} if key is first else {}
                self.values |= {key: substitute(value, {shared: sym})} if key is not sym else {}

    def forward_order(self) -> list[Expr]:
        return [sym for sym in self.values if sym in self.forward]

    def absorb(self, sym: Expr) -> None:
        """Put a gradient into a line that becomes no longer by it: what cancels is not written."""
        users, value = self.users.get(sym, Counter()), self.values[sym]
        small = {x: y for x, y in self.values.items() if x in self.small}
        for user in [] if _is_plain(value) else [*users]:
            line, noted = (
                self.values[user],
                {x: [*note] for x, note in self.graph.units.items() if note is not None},
            )
            both, alone = (
                self.graph.tidy(substitute(x, small)) for x in (substitute(line, {sym: value}), line)
            )
            is_better = cost(both) <= cost(alone) if len(users) == 1 else _is_plain(both)
            if is_better and cost(self.graph.tidy(substitute(value, small))):
                self.change(user, both)
            else:
                self.graph.units |= noted
        if not users:
            self.remove(sym)

    def is_small(self, sym: Expr, is_named: bool) -> bool:
        """Whether a line is put into those that use it."""
        users, value = self.users.get(sym, Counter()), self.values[sym]
        total = sum(users.values())
        parts = sum(_occurrences(value).values())
        if _is_plain(value):
            return not (is_named and (value in self.forward or value in self.values.keys() - self.named))
        if is_named or any(not _can_take(self.values[user], sym, value) for user in users):
            return False
        is_short = {x.name for x in ordered(value) if x.shape is not None and not x.is_leaf} <= SHORT
        is_view = value.name == "getitem" and value.args[0].is_leaf and value.args[0] not in self.values
        most = 10 if is_view else 4 - cost(value)
        if total > 1 and not (is_short and total <= most and parts <= (2 if sym in self.forward else 1)):
            return False
        return all(
            self.width(substitute(self.values[user], {sym: value}))
            <= LONG + 12 * (self.values[user].name == "negative")
            for user in users
        )

    def width(self, value: Expr) -> int:
        """How long the lines of a value are."""
        return max(len(line) for line, _ in self.statements("dW1", value, self.said, ""))

    def rename(self, old: Expr, new: Expr) -> None:
        """Give a gradient the name of a target that it is."""
        self.remove(new)
        for user in [*self.users.get(old, ())]:
            self.change(user, substitute(self.values[user], {old: new}))
        self.count(old, -1)
        self.values = {new if sym is old else sym: value for sym, value in self.values.items()}
        self.count(new, 1)

    # ---- The text

    def written(self) -> tuple[str, dict[str, Any]]:
        """The source, and the arguments by name."""
        by_sym = {part.sym: part for part in self.order}
        order = [by_sym[sym] for sym in self.values if sym in by_sym]
        names = self.names.names
        for part in order:
            if part not in names:
                names[part] = unique("t1", self.names.taken)
        said = self.said | {part.sym: name for part, name in names.items()}
        for part, g in self.grads.items():
            if g in self.values:
                said[g] = unique(f"d{names[part] if part in names else 't1'}", self.names.taken)
        lines: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
        used: dict[Expr, None] = {}
        for sym, value in self.values.items():
            value = self.sized(value, said)
            used |= dict.fromkeys(ordered(value))
            of = [x for x, g in self.grads.items() if g is sym] + [
                x for x in self.order if x.sym.shape == value.shape
            ]
            like = next((names[x] for x in of if x in names and x.sym in said and x.sym is not sym), "")
            lines[sym in self.forward] += self.statements(said[sym], value, said, like)
        leaves = [part for part in self.order if part.formula is None and part.sym in used]
        places = {sym: i for i, sym in enumerate(used)}
        arguments = {said[part.sym]: part.node.data for part in leaves if not part.needs_gradient}
        arguments |= {name: array for x, (name, array) in self.graph.indices.items() if x in used}
        arguments |= {said[part.sym]: part.node.data for part in leaves if part.needs_gradient}
        results = [root.sym for root in self.roots] + [self.grads[target] for target in self.wrt]
        out = [f"def backprop({', '.join(arguments)}):", "    # Forward"]
        out += self.commented(lines[True])
        out.append("    # Backward")
        for (x, axis), note in self.graph.units.items():
            which = "" if len(x.shape or ()) == 1 else "Each row of " if axis == -1 else "Each column of "
            out += [f"    # {which}{said[x]} sums to 1"] if note else []
        out += self.commented(lines[False])
        out.append(f"    return {', '.join(str(text(x, said, self.style)) for x in results)}")
        body = "\n".join(out)
        parts = [*self.imports(helpers := _helpers(body, self.only_numbers), body), *helpers, body]
        return "\n\n\n".join(parts).replace("\n\n\nimport", "\nimport") + "\n", arguments

    def sized(self, value: Expr, said: Mapping[Expr, str]) -> Expr:
        """Sizes as those of an array that has a name."""
        likes = {part.like: part for part in self.order}
        indices = {x: name for x, (name, _) in self.graph.indices.items()}
        changes: dict[Expr, Expr] = {}
        for x in ordered(value):
            for like in x.args:
                if like in likes:
                    is_length = x.name == "length"
                    named = _named_like(likes[like], is_length, said, indices)
                    if named is None:
                        raise AssertionError(like)
                    changes[x] = (
                        call(x.name, *[named if y is like else y for y in x.args]) if named.shape else x
                    )
        return substitute(value, changes) if changes else value

    def statements(
        self, name: str, value: Expr, said: Mapping[Expr, str], like: str
    ) -> Iterator[tuple[str, Expr]]:
        """The lines of a value: of a long sum several, and one for each part that is added at an index."""
        terms = _sum_terms(value)
        added = [(x, sign) for x, sign in terms if x.name == "scatter"]
        joined = (
            _joined([x for x, _ in added])
            if len(added) == len(terms) and all(sign > 0 for _, sign in added)
            else None
        )
        sums: list[tuple[str, Expr]] = [("=", joined)] if joined is not None else []
        for x, sign in terms if joined is None else ():
            if x.name == "scatter":
                continue
            how, total = sums.pop() if sums else ("=", None)
            both = (x if sign > 0 else -x) if total is None else total + x if sign > 0 else total - x
            is_whole = total is not None and not total.is_leaf and total.shape == value.shape
            if is_whole and len(f"{name} += {text(both, said, self.style)}") > LONG:
                sums += [(how, total), ("+=" if sign > 0 else "-=", x)]  # type: ignore[list-item]
            elif how == "-=":
                sums += [(how, total), ("+=" if sign > 0 else "-=", x)]  # type: ignore[list-item]
            else:
                sums.append((how, both))
        if not sums:
            yield f"{name} = {f'np.zeros_like({like})' if like else f'np.zeros({value.shape})'}", value
        for how, total in sums:
            yield f"{name} {how} {text(total, said, self.style)}", value
        for x, sign in added if joined is None else ():
            amount, index = x.args[0], x.args[2]
            if amount.name == "negative":
                amount, sign = amount.args[0], -sign
            if any(part.shape for part in (index, *index.args)):
                amount = amount if sign > 0 else -amount
                yield (
                    f"np.add.at({name}, {text(index, said, self.style)}, {text(amount, said, self.style)})",
                    value,
                )
            else:
                place = text(call("getitem", symbol(name, value.shape or ()), index), said, self.style)
                yield f"{place} {'+' if sign > 0 else '-'}= {text(amount, said, self.style)}", value

    def imports(self, helpers: Sequence[str], body: str) -> list[str]:
        everything = "\n".join([*helpers, body])
        lines = [f"import {name}" + (" as np" if name == "numpy" else "") for name, used in
                 (("math", "math."), ("numpy", "np.")) if used in everything]  # fmt: skip
        if not self.only_numbers and "import numpy as np" not in lines:
            lines.append("import numpy as np")
        return ["\n".join(lines)] if lines else []

    def commented(self, lines: Sequence[tuple[str, Expr]]) -> list[str]:
        """The lines with their shapes behind."""
        if self.only_numbers:
            return [f"    {line}" for line, _ in lines]
        width = min(max((len(line) for line, _ in lines), default=0), 72)
        return [f"    {line.ljust(width)}  # {expr.shape or 'number'}" for line, expr in lines]


def _counted(expr: Expr) -> Counter[Expr]:
    """How often each part stands in a line."""
    found: Counter[Expr] = Counter({expr: 1})
    for x in reversed(ordered(expr)):
        for part in x.args:
            found[part] += found[x]
    return found


def _occurrences(expr: Expr) -> Counter[Expr]:
    """How often each symbol stands in a line; shapes do not count."""
    return Counter(
        {x: n for x, n in _counted(expr).items() if x.name == "symbol" and not x.value.startswith("~")}
    )


def _is_plain(value: Expr) -> bool:
    """Whether it is a name, minus a name, or a number."""
    inner = value.args[0] if value.name in ("broadcast_to", "negative") else value
    return inner.is_leaf or (value.name == "broadcast_to" and inner.shape == ())


def _sum_terms(value: Expr) -> list[tuple[Expr, int]]:
    """The terms of a sum with their signs."""
    found, stack = [], [(value, 1)]
    while stack:
        x, sign = stack.pop()
        if x.name in ("add", "subtract"):
            stack += [(x.args[1], sign if x.name == "add" else -sign), (x.args[0], sign)]
        elif x.name == "negative" and x.args[0].name == "scatter":
            stack.append((x.args[0], -sign))
        else:
            found.append((x, sign))
    return found


def _can_take(line: Expr, sym: Expr, value: Expr) -> bool:
    """Whether a value may stand in a line: what is added at an index, only as a term of its own."""
    is_scatter = any(x.name == "scatter" for x in ordered(value))
    return not is_scatter or sym in {x for x, _ in _sum_terms(line)}


def _joined(added: Sequence[Expr]) -> Expr | None:
    """Parts that lie side by side along an axis and make up the whole, as a concatenation."""
    shape = added[0].shape or ()
    places = []
    for x in added:
        index = x.args[2].args if x.args[2].name == "tuple" else (x.args[2],)
        if not all(part.name == "slice" and part.args[2].value in (None, 1) for part in index) or not index:
            return None
        bounds = [
            slice(*[y.value for y in part.args]).indices(n)[:2] for part, n in zip(index, shape, strict=False)
        ]
        axes = [i for i, (bound, n) in enumerate(zip(bounds, shape, strict=False)) if bound != (0, n)]
        if len(axes) != 1:
            return None
        places.append((axes[0], bounds[axes[0]], x))
    places.sort(key=lambda place: place[1])
    axis, ends = places[0][0], [place[1] for place in places]
    is_whole = (
        ends[0][0] == 0 and ends[-1][1] == shape[axis] and all(a[1] == b[0] for a, b in zip(ends, ends[1:]))
    )
    if not is_whole or any(place[0] != axis for place in places):
        return None
    parts = [spread(x.args[0], symbol("", x.args[0].shape or ())) for _, _, x in places]
    return call("concatenate", tuple(parts), axis=axis)


def _named_like(
    part: _Part, is_length: bool, said: Mapping[Expr, str], indices: Mapping[Expr, str]
) -> Expr | None:
    """The symbol of an array of this shape, or of this length, by how the part is computed; data before others."""
    shape = part.sym.shape or ()
    found, stack, seen = [], [part], set()
    while stack:
        x = stack.pop(0)
        own = x.sym.shape or ()
        if x in seen or (own[:1] != shape[:1] if is_length else own != shape) or x.sym.name != "symbol":
            continue
        seen.add(x)
        if x.sym in said:
            found.append(x)
        labels = (
            [y for y in ordered(x.formula) if y in indices]
            if x.name == "getitem" and x.formula is not None
            else []
        )
        if is_length and labels and labels[0].shape[:1] == shape[:1]:
            return symbol(indices[labels[0]], labels[0].shape)
        is_row_wise = x.op is None or x.name not in ("matmul", "linear")
        stack += [x.parents[0]] if not is_row_wise and is_length else x.parents if is_row_wise else []
    data = [x for x in found if x.formula is None and not x.needs_gradient]
    return next((x.sym for x in (*data, *found)), None)


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


def _helpers(body: str, only_numbers: bool) -> list[str]:
    """The functions beside NumPy (or, for numbers, beside `math`) that a text calls, in source, each after those it calls."""
    written = {**HELPERS, **(HELPERS_OF_NUMBERS if only_numbers else {})}
    sources = {**vars(numerics), **numerics.elementwise(np)}
    found: dict[str, str] = {}
    stack = [body]
    while stack:
        for name in re.findall(r"(?<![\w.])([a-z_]\w*)\(", stack.pop()):
            function = sources.get(name)
            if name in written:
                source = written[name]
            elif inspect.isfunction(function) and function.__module__ == numerics.__name__:
                source = _plain(function)
            else:
                continue
            if only_numbers:
                source = re.sub(r"\bnp\.vectorize\((.*)\)", r"\1", source)
                source = re.sub(r"\bnp\.(\w+)", _of_numbers, source)
            found.pop(name, None)  # to the end, where it is written first
            found[name] = source
            stack.append(source.partition("\n")[2])
    return list(found.values())[::-1]


def _of_numbers(match: re.Match[str]) -> str:
    name = match.group(1)
    return OF_NUMBERS.get(name, f"math.{name}" if hasattr(math, name) else name)


def _plain(function: Any) -> str:
    """The source of a function of ours, without types, in NumPy's names."""
    source = textwrap.dedent(inspect.getsource(function)).rstrip()
    source = re.sub(r"\s*\"\"\".*?\"\"\"", "", source, count=1, flags=re.DOTALL)
    source = re.sub(r": (?:Any|int|float|bool|tuple\[[^\]]*\])(?=[,)= ]|\n)", "", source)
    source = re.sub(r"\) -> [^:]+:", "):", source, count=1)
    source = re.sub(r"\bxp\.(erfc?)\b", r"\1", source)
    return source.replace("xp.", "np.").replace("(xp, ", "(")
