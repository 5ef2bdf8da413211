"""Why is this gradient what it is? Its chain rule with the numbers: one line a path from the loss to the variable.

A gradient is a sum over paths: along each, the local derivatives of its steps are multiplied. The engine never forms that sum
(there may be 2ⁿ paths in n steps); it is written out here, the largest paths first, with the rest in one number.
"""

import heapq
import html
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

import numpy as np

from ..compile.text import PEOPLE, text
from ..draw.reprs import as_html, table
from ..errors import GraphError
from ..support.coercion import whole
from ..symbols import Expr, Unreadable, constant, simplify, symbol
from .backward import Backward, fit, forward_expr, is_node, share_expr
from .words import Words, summed

PRODUCT = PEOPLE.forms["matmul"][1:]
MATRICES = replace(PEOPLE, forms={**PEOPLE.forms, "matmul": ("{} · {}", *PRODUCT)})
STEPS, FORMULAS = 9, 24  # the most steps of a path, and the most formulas, that are written in full
DIGITS, MOST_DIGITS = 6, 13  # of the gradient; and of its largest part, where parts cancel
Edge = tuple[Any, int]  # a node, and which of its parents is meant


@dataclass(frozen=True)
class Path:
    """One path from the loss to the variable: its nodes' names, its local derivatives (of numbers), and its share."""

    nodes: tuple[str, ...]
    factors: tuple[float, ...]
    share: Any


@dataclass(frozen=True)
class Explanation:
    """The chain rule of one gradient. The shares of `paths` and the `rest` add up to `gradient`.

    `count`: how many paths there are in all, exactly; `formulas`: (formula, shapes) of the forward and the backward steps,
    where there are arrays.
    """

    loss: str
    name: str
    gradient: Any
    count: int
    paths: tuple[Path, ...]
    rest: Any
    formulas: tuple[tuple[str, str], ...] = ()

    @property
    def place(self) -> tuple[Any, ...]:
        """Which number of an array the paths are followed for: the largest; () for a number."""
        return np.unravel_index(np.argmax(np.abs(self.gradient)), np.shape(self.gradient))

    def rows(self) -> list[tuple[str, str]]:
        """Return a (path, number) for each path, for the rest and for the sum; the numbers add up as they are printed.

        Of arrays it is the number at the place where the gradient is largest.
        """
        more = self.count - len(self.paths)
        shares = [path.share for path in self.paths] + [self.rest] * (more > 0)
        at = [float(np.asarray(x)[self.place]) for x in shares]
        *numbers, total = adding_up(at, float(np.asarray(self.gradient)[self.place]))
        rows = []
        for path, number in zip(self.paths, numbers, strict=False):
            factors = " · ".join(_shortened([f"{x:.6g}" for x in path.factors]))
            rows.append((" → ".join(_shortened(path.nodes)), f"{factors} = {number}" if factors else number))
        rest = [(f"{more:,} more paths together", numbers[-1])] if more > 0 else []
        return [*rows, *rest, ("sum", total)]

    def _blocks(self) -> list[Any]:
        """All that is shown: lines, and lists of pairs."""
        shape = f" of shape {np.shape(self.gradient)}" if np.ndim(self.gradient) else ""
        paths = f"{self.count:,} path{'' if self.count == 1 else 's'}"
        entry = f"{self.name}[{', '.join(map(str, self.place))}], where it is largest:" if shape else ""
        title = f"∂{self.loss}/∂{self.name}{shape}: {paths}"
        return [block for block in (title, self.formulas, entry, self.rows()) if block]

    def __str__(self) -> str:
        lines: list[str] = []
        for block in self._blocks():
            pairs = [] if isinstance(block, str) else block
            width = max((len(left) for left, _ in pairs), default=0)
            lines += [f"   {left:{width}s}   {right}".rstrip() for left, right in pairs] or [block]
        return "\n".join(lines)

    @as_html
    def _repr_html_(self) -> str:
        title, *others = self._blocks()
        shown = [
            table([], x, 1) if not isinstance(x, str) else f"<div>{html.escape(x)}</div>" for x in others
        ]
        return f"<b>{html.escape(title)}</b>" + "".join(shown)


