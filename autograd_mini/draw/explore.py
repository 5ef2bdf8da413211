"""A page that steps through a forward and a backward pass, node by node, with the numbers of the chain rule."""

import math
import os
from typing import Any

import numpy as np

from ..errors import GraphTooLargeError
from ..support.files import write_file
from .graph import Box, Graph
from .reprs import shortened
from .rules import expression, formula
from .summary import number, summary

MOST = 2_000  # nodes on a page
WIDEST = 40  # an operation with more operands has no formulas
LONGEST = 120  # letters of a name
CELLS = 4_000  # of all heat maps together
NAMES = 0xE000  # the first of the letters that stand for operands in a formula
OUT, GRADIENT = "\uf8fe", "\uf8ff"  # the letters for the result, and for the gradient that arrives at it


class Page:
    """A page that explains one backward pass. `.html` is its text, `.save(path)` writes it, and a notebook shows it in a frame."""

    def __init__(self, html: str, about: str) -> None:
        self.html, self._about = html, about

    def save(self, path: Any) -> None:
        """Write the page to a path that ends in .html or .htm (else ValueError), whole or (OSError) not at all.

        >>> import autograd_mini as ag, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ag.explore(ag.Value(2.0) * 3.0).save(f"{folder}/page.html")
        """
        _check_name(path)
        write_file(path, self.html.encode())

    def _repr_html_(self) -> str:
        import html

        style = "width:100%;height:680px;border:1px solid #8888;border-radius:6px"
        frame = f'<iframe sandbox="allow-scripts" title="The chain rule, step by step" style="{style}"'
        return f'{frame} srcdoc="{html.escape(self.html)}"></iframe>'

    def __repr__(self) -> str:
        return f"Page({self._about}; .save('page.html') writes it)"


def explore(node: Any, path: Any = None) -> Page:
    """Return a page that steps through the forward and the backward pass of a scalar node; with a `path`, write it there too.

    The page is one HTML file that needs no network. It shows the graph, computes each node, and then goes through the chain rule with
    its numbers, node by node in the engine's order. The gradients are computed anew: no `.grad` is read or changed.
    Raises TypeError for anything but a node; GraphError where nothing requires a gradient, or the node is no scalar;
    GraphTooLargeError for more than 2,000 nodes; ValueError for a path that does not end in .html or .htm; OSError where the file
    cannot be written.

    >>> import autograd_mini as ag
    >>> x = ag.Value(3.0, label="x")
    >>> page = explore(x * x)
    >>> "Content-Security-Policy" in page.html, x.grad
    (True, None)
    """
    if path is not None:
        _check_name(path)
    graph = Graph(node, "explore")
    if len(graph) > MOST:
        ways = "explore a loss on fewer samples, or an inner node; ag.tree(node, depth=3) shows a part of it"
        raise GraphTooLargeError(f"explore: {len(graph):,} nodes, a page takes {MOST:,}: {ways}")
    html = _assembled(_Content(graph).everything())
    page = Page(html, f"{graph.root.title} = {number(graph.root.node.item())}, {len(graph)} nodes")
    if path is not None:
        page.save(path)
    return page


def _check_name(path: Any) -> None:
    """Raise ValueError for a path that does not end as a page does."""
    name = os.fsdecode(path)
    if os.path.splitext(name)[1].lower() not in (".html", ".htm"):
        raise ValueError(f"explore: the name must end in .html, got {name!r}; ag.draw(node) makes pictures")


