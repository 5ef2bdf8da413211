"""ag.draw: a graph as a picture, with the `dot` program of Graphviz or without it."""

import functools
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import GraphTooLargeError
from ..support.coercion import whole
from ..support.files import write_file
from . import dot
from .cards import Picture, picture
from .collapse import Level, sizes
from .collapse import collapse as collapsed
from .graph import Graph
from .layout import Layout, is_long, layered
from .mermaid import mermaid

CHOICES = {
    "direction": ("LR", "TB", "RL", "BT"),
    "color": ("grad", "data", "none"),
    "theme": ("auto", "light", "dark"),
    "engine": ("auto", "dot", "python"),
}


def draw(
    node: Node, *, collapse: Level = "auto", direction: str = "LR", color: str = "grad", theme: str = "auto",
    max_nodes: int = 400, engine: str = "auto", names: Mapping[str, Any] | None = None,
) -> "Drawing":  # fmt: skip
    """Return a picture of the graph before a node, as it is now: a notebook shows it, `.save(path)` writes it as .svg, .html, .png,
    .pdf, .dot or .mmd (Mermaid).

    A box shows name and operation, then data and gradient (`∂ —` where no backward has reached it). Gradients of leaves add up over
    several backwards, until `zero_grad()`. Up to 12 boxes, the local derivatives stand at the lines. The outline of a box shows its
    kind, its tint the sign and size of the gradient; for an array that is the norm, with the sign of the mean.

    Args:
        node: a Value or Tensor.
        collapse: "none"; "neuron", "layer" or "model", of which each becomes one box; an int, the depth of modules that become one box
            each (0 is "none"); a function of a Box (with `name`, `op`, `kind`, `scope`, `data` and `index`) that returns the name of
            its group, or None; or "auto", which shows up to 60 boxes, a spelt-out sigmoid, softmax or squared error being one,
            and collapses larger graphs more.
        direction: "LR" (left to right; what would be long and low goes from top to bottom), "TB" (top to bottom), "RL" or "BT".
        color: what the tint shows, "grad", "data" or "none".
        theme: "light", "dark", or "auto", which follows the reader's screen.
        max_nodes: the number of boxes at most.
        engine: "dot", the `dot` program of Graphviz; "python", the built-in layout; or "auto", which takes dot where it is installed.
        names: a dict of names, as locals(). A node without a label, and an array among the data, gets its name there, if it has
            one name, without a `_` at its start. In a notebook's cell or at the top of a script, draw takes the names there itself.

    Raises GraphTooLargeError where more than `max_nodes` boxes are left; TypeError for anything but a node; ValueError for another
    choice. Where the `dot` program is missing or fails, RuntimeError comes from `.save` for .png and .pdf, and with engine="dot"
    from the picture itself.

    >>> import autograd_mini as ag
    >>> x = ag.Value(3.0, label="x")
    >>> draw(x * x)
    Drawing(Graph of the result: 2 nodes; shown by a notebook, written by .save("graph.svg"))
    """
    for name, given in {"direction": direction, "color": color, "theme": theme, "engine": engine}.items():
        if given not in CHOICES[name]:
            raise ValueError(f"draw: {name} must be {', '.join(map(repr, CHOICES[name]))}, got {given!r}")
    whole("max_nodes", max_nodes, 1)
    if not isinstance(names, Mapping | None):
        raise TypeError(f"draw: names must be a dict, as locals(), got {names!r}")
    if names is None:
        caller = sys._getframe(1)
        names = caller.f_globals if caller.f_locals is caller.f_globals else {}
    graph = Graph(node, "draw", _held(names))
    view = collapsed(graph, collapse, max_nodes)
    if len(view.items) > max_nodes:
        raise GraphTooLargeError(_advice(graph, len(view.items), max_nodes))
    return Drawing(picture(view, direction, color, theme), engine)