def explain(loss: Any, w: Any, *, max_paths: int = 20) -> Explanation:
    """Return the chain rule of the gradient of a loss with respect to `w`, with its numbers: a line a path, which add up to it.

    Args:
        loss: a recorded scalar node.
        w: a Value or Tensor that the loss was made from; a parameter, an input or anything between.
        max_paths: the paths to write out, the largest first; the others are counted, and summed up in one line.

    Returns:
        An Explanation, to be printed or shown in a notebook. For Tensors it has the formula of each step with its shapes, and
        the numbers of the entry that is largest.

    Raises GraphError where the loss is no recorded scalar or does not depend on `w`.

    >>> import autograd_mini as ag
    >>> a, b = ag.Value(2.0, label="a"), ag.Value(3.0, label="b")
    >>> print(explain(a * b + a * a, a))
    ∂loss/∂a: 3 paths
       loss → a × b → a   1 · 3 = 3.00000
       loss → a × a → a   1 · 2 = 2.00000
       loss → a × a → a   1 · 2 = 2.00000
       sum                7.00000
    """
    most = whole("max_paths", max_paths, 1)
    if not is_node(loss) or not loss.requires_grad or loss.size != 1:
        raise GraphError("explain: the loss must be a recorded scalar that depends on a variable")
    b = Backward(loss)
    if not is_node(w) or w not in b.at:
        what = w._name if is_node(w) else f"a {type(w).__name__}"
        raise GraphError(f"explain: the loss does not depend on {what}: give a node that it was made from")
    with np.errstate(all="ignore"):
        graph = _Paths(b, w)
        names = _Names(b, not graph.is_scalar)
        paths = [graph.told(edges, names) for edges in itertools.islice(graph.largest_first(), most)]
        gradient = b.grads[w] if w.ndim else float(b.grads[w])
        rest = gradient - sum((path.share for path in paths), 0.0 * gradient)
        return Explanation(
            loss.label or "loss", names.of(w), gradient, graph.count[loss], tuple(paths), rest,
            () if graph.is_scalar else tuple(_formulas(graph, names)),
        )  # fmt: skip


class _Paths:
    """The part of a graph that lies between the loss and a variable: how many paths lead down, and which are the largest."""

    def __init__(self, b: Backward, w: Any) -> None:
        self.b, self.w = b, w
        ways = b.path(w)
        self.order = [node for node in b.order[b.at[w] :] if node in ways]
        self.is_scalar = all(not b.values[node].ndim for node in self.order)
        self.count = {w: 1}
        self.most = {w: 1.0}  # the largest product of slopes on the way down to the variable
        self.edges: dict[Any, list[tuple[int, float]]] = {w: []}
        for node in self.order[1:]:
            steps = [(k, parent) for k, parent in enumerate(node.parents) if parent in self.count]
            self.count[node] = sum(self.count[parent] for _, parent in steps)
            self.edges[node] = [(k, self._slope(node, k)) for k, _ in steps]
            sizes = [abs(slope) * self.most[node.parents[k]] for k, slope in self.edges[node]]
            self.most[node] = max(math.inf if math.isnan(size) else size for size in sizes)

    def _slope(self, node: Any, k: int) -> float:
        """A local derivative; 1 among arrays, whose paths are taken in the order in which they stand."""
        return float(self.b.share(node, k, np.ones(()))) if self.is_scalar else 1.0

    def largest_first(self) -> Iterator[list[Edge]]:
        """Yield every path as its edges from the loss down, the largest share first.

        A beginning of a path is ranked by its largest continuation, of which the next step's is a part: where two are
        alike, the longer one is followed, so that what waits is a few steps of each path that was given.
        """
        ticket = itertools.count()
        heap: list[Any] = [(-self.most[self.b.loss], 0, next(ticket), self.b.loss, None)]
        while heap:
            rank, depth, _, node, way = heapq.heappop(heap)
            if node is self.w:
                edges = []
                while way is not None:
                    edge, way = way
                    edges.append(edge)
                yield edges[::-1]
            for k, slope in self.edges[node]:
                parent = node.parents[k]
                size, most = abs(slope) * self.most[parent], self.most[node]
                lower = rank * (size / most) if 0 < most < math.inf else rank  # the same for the largest
                heapq.heappush(heap, (lower, depth - 1, next(ticket), parent, ((node, k), way)))

    def told(self, edges: Sequence[Edge], names: "_Names") -> Path:
        """The path with its numbers."""
        b, g, nodes = self.b, np.ones(self.b.values[self.b.loss].shape), [self.b.loss]
        for user, k in edges:
            nodes.append(user.parents[k])
            g = fit(b.share(user, k, g), b.values[nodes[-1]].shape)
        factors = tuple(dict(self.edges[user])[k] for user, k in edges) if self.is_scalar else ()
        return Path(tuple(map(names.of, nodes)), factors, g if np.ndim(g) else float(g))


class _Names:
    """What the nodes are called: by label, by their path in a model, or by how they are made; of arrays z1, z2, …"""

    def __init__(self, b: Backward, of_arrays: bool) -> None:
        self.b, self.words = b, Words(b)
        self.known: dict[Any, str] = self.words.known | _paths(b.order)
        self.known |= {node: str(node.label) for node in b.values if node.label}
        self.known.setdefault(b.loss, "loss")
        taken = {*self.known.values()}
        free = (name for i in itertools.count(1) if (name := f"z{i}") not in taken)
        for node in b.order if of_arrays else ():
            if node.parents and node not in self.known:
                self.known[node] = next(free)

    def of(self, node: Any) -> str:
        """The name in a path."""
        return self.known.get(node) or (self._made(node) if node.parents else self.words.forward(node))

    def _made(self, node: Any) -> str:
        """How a node is made of its parents: of those without a name, three dots are shown."""
        bare = [p in self.b.at and p.parents and p not in self.known for p in node.parents]
        names = ["…" if hide else self.of(p) for hide, p in zip(bare, node.parents, strict=True)]
        parts = [symbol(name, p.shape) for name, p in zip(names, node.parents, strict=True)]
        made = _text(lambda: simplify(forward_expr(node.op, parts)), 40)[0]
        return made or f"{node.op.name}({', '.join(names)})"

    def part(self, node: Any) -> Expr:
        """The node in a formula."""
        x = self.b.values[node]
        if x.ndim == 0 and node not in self.b.at:
            return constant(float(x))
        return symbol(self.of(node), x.shape)


