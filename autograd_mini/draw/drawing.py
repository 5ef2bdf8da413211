"""ag.draw: a graph as a picture, with the `dot` program of Graphviz or without it."""

import functools
import itertools
import os
import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.node import Node
from ..errors import GraphTooLargeError
from ..support.coercion import whole
from ..support.files import write_file
from . import dot
from .cards import Picture, picture, shortened
from .collapse import Level, sizes
from .collapse import collapse as collapsed
from .layout import Layout, layered, wrapped
from .mermaid import mermaid
from .model import Box, Graph

CHOICES = {
    "direction": ("LR", "TB", "RL", "BT"),
    "color": ("grad", "data", "none"),
    "theme": ("auto", "light", "dark"),
    "engine": ("auto", "dot", "python"),
}


def draw(
    node: Node,
    *,
    collapse: Level = "auto",
    direction: str = "LR",
    color: str = "grad",
    theme: str = "auto",
    max_nodes: int = 400,
    engine: str = "auto",
    names: Mapping[str, Any] | None = None,
) -> "Drawing":
    """Return a picture of all that a node was made from, as it is now: a notebook shows it, `.save(path)` writes it as .svg, .html,
    .png, .pdf, .dot or .mmd (Mermaid).

    A box shows name and operation, then data and gradient (`∂ —` where no backward has reached it). Gradients of leaves add up over
    several backwards, until `zero_grad()`. Up to 12 boxes, the local derivatives stand at the lines. The outline of a box says what
    it is, its tint the sign and size of the gradient; of an array the size is the norm, the sign that of the mean.

    `names`: a dict of names, as locals(): a node without a label, or an array among the data, that stands there under one name
    alone is called that; names that begin with `_` are passed over. Called in a notebook's cell or at the top of a script, draw
    takes the names there by itself.
    `collapse`: "none"; "neuron", "layer" or "model", a box each; a depth, modules as boxes, counted from the outermost (0 is none);
    a function of a Box (its `name`, `op`, `kind`, `scope`, `data` and `index`) that returns the name of its group, or None; or "auto",
    which shows up to 60 boxes one by one, but for a sigmoid, softmax or squared error that was spelt out, and collapses more the
    larger the graph is. `direction`: "LR" (left to right), "TB",
    "RL" or "BT". `color`: what the tint shows, "grad", "data" or "none". `theme`: "light", "dark", or "auto", as the reader's
    screen. `engine`: "dot" needs the `dot` program of Graphviz, "python" is the built-in layout, "auto" takes dot where it is.

    Raises GraphTooLargeError where more than `max_nodes` boxes are left; TypeError for what is no node; ValueError for another
    choice. Where the `dot` program is missing or fails, `.save` raises RuntimeError for .png and .pdf, and with engine="dot" the
    picture does.

    >>> import autograd_mini as ag
    >>> x = ag.Value(3.0, label="x")
    >>> draw(x * x)
    Drawing(Graph of the result: 2 nodes; shown by a notebook, written by .save("graph.svg"))
    """
    for name, given in {"direction": direction, "color": color, "theme": theme, "engine": engine}.items():
        if given not in CHOICES[name]:
            raise ValueError(f"draw: {name} must be {', '.join(map(repr, CHOICES[name]))}, got {given!r}")
    whole("max_nodes", max_nodes, 1)
    if names is None:
        caller = sys._getframe(1)
        names = caller.f_globals if caller.f_locals is caller.f_globals else {}
    graph = Graph(node, "draw", _held(names))
    view = collapsed(graph, collapse, max_nodes)
    if len(view.items) > max_nodes:
        raise GraphTooLargeError(_advice(graph, len(view.items), max_nodes))
    return Drawing(picture(view, direction, color, theme), engine)


def _held(names: Mapping[str, Any]) -> dict[int, str]:
    """The name of each node and array that is held by exactly one, by its id."""
    found: dict[int, list[str]] = {}
    for name, thing in names.items():
        if isinstance(thing, Node | np.ndarray) and not name.startswith("_"):
            found.setdefault(id(thing), []).append(name)
    return {key: held[0] for key, held in found.items() if len(held) == 1}


