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
from collections.abc import Iterator, Mapping, Sequence
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
        graph = Graph(roots, variables, is_plain)
        kept = graph.keep(roots)
        if all(node in graph.parts and graph.parts[node] in kept for node in targets):
            break
    for node in targets:
        if node not in graph.parts:
            raise GraphError(f"backprop_source: the loss does not depend on {node._name}")
    return _Page(graph, roots, targets).written()


# ---- The page -----------------------------------------------------------------------------------------------------------


class _Page:
    """The lines: `values` are formulas by the symbols that they define, forward and then backward, in order."""

    def __init__(self, graph: Graph, roots: Sequence[Any], targets: Sequence[Any]) -> None:
        self.graph = graph
        kept = graph.keep(roots) | {graph.parts[target] for target in targets}
        self.order = [part for part in graph.order if part in kept]
        self.roots, self.targets = (
            [*dict.fromkeys(graph.parts[x] for x in nodes)] for nodes in (roots, targets)
        )
        self.wrt = [graph.parts[x] for x in targets]
        self.only_numbers = all(type(node) is Value for node in graph.parts)
        self.style = TEACHER_OF_NUMBERS if self.only_numbers else TEACHER
        self.names = Names(graph, self.order, self.roots, self.targets)
        self.values = {part.sym: part.formula for part in self.order if part.formula is not None}
        self.forward = set(self.values)
        self.grads: dict[Part, Expr] = {}
        self.said = {array: name for array, (name, _) in graph.indices.items()} | graph.ranges
        self.likes = {part.like: part for part in self.order}
        self.backward()
        self.tried: set[tuple[Expr, Expr]] = set()
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
        held: dict[Part, Expr] = {root: spread(constant(1.0), root.sym) for root in self.roots}
        for part in reversed(self.order):
            if part in self.targets and part not in held:
                held[part] = spread(constant(0.0), part.sym)
            if part not in needed or part not in held:
                continue
            g = symbol(f"d{part.sym.value}", part.shape, part.sym.dtype)
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
        named = {part.sym for part in self.names.names} | {self.grads.get(part) for part in self.names.names}
        self.named, backward = named | results, [sym for sym in self.values if sym not in self.forward]
        self.small = {
            sym for sym in self.forward_order()
            if sym not in named and cost(self.values[sym]) == 1 and len(_occurrences(self.values[sym])) == 1
        }  # fmt: skip
        before = 0
        while before != len(self.values):
            before = len(self.values)
            for sym in [x for x in backward if x in self.values and x in self.named]:
                value = self.values[sym]
                if value in self.values and value not in self.named and value not in self.forward:
                    self.rename(value, sym)  # a gradient that is another one of its name: db = dt1
            for sym in [x for x in backward if x in self.values and x not in results]:
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

    def forward_order(self) -> list[Expr]:
        return [sym for sym in self.values if sym in self.forward]

    def absorb(self, sym: Expr) -> None:
        """Put a gradient into a line that becomes no longer by it: what cancels is not written."""
        users, value = self.users.get(sym, Counter()), self.values[sym]
        for user in [] if _is_plain(value) or value.name == "matmul" else [*users]:
            line = self.values[user]
            if (value, line) in self.tried:
                continue
            self.tried.add((value, line))
            both, alone, own = map(self.spelt, (substitute(line, {sym: value}), line, value))
            if cost(own) and (cost(both) <= cost(alone) if len(users) == 1 else _is_plain(both)):
                self.change(user, both)
        if not users:
            self.remove(sym)

    def spelt(self, expr: Expr) -> Expr:
        """With what is short on the way forward, as 1 − A, spelt out."""
        small = {x: self.values[x] for x in ordered(expr) if x in self.small and x in self.values}
        return self.graph.tidy(substitute(expr, small))

    def is_small(self, sym: Expr, is_named: bool) -> bool:
        """Whether a line is put into those that use it."""
        users, value = self.users.get(sym, Counter()), self.values[sym]
        total = sum(users.values())
        parts = sum(_occurrences(value).values())
        if _is_plain(value):
            return not (
                is_named and value in self.values and (value in self.forward or value not in self.named)
            )
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
                said[g] = unique(f"d{names.get(part, 't1')}", self.names.taken)
        leaves = [part for part in self.order if part.formula is None]
        lines: dict[bool, list[tuple[str, Any]]] = {True: [], False: []}
        used: dict[Expr, None] = {}
        of_grads = {g: part for part, g in self.grads.items()}
        for sym in self.values:
            value = self.sized(self.values[sym], said)
            used |= dict.fromkeys(ordered(value))
            alike = [*([of_grads[sym]] if sym in of_grads else []), *leaves]
            like = next((said[x.sym] for x in alike if x.shape == value.shape and x.sym in said), "")
            lines[sym in self.forward] += self.statements(said[sym], value, said, like)
        leaves = [part for part in leaves if part.sym in used]
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
        functions = "\n\n\n".join([*_helpers(body, self.only_numbers), body])
        imports = self.imports(functions)
        return (imports + "\n\n\n" if imports else "") + functions + "\n", arguments

    def sized(self, value: Expr, said: Mapping[Expr, str]) -> Expr:
        """Sizes as those of an array that has a name."""
        changes: dict[Expr, Expr] = {}
        for x in ordered(value):
            like = next((y for y in x.args if y in self.likes), None)
            if like is not None:
                named = self.named_like(self.likes[like], x.name == "length", said)
                changes[x] = call(x.name, *[named if y is like else y for y in x.args])
        return substitute(value, changes) if changes else value

    def named_like(self, part: Part, is_length: bool, said: Mapping[Expr, str]) -> Expr:
        """The symbol of an array of this shape, or of this length, by how the part is computed; data before others."""
        shape = part.shape
        found, stack, seen = [], [part], set()
        while stack:
            x = stack.pop(0)
            own = x.shape
            if x in seen or (own[:1] != shape[:1] if is_length else own != shape):
                continue
            seen.add(x)
            found += [x] if x.sym in said else []
            labels = [
                y for y in ordered(x.sym if x.formula is None else x.formula) if y in self.graph.indices
            ]
            if is_length and labels and (labels[0].shape or ())[:1] == shape[:1]:
                return symbol(said[labels[0]], labels[0].shape or ())
            is_product = x.name in ("matmul", "linear")
            stack += x.parents[: int(is_length)] if is_product else x.parents
        data = [x for x in found if x.is_data]
        return next((x.sym for x in (*data, *found)), symbol(f"np.empty({shape})", shape))

    def statements(
        self, name: str, value: Expr, said: Mapping[Expr, str], like: str
    ) -> Iterator[tuple[str, Expr]]:
        """The lines of a value: of a long sum several, and one for each part that is added at an index."""
        terms = _sum_terms(value)
        added = [(x, sign) for x, sign in terms if x.name == "scatter"]
        sums: list[tuple[str, Expr]] = []
        for x, sign in terms:
            if x.name == "scatter":
                continue
            how, total = sums[-1] if sums else ("=", x if sign > 0 else -x)
            both = (total + x if sign > 0 else total - x) if sums else total
            is_whole = bool(sums) and not total.is_leaf and total.shape == value.shape
            if how == "-=" or (is_whole and len(f"{name} += {text(both, said, self.style)}") > LONG):
                sums.append(("+=" if sign > 0 else "-=", x))
            else:
                sums[-1:] = [(how, both)]
        if not sums:
            yield f"{name} = {f'np.zeros_like({like})' if like else f'np.zeros({value.shape})'}", value
        for how, total in sums:
            yield f"{name} {how} {text(total, said, self.style)}", value
        for x, sign in added:
            amount, index = (x.args[0] if sign > 0 else self.graph.tidy(-x.args[0])), x.args[2]
            if any(part.shape for part in (index, *index.args)):
                yield (
                    f"np.add.at({name}, {text(index, said, self.style)}, {text(amount, said, self.style)})",
                    value,
                )
                continue
            how, amount = ("-=", amount.args[0]) if amount.name == "negative" else ("+=", amount)
            place = text(call("getitem", symbol(name, value.shape or ()), index), said, self.style)
            yield f"{place} {how} {text(amount, said, self.style)}", value

    def imports(self, text: str) -> str:
        needs_numpy = "np." in text or not self.only_numbers
        return "\n".join(
            [
                line
                for line, is_used in (("import math", "math." in text), ("import numpy as np", needs_numpy))
                if is_used
            ]
        )

    def commented(self, lines: Sequence[tuple[str, Expr]]) -> list[str]:
        """The lines with their shapes behind."""
        if self.only_numbers:
            return [f"    {line}" for line, _ in lines]
        width = min(max((len(line) for line, _ in lines), default=0), 72)
        return [f"    {line.ljust(width)}  # {expr.shape or 'number'}" for line, expr in lines]


def _occurrences(expr: Expr) -> Counter[Expr]:
    """How often each symbol stands in a line; shapes do not count."""
    found: Counter[Expr] = Counter({expr: 1})
    for x in reversed(ordered(expr)):
        for part in x.args:
            found[part] += found[x]
    return Counter({x: n for x, n in found.items() if x.name == "symbol" and not x.value.startswith("~")})


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
