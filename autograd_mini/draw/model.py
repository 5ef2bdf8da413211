"""The graph model: what every view of a graph reads. It is read once, from any node, with an explicit stack."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.engine import check_root, pulled, sweep, toposort
from ..core.node import Node, evaluate
from ..core.readings import FLOATS, KINDS, quietly
from ..core.tensor import Tensor
from ..errors import AutogradError, GraphError
from ..support.coercion import to_array

SYMBOLS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "negative": "−", "matmul": "@", "power": "^",
    "dot": "w·x + b",
}  # fmt: skip
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
# the order of their operands needs no showing
COMMUTE = {"add", "multiply", "maximum", "minimum", "hypot", "logaddexp"}


@dataclass(slots=True, eq=False, repr=False)
class Box:
    """A node of the graph, as the views see it.

    `name`: the label, or the path of a parameter in its model (`layer0.neuron3.w[1]`), or None. `title`: the same, or a name made
    up for this graph (`v7`, `c2` for a constant, `L` for the result), so that every box has its own. `op`: the operation, None for a
    leaf. `kind`: "parameter" (a variable of a module), "input" (any other leaf variable), "constant", "operation" or "result".
    `parents`: the indices of the operands, in order and with repetitions. `uses`: how often it is an operand. `scope`: the
    modules in which it was made, from the outermost, as ("MLP", "layer0", "neuron3"). `data` and `grad` are the node's: a
    float, an array, or (a gradient that no backward has reached) None.
    """

    index: int
    node: Any
    kind: str
    name: str | None
    op: str | None
    parents: tuple[int, ...]
    scope: tuple[str, ...]
    uses: int = 0
    title: str = ""

    @property
    def data(self) -> Any:
        """The node's data."""
        return self.node.data

    @property
    def grad(self) -> Any:
        """The node's gradient, or None. GraphError for one that was set by hand and is no number or array."""
        grad = self.node.grad
        if grad is None or type(grad) is float or type(grad) is np.ndarray:
            return grad
        try:
            return to_array(grad.data if isinstance(grad, Node) else grad)
        except (AutogradError, TypeError, ValueError) as error:
            raise GraphError(
                f"the .grad of {self.title} was set by hand to what is no number or array: {error}"
            ) from None

    @property
    def symbol(self) -> str:
        """The operation as a picture writes it: `×` for multiply, `x²` for a power; "" for a leaf."""
        if not self.op:
            return ""
        exponent = self.node.op.params.get("n") if self.op == "power" else None
        if exponent is None:
            return SYMBOLS.get(self.op, self.op)
        written = f"{exponent:g}"
        return f"x{written.translate(SUPERSCRIPTS)}" if float(exponent).is_integer() else f"x^{written}"

    @property
    def requires_grad(self) -> bool:
        """Whether the node can have a gradient."""
        return bool(self.node.requires_grad)

    @property
    def is_array(self) -> bool:
        """Whether the node is a Tensor."""
        return isinstance(self.node, Tensor)

    def __repr__(self) -> str:
        return f"Box({self.title}, {self.op or self.kind})"


