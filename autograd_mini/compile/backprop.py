"""backprop_source: the backprop of a graph as a person would write it by hand, in NumPy or plain Python.

The graph is read to lines, one for each node and one for each gradient, by the same rows that the engine runs. Then what has a name
(layers, activations, the caller's variables), or is used again, keeps its line; the rest is put into the lines that use it, and what
cancels there is not written.
"""

import inspect
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.engine import check_root
from ..core.node import Node
from ..core.value import Value
from ..errors import DTypeError, GraphError
from ..support import numerics
from ..support.containers import flatten
from ..symbols import VIEWS, Expr, call, constant, ordered, spread, substitute, symbol
from .parts import Graph, Names, Part
from .taught import MIRRORED, cost
from .text import TEACHER, TEACHER_OF_NUMBERS, of_numbers, text
from .trace import unique

HELPERS = {  # what NumPy lacks, as one writes it
    "sigmoid": "def sigmoid(z):\n    return 1 / (1 + np.exp(-z))",
    "softmax": "def softmax(z, axis=-1):\n    e = np.exp(z - z.max(axis=axis, keepdims=True))\n"
    "    return e / e.sum(axis=axis, keepdims=True)",
    "log_softmax": "def log_softmax(z, axis=-1):\n    z = z - z.max(axis=axis, keepdims=True)\n"
    "    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))",
    "erf": "erf = np.vectorize(math.erf)",
    "erfc": "erfc = np.vectorize(math.erfc)",
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
# May be written again
SHORT = {"subtract", "add", "negative", "multiply", "divide", *VIEWS, *MIRRORED}
BEFORE = symbol("~")  # what stands before a term
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
            what = f"a scalar is needed, {root._name} has shape {root.shape}"
            raise GraphError(f"backprop_source: {what}: take .sum() or .mean()")
    for is_plain in (True, False):  # a target inside of what would be written as a softmax is to be seen
        graph = Graph(roots, variables, is_plain)
        order = graph.made_of([graph.parts[node] for node in roots])
        if all(graph.parts.get(node) in order for node in targets):
            break
    for node in targets:
        if node not in graph.parts:
            raise GraphError(f"backprop_source: the loss does not depend on {node._name}")
    return _Page(graph, order, *([graph.parts[x] for x in nodes] for nodes in (roots, targets))).written()


# ---- The page -----------------------------------------------------------------------------------------------------------


class _Page:
    """The lines: formulas by the symbols that they define, forward and then backward, in order."""

    def __init__(self, graph: Graph, order: list[Part], roots: list[Part], targets: list[Part]) -> None:
        self.graph, self.roots, self.targets = graph, roots, targets
        self.order = [*dict.fromkeys([*order, *targets])]
        self.only_numbers = all(type(node) is Value for node in graph.parts)
        self.style = TEACHER_OF_NUMBERS if self.only_numbers else TEACHER
        self.names = Names(graph, self.order, self.roots, self.targets)
        self.lines = {part.sym: part.formula for part in self.order if part.formula is not None}
        self.forward = set(self.lines)
        self.grads: dict[Expr, Expr] = {}
        self.said = {array: name for array, (name, _) in graph.indices.items()} | graph.ranges
        graph.named = self.names.names
        self.backward()
        self.returned = [*[part.sym for part in self.roots], *[self.grads[part.sym] for part in self.targets]]
        self.results, named = {*self.returned}, {part.sym for part in self.names.names}
        self.named = self.results | named | {g for sym, g in self.grads.items() if sym in named}
        before = 0
        while before != len(self.lines):
            before = len(self.lines)
            self.rename()
            self.put_in()

    def backward(self) -> None:
        """A line for the gradient of each part between the targets and the roots."""
        needed = set(self.targets)
        for part in self.order:
            if part.needs_gradient and not needed.isdisjoint(part.parents):
                needed.add(part)
        held: dict[Part, Expr] = {root: spread(constant(1.0), root.sym) for root in self.roots}
        for part in reversed(self.order):
            if part in self.targets and part not in held:
                held[part] = spread(constant(0.0), part.sym)
            if part not in needed or part not in held:
                continue
            self.grads[part.sym] = g = symbol(f"d{part.sym.value}", part.shape, part.sym.dtype)
            self.lines[g] = self.graph.tidy(held[part])
            if part.formula is None:
                continue
            shares = self.graph.shares(part, g, [parent in needed for parent in part.parents])
            for parent, share in zip(part.parents, shares, strict=True):
                if share is not None:
                    held[parent] = held[parent] + share if parent in held else share

    # ---- Which lines stay

    def rename(self) -> None:
        """No line that nothing needs or that is a plain one; a gradient without a name that is another one's, by that name."""
        wanted = {*self.results}
        for sym in [*self.lines][::-1]:
            if sym in wanted:
                wanted |= {x for x in ordered(self.lines[sym]) if x in self.lines}
            else:
                del self.lines[sym]
        nameless = {*self.lines} - self.named - self.forward
        plain: dict[Expr, Expr] = {}
        for sym, value in [*self.lines.items()]:
            new = substitute(value, plain)
            self.lines[sym] = new = value if new is value else self.graph.tidy(new)
            if _is_plain(new) and sym not in self.named:
                plain[sym] = self.lines.pop(sym)
        same = {x: sym for sym, x in self.lines.items() if sym in self.named and x in nameless}
        own, lines = {*same.values()}, self.lines.items()
        self.lines = {same.get(sym, sym): substitute(value, same) for sym, value in lines if sym not in own}

    def put_in(self) -> None:
        """The lines that say little into those that use them, and a gradient into a line that gets no longer by it."""
        users: dict[Expr, dict[Expr, None]] = {}
        stack = [*self.lines]
        for sym in [x for x in self.lines if x not in self.results]:
            while stack:
                user = stack.pop()
                for x in _occurrences(self.lines[user]):
                    users.setdefault(x, {})[user] = None
            value, is_other = self.lines[sym], sym in self.forward or self.lines[sym].name == "matmul"
            if is_other and sym in self.named:
                continue
            old = {x: self.lines[x] for x in users.get(sym, ()) if x in self.lines}
            old = {user: line for user, line in old.items() if sym in _occurrences(line)}
            new = {user: self.graph.tidy(substitute(line, {sym: value})) for user, line in old.items()}
            if not self.is_small(sym, value, old, new):
                is_one = len(old) == 1
                short = [x for x, y in new.items() if _is_plain(y) or (is_one and cost(y) <= cost(old[x]))]
                new = {user: new[user] for user in short if not is_other}
            self.lines |= new
            stack = [*new]
            if len(new) == len(old):
                del self.lines[sym]

    def is_small(self, sym: Expr, value: Expr, old: Mapping[Expr, Expr], new: Mapping[Expr, Expr]) -> bool:
        """Whether a line is put into those that use it: into the old ones, which are then the new ones."""
        if _is_plain(value):
            return True
        if sym in self.named or any(not _can_take(line, sym, value) for line in old.values()):
            return False
        times = sum(_occurrences(line)[sym] for line in old.values())
        if times > 1:
            is_short = {x.name for x in ordered(value) if x.shape is not None and not x.is_leaf} <= SHORT
            is_view = value.name == "getitem" and value.args[0].is_leaf
            others = sum(n for x, n in _occurrences(value).items() if x in self.lines)
            is_kept = others > 1 or self.grads.get(sym) in self.lines
            if not is_short or is_kept or times > (10 if is_view else 4 - cost(value)):
                return False
        return all(len(line) <= LONG for value in new.values() for line in self.statements("dW1", value, ""))

    # ---- The text

    def text(self, x: Expr) -> str:
        return str(text(x, self.said, self.style))

    def written(self) -> tuple[str, dict[str, Any]]:
        """The source, and the arguments by name."""
        names, said = self.names.names, self.said
        for part in self.order:
            if part.sym in self.lines and part not in names:
                names[part] = unique("t1", self.names.taken)
        said |= {part.sym: name for part, name in names.items()}
        likes = dict.fromkeys(self.lines, "")
        for sym, g in self.grads.items():
            if g in self.lines:
                said[g] = unique(f"d{said.get(sym, 't1')}", self.names.taken)
                likes[g] = said.get(sym, "")
        lines: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
        for sym, value in self.lines.items():
            texts = self.statements(said[sym], value, likes[sym])
            lines[sym in self.forward] += [(line, value.shape) for line in texts]
        used = {x for value in self.lines.values() for x in ordered(value)}
        leaves = [part for part in self.order if part.formula is None and part.sym in used]
        arguments = {said[part.sym]: part.node.data for part in leaves if not part.needs_gradient}
        arguments |= {name: array for x, (name, array) in self.graph.indices.items() if x in used}
        arguments |= {said[part.sym]: part.node.data for part in leaves if part.needs_gradient}
        out = [f"def backprop({', '.join(arguments)}):", "    # Forward", *self.commented(lines[True])]
        out.append("    # Backward")
        for (x, axis), sums in self.graph.units.items():
            which = "" if len(x.shape or ()) == 1 else "Each row of " if axis == -1 else "Each column of "
            out += [f"    # {which}{said[x]} sums to 1"] if sums and x not in self.forward else []
        out += [*self.commented(lines[False]), f"    return {', '.join(map(self.text, self.returned))}"]
        body = "\n".join(out)
        functions = "\n\n\n".join([*_helpers(body, self.only_numbers), body]) + "\n"
        imports = "import math\n" * ("math." in functions)
        imports += "import numpy as np\n" * ("np." in functions or not self.only_numbers)
        return imports + "\n\n" * bool(imports) + functions, arguments

    def statements(self, name: str, value: Expr, like: str) -> list[str]:
        """The lines of a value: of a long sum several, and one for each part that is added at an index."""
        lines, is_whole = list[str](), False
        for x, sign in sorted(_sum_terms(value), key=lambda term: term[0].name == "scatter"):
            if x.name == "scatter":
                zeros, index = f"np.zeros_like({like})" if like else f"np.zeros({value.shape})", x.args[2]
                amount = self.text(self.graph.tidy(x.args[0] if sign > 0 else -x.args[0]))
                place = self.text(call("getitem", symbol(name, value.shape or ()), index))
                is_of_arrays = any(part.shape for part in (index, *index.args))
                at = f"np.add.at({name}, {self.text(index)}, {amount})"
                lines = lines or [f"{name} = {zeros}"]
                lines.append(at if is_of_arrays else f"{place} += {amount}")
                continue
            term = self.text(BEFORE + x)[4:]
            how, term = "+" if (sign > 0) == (term[0] != "-") else "-", term.lstrip("-")
            if not lines:
                lines = [f"{name} = {how.strip('+')}{term}"]
            elif is_whole and (len(lines[-1]) + len(term) + 3 > LONG or " -= " in lines[-1]):
                lines.append(f"{name} {how}= {term}")
            else:
                lines[-1] += f" {how} {term}"
            is_whole |= x.shape == value.shape
        return lines

    def commented(self, lines: Sequence[tuple[str, Any]]) -> list[str]:
        """The lines with their shapes behind."""
        if self.only_numbers:
            return [f"    {line}" for line, _ in lines]
        width = min(max((len(line) for line, _ in lines), default=0), 72)
        return [f"    {line.ljust(width)}  # {shape or 'number'}" for line, shape in lines]


def _occurrences(expr: Expr) -> Counter[Expr]:
    """How often each symbol stands in a line."""
    found: Counter[Expr] = Counter({expr: 1})
    for x in reversed(ordered(expr)):
        for part in x.args:
            found[part] += found[x]
    return Counter({x: n for x, n in found.items() if x.name == "symbol"})


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
                source = re.sub(r"\bnp\.(\w+)", lambda match: of_numbers(match[1]), source)
            found.pop(name, None)  # to the end, where it is written first
            found[name] = source
            stack.append(source.partition("\n")[2])
    return list(found.values())[::-1]


def _plain(function: Any) -> str:
    """The source of a function of ours, without types, in NumPy's names."""
    source = textwrap.dedent(inspect.getsource(function)).rstrip()
    source = re.sub(r"\s*\"\"\".*?\"\"\"", "", source, count=1, flags=re.DOTALL)
    source = re.sub(r": (?:Any|int|float|bool|tuple\[[^\]]*\])(?=[,)= ]|\n)", "", source)
    source = re.sub(r"\) -> [^:]+:", "):", source, count=1)
    source = re.sub(r"\bxp\.(erfc?)\b", r"\1", source)
    return source.replace("xp.", "np.").replace("(xp, ", "(")