def _text(make: Callable[[], Expr], longest: int) -> tuple[str, Any]:
    """An expression as text, and the expression; ("", None) where it cannot be made or is too long."""
    try:
        made = make()
        return text(made, style=MATRICES, longest=longest) or "", made
    except (Unreadable, ValueError):
        return "", None


def _formulas(graph: _Paths, names: _Names) -> Iterator[tuple[str, str]]:
    """Yield the formula and the shapes of each step of the forward pass and, from the loss down, of the gradient."""

    def forward(node: Any) -> Expr:
        return forward_expr(node.op, [*map(names.part, node.parents)])  # type: ignore[no-any-return]

    def backward(node: Any) -> Expr:
        return _gradient(graph, names, node)

    made = [("", node, forward) for node in graph.order if node.parents]
    for steps in (made, [("d", node, backward) for node in reversed(graph.order)]):
        for step in _shortened(steps, FORMULAS, None):
            if step is None:
                yield "…", ""
                continue
            d, node, make = step
            formula, expr = _text(lambda: simplify(make(node), for_readers=True), 160)  # noqa: B023
            shapes = str(graph.b.values[node].shape)
            if expr is not None and expr.name == "matmul":  # (2, 3) = (2, 4) · (4, 3)
                shapes += " = " + " · ".join(str(part.shape) for part in expr.args)
            yield f"{d}{names.of(node)} = {formula or '…'}", shapes


def _gradient(graph: _Paths, names: _Names, node: Any) -> Expr:
    """The sum of what the users of a node send it."""
    one = constant(1.0)
    found: Any = one if node is graph.b.loss else None
    for user, k in graph.b.users[node]:
        if user in graph.count:
            g = one if user is graph.b.loss else symbol(f"d{names.of(user)}", user.shape)
            parts = [*map(names.part, user.parents)]
            share = summed(share_expr(user.op, k, g, names.part(user), parts), node.shape)
            found = share if found is None else found + share
    return found  # type: ignore[no-any-return]


def _paths(order: Sequence[Any]) -> dict[Any, str]:
    """The paths of the parameters in the models that made the nodes, as `layers.0.weight`."""
    scopes = {id(node.meta["scope"]): node.meta["scope"] for node in order if "scope" in (node.meta or ())}
    models = {_outermost(scope) for scope in scopes.values()} - {None}
    return {node: path for model in models for path, node in model.contents()[1]}


def _outermost(scope: Any) -> Any:
    """The place of the model in whose call a scope is."""
    while scope[1] is not None:
        scope = scope[1]
    return scope[0]


def _shortened(parts: Sequence[Any], most: int = STEPS, between: Any = "… {} more …") -> list[Any]:
    """The parts; of many the first and the last, with something between."""
    half = most // 2
    if len(parts) <= most:
        return [*parts]
    return [*parts[:half], between and between.format(len(parts) - 2 * half), *parts[-half:]]


def adding_up(parts: Sequence[float], total: float) -> list[str]:
    """Return the numbers and then their total as text, rounded so that the texts add up exactly.

    >>> adding_up([1 / 3, 1 / 3, 1 / 3], 1.0)
    ['0.33334', '0.33333', '0.33333', '1.00000']
    """
    if not all(map(math.isfinite, (*parts, total))):
        return [f"{x:.6g}" for x in (*parts, total)]
    size = max(map(abs, (*parts, total)))
    if not size:
        return [f"{0.0:.{DIGITS - 1}f}"] * (len(parts) + 1)
    top = math.floor(math.log10(size))
    low = math.floor(math.log10(abs(total))) if total else top
    digits = max(DIGITS, min(top - low + DIGITS, MOST_DIGITS))
    shift = top if top > MOST_DIGITS - 5 or top < -4 else 0  # then they are written with one power of ten
    decimals = max(0, digits - 1 - (top - shift))
    with localcontext(prec=60):
        unit = Decimal(10) ** (shift - decimals)
        exact = [Decimal(x) / unit for x in parts]
        counts = [int(x.to_integral_value("ROUND_FLOOR")) for x in exact]
        whole_total = int((Decimal(total) / unit).to_integral_value())
        missing = whole_total - sum(counts)
        order = sorted(range(len(parts)), key=lambda i: counts[i] - exact[i])
        for i, j in enumerate(order):
            counts[j] += missing // len(order) + (i < missing % len(order))
        texts = [f"{Decimal(count).scaleb(-decimals):.{decimals}f}" for count in (*counts, whole_total)]
    return [f"{number}e{shift:+03d}" for number in texts] if shift else texts
