"""backprop_source: the backprop of a graph as a person would write it by hand, in NumPy or plain Python.

The graph is read node by node, each with the formula of its row. What has a name (layers, activations, what is used again or needed on
the way back) gets a line; the rest stands inside the lines of others. The way back is the engine's, with the same rules.
"""

import inspect
import math
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import rows
from ..core.engine import check_root, toposort
from ..core.node import Node, made
from ..core.op import NOT_WANTED
from ..core.readings import ARRAYS, sum_to
from ..core.tensor import Tensor
from ..core.value import Value
from ..errors import AutogradError, CompileError, DTypeError, GraphError
from ..support import numerics
from ..support.containers import flatten
from ..symbols import EXPRESSIONS, Expr, Unreadable, constant, ordered, spread, substitute, symbol
from .passes import taught
from .text import OF_NUMBERS, TEACHER, TEACHER_OF_NUMBERS, text
from .trace import unique

HELPERS = {  # what NumPy lacks, as one writes it
    "sigmoid": "def sigmoid(z):\n    return 1 / (1 + np.exp(-z))",
    "softmax": "def softmax(z, axis=-1):\n    e = np.exp(z - z.max(axis=axis, keepdims=True))\n"
    "    return e / e.sum(axis=axis, keepdims=True)",
    "log_softmax": "def log_softmax(z, axis=-1):\n    z = z - z.max(axis=axis, keepdims=True)\n"
    "    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))",
    "erf": "erf = np.vectorize(math.erf)",
    "erfc": "erfc = np.vectorize(math.erfc)",
    "cholesky": "cholesky = np.linalg.cholesky",
    "pinv": "pinv = np.linalg.pinv",
    "logabsdet": "def logabsdet(a):\n    return np.linalg.slogdet(a)[1]",
    "centred": "def centred(x, axis):\n    return x - x.mean(axis=axis, keepdims=True)",
}


CHEAP = {
    "subtract",
    "add",
    "negative",
    "multiply",
    "transpose",
    "reshape",
    "divide",
}  # to be written again, up to three
NO_ACTIVATIONS = {"sum", "mean", "reshape", "transpose", "getitem", "negative", "positive", "cast"}
LONG = 72  # letters of a line at which a part of it gets a line of its own
HELPERS_OF_NUMBERS = {  # what `math` lacks
    "sign": "def sign(x):\n    return (x > 0) - (x < 0)",
    "logaddexp": "def logaddexp(x, y):\n    return max(x, y) + math.log1p(math.exp(-abs(x - y)))",
    "where": "def where(condition, x, y):\n    return x if condition else y",
    "logical_and": "def logical_and(x, y):\n    return x and y",
    **{name: f"def {name}(x, y):\n    return x {sign} y"
       for name, sign in (("greater", ">"), ("greater_equal", ">="), ("less", "<"), ("equal", "=="))},
    "asarray": "def asarray(x, dtype=None):\n    return float(x)",
}  # fmt: skip


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
    return _Page(roots, targets, variables).written()


class _Part:
    """A node with its row and its parents as the source has them."""

    def __init__(self, node: Any, parents: Sequence["_Part"]) -> None:
        self.node, self.op, self.parents = node, node.op, [*parents]
        self.is_leaf = node.op is None
        self.is_number = self.is_leaf and not node.requires_grad and node.shape == ()
        self.like = symbol("#like", node.shape, node.dtype)
        self.expr: Any = None  # its name, or its formula

    @property
    def name(self) -> str:
        """The row's name."""
        return self.op.name if self.op else ""


def _graph(roots: Sequence[Any]) -> list[_Part]:
    """All that the roots are made from, parents first. 1 / (1 + exp(−z)) is the sigmoid, whose slope one writes by its output."""
    top, parts = made(ARRAYS, None, rows.positive, [*roots] * 3), dict[Any, _Part]()
    for node in toposort(top, constants=True, is_mirrored=True)[:-1]:
        part = parts[node] = _Part(node, [parts[parent] for parent in node.parents])
        if (z := _argument_of_sigmoid(part)) is not None:
            part.op, part.parents = rows.sigmoid, [z]
    order, alive = [*parts.values()], {parts[root] for root in roots}
    for part in reversed(order):
        alive.update(part.parents if part in alive else [])
    return [part for part in order if part in alive]


