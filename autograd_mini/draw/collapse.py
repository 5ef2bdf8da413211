"""Fewer boxes: those of a module, or of any group, become one box."""

import contextlib
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

import numpy as np

from .graph import Box, Graph
from .patterns import Pattern, found

FEW = 60  # boxes that are readable without collapsing
SIBLINGS = 8  # more constants than this that feed the same boxes become one box
LEVELS = ("none", "neuron", "layer", "model")
Level = str | int | None | Callable[[Box], str | None]
Links = list[tuple[int, int, list[tuple[int, int, int]]]]


class _Fold(NamedTuple):
    """The key of a group that neither a module nor the user has named."""

    what: str
    targets: frozenset[Any] = frozenset()


class Group:
    """Several boxes as one. `name`: as `layer0.neuron3`; `members`: the boxes; `outputs`: those that boxes outside use."""

    kind: str = "group"
    op: str | None = None
    symbol: str = ""
    is_array: bool = False

    def __init__(self, name: str, members: list[Box], outputs: list[Box], scope: tuple[str, ...]) -> None:
        self.name, self.members, self.outputs, self.scope = name, members, outputs, scope
        self.title = name

    @property
    def data(self) -> Any:
        """The data of the outputs: one number or array, or the numbers of several in one array."""
        return _joined([box.data for box in self.outputs])

    @property
    def grad(self) -> Any:
        """The gradients of the outputs that require one, likewise; None where a backward has not reached them all."""
        grads = [box.grad for box in self.outputs if box.requires_grad]
        return None if not grads or any(grad is None for grad in grads) else _joined(grads)

    @property
    def requires_grad(self) -> bool:
        """Whether an output requires a gradient."""
        return any(box.requires_grad for box in self.outputs)

    def __repr__(self) -> str:
        return f"Group({self.name}, {len(self.members)} boxes)"


class Spelt(Group):
    """One operation that was spelt out in several, as one box."""

    def __init__(self, pattern: Pattern, members: list[Box], result: Box) -> None:
        super().__init__(result.name or "", members, [result], ())
        self.kind, self.title, self.op, self.symbol = result.kind, result.title, pattern.name, pattern.name
        self.is_array = result.is_array


class View:
    """A graph as it is shown. `items`: boxes and groups, operands before results; `links`: (operand, result, edges), two indices of
    items and the edges of the graph between them."""

    def __init__(self, graph: Graph, items: list[Box | Group], links: Links) -> None:
        self.graph, self.items, self.links = graph, items, links

    def place_of(self, box: Box) -> int:
        """Return the index of a box's item: the box itself, or its group."""
        held = [item.members if isinstance(item, Group) else [item] for item in self.items]
        return next(i for i, boxes in enumerate(held) if box in boxes)


def collapse(graph: Graph, how: Level = "auto", max_nodes: int = 400) -> View:
    """Return the graph with groups of boxes as one box each.

    Args:
        graph: the graph.
        how: "none"; "neuron", the innermost modules; "layer", the parts of the outermost module; "model", the outermost modules; an int,
            the modules at this depth (0 is "none"); a function of a Box that returns the name of its group, or None; or "auto":
            "none" up to 60 boxes, then "neuron", then "layer".
        max_nodes: where "auto" leaves more boxes, it also collapses the boxes between the modules.

    A group whose output comes back to it through boxes outside is shown in several parts (`cell #1`, `cell #2`); the boxes that
    these share stay outside. Raises ValueError for another `how`.
    """
    if isinstance(how, str) and how == "auto":
        return _automatic(graph, max_nodes)
    if how is None or how is False:
        how = "none"
    if callable(how):
        keys: list[Any] = [None if (name := how(box)) is None else str(name) for box in graph.boxes]
    elif isinstance(how, int | np.integer) and not isinstance(how, bool) and how >= 0:
        keys = [box.scope[:how] or None for box in graph.boxes]
    elif isinstance(how, str) and how in LEVELS:
        keys = _keys(graph, how)
    else:
        names = ", ".join(map(repr, ("auto", *LEVELS)))
        raise ValueError(f"draw: collapse must be {names}, a depth ≥ 0 or a function of a Box, got {how!r}")
    return _grouped(graph, keys)


def sizes(graph: Graph) -> dict[str, int]:
    """Return the number of boxes that each level of collapsing leaves."""
    return {level: len(collapse(graph, level).items) for level in LEVELS}


def _automatic(graph: Graph, max_nodes: int) -> View:
    if len(graph) <= FEW or not any(box.scope for box in graph.boxes):
        return _grouped(graph, list(found(graph)))
    view = collapse(graph, "neuron")
    if len(view.items) > FEW:
        view = collapse(graph, "layer")
    if len(view.items) > max_nodes:
        keys = _keys(graph, "layer")
        for box in graph.boxes[:-1]:
            if keys[box.index] is None and box.parents and box.name is None:
                keys[box.index] = _Fold("operations")
        view = _grouped(graph, keys)
    return view


def _keys(graph: Graph, level: str) -> list[Any]:
    """The group of each box at a level, or None."""
    if level == "none":
        return [None] * len(graph)
    # the scopes of modules that hold modules
    outer = {box.scope[:i] for box in graph.boxes for i in range(len(box.scope))} | {()}
    if level == "neuron":
        return [None if box.scope in outer else box.scope for box in graph.boxes]
    if level == "layer":
        return [None if box.scope in outer and len(box.scope) < 2 else box.scope[:2] for box in graph.boxes]
    return [box.scope[:1] or None for box in graph.boxes]