def _advice(graph: Graph, boxes: int, limit: int) -> str:
    """What a graph that is too large says: the counts, and ways out that hold for this graph."""
    start = len(graph) - limit + 1
    own: dict[str, Level] = {
        "lambda box: box.op": lambda box: box.op,
        f'lambda box: "before" if box.index < {start} else None': lambda box: (
            "before" if box.index < start else None
        ),  # always fits
    }
    levels = ((f'"{level}"', count) for level, count in sizes(graph).items())
    counts = itertools.chain(levels, ((text, len(collapsed(graph, how).items)) for text, how in own.items()))
    ways = [next(f"collapse={text} leaves {count:,}" for text, count in counts if count <= limit)]
    named = [box for box in graph.boxes[:-1] if box.op and box.name]
    parts = named[
        : bisect_left(named, True, key=lambda box: not _fits(graph, box, limit))
    ]  # later ones are mostly larger
    if parts:
        ways.append(
            f"ag.draw of the part named {shortened(parts[-1].title, 300, 12)!r} shows what that was made from"
        )
    ways += [
        "ag.tree(node, depth=3) shows what is next to the result as text",
        f"max_nodes={boxes} draws them all, unreadably small",
    ]
    return (
        f"draw: {len(graph):,} nodes are {boxes:,} boxes after collapsing, "
        f"more than max_nodes={limit:,}: {'; '.join(ways)}"
    )


def _fits(graph: Graph, box: Box, limit: int) -> bool:
    """Whether a box was made from so few, itself among them."""
    seen, stack = {box.index}, [box.index]
    while stack and len(seen) <= limit:
        new = set(graph.boxes[stack.pop()].parents) - seen
        seen |= new
        stack += new
    return len(seen) <= limit


class Drawing:
    """A picture of a graph, as the graph was when it was drawn.

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
        """Where all is, in rows where it would be too long to read."""
        layout = self._laid_out()
        if self._picture.direction != "LR":
            return layout
        sizes = [(card.width, card.height) for card in self._picture.cards]
        return wrapped(layout, sizes, [(link.source, link.target) for link in self._picture.links])

    def _laid_out(self) -> Layout:
        if self._engine != "python":
            try:
                return dot.arranged(self._picture)
            except Exception as error:
                if self._engine == "dot":
                    raise
                dot.tell(str(error))
        sizes = [(card.width, card.height) for card in self._picture.cards]
        edges = [(link.source, link.target) for link in self._picture.links]
        return layered(sizes, edges, self._picture.direction, self._picture.gap)

    def save(self, path: Any) -> None:
        """Write the picture as the suffix says, whole or (OSError) not at all: .svg, .png, .pdf, .dot, .mmd (Mermaid), .html.

        .png and .pdf need the `dot` program of Graphviz: RuntimeError says how to get it. ValueError for another suffix.
        """
        writers: dict[str, Callable[[], str | bytes]] = {
            ".svg": lambda: self.svg, ".png": lambda: dot.drawn("png", self._picture, "-Gdpi=144"),
            ".pdf": lambda: dot.drawn("pdf", self._picture),
            ".dot": lambda: self.source, ".mmd": lambda: mermaid(self._picture), ".html": self._page,
        }  # fmt: skip
        name = os.fsdecode(path)
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in writers:
            raise ValueError(f"save: the name must end in {', '.join(writers)}, got {name!r}")
        made = writers[suffix]()
        write_file(name, made.encode() if isinstance(made, str) else made)

    def _page(self) -> str:
        """The SVG on a page that may load and run nothing."""
        from html import escape

        theme = {"auto": "light dark"}.get(self._picture.theme, self._picture.theme)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{escape(self._picture.title)}</title>\n"
            f"<style>:root {{ color-scheme: {theme} }} body {{ margin: 1em }}</style>\n"
            f"</head>\n<body>\n{self.svg}</body>\n</html>\n"
        )

    def __repr__(self) -> str:
        return f'Drawing({self._picture.title}; shown by a notebook, written by .save("graph.svg"))'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the picture, or at least the text."""
        try:
            return {"image/svg+xml": self.svg, "text/plain": repr(self)}
        except Exception as error:
            return {"text/plain": f"{self!r}: {error}"}