def _held(names: Mapping[str, Any]) -> dict[int, str]:
    """The name of each node and array that has exactly one name, by its id."""
    found: dict[int, list[str]] = {}
    for name, thing in names.items():
        if isinstance(thing, Node | np.ndarray) and not name.startswith("_"):
            found.setdefault(id(thing), []).append(name)
    return {key: held[0] for key, held in found.items() if len(held) == 1}


def _advice(graph: Graph, boxes: int, limit: int) -> str:
    """The message for a graph that is too large: the counts, and ways out that hold for this graph."""
    counts = {f'"{level}"': count for level, count in sizes(graph).items()}
    start = len(graph) - limit + 1
    last = collapsed(graph, lambda box: "before" if box.index < start else None)  # it always fits
    counts[f'lambda box: "before" if box.index < {start} else None'] = len(last.items)
    how, left = next((how, count) for how, count in counts.items() if count <= limit)
    fault = f"{len(graph):,} nodes are {boxes:,} boxes after collapsing, more than max_nodes={limit:,}"
    ways = f"collapse={how} leaves {left:,}; ag.tree(node, depth=3) shows a part; max_nodes={boxes} draws all"
    return f"draw: {fault}: {ways}"


class Drawing:
    """A picture of a graph, with the numbers of the moment in which it was drawn.

    `.svg` and `.source` (DOT) are text; `.save(path)` writes .svg, .png, .pdf, .dot, .mmd (Mermaid) or .html.
    """

    def __init__(self, picture: Picture, engine: str = "auto") -> None:
        self._picture, self._engine = picture, engine

    @functools.cached_property
    def source(self) -> str:
        """The picture as DOT, the language of Graphviz."""
        return dot.source(self._picture)

    @functools.cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        from .svg import render

        return render(self._picture, self._layout())

    def _layout(self) -> Layout:
        """The layout, from top to bottom where the picture would be too long to read."""
        found, picture = self._placed(self._picture), self._picture
        is_turned = picture.direction == "LR" and is_long(found)
        return self._placed(picture._replace(direction="TB")) if is_turned else found

    def _placed(self, picture: Picture) -> Layout:
        """dot's layout, or ours where dot is missing."""
        # one that failed is not asked again
        if self._engine == "dot" or (self._engine == "auto" and not dot.said):
            try:
                return dot.arranged(picture)
            except Exception as error:
                if self._engine == "dot":
                    raise
                dot.tell(str(error))
        return layered(picture.sizes, picture.edges, picture.direction, picture.gap)

    def save(self, path: Any) -> None:
        """Write the picture as the suffix says, whole or (OSError) not at all: .svg, .png, .pdf, .dot, .mmd (Mermaid), .html.

        .png and .pdf need the `dot` program of Graphviz: RuntimeError says how to get it. ValueError for another suffix.

        >>> import autograd_mini as ag, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ag.draw(ag.Value(2.0) * 3.0).save(f"{folder}/graph.dot")
        """
        writers: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg, ".png": lambda: dot.drawn("png", self._picture),
            ".pdf": lambda: dot.drawn("pdf", self._picture), ".dot": lambda: self.source,
            ".mmd": lambda: mermaid(self._picture), ".html": self._page,
        }  # fmt: skip
        name = os.fsdecode(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in writers:
            raise ValueError(f"save: the name must end in {', '.join(writers)}, got {name!r}")
        made = writers[suffix]()
        write_file(name, made.encode() if isinstance(made, str) else made)

    def _page(self) -> str:
        """The SVG on a page that may neither load nor run anything."""
        from html import escape
        from importlib.resources import files

        theme = {"auto": "light dark"}.get(self._picture.theme, self._picture.theme)
        page = files(__package__).joinpath("drawing.html").read_text("utf-8")
        return page.format(title=escape(self._picture.title), theme=theme, svg=self.svg)

    def __repr__(self) -> str:
        return f'Drawing({self._picture.title}; shown by a notebook, written by .save("graph.svg"))'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture for a notebook, or at least the text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": f"{self!r}: {error}"}