def _grouped(graph: Graph, keys: list[Any]) -> View:
    """The view in which the boxes with the same key are one."""
    keys = _siblings(graph, _split(graph, keys))
    members: dict[Any, list[Box]] = {}
    for key, box in zip(keys, graph.boxes, strict=True):
        members.setdefault(key, []).append(box)
    used_outside = {a for a, b, _ in graph.edges() if keys[a] != keys[b]} | {graph.root.index}
    stages: dict[Any, set[int]] = {}
    for key in members:
        if isinstance(key, tuple):
            stages.setdefault(key[0], set()).add(key[1])
    whole: dict[Any, Box | Group] = {}
    for key, boxes in members.items():
        if not isinstance(key, tuple) or len(boxes) == 1:
            whole[key] = boxes[0]
        elif isinstance(key[0], Pattern):
            whole[key] = Spelt(key[0], boxes, graph.boxes[key[0].result])
        else:
            group, stage = key
            name = _name(group, boxes)
            if len(stages[group]) > 1:
                name += f" #{sorted(stages[group]).index(stage) + 1}"
            outputs = [box for box in boxes if box.index in used_outside]
            whole[key] = Group(name, boxes, outputs, group if type(group) is tuple else ())
    links: dict[tuple[Any, Any], list[tuple[int, int, int]]] = {}
    for edge in graph.edges():
        source, target = keys[edge[0]], keys[edge[1]]
        if source != target:
            links.setdefault((source, target), []).append(edge)
    before: dict[Any, list[Any]] = {keys[-1]: []}
    for source, target in links:
        before.setdefault(target, []).append(source)
    order = list(TopologicalSorter(before).static_order())
    places = {key: i for i, key in enumerate(order)}
    found = sorted((places[source], places[target], edges) for (source, target), edges in links.items())
    return View(graph, [whole[key] for key in order], found)


def _name(group: Any, boxes: list[Box]) -> str:
    """The name of a group: `layer0.neuron3`, or for a whole model its class."""
    if isinstance(group, str):
        return group
    if isinstance(group, _Fold):
        return f"{len(boxes)} {group.what}"
    several = len({box.scope[0] for box in boxes if box.scope}) > 1
    return ".".join(group if several or len(group) == 1 else group[1:])


def _split(graph: Graph, keys: list[Any]) -> list[Any]:
    """The keys as (key, stage); for a box without a group its index.

    A group has several stages where its output comes back to it through boxes outside.
    """
    ends: dict[Any, set[Any]] = {}
    nodes = [i if key is None else (key,) for i, key in enumerate(keys)]
    for parent, child, _ in graph.edges():
        if nodes[parent] != nodes[child]:
            ends.setdefault(nodes[parent], set()).add(nodes[child])
    knotted = _core(ends)
    stages = [0] * len(keys)
    for box in graph.boxes:
        i = box.index
        if nodes[i] in knotted:
            for parent in box.parents:
                if nodes[parent] in knotted:
                    stages[i] = max(stages[i], stages[parent] + (nodes[parent] != nodes[i]))
    out: list[Any] = [i if key is None else (key, stages[i]) for i, key in enumerate(keys)]
    users: dict[int, set[Any]] = {}
    for parent, child, _ in graph.edges():
        users.setdefault(parent, set()).add(out[child])
    for box in graph.boxes:
        if not box.parents and nodes[box.index] in knotted and keys[box.index] is not None:
            first, *more = users[box.index]
            is_theirs = not more and isinstance(first, tuple) and first[0] == keys[box.index]
            out[box.index] = first if is_theirs else box.index
    return out


def _core(ends: dict[Any, set[Any]]) -> set[Any]:
    """The nodes of a graph in its cycles and between them."""
    starts: dict[Any, set[Any]] = {}
    for source, targets in ends.items():
        for target in targets:
            starts.setdefault(target, set()).add(source)
    return _blocked(starts) & _blocked(ends)


def _blocked(before: dict[Any, set[Any]]) -> set[Any]:
    """The nodes in a cycle or after one."""
    sorter, left = TopologicalSorter(before), set(before)
    with contextlib.suppress(CycleError):
        sorter.prepare()
    while ready := sorter.get_ready():
        left -= set(ready)
        sorter.done(*ready)
    return left


def _siblings(graph: Graph, keys: list[Any]) -> list[Any]:
    """Many nameless constants that feed the same groups become a group, in a graph that has groups."""
    if all(isinstance(key, int) or isinstance(key[0], Pattern) for key in keys):
        return keys
    feeds: dict[int, set[Any]] = {}
    for parent, child, _ in graph.edges():
        box = graph.boxes[parent]
        if box.kind == "constant" and box.name is None and not box.is_array and keys[parent] == parent:
            feeds.setdefault(parent, set()).add(keys[child])
    alike: dict[Any, list[int]] = {}
    for i, targets in feeds.items():
        alike.setdefault(frozenset(targets), []).append(i)
    out = list(keys)
    for targets, group in alike.items():
        if len(group) > SIBLINGS:
            for i in group:
                out[i] = (_Fold("constants", targets), 0)
    return out


def _joined(parts: list[Any]) -> Any:
    """One number or array unchanged, or the numbers of several as a flat array."""
    return parts[0] if len(parts) == 1 else np.concatenate([np.ravel(part) for part in parts])