def _argument_of_sigmoid(part: _Part) -> _Part | None:
    below = part.parents[-1] if part.parents else part
    if below.name != "add" or not (
        part.name == "reciprocal" or (part.name == "divide" and _is_one(part.parents[0]))
    ):
        return None
    for one, power in (below.parents, reversed(below.parents)):
        if _is_one(one) and power.name == "exp" and power.parents[0].name == "negative":
            return power.parents[0].parents[0]
    return None


def _is_one(part: _Part) -> bool:
    return part.is_number and float(part.node.data) == 1.0


class _Page:
    """The graph with its names, and the lines that are written of it."""

    def __init__(self, roots: Sequence[Any], targets: Sequence[Any], variables: Mapping[str, Any]) -> None:
        self.order = _graph(roots)
        parts = {part.node: part for part in self.order}
        for node in targets:
            if node not in parts:
                raise GraphError(f"backprop_source: the loss does not depend on {node._name}")
        self.roots, self.targets = ([*dict.fromkeys(parts[x] for x in nodes)] for nodes in (roots, targets))
        self.users: dict[_Part, list[_Part]] = {part: [] for part in self.order}
        self.needed = set(self.targets)  # what lies between the targets and the roots
        for part in self.order:
            for parent in part.parents:
                self.users[parent].append(part)
            if part.node.requires_grad and not self.needed.isdisjoint(part.parents):
                self.needed.add(part)
        self.only_numbers = all(type(node) is Value for node in parts)
        self.style = TEACHER_OF_NUMBERS if self.only_numbers else TEACHER
        self.taken: set[str] = {"np", "math"}
        self.names: dict[_Part, str] = {}
        self.known: dict[Expr, Expr] = {}  # formulas that have a name
        self.lines: list[tuple[str, Any]] = []
        self.name_all(variables)

    # ---- Names

    def name_all(self, variables: Mapping[str, Any]) -> None:
        """Decide which nodes have names, and what they are called."""
        given = {part: name for part in self.order if (name := _given_name(part.node, variables)) is not None}
        self.taken |= {unique(name, set()) for name in given.values()}
        roles, arrays = self.roles(), dict[int, _Part]()
        for part in self.order:
            is_array = type(part.node) is Tensor and part.is_leaf
            same = arrays.setdefault(id(part.node._content), part) if is_array else part
            if same is not part:
                part.expr = same.expr
            elif part in given:
                plain = unique(given[part], set())
                self.give(part, plain if plain not in self.names.values() else unique(plain, self.taken))
            elif part.is_number:
                part.expr = spread(constant(float(part.node.data)), part.like)
            elif (
                other := next((x for x in self.names if _is_complement(part.node, x.node)), None)
            ) is not None:
                part.expr = 1.0 - other.expr
            elif part in roles or part.is_leaf or part in self.roots or part in self.targets:
                self.give(part, unique(roles.get(part) or self.default(part), self.taken))
        for part in self.wanted_back():
            if part not in self.names:
                self.give(part, unique(roles.get(part) or "t1", self.taken))

    def give(self, part: _Part, name: str) -> None:
        """Give a node a name."""
        self.names[part] = name
        part.expr = symbol(name, part.node.shape, part.node.dtype)

    def default(self, part: _Part) -> str:
        if part in self.roots:
            return "loss" if len(self.roots) == 1 and not self.only_numbers else "out"
        if not part.is_leaf:
            return "t1"
        if part.node.requires_grad:
            return "w1"
        is_unit = any(user.name == "concatenate" for user in self.users[part])
        return "unit" if is_unit else "y"  # a bias unit, or the targets

    def roles(self) -> dict[_Part, str]:
        """X, W1, b1, Z1, A1, … by what the nodes are to a layer."""
        found: dict[_Part, str] = {}
        products = [
            part for part in self.order if part.name in ("matmul", "linear") and part.node.requires_grad
        ]
        for layer, product in enumerate(products, 1):
            x, w, *bias = product.parents
            if _is_weight(x) and not _is_weight(w):
                x, w = w, x
            above = self.users[product]
            if not bias and len(above) == 1 and above[0].name == "add":
                others = [parent for parent in above[0].parents if parent is not product]
                if others and others[0].is_leaf:
                    product, bias = above[0], others  # noqa: PLW2901
            for leaf, name in ((x, "X"), (w, f"W{layer}"), *((one, f"b{layer}") for one in bias)):
                if leaf.is_leaf:
                    found.setdefault(leaf, name)
            found.setdefault(product, f"Z{layer}")
            above = self.users[product]
            while (
                len(above) == 1 and above[0].name == "multiply" and any(x.is_number for x in above[0].parents)
            ):
                above = self.users[above[0]]
            if len({user.name for user in above}) == 1 and _is_activation(above[0]):
                found.setdefault(above[0], f"A{layer}")
        return found

    def wanted_back(self) -> list[_Part]:
        """What gets a name because it is used twice, or because the way back needs its value and it costs more than a difference."""
        shown = {part: part.expr for part in self.order}
        for i, part in enumerate(self.order):
            if part.expr is None:
                part.expr = symbol(f"#{i}", part.node.shape, part.node.dtype)
        by_expr = {part.expr: part for part in self.order}
        calls = [part for part in self.order if not part.is_leaf]
        for part in calls:
            formula = taught(self.value(part))
            if any(x.name == "symbol" for x in ordered(formula)):  # where it stands, its value is needed
                by_expr.setdefault(formula, part)
        used = {part for part in calls if len(self.users[part]) > 1}
        for part in calls:
            if part in self.needed and part not in self.targets:
                shares = self.shares(part, symbol("#g", part.node.shape, part.node.dtype))
                read = {x for share in shares if share is not None for x in ordered(taught(share))}
                used |= {by_expr[x] for x in read & by_expr.keys() if not by_expr[x].is_leaf}
        for part, expr in shown.items():
            part.expr = expr
        sizes = {part: 0 for part in self.order if part.expr is not None}
        wanted = []
        for part in self.order:
            if part in sizes:
                continue
            size = 1 + sum(sizes.get(parent, LONG) for parent in part.parents)
            is_cheap = part.name in CHEAP and len(self.users[part]) == 1 and size <= 3
            if part in used and not is_cheap:
                wanted.append(part)
            sizes[part] = size if is_cheap else 0 if part in used else LONG
        return wanted

    # ---- Formulas

    def shares(self, part: _Part, g: Expr) -> list[Expr | None]:
        """What each parent receives, of its shape; None where nobody needs it."""
        wanted = [parent in self.needed for parent in part.parents]
        operands = [parent.expr for parent in part.parents]
        found = _read(part.op, lambda: part.op.shares(EXPRESSIONS, g, part.expr, operands, wanted))
        return [
            None if share is NOT_WANTED else self.fitted(share, parent, part.op)
            for share, parent in zip(found, part.parents, strict=True)
        ]

    def fitted(self, share: Any, parent: _Part, op: Any) -> Expr:
        """A share in the shape of the parent."""
        return spread(constant(sum_to(EXPRESSIONS.xp, constant(share), parent.node.shape, op)), parent.like)

    def value(self, part: _Part) -> Expr:
        """The formula of a node."""
        operands = [parent.expr for parent in part.parents]
        return _read(part.op, lambda: constant(part.op.value(EXPRESSIONS, operands)))  # type: ignore[no-any-return]

    def tidy(self, expr: Expr) -> Expr:
        """As a teacher writes it, with the names of what has been computed."""
        return taught(substitute(taught(expr), self.known))

    def forward(self) -> None:
        """The lines of the way forward."""
        for part in self.order:
            if part.is_leaf:
                continue
            value = self.tidy(self.value(part))
            if part not in self.names and len(str(text(value, None, self.style))) > LONG:
                self.give(part, unique("t1", self.taken))
            if part in self.names:
                self.write(self.names[part], value)
                if not value.is_leaf:
                    self.known[value] = part.expr
            else:
                part.expr = value

    def backward(self) -> dict[_Part, Expr]:
        """The lines of the way back; return the gradient of every target."""
        grads = {root: spread(constant(1.0), root.like) for root in self.roots}
        for part in reversed(self.order):
            if part not in self.needed or part not in grads:
                continue
            g = self.tidy(grads[part])
            inner = g.args[0] if g.name in ("broadcast_to", "negative") else g
            count = sum(parent in self.needed for parent in part.parents)
            if part in self.targets or (not inner.is_leaf and (part in self.names or count > 1)):
                g = self.named(part, g)
            grads[part] = g
            shares = [] if part.is_leaf else self.shares(part, g)
            for parent, share in zip(part.parents, shares, strict=True):
                if share is not None:
                    grads[parent] = grads[parent] + share if parent in grads else share
        return grads

    def named(self, part: _Part, g: Expr) -> Expr:
        """A line for a gradient, and its name from then on."""
        name = unique(f"d{self.names.get(part, 't1')}", self.taken)
        self.write(name, g)
        found = symbol(name, part.node.shape, part.node.dtype)
        if not g.is_leaf:
            self.known[g] = found
        return found

    def write(self, name: str, expr: Expr) -> None:
        self.lines.append((f"{name} = {text(expr, None, self.style)}", expr))

    # ---- The page

    def written(self) -> tuple[str, dict[str, Any]]:
        """The source, and the arguments by name."""
        self.forward()
        split = len(self.lines)
        grads = self.backward()
        leaves = [part for part in self.order if part.is_leaf and part in self.names]
        leaves.sort(key=lambda part: part.node.requires_grad)  # the data first
        results = [self.names[root] for root in self.roots]
        results += [str(text(grads[target], None, self.style)) for target in self.targets]
        self.rename_aliases(split, results)
        out = [f"def backprop({', '.join(self.names[leaf] for leaf in leaves)}):", "    # Forward"]
        out += self.commented(self.lines[:split])
        out.append("    # Backward")
        out += self.commented(self.lines[split:])
        out.append(f"    return {', '.join(results)}")
        body = "\n".join(out)
        parts = [*self.imports(helpers := _helpers(body, self.only_numbers), body), *helpers, body]
        arguments = {self.names[leaf]: leaf.node.data for leaf in leaves}
        return "\n\n\n".join(parts).replace("\n\n\nimport", "\nimport") + "\n", arguments

    def rename_aliases(self, start: int, results: list[str]) -> None:
        """Where a gradient is just another name of an intermediate one, as in `db = dt1`, give the intermediate one that name."""
        for line, _ in self.lines[start:]:
            if alias := re.fullmatch(r"(\w+) = (dt\d+)", line):
                name, other = alias.groups()
                self.lines = [
                    (re.sub(rf"\b{other}\b", name, text), expr) for text, expr in self.lines if text != line
                ]
                results[:] = [re.sub(rf"\b{other}\b", name, result) for result in results]

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


