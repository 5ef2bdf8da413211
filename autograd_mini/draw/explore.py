"""The page that walks through a forward and a backward pass, one node a step, with the numbers of the chain rule."""

import itertools
import math
import os
import re
from typing import Any

import numpy as np

from ..errors import GraphTooLargeError
from ..support.files import write_file
from .collapse import sizes
from .model import Box, Graph
from .rules import expression, formula
from .summary import number, summary

MOST = 2_000  # nodes on a page
EXACT = 100  # nodes up to which every digit of a number is sent; beyond, DIGITS of them
DIGITS = 10
WIDEST = 40  # operands up to which an operation's formulas are written out
LONGEST = 120  # letters of a name
PLAIN = 60_000  # bytes of a page up to which its script is sent as text; beyond, packed
CELLS = 4_000  # of all heat maps together; beyond EXACT nodes half as many
NAMES = 0xE000  # where the letters begin that stand for the operands in a formula
OUT, GRADIENT = "\uf8fe", "\uf8ff"  # that for its result, and for the gradient that arrives there
DRAWN = 400  # boxes that ag.draw takes
PICTURES = (".svg", ".png", ".pdf", ".dot", ".mmd")
KINDS = ("parameter", "input", "constant", "operation", "result")

# unpacks the data and the script of a large page; a script that is put in as text runs under the strict policy
LOADER = """(async () => {
const sent = document.getElementById("graph");
const bytes = Uint8Array.from(atob(JSON.parse(sent.textContent)), letter => letter.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
const { data, script } = await new Response(unpacked).json();
sent.textContent = data;
document.body.append(Object.assign(document.createElement("script"), { textContent: script }));
})();"""


class Page:
    """A page that explains one backward pass: `.html` is its text, `.save(path)` writes it, and a notebook shows it in a frame."""

    def __init__(self, html: str, about: str) -> None:
        self.html, self._about = html, about

    def save(self, path: Any) -> None:
        """Write the page to a name that ends in .html or .htm (else ValueError), whole or (OSError) not at all."""
        _check_name(path)
        write_file(path, self.html.encode())

    def _repr_html_(self) -> str:
        import html

        return (
            '<iframe sandbox="allow-scripts" title="The chain rule, step by step" '
            'style="width:100%;height:680px;border:1px solid #8888;border-radius:6px" '
            f'srcdoc="{html.escape(self.html)}"></iframe>'
        )

    def __repr__(self) -> str:
        return (
            f"Page({self._about}, {math.ceil(len(self.html.encode()) / 1024)} KB; "
            ".save('page.html') writes it)"
        )


