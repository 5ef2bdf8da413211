"""A graph as a tree of text."""

import os
import re
import sys
from typing import Any

import numpy as np

from ..core.node import Node
from ..support.coercion import whole
from .graph import Box, Graph
from .reprs import elements, norm, one_line
from .summary import number, summary

FEW = 4  # elements of an array that are shown one by one
PAGE = 40  # levels after which the indentation begins anew: a chain of 100,000 nodes would be wider than any screen
# orange and blue, of one contrast on black and on white
NEGATIVE, POSITIVE, END = "\x1b[38;5;130m", "\x1b[38;5;63m", "\x1b[0m"
ASCII = str.maketrans({
    "├": "|", "└": "`", "│": "|", "─": "-", "∂": "grad", "—": "none", "↑": "^", "…": "...", "∞": "inf",
})  # fmt: skip


class Text(str):
    """A string that a console shows without quotes, and a terminal in colours; printed or written it is plain."""

    coloured: str | None = None

    def __repr__(self) -> str:
        return self.coloured if self.coloured is not None and on_a_terminal() else str(self)


def tree(
    node: Node,
    depth: int | None = None,
    max_nodes: int = 300,
    *,
    ascii: bool = False,
    color: bool | None = None,
) -> Text:
    """Return the graph below a node as text: a line for each node with its operation, data and gradient, and its operands below.

    A node with several uses is written out at its first place; at the others stands its name or number (`a ↑`). A gradient that no
    backward has reached is `∂ —`. From the 40th level on the indentation starts again, after a `[40]`.

    Args:
        node: a Value or Tensor.
        depth: the number of levels below the node that are shown; None shows all. A last line says how many nodes are left out.
        max_nodes: the number of nodes that are shown at most.
        ascii: whether the text is plain ASCII.
        color: whether the text has colours; with None only a terminal shows them, unless NO_COLOR is set.

    Raises TypeError for anything but a node, TypeError or ValueError for other arguments, GraphError for a `.grad` that is no number.

    >>> import autograd_mini as ag
    >>> a = ag.Value(3.0, label="a")
    >>> b = a * a
    >>> b.backward()
    >>> tree(b)
    multiply = 9  ∂ 1
    ├─ a = 3  ∂ 6
    └─ a ↑
    """
    depth = None if depth is None else whole("depth", depth, 0, " or None")
    max_nodes = whole("max_nodes", max_nodes, 1)
    graph = Graph(node, "tree")
    with np.errstate(all="ignore"):
        coloured = "\n".join(_lines(graph, depth, max_nodes))
    if ascii:
        coloured = coloured.translate(ASCII).encode("ascii", "backslashreplace").decode()
    plain = re.sub("\x1b[^m]*m", "", coloured)  # of a label, control characters were written out
    text = Text(coloured if color else plain)
    if color is None:
        text.coloured = coloured
    return text


def on_a_terminal() -> bool:
    """Return whether standard output shows colours, and the user wants them (no-color.org)."""
    try:
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # no standard output, or a closed one
        return False


def _lines(graph: Graph, depth: int | None, max_nodes: int) -> list[str]:
    """The lines, in colours."""
    names: dict[int, str] = {}
    opened: set[int] = set()  # boxes whose operands are written out
    lines: list[str] = []
    stack = [(graph.root, 0, "", "")]
    while stack:
        box, level, lead, below = stack.pop()
        page = f"[{level // PAGE * PAGE}] " if level >= PAGE else ""
        at_end = level == depth
        if box.index in names and (at_end or box.index in opened or not box.parents):
            lines.append(f"{page}{lead}{names[box.index]} ↑")
            continue
        has_title = box.name is not None or box.uses > 1
        if box.index not in names:
            if len(names) == max_nodes:
                break
            names[box.index] = one_line(box.title if has_title else box.op or box.kind)
        after = f"  ({one_line(box.op)})" if has_title and box.op else ""
        after += " …" if at_end and box.parents else ""
        lines.append(f"{page}{lead}{names[box.index]} = {_data(box.data)}{_gradient(box)}{after}")
        if not at_end:
            opened.add(box.index)
            above = "" if (level + 1) % PAGE == 0 else below
            arms = [("├─ ", "│  ")] * (len(box.parents) - 1) + [("└─ ", "   ")]
            for i, (arm, bar) in reversed([*zip(box.parents, arms, strict=False)]):
                stack.append((graph.boxes[i], level + 1, above + arm, above + bar))
    if len(names) < len(graph):
        left, whole_of = f"{len(graph) - len(names):,}", f"{len(graph):,} nodes"
        lines.append(f"… {left} more of {whole_of}: tree(node, depth=None, max_nodes={len(graph)}) shows all")
    return lines


def _gradient(box: Box) -> str:
    """The gradient of a box in its colour; "" for a box that requires none."""
    grad = box.grad
    if not box.requires_grad:
        return ""
    if grad is None:
        return "  ∂ —"
    shown = f"  ∂ {_data(grad) if np.size(grad) <= FEW else f'norm {norm(grad)}'}"
    mean = summary(grad).mean
    return f"{NEGATIVE if mean < 0 else POSITIVE}{shown}{END}" if mean else shown


def _data(data: Any) -> str:
    """A number to six digits; the elements of a small array, or the shape and range of a large one."""
    if np.ndim(data) == 0:
        return number(data)
    if 0 < data.size <= FEW:
        return elements(data)
    found = summary(data)
    dtype = "" if found.dtype == "float64" else f"{found.dtype} "
    return f"{dtype}{found.shape}, {found.range(lambda x: number(x, 4))}"