def _read(op: Any, reading: Callable[[], Any]) -> Any:
    try:
        return reading()
    except Unreadable as error:
        advice = "Write it with the functions of xp alone"
        raise CompileError(
            f"backprop_source: the rule of {op.name!r} cannot be read: {error}. {advice}"
        ) from None


def _given_name(node: Any, variables: Mapping[str, Any]) -> str | None:
    """Its label, or the name of the caller's variable that is the node, its array, or holds the same numbers."""
    if node.label:
        return str(node.label)
    for name, x in variables.items():
        if x is node and name[0] != "_":
            return name
    if type(node) is not Tensor or node.op is not None:
        return None
    arrays = [
        (name, x) for name, x in variables.items() if isinstance(x, np.ndarray | list) and name[0] != "_"
    ]
    same = [name for name, x in arrays if x is node._content]
    return next((name for name in same or (name for name, x in arrays if _holds(x, node._content))), None)


def _is_complement(node: Any, other: Any) -> bool:
    """Whether raw data are 1 − other, computed before they came into the graph: for labels y, say, that is 1 − y."""
    raw = all(type(x) is Tensor and x.op is None and not x.requires_grad for x in (node, other))
    return raw and node.shape == other.shape != () and np.array_equal(node.data, 1.0 - other.data)


def _is_weight(part: _Part) -> bool:
    return part.is_leaf and bool(part.node.requires_grad)


def _is_activation(part: _Part) -> bool:
    return part.op.is_ours and len(part.parents) == 1 and part.name not in NO_ACTIVATIONS


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