class _Content:
    """The content of the page, as JSON can hold it. The gradients are computed here: the page itself does no arithmetic."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.grads = graph, graph.gradients("explore")
        self.arrived: dict[int, Any] = {}  # the sum of shares at each operand, so far
        self.operations: dict[Any, tuple[int, dict[str, Any]]] = {}
        arrays = 2 * sum(box.node.size > 1 for box in graph.boxes)
        self.side = min(16, max(2, math.isqrt(CELLS // max(arrays, 1))))  # cells along a heat map

    def everything(self) -> dict[str, Any]:
        """Return boxes and operations."""
        boxes = [self._box(box) for box in reversed(self.graph.boxes)][::-1]  # in the backward's order
        operations = [operation for _, operation in self.operations.values()]
        return {"boxes": boxes, "operations": operations}

    def _box(self, box: Box) -> dict[str, Any]:
        """All facts about a box; a constant without a name has the title ""."""
        nameless = box.kind == "constant" and box.name is None and box.node.size == 1
        return {
            "title": "" if nameless else shortened(box.title, LONGEST), "kind": box.kind, "scope": box.scope,
            "shape": box.node.shape if box.is_array else None, "uses": box.uses, "parents": box.parents,
            "data": self._datum(box.data, True), "grad": self._datum(self.grads.get(box.index), True),
            "operation": self._operation(box) if box.parents else None, "edges": self._edges(box),
        }  # fmt: skip

    def _edges(self, box: Box) -> list[Any]:
        """For each operand the local derivative, if it is one number, the share, and the sum of shares that have arrived with it.

        None for an operand without a gradient. `flat`: the share would be 0 for any gradient.
        """
        if box.index not in self.grads or not box.parents:
            return [None] * len(box.parents)
        slopes: list[Any] = [None] * len(box.parents)
        if box.node.size == 1:
            slopes = self.graph.shares(box, np.ones_like(box.data) if box.is_array else 1.0)
        shares = self.graph.shares(box, self.grads[box.index])
        edges: list[Any] = []
        for position, (parent, slope, share) in enumerate(zip(box.parents, slopes, shares, strict=True)):
            if share is None:
                edges.append(None)
                continue
            before = self.arrived.get(parent)
            self.arrived[parent] = share if before is None else before + share
            is_number = slope is not None and np.size(slope) == 1
            edges.append({
                "local": self._datum(slope) if is_number else None,
                "flat": not np.any(slope if is_number else self._probe(box, position, share)),
                "share": self._datum(share),
                "total": self._datum(self.arrived[parent]),
            })  # fmt: skip
        return edges

    def _probe(self, box: Box, position: int, share: Any) -> Any:
        """Something that is 0 if the share is 0 for every gradient: the share of random numbers, as it is linear in the gradient."""
        if np.any(share) or not np.any(self.grads[box.index]):
            return True
        noise = np.random.default_rng(0).normal(size=np.shape(box.data))
        return self.graph.shares(box, noise)[position]

    def _datum(self, data: Any, cells: bool = False) -> Any:
        """A number; for an array its low, high, mean and norm to the shown digits, the counts of NaN and ∞, and cells for a heat map."""
        if data is None:
            return None
        if np.size(data) == 1:
            return _number(np.reshape(data, ()))
        found = summary(data)
        out = [None if x is None else _number(x, 4) for x in (found.low, found.high, found.mean, found.norm)]
        more = self._cells(np.asarray(data)) if cells and np.size(data) else []
        return [*out, found.nans, found.infinite, *more]

    def _cells(self, data: Any) -> list[Any]:
        """The array as rows of numbers, large ones as means of blocks; and the numbers of rows and columns of a block."""
        table = data.reshape(-1, data.shape[-1]).astype(float)
        high, wide = (math.ceil(n / self.side) for n in table.shape)
        rows = []
        with np.errstate(all="ignore"):
            for band in np.split(table, range(high, len(table), high)):
                blocks = np.split(band, range(wide, band.shape[1], wide), 1)
                rows.append([_number(block.mean(), 3) for block in blocks])
        return [rows, [high, wide]]

    def _operation(self, box: Box) -> int:
        """The place in the table of a box's operation: its name, its symbol, and formulas of its value and of each share.

        Letters stand for names in a formula, so that all boxes of the operation share it.
        """
        node = box.node
        key = (node.op, box.is_array, *[(parent.shape, parent.requires_grad) for parent in node.parents])
        if key not in self.operations:
            names = [chr(NAMES + i) for i in range(len(box.parents))]
            operation: dict[str, Any] = {"op": box.op, "symbol": box.symbol, "how": None, "rules": []}
            if len(names) <= WIDEST:
                rules = (formula(box, i, names, OUT, GRADIENT, summed=True) for i in range(len(names)))
                operation |= {"how": expression(box, names), "rules": list(rules)}
            self.operations[key] = len(self.operations), operation
        return self.operations[key][0]


def _number(x: Any, digits: int = 17) -> Any:
    """A number to so many digits; for NaN and ∞, which JSON lacks, a string that JavaScript's Number reads."""
    x = float(x)
    if math.isfinite(x):
        return float(f"{x:.{digits}g}")
    return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"


def _assembled(content: dict[str, Any]) -> str:
    """The page. Style, script and the user's texts are packed together, so that no letter of them can end a tag."""
    import base64
    import json
    import zlib
    from importlib.resources import files

    folder = files(__package__)
    parts = {kind: folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("html", "css", "js")}
    sent = json.dumps({"graph": content, **parts}, separators=(",", ":"), allow_nan=False)
    packed = base64.b64encode(zlib.compress(sent.encode(), 9)).decode()
    return folder.joinpath("shell.html").read_text("utf-8").replace("@@packed@@", packed)