def explore(node: Any, path: Any = None) -> Page:
    """Return a page that steps through the forward and the backward pass of a scalar node; with a `path`, write it there too.

    The page is one file of HTML that needs no network: it shows the graph, computes each node in turn, and then, node by node in the
    engine's order, the chain rule with its numbers. The gradients are computed afresh: no `.grad` is read or changed.
    Raises TypeError for what is no node; GraphError where nothing requires a gradient, or the node is no scalar; GraphTooLargeError
    above 2,000 nodes; ValueError for a path that ends in neither .html nor .htm; OSError where the file cannot be written.

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
        raise GraphTooLargeError(_advice(graph))
    page = Page(
        _assembled(_Payload(graph).made()),
        f"{graph.root.title} = {number(graph.root.node.item())}, {len(graph)} nodes",
    )
    if path is not None:
        page.save(path)
    return page


def _check_name(path: Any) -> None:
    """ValueError for a name that is no page's."""
    name = os.fsdecode(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in (".html", ".htm"):
        hint = f"; ag.draw(node).save({name!r}) makes a picture" if suffix in PICTURES else ""
        raise ValueError(f"explore: the name must end in .html, got {name!r}{hint}")


def _advice(graph: Graph) -> str:
    """What a graph that is too large says: the counts, and ways out that hold for this graph."""
    ways = [
        "explore a loss on fewer samples, or an inner node",
        "ag.tree(node, depth=3) shows the part next to the result",
    ]
    if any(box.scope for box in graph.boxes):
        ways += [
            f"ag.draw(node, collapse={level!r}) shows all of it in {n:,} boxes"
            for level, n in sizes(graph).items()
            if n <= DRAWN
        ][:1]
    return f"explore: {len(graph):,} nodes, a page takes {MOST:,}: {'; '.join(ways)}"


class _Payload:
    """What the page is told of a graph: lists in place of keyed objects, and each text that repeats once, in a table."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.grads = graph, graph.gradients("explore")
        self.exact = len(graph) <= EXACT
        self.totals: dict[int, Any] = {}  # what has arrived so far at the operands that are arrays
        self.scopes: dict[tuple[str, ...], int] = {}
        self.operations: dict[tuple[str | None, ...], int] = {}
        self.places: dict[Any, int] = {}
        arrays = 2 * sum(box.node.size > 1 for box in graph.boxes)
        self.side = min(16, max(2, math.isqrt(CELLS // (1 if self.exact else 2) // max(arrays, 1))))

    def made(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        edges = {
            box.index: self._edges(box) for box in reversed(self.graph.boxes) if box.parents
        }  # in the order of the backward pass
        boxes = [self._leaf(box) + edges.get(box.index, []) for box in self.graph.boxes]
        stale = [box.index for box in self.graph.stale()]
        return {
            "boxes": boxes,
            "operations": list(self.operations),
            "scopes": list(self.scopes),
            "stale": stale,
        }

    def _leaf(self, box: Box) -> list[Any]:
        """What every box has: title, kind, scope, shape, data, gradient."""
        nameless = box.kind == "constant" and box.name is None and box.node.size == 1  # its number says all
        title = (
            ""
            if nameless
            else box.title
            if len(box.title) <= LONGEST
            else f"{box.title[:40]}…{box.title[41 - LONGEST :]}"
        )
        scope = self.scopes.setdefault(box.scope, len(self.scopes))
        shape = list(box.node.shape) if box.is_array else 0
        return [
            title,
            KINDS.index(box.kind),
            scope,
            shape,
            self._datum(box.data, True),
            self._datum(self.grads.get(box.index), True),
        ]

    def _edges(self, box: Box) -> list[Any]:
        """What an operation has besides: which it is, its operands, and by each the local derivative, and what else must be said."""
        head = [self._operation(box), list(box.parents)]
        if box.index not in self.grads:
            return head
        gradient, shares = self.grads[box.index], self.graph.shares(box, self.grads[box.index])
        slopes = (
            self.graph.shares(box, np.ones_like(box.data))
            if box.is_array and box.node.size == 1
            else self.graph.local(box)
        )
        locals_: list[Any] = [
            None if slope is None or np.size(slope) != 1 else self._datum(slope) for slope in slopes
        ]
        rest = [
            0
            if share is None or self._same(self._datum(gradient), local, share)
            else self._share(parent, share)
            for parent, local, share in zip(box.parents, locals_, shares, strict=True)
        ]
        gone = [share is not None and not np.any(share) for share in shares]
        if np.any(gradient) and any(
            local is None and is_gone for local, is_gone in zip(locals_, gone, strict=True)
        ):
            locals_ = self._flat(box, locals_)
        return [*head, locals_, *([rest] if any(rest) else [])]

    def _flat(self, box: Box, locals_: list[Any]) -> list[Any]:
        """The local derivatives, False for those of arrays that let nothing of any gradient through: a share is linear in the gradient."""
        probes = self.graph.shares(box, np.random.default_rng(0).normal(size=np.shape(box.data)))
        silent = [probe is not None and not np.any(probe) for probe in probes]
        return [
            False if local is None and is_silent else local
            for local, is_silent in zip(locals_, silent, strict=True)
        ]

    def _share(self, parent: int, share: Any) -> list[Any]:
        """What an operand receives; and where it is an array and not the first, what it holds then."""
        if np.size(share) == 1:
            return [self._datum(share)]
        before = self.totals.get(parent)
        self.totals[parent] = share if before is None else before + share
        return [self._datum(share)] + ([] if before is None else [self._datum(self.totals[parent])])

    def _same(self, gradient: Any, local: Any, share: Any) -> bool:
        """Whether the page, which multiplies the numbers that it was sent, comes to the engine's share."""
        if local is None or np.size(share) != 1:
            return False
        product, share = float(gradient) * float(local), float(np.reshape(share, ()))
        return product == share or (
            not self.exact and math.isclose(product, share, rel_tol=10.0 ** (1 - DIGITS))
        )

    def _datum(self, data: Any, cells: bool = False) -> Any:
        """A number; or of an array low, high, mean, norm, how many NaN and ∞, and, where asked for, cells for a heat map."""
        if data is None:
            return None
        if np.size(data) == 1:
            return self._number(np.reshape(data, ()), 17 if self.exact else DIGITS)
        told = summary(data)
        numbers = [
            x if x is None else self._number(x, 6 if self.exact else 5)
            for x in (told.low, told.high, told.mean, told.norm)
        ]
        out: list[Any] = [*numbers, told.nans, told.infinite]
        return [*out, *self._cells(np.asarray(data))] if cells and np.size(data) else out

    def _cells(self, data: Any) -> list[Any]:
        """The array as rows of numbers, blocks of many averaged; and how many rows and columns a block has."""
        table = data.reshape(-1, data.shape[-1]).astype(float)
        high, wide = (math.ceil(n / self.side) for n in table.shape)
        with np.errstate(all="ignore"):
            rows = [
                [
                    self._number(table[i : i + high, j : j + wide].mean(), 3)
                    for j in range(0, table.shape[1], wide)
                ]
                for i in range(0, table.shape[0], high)
            ]
        return [rows, [high, wide]]

    def _number(self, x: Any, digits: int) -> Any:
        """A number to so many digits; a string where JSON has none for it, as JavaScript's Number reads it."""
        x = float(x)
        if not math.isfinite(x):
            return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
        x = x if digits == 17 else float(f"{x:.{digits}g}")
        return int(x) if x.is_integer() and abs(x) < 1e15 else x

    def _operation(self, box: Box) -> int:
        """The place of an operation in the table: its name, its symbol, and as formulas its value and what each operand receives.

        In a formula letters stand for names, so that it is one text for all boxes of the operation.
        """
        node = box.node
        key = (
            node.op,
            box.is_array,
            tuple([(parent.shape, parent.requires_grad) for parent in node.parents]),
        )
        if key not in self.places:
            names = [chr(NAMES + i) for i in range(len(box.parents))]
            row: list[str | None] = [box.op, box.symbol]
            if len(names) <= WIDEST:
                row += [
                    expression(box, names),
                    *(formula(box, i, names, OUT, GRADIENT, summed=True) for i in range(len(names))),
                ]
            self.places[key] = self.operations.setdefault(tuple(row), len(self.operations))
        return self.places[key]


def _assembled(payload: dict[str, Any]) -> str:
    """The page of a payload. What comes from the user is in the JSON alone, where no letter of it can end the script."""
    import json
    from importlib.resources import files

    page, css, js = (
        files(__package__).joinpath(f"page.{suffix}").read_text("utf-8") for suffix in ("html", "css", "js")
    )
    data, js = json.dumps(payload, separators=(",", ":"), allow_nan=False), _tight(js)  # data: ASCII alone
    for letter in "<>&":
        data = data.replace(letter, f"\\u{ord(letter):04x}")

    def filled(*parts: str) -> str:
        return "".join(itertools.chain(*zip(page.split("@@")[::2], (_tight(css), *parts, ""), strict=True)))

    plain = filled(data, js)
    if len(plain.encode()) <= PLAIN:
        return plain
    import base64
    import zlib

    packed = base64.b64encode(zlib.compress(json.dumps({"data": data, "script": js}).encode(), 9)).decode()
    return filled(json.dumps(packed), LOADER)  # a third of the size


def _tight(text: str) -> str:
    """A script or a style sheet without lines of comment, indentation, and, in lines that quote nothing, spaces that say nothing."""
    lines = (line.strip() for line in text.splitlines())
    kept = (line for line in lines if line and not line.startswith("//"))
    return "\n".join(
        line if re.search("[\"'`/]", line) else re.sub(" ?([=<>?:,;{}()&|]+) ?", r"\1", line) for line in kept
    )
