"""Graph and Box: a graph as all views read it, taken from any node once, with an explicit stack."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.engine import check_root, pulled, sweep, toposort
from ..core.node import Node, plain
from ..core.readings import KINDS
from ..core.tensor import Tensor
from ..errors import AutogradError, GraphError
from ..support.coercion import to_array
from ..support.quiet import quietly

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

    `name`: the label, or the path of a parameter in its model (`layer0.neuron3.w[1]`), or None. `title`: the name, or one made up for
    this graph (`v7`, `c2` for a constant, `L` for the result); no two boxes have the same. `op`: the operation, None for a leaf.
    `kind`: "parameter" (a variable of a module), "input" (any other leaf variable), "constant", "operation" or "result".
    `parents`: the indices of the operands, in order and with repetitions. `uses`: how often it is an operand. `scope`: the modules
    in which it was made, from the outermost, as ("MLP", "layer0", "neuron3"). `data` and `grad` are the node's: a float, an
    array, or None for a gradient that no backward has reached.
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
        """The node's gradient, or None. GraphError for one that was set by hand to anything but a number or array."""
        grad = self.node.grad
        if grad is None or type(grad) is float or type(grad) is np.ndarray:
            return grad
        try:
            return to_array(plain(grad))
        except (AutogradError, TypeError, ValueError) as error:
            fault = "was set by hand, and is no number or array"
            raise GraphError(f"the .grad of {self.title} {fault}: {error}") from None

    @property
    def symbol(self) -> str:
        """The operation's sign in a picture: `×` for multiply, `x²` for a power; "" for a leaf."""
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
    """The node `root` and all nodes before it: `boxes`, operands before results, so that `boxes[-1]` is root's.

    The boxes that require a gradient are in the engine's order; a backward goes through it from the end.

    Args:
        root: a Value or Tensor, else TypeError.
        what: the caller's name in errors.
        names: names for nodes without one, by the id of the node or of a constant's array.

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
                kind = "result" if node is root else "operation"
            elif node.requires_grad:
                kind = "input" if path is None else "parameter"
            else:
                kind = "constant"
            op = node.op and node.op.name
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
        """The box of the root."""
        return self.boxes[-1]

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Yield (operand, result, position of the operand) of every edge; the first two are indices of boxes.

        >>> import autograd_mini as ag
        >>> x = ag.Value(3.0)
        >>> list(Graph(x * x).edges())
        [(0, 1, 0), (0, 1, 1)]
        """
        for box in self.boxes:
            for position, parent in enumerate(box.parents):
                yield parent, box.index, position

    def local(self, box: Box) -> list[float | None]:
        """Return the local derivative of a box by each of its operands, in order: ∂box/∂operand, the others being constant.

        It is None for an operand that requires no gradient, and where the box or the operand is a Tensor.
        """
        if box.is_array:
            return [None] * len(box.parents)
        if box.index not in self._locals:
            shares = zip(box.parents, self.shares(box, 1.0), strict=True)
            found = [None if self.boxes[parent].is_array else share for parent, share in shares]
            self._locals[box.index] = found
        return self._locals[box.index]

    def shares(self, box: Box, gradient: Any) -> list[Any]:
        """Return the share of each operand when `gradient` arrives at the box; None for one that requires no gradient."""
        if not box.requires_grad or not box.parents:
            return [None] * len(box.parents)
        node = box.node
        wanted = {parent for parent in node.parents if parent.requires_grad}
        found = iter(quietly(pulled, node, gradient, wanted))
        return [next(found)[1] if parent.requires_grad else None for parent in node.parents]

    def gradients(self, what: str) -> dict[int, Any]:
        """Return the gradient of root by each box, by its index; it is computed anew, and no `.grad` is read or changed.

        `what`: the caller's name in errors. Raises GraphError where root requires no gradient or is no scalar, or where a Tensor was
        changed after it had been used.
        """
        check_root(root := self.root.node)
        order = [box.node for box in self.boxes if box.requires_grad]
        grads = sweep(order, KINDS[type(root)].arriving(root, None, what))
        return {box.index: grads[box.node] for box in self.boxes if box.node in grads}

    def _settle_constants(self) -> None:
        """Put each number that only one module uses into that module's scope."""
        scopes: dict[int, set[tuple[str, ...]]] = {}
        for parent, child, _ in self.edges():
            scopes.setdefault(parent, set()).add(self.boxes[child].scope)
        for box in self.boxes:
            around = scopes.get(box.index, set())
            if box.kind == "constant" and box.name is None and box.node.size == 1 and len(around) == 1:
                (box.scope,) = around

    def _entitle(self) -> None:
        """Give every box a title of its own: its name, if it was given before with a number; else `L` for root, `c1`, `c2`, … for
        constants, `v1`, `v2`, … for others."""
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
        advice = "pass one of its nodes, or their sum"
    elif hasattr(thing, "named_parameters"):
        advice = "call the model, and pass its output or the loss"
    else:
        kind = "Tensor([1.0, 2.0])" if np.ndim(thing) else "Value(3.0)"
        advice = f"wrap it, as ag.{kind}, before it is used"
    return f"{type(thing).__name__}: {advice}"