class Graph:
    """All that the node `root` was made from: `boxes`, operands before results, so that `boxes[-1]` is root's.

    `names`: by the id of a node, or of the array that a constant is, what to call it where it has no name of its own.
    Of the boxes that require a gradient, the order is that in which the engine sorts them; backward goes through it from the end.

    >>> import autograd_mini as ag
    >>> x = ag.Value(3.0, label="x")
    >>> graph = Graph(x * x)
    >>> graph.boxes[-1].parents, graph.local(graph.boxes[-1]), graph.boxes[0].uses
    ((0, 0), [3.0, 3.0], 2)
    """

    def __init__(self, root: Any, what: str = "draw", names: Mapping[int, str] | None = None) -> None:
        if not isinstance(root, Node):
            raise TypeError(f"{what}: a Value or Tensor is needed, got {_describe(root)}")
        order = toposort(root, constants=True)
        places = {node: i for i, node in enumerate(order)}
        self._locals: dict[int, list[float | None]] = {}
        scopes = _Scopes(root, order)
        self.boxes: list[Box] = []
        for i, node in enumerate(order):
            path, scope = scopes.of(node)
            name = node.label if node.label and node.label.strip() else path
            if name is None and names:
                name = names.get(id(node)) or names.get(id(node.data) if node.op is None else 0)
            if node.op is not None:
                kind, op = "result" if node is root else "operation", node.op.name
            else:
                kind, op = (
                    ("input" if path is None else "parameter") if node.requires_grad else "constant",
                    None,
                )
            parents = tuple([places[parent] for parent in node.parents])
            for parent in parents:
                self.boxes[parent].uses += 1
            self.boxes.append(Box(i, node, kind, name, op, parents, scope))
        self._settle_constants()
        self._entitle()

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def root(self) -> Box:
        """The box of the node that the graph was read from."""
        return self.boxes[-1]

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Yield (operand, result, position among the result's operands) of every edge, as indices of boxes."""
        for box in self.boxes:
            for position, parent in enumerate(box.parents):
                yield parent, box.index, position

    def local(self, box: Box) -> list[float | None]:
        """Return the local derivative of a box by each of its operands, in order: ∂box/∂operand, with all others held.

        None by an operand that requires no gradient, and by or in a Tensor, where they are no single numbers.
        """
        if box.is_array:
            return [None] * len(box.parents)
        if box.index not in self._locals:
            shares = zip(box.parents, self.shares(box, 1.0), strict=True)
            found = [None if self.boxes[parent].is_array else share for parent, share in shares]
            self._locals[box.index] = found
        return self._locals[box.index]

    def shares(self, box: Box, gradient: Any) -> list[Any]:
        """Return what each operand of a box receives when `gradient` arrives at the box; None where it requires none."""
        if not box.requires_grad or not box.parents:
            return [None] * len(box.parents)
        node = box.node
        wanted = {parent for parent in node.parents if parent.requires_grad}
        found = iter(quietly(pulled, node, gradient, wanted))
        return [next(found)[1] if parent.requires_grad else None for parent in node.parents]

    def gradients(self, what: str) -> dict[int, Any]:
        """Return the gradient of root by every box that it depends on, computed afresh; no node's `.grad` is read or changed.

        Raises GraphError where root requires no gradient or is no scalar, or a Tensor was changed after it had been used.
        """
        check_root(self.root.node)
        order = [box.node for box in self.boxes if box.requires_grad]
        root = self.root.node
        grads = sweep(order, KINDS[type(root)].arriving(root, None, what))
        return {box.index: grads[box.node] for box in self.boxes if box.node in grads}

    def stale(self) -> list[Box]:
        """Return the boxes whose operands were given other data after they were computed: their values and slopes are of before.

        A Value tells it by computing it again, a Tensor by when its operands were changed. An operation of the user's own is not asked.
        """
        return [box for box in self.boxes if self._is_stale(box)]

    def warning(self) -> list[str]:
        """Return what a view must say of stale boxes, as a list of one line; an empty list where there are none."""
        count = len(self.stale())
        if not count:
            return []
        what = "1 value was" if count == 1 else f"{count:,} values were"
        return [f"{what} computed from numbers that have changed since: run forward and backward again"]

    def _is_stale(self, box: Box) -> bool:
        node = box.node
        if node.op is None or box.is_array or not node.op.is_ours:
            return any(parent._version > node._version for parent in node.parents)
        now = evaluate(node.op, FLOATS, [parent.data for parent in node.parents])
        return bool(now != node.data and now == now)

    def _settle_constants(self) -> None:
        """A number that serves one module alone stands in that module's scope."""
        scopes: dict[int, set[tuple[str, ...]]] = {}
        for parent, child, _ in self.edges():
            scopes.setdefault(parent, set()).add(self.boxes[child].scope)
        for box in self.boxes:
            around = scopes.get(box.index, set())
            if box.kind == "constant" and box.name is None and box.node.size == 1 and len(around) == 1:
                (box.scope,) = around

    def _entitle(self) -> None:
        """Give every box a title of its own: its name, where need be with a number; else `L` to root, `c1` to a
        constant, `v1` to another."""
        taken: set[str] = set()
        again: dict[str, Iterator[int]] = {}

        def titled(box: Box, title: str, numbered: str) -> None:
            while title in taken:
                title = numbered.format(next(again.setdefault(numbered, itertools.count(2))))
            box.title = title
            taken.add(title)

        for box in self.boxes:
            if box.name is not None:
                titled(box, box.name, box.name.replace("{", "{{").replace("}", "}}") + " ({})")
        for box in [self.root, *self.boxes[:-1]]:
            if box.name is None:
                letter = "c" if box.kind == "constant" else "v"
                titled(box, "L" if box is self.root else f"{letter}1", letter + "{}")


def _describe(thing: Any) -> str:
    """What was given instead of a node, and what to do."""
    if isinstance(thing, list | tuple):
        way = "take one of its nodes, or their sum"
    elif hasattr(thing, "named_parameters"):
        way = "call the model, and take its output or the loss"
    else:
        way = f"wrap it, as ag.{'Tensor([1.0, 2.0])' if np.ndim(thing) else 'Value(3.0)'}, before it is used"
    return f"{type(thing).__name__}: {way}"


class _Scopes:
    """The names of the modules in which nodes were made, and the paths of what belongs to them.

    A scope is what nn.Module notes: (the module's Place, the scope around it).
    """

    def __init__(self, root: Any, order: Sequence[Any]) -> None:
        # of a scope, by its id; of what is inside a scope, by Place; of a Place, where it is in its model; and of a leaf that
        # belongs to a model its path there, and the scope
        self.names: dict[int, tuple[str, ...]] = {}
        self.parts: dict[tuple[str, ...], dict[Any, str]] = {}
        self.homes: dict[Any, tuple[str, ...]] = {}
        self.leaves: dict[Any, tuple[str, tuple[str, ...]]] = {}
        called = self._called(order)
        if len(called) > 1:  # numbered as one reads, the first operands first
            called = self._called(toposort(root, constants=True, is_mirrored=True))
        contents = {place: place.contents() for place in called}
        inner = {part for parts, _ in contents.values() for *_, part in parts}
        models = [place for place in called if place not in inner]  # the others are parts of these
        self.several = len(models) > 1
        for place in models:
            self._walk(place, *contents[place])

    def _called(self, order: Sequence[Any]) -> list[Any]:
        """The outermost modules in whose calls these nodes were made."""
        found: dict[Any, None] = {}
        for node in order:
            scope = _scope_of(node)
            while scope is not None and scope[1] is not None:
                scope = scope[1]
            if scope is not None:
                found[scope[0]] = None
        return list(found)

    def _walk(
        self, model: Any, parts: Sequence[tuple[str, str, Any]], leaves: Sequence[tuple[str, Any]]
    ) -> None:
        """Note the places of all modules and leaves of a model."""
        around: dict[str, tuple[str, ...]] = {}
        for path, kind, place in [("", model.kind, model), *parts]:
            outer = around[_owner(path, around)] if path else ()
            around[path] = self._inside(outer, place or path, kind, readable(path, True))
            if place is not None:
                self.homes.setdefault(place, around[path])
        for path, node in leaves:
            self.leaves.setdefault(node, (readable(path, False), around[_owner(path, around)]))

    def of(self, node: Any) -> tuple[str | None, tuple[str, ...]]:
        """The path of a leaf that belongs to a model, or None; and the names of the modules around a node."""
        if node.op is None:
            path, names = self.leaves.get(node, (None, ()))
            return (f"{names[0]}.{path}" if path and self.several else path), names
        return None, self._named(_scope_of(node))

    def _named(self, scope: Any) -> tuple[str, ...]:
        """The names of a scope, from the outermost module inwards."""
        if scope is None:
            return ()
        if id(scope) not in self.names:
            place, around = scope[0], self._named(scope[1])
            home = self.homes.get(place, ())
            is_home = home and around in ((), home[:-1])
            inside = home if is_home else self._inside(around, place, place.kind, ".".join(home[1:]))
            self.names[id(scope)] = inside
        return self.names[id(scope)]

    def _inside(self, around: tuple[str, ...], key: Any, kind: str, path: str) -> tuple[str, ...]:
        """The names of a module in a scope: those around it, and its own, which no other module has there."""
        here = self.parts.setdefault(around, {})
        if key not in here:
            plain = name = path.removeprefix(".".join([*around[1:], ""])) or kind  # as seen from there
            again = itertools.count(2)
            while name in here.values():
                name = f"{plain} ({next(again)})" if around else f"{plain} {next(again)}"
            here[key] = name
        return (*around, here[key])


def _scope_of(node: Any) -> Any:
    """What the node knows of the modules around it."""
    return node.meta.get("scope") if node.meta else None


def _owner(path: str, places: Mapping[str, Any]) -> str:
    """The path of the innermost module around a path."""
    outer = path.rpartition(".")[0]
    while outer not in places:
        outer = outer.rpartition(".")[0]
    return outer


def readable(path: str, is_module: bool) -> str:
    """Return a path as a picture writes it.

    >>> readable("layers.0.neurons.3.w.1", False), readable("layers.0", True), readable("net.0.weight", False)
    ('layer0.neuron3.w[1]', 'layer0', 'net0.weight')
    """
    parts = path.split(".")
    out: list[str] = []
    for i, part in enumerate(parts):
        if not part.isdigit() or not out:
            out.append(part)
        elif is_module if i == len(parts) - 1 else not parts[i + 1].isdigit():
            out[-1] = f"{out[-1].removesuffix('s')}{part}"  # the third of the layers: layer2
        else:
            out[-1] = f"{out[-1]}[{part}]"
    return ".".join(out)
