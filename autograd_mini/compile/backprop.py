"""backprop_source: the backprop of a graph as a person would write it by hand, in NumPy or plain Python.

The graph is read node by node, each with the formula of its row. What has a name (layers, activations, what is used again or needed on
the way back) gets a line; the rest stands inside the lines of others. The way back is the engine's, with the same rules.
"""

import inspect
import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import rows
from ..core.engine import check_root, toposort
from ..core.node import Node
from ..core.op import NOT_WANTED
from ..core.readings import sum_to
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


CHEAP = (
    "subtract",
    "add",
    "negative",
    "multiply",
    "transpose",
    "reshape",
    "divide",
)  # to be written again, up to three of them
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


class _Page:
    """The graph with its names, and the lines that are written of it."""

    def __init__(self, roots: Sequence[Any], targets: Sequence[Any], variables: Mapping[str, Any]) -> None:
        self.roots, self.targets = dict.fromkeys(roots), dict.fromkeys(targets)
        self.steps: dict[
            Any, tuple[Any, tuple[Any, ...]]
        ] = {}  # (row, parents) where they are not the node's own
        found: dict[Any, None] = {}
        for root in roots:
            for node in toposort(root, constants=True, is_mirrored=True):
                self.recognise(node)
        for root in roots:
            found |= dict.fromkeys(self.below(root))
        self.order = list(found)
        self.uses = Counter(parent for node in self.order for parent in self.parents(node))
        self.needed = self.on_the_way()
        self.only_numbers = all(type(node) is Value for node in self.order)
        self.style = TEACHER_OF_NUMBERS if self.only_numbers else TEACHER
        self.taken: set[str] = {"np", "math"}
        self.names: dict[Any, str] = {}
        self.exprs: dict[Any, Expr] = {}
        self.known: dict[Expr, Expr] = {}  # formulas that have a name
        self.lines: list[tuple[str, Any]] = []
        self.name_all(variables)

    # ---- The graph

    def parents(self, node: Any) -> tuple[Any, ...]:
        return self.steps[node][1] if node in self.steps else node.parents

    def op(self, node: Any) -> Any:
        return self.steps[node][0] if node in self.steps else node.op

    def below(self, root: Any) -> Iterator[Any]:
        """Every node that the root is made from, parents first, as toposort gives them, by way of what was recognised."""
        seen, stack = set[Any](), [(root, False)]
        while stack:
            node, is_done = stack.pop()
            if is_done:
                yield node
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack += [(parent, False) for parent in reversed(self.parents(node)) if parent not in seen]

    def recognise(self, node: Any) -> None:
        """1 / (1 + exp(−z)) is the sigmoid, whose slope one writes by its output."""
        if node.op is None or node.op.name not in ("divide", "reciprocal"):
            return
        below = node.parents[-1]
        if node.op.name == "divide" and not _is_one(node.parents[0]):
            return
        if below.op is None or below.op.name != "add" or not any(map(_is_one, below.parents)):
            return
        power = below.parents[0] if _is_one(below.parents[1]) else below.parents[1]
        if power.op is not None and power.op.name == "exp" and power.parents[0].op is not None:
            minus = power.parents[0]
            if minus.op.name == "negative":
                self.steps[node] = rows.sigmoid, minus.parents

    def on_the_way(self) -> set[Any]:
        """The nodes between the targets and the roots; GraphError for a target that no root depends on."""
        needed = set(self.targets)
        for node in self.order:
            if node.requires_grad and not needed.isdisjoint(self.parents(node)):
                needed.add(node)
        for node in self.targets:
            if node not in set(self.order):
                raise GraphError(f"backprop_source: the loss does not depend on {node._name}")
        return needed

    # ---- Names

    def name_all(self, variables: Mapping[str, Any]) -> None:
        """Decide which nodes have names, and what they are called."""
        by_id = {id(x): name for name, x in reversed([*variables.items()]) if isinstance(x, Node | np.ndarray)
                 and not name.startswith("_")}  # fmt: skip
        arrays = [
            (name, x) for name, x in variables.items() if isinstance(x, np.ndarray | list) and name[0] != "_"
        ]
        given: dict[Any, str] = {}
        for node in self.order:
            name = node.label or by_id.get(id(node))
            if name is None and type(node) is Tensor and node.op is None:
                name = by_id.get(id(node._content)) or next(
                    (n for n, x in arrays if _holds(x, node._content)), None
                )
            if name is not None:
                given[node] = name
        self.taken |= {unique(name, set()) for name in given.values()}
        roles, arrays_seen = self.roles(), dict[int, Any]()
        for node in self.order:
            if node in self.exprs:
                continue
            same = (
                arrays_seen.setdefault(id(node._content), node)
                if type(node) is Tensor and node.op is None
                else node
            )
            if same is not node:
                self.exprs[node] = self.exprs[same]
            elif node in given:
                self.give(node, given[node], True)
            elif _is_number(node):
                self.exprs[node] = spread(constant(float(node.data)), _like(node))
            elif (other := next((x for x in self.names if _is_complement(node, x)), None)) is not None:
                self.exprs[node] = 1.0 - self.exprs[other]
            elif node in roles or node.op is None or node in self.roots or node in self.targets:
                self.give(node, roles.get(node) or self.default(node))
        for node in self.wanted_back():
            if node not in self.names:
                self.give(node, roles.get(node) or "t1")

    def give(self, node: Any, name: str, is_reserved: bool = False) -> None:
        """Give a node a name."""
        if is_reserved and (plain := unique(name, set())) not in self.names.values():
            self.names[node] = plain
        else:
            self.names[node] = unique(name, self.taken)
        self.exprs[node] = symbol(self.names[node], node.shape, node.dtype)

    def default(self, node: Any) -> str:
        if node in self.roots:
            return "loss" if len(self.roots) == 1 and not self.only_numbers else "out"
        if node.op is not None:
            return "t1"
        if node.requires_grad:
            return "w1"
        users = [self.op(one) for one in self.order if node in {*self.parents(one)}]
        is_unit = any(op.name == "concatenate" for op in users)
        return "unit" if is_unit else "y"  # a bias unit, or the targets

    def roles(self) -> dict[Any, str]:
        """X, W1, b1, Z1, A1, … by what the nodes are to a layer."""
        found: dict[Any, str] = {}
        users: dict[Any, list[Any]] = {}
        for node in self.order:
            for parent in self.parents(node):
                users.setdefault(parent, []).append(node)
        layer = 0
        for node in self.order:
            if self.op(node) is None or self.op(node).name not in ("matmul", "linear"):
                continue
            x, w, *bias = self.parents(node)
            if not node.requires_grad:
                continue
            x, w = (
                (w, x)
                if x.op is None and x.requires_grad and not (w.op is None and w.requires_grad)
                else (x, w)
            )
            layer += 1
            above = users.get(node, [])
            if not bias and len(above) == 1 and self.op(above[0]).name == "add":
                bias = [parent for parent in above[0].parents if parent is not node]
                node = above[0] if bias and bias[0].op is None else node  # noqa: PLW2901
                bias = bias if node is above[0] else []
            for leaf, name in ((x, "X"), (w, f"W{layer}"), *((one, f"b{layer}") for one in bias)):
                if leaf.op is None:
                    found.setdefault(leaf, name)
            found.setdefault(node, f"Z{layer}")
            above = users.get(node, [])
            while (
                len(above) == 1
                and self.op(above[0]).name == "multiply"
                and any(map(_is_number, above[0].parents))
            ):
                above = users.get(above[0], [])
            names = {self.op(one).name for one in above}
            if (
                len(names) == 1
                and self.op(above[0]).is_ours
                and len(self.parents(above[0])) == 1
                and _is_activation(above[0])
            ):
                found.setdefault(above[0], f"A{layer}")
        return found

    def wanted_back(self) -> list[Any]:
        """What gets a name because it is used twice, or because the way back needs its value and it costs more than a difference."""
        stand_in = {
            node: symbol(f"#{i}", node.shape, node.dtype) for i, node in enumerate(self.order)
        } | self.exprs
        by_expr = {expr: node for node, expr in stand_in.items()}
        for node in self.order:
            if self.op(node) is not None:
                formula = taught(self.value(node, stand_in))
                if any(x.name == "symbol" for x in ordered(formula)):  # where it stands, its value is needed
                    by_expr.setdefault(formula, node)
        used: set[Any] = {node for node, count in self.uses.items() if count > 1 and node.op is not None}
        for node in self.order:
            if node in self.needed and self.op(node) is not None and node not in self.targets:
                g = symbol("#g", node.shape, node.dtype)
                for share in self.shares(node, g, stand_in):
                    if share is not None:
                        used |= {
                            by_expr[x]
                            for x in ordered(taught(share))
                            if x in by_expr and by_expr[x].op is not None
                        }
        sizes: dict[Any, int] = dict.fromkeys(self.exprs, 0)
        wanted = []
        for node in self.order:
            if node in sizes:
                continue
            size = 1 + sum(sizes.get(parent, LONG) for parent in self.parents(node))
            is_cheap = self.op(node).name in CHEAP and self.uses[node] == 1 and size <= 3
            if node in used and not is_cheap:
                wanted.append(node)
            sizes[node] = 0 if node in used and not is_cheap else size if is_cheap else LONG
        return wanted

    # ---- Formulas

    def shares(self, node: Any, g: Expr, exprs: Mapping[Any, Expr]) -> list[Expr | None]:
        """What each parent receives, of its shape; None where nobody needs it."""
        parents = self.parents(node)
        wanted = [parent in self.needed for parent in parents]
        try:
            found = self.op(node).shares(
                EXPRESSIONS, g, exprs[node], [exprs[parent] for parent in parents], wanted
            )
            return [
                None if share is NOT_WANTED else self.fitted(constant(share), parent, node)
                for share, parent in zip(found, parents, strict=True)
            ]
        except Unreadable as error:
            raise _unreadable(self.op(node), error) from None

    def fitted(self, share: Expr, parent: Any, node: Any) -> Expr:
        """A share in the shape of the parent."""
        summed = sum_to(EXPRESSIONS.xp, share, parent.shape, self.op(node))
        return spread(constant(summed), _like(parent))

    def value(self, node: Any, exprs: Mapping[Any, Expr]) -> Expr:
        """The formula of a node."""
        try:
            return constant(
                self.op(node).value(EXPRESSIONS, [exprs[parent] for parent in self.parents(node)])
            )
        except Unreadable as error:
            raise _unreadable(self.op(node), error) from None

    def tidy(self, expr: Expr) -> Expr:
        """As a teacher writes it, with the names of what has been computed."""
        return taught(substitute(taught(expr), self.known))

    def forward(self) -> None:
        """The lines of the way forward."""
        for node in self.order:
            if self.op(node) is None:
                continue
            value = self.tidy(self.value(node, self.exprs))
            if node not in self.names and len(str(text(value, None, self.style))) > LONG:
                self.give(node, "t1")
            if node in self.names:
                self.write(self.names[node], value)
                if not value.is_leaf:
                    self.known[value] = self.exprs[node]
            else:
                self.exprs[node] = value

    def backward(self) -> dict[Any, Expr]:
        """The lines of the way back; return the gradient of every target."""
        grads: dict[Any, Expr] = {root: spread(constant(1.0), _like(root)) for root in self.roots}
        for node in reversed(self.order):
            if node not in self.needed or node not in grads:
                continue
            g = self.tidy(grads[node])
            op = self.op(node)
            count = 0 if op is None else sum(parent in self.needed for parent in self.parents(node))
            is_plain = g.is_leaf or (g.name == "broadcast_to" and g.args[0].is_leaf) or _is_negative_leaf(g)
            is_target = node in self.targets
            if is_target or (not is_plain and (node in self.names or count > 1)):
                g = self.named(node, g)
            grads[node] = g
            if op is None:
                continue
            for parent, share in zip(self.parents(node), self.shares(node, g, self.exprs), strict=True):
                if share is not None:
                    grads[parent] = grads[parent] + share if parent in grads else share
        return grads

    def named(self, node: Any, g: Expr) -> Expr:
        """A line for a gradient, and its name from then on."""
        name = unique(f"d{self.names.get(node, 't1')}", self.taken)
        self.write(name, g)
        found = symbol(name, node.shape, node.dtype)
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
        leaves = [node for node in self.order if node.op is None and node in self.names]
        leaves.sort(key=lambda node: node.requires_grad)  # the data first
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
        arguments = {self.names[leaf]: leaf.data for leaf in leaves}
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


def _is_complement(node: Any, other: Any) -> bool:
    """Whether raw data are 1 − other, computed before they came into the graph: for labels y, say, that is 1 − y."""
    raw = all(type(x) is Tensor and x.op is None and not x.requires_grad for x in (node, other))
    return raw and node.shape == other.shape != () and np.array_equal(node.data, 1.0 - other.data)


def _is_number(node: Any) -> bool:
    return node.op is None and not node.requires_grad and node.shape == ()


def _is_one(node: Any) -> bool:
    return _is_number(node) and float(node.data) == 1.0


def _is_activation(node: Any) -> bool:
    return node.op.name not in (
        "sum",
        "mean",
        "reshape",
        "transpose",
        "getitem",
        "negative",
        "positive",
        "cast",
    )


def _is_negative_leaf(x: Expr) -> bool:
    return x.name == "negative" and x.args[0].is_leaf


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


def _like(node: Any) -> Expr:
    return symbol("#like", node.shape, node.dtype)


def _unreadable(op: Any, error: Exception) -> CompileError:
    advice = "Write it with the functions of xp alone"
    return CompileError(f"backprop_source: the rule of {op.name!r} cannot be read: {error}. {advice}")


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