class _Scopes:
    """The names of the modules in which nodes were made, and the paths of their leaves.

    A scope is the note of nn.Module: (the module's Place, the scope around it).
    """

    def __init__(self, root: Any, order: Sequence[Any]) -> None:
        self.names: dict[int, tuple[str, ...]] = {}  # of a scope, by its id
        self.parts: dict[tuple[str, ...], dict[Any, str]] = {}  # in a scope: the name of each Place
        self.homes: dict[Any, tuple[str, ...]] = {}  # where each Place is in its model
        # of a model's leaf: its path there, and the scope
        self.leaves: dict[Any, tuple[str, tuple[str, ...]]] = {}
        called = self._called(order)
        if len(called) > 1:  # numbered as one reads, the first operands first
            called = self._called(toposort(root, constants=True, is_mirrored=True))
        contents = {place: place.contents() for place in called}
        inner = {part for parts, _ in contents.values() for *_, part in parts}
        models = [place for place in called if place not in inner]  # the other modules are parts of these
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
        """Note where all modules and leaves of a model are."""
        around: dict[str, tuple[str, ...]] = {}
        for path, kind, place in [("", model.kind, model), *parts]:
            outer = around[owner(path, around)] if path else ()
            around[path] = self._inside(outer, place or path, kind, readable(path, True))
            if place is not None:
                self.homes.setdefault(place, around[path])
        for path, node in leaves:
            self.leaves.setdefault(node, (readable(path, False), around[owner(path, around)]))

    def of(self, node: Any) -> tuple[str | None, tuple[str, ...]]:
        """Return the path of a node that is a leaf of a model, else None; and the names of the modules around it."""
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
        """The names of a module in a scope: the names around it, and one that no other module has there."""
        here = self.parts.setdefault(around, {})
        if key not in here:
            plain = name = path.removeprefix(".".join([*around[1:], ""])) or kind  # the path inside `around`
            again = itertools.count(2)
            while name in here.values():
                name = f"{plain} ({next(again)})" if around else f"{plain} {next(again)}"
            here[key] = name
        return (*around, here[key])


def _scope_of(node: Any) -> Any:
    """The scope that the node notes, or None."""
    return node.meta.get("scope") if node.meta else None


def owner(path: str, places: Mapping[str, Any]) -> str:
    """Return the path of the innermost module around a path; `places` has the modules by their paths, that of the model being "".

    >>> owner("layers.0.weight", {"": "MLP", "layers.0": "Linear"})
    'layers.0'
    """
    outer = path.rpartition(".")[0]
    while outer not in places:
        outer = outer.rpartition(".")[0]
    return outer


def readable(path: str, is_module: bool) -> str:
    """Return a path in the form that pictures use.

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
