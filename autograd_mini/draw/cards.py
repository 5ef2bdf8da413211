"""The content of a picture, as strings: for each box its lines of text, tooltip, shape and tint; for each line its tooltip."""

import math
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

from .collapse import Group, View
from .colour import largest, tone
from .graph import COMMUTE, Box, Graph
from .summary import Summary, counted, spoken, summary

KINDS = ("parameter", "input", "constant", "operation", "result", "group")
LARGE, SMALL, LINE = 13, 12, 16  # the font sizes of the first line and of the others; the distance of lines
PADDING = 9
WIDEST = 190  # a longer text is shortened
OPERATION = 210  # the same for the name of an operation: 24 letters
FEW = 12  # boxes of a picture with the local derivatives at its lines

# the widths of letters in DejaVu Sans, the widest of the usual fonts, in hundredths of the font size
WIDTHS = {
    letter: width
    for width, letters in {
        30: "ijlIJ'", 35: " ,.·/:;\\|f-", 42: "()[]t!²³r", 52: "\"*_`‖sz∂?c", 59: "LFkvxyPTY",
        64: "abdeghnopqu$0123456789{}ES", 70: "KAVBRXZC", 79: "UHNDGOQ&", 85: "w∞#+<=>^~−×÷M", 100: "%m@W—…",
    }.items()
    for letter in letters
}  # fmt: skip
BOLD = 1.12
# characters that would reverse the text
DIRECTIONS = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class Card(NamedTuple):
    """A box as it is drawn. `head`: its name, and the text beside it; `lines`: those below; `tint`: its place on the scale of colours."""

    kind: str
    head: tuple[str, str]
    lines: tuple[str, ...]
    tooltip: str
    tint: float
    alert: bool  # something is NaN or infinite
    width: float
    height: float

    def text(self) -> str:
        """Return all its lines as one text."""
        return "\n".join(filter(None, ["  ".join(filter(None, self.head)), *self.lines]))


class Link(NamedTuple):
    """A line as it is drawn. `order`: the number of the operand, where that matters; `local`: its local derivative, in small pictures."""

    source: int
    target: int
    tooltip: str
    order: str = ""
    local: str = ""


class Picture(NamedTuple):
    """All that is drawn. `scale`, `end`: the name of the scale of colours, and its largest number; `notes`: texts of the legend;
    `gap`: the distance of the ranks."""

    cards: list[Card]
    links: list[Link]
    title: str
    description: str
    scale: str
    end: float
    notes: list[str]
    gap: float
    direction: str
    theme: str

    @property
    def sizes(self) -> list[tuple[float, float]]:
        """The width and height of each box."""
        return [(card.width, card.height) for card in self.cards]

    @property
    def edges(self) -> list[tuple[int, int]]:
        """The operand and the result of each line."""
        return [(link.source, link.target) for link in self.links]


class Facts(NamedTuple):
    """The summaries of a box's or a group's data and gradient, and its tint."""

    item: Box | Group
    data: Summary
    grad: Summary | None
    tint: float = 0.0


def picture(view: View, direction: str, color: str, theme: str) -> Picture:
    """Return the picture of a view, as its numbers are now."""
    root = view.graph.root
    grads = [None if item.grad is None else summary(item.grad) for item in view.items]
    facts = [Facts(item, summary(item.data), grad) for item, grad in zip(view.items, grads, strict=True)]
    sizes = [_signed(getattr(its, color, None)) for its in facts]
    end = largest(sizes)
    facts = [its._replace(tint=tone(size, end)) for its, size in zip(facts, sizes, strict=True)]
    cards = list(map(_card, facts))
    links = [link for edge in view.links for link in _links(view, *edge)]
    name = "the result" if root.name is None else shortened(root.name, 2 * WIDEST, LARGE)
    title = f"Graph of {name}: {counted(len(view.graph), 'node')}"
    if len(view.items) < len(view.graph):
        title += f" in {counted(len(view.items), 'box')}"
    kinds = [card.kind for card in cards]
    counts = [counted(kinds.count(kind), kind) for kind in KINDS if kind in kinds]
    counts += cards[view.place_of(root)].tooltip.split("\n")
    scale = "∂ gradient" if color == "grad" else "data"
    notes = _notes(facts, cards, links)
    gap = 64.0 if any(link.local for link in links) else 36.0
    return Picture(cards, links, title, ", ".join(counts), scale, end, notes, gap, direction, theme)


def _signed(facts: Summary | None) -> float | None:
    """The number that a tint shows: the number itself, or the norm of an array with the sign of its mean."""
    if facts is None or facts.norm is None or facts.mean is None:
        return None
    return math.copysign(facts.norm, facts.mean + 0.0)


def _notes(facts: list[Facts], cards: list[Card], links: list[Link]) -> list[str]:
    """The texts of the legend: what the numbers in the boxes and at the lines are."""
    reached = [its.grad is not None for its in facts if its.item.requires_grad]
    notes = {
        "data | ∂ gradient" if reached else "data": True,
        "∂ —: not reached by a backward": any(reached) and not all(reached),
        "∂ —: no backward yet": bool(reached) and not any(reached),
        "‖n‖: norm": any("‖" in line for card in cards for line in card.lines),
        "×n: local derivative": any(link.local for link in links),
        "1, 2: order of operands": any(link.order for link in links),
    }
    return [note for note, holds in notes.items() if holds]


# ---- Boxes -------------------------------------------------------------------------------------------------------------


def _card(its: Facts) -> Card:
    item, shape = its.item, its.data.shape
    gradient = f"∂ {_gradient(its)}" if item.requires_grad else ""
    numbers = [its.data.range(_short) if shape else spoken(item.data), gradient]
    lines = [" | ".join(filter(None, numbers))]
    if isinstance(item, Group) and item.op is None:
        head = (item.name, "")
        lines = [counted(len(item.members), "node"), *lines]
    else:
        beside = [shortened(item.symbol, OPERATION, LARGE), str(shape) if shape else ""]
        head = (item.name or "", " ".join(filter(None, beside)))
    head = shortened(head[0], WIDEST, LARGE * BOLD), shortened(head[1], 2 * WIDEST, LARGE)
    shown = tuple(shortened(line, 2 * WIDEST, SMALL) for line in lines if line)
    sheets = 6 if item.kind == "group" else 0
    width = max([head_width(head), *[text_width(line, SMALL) for line in shown]]) + 2 * PADDING + sheets
    height = LINE * (len(shown) + any(head)) + 10 + sheets
    alert = any(found.nans or found.infinite for found in (its.data, its.grad) if found)
    return Card(item.kind, head, shown, _tooltip(its), its.tint, alert, width, height)


def _short(x: float) -> str:
    return spoken(x, 3)


def _gradient(its: Facts) -> str:
    """The gradient: a number, the norm of an array, or `—` where no backward has reached it."""
    if its.grad is None or not its.data.shape:
        return spoken(its.item.grad)
    return its.grad.length(lambda norm: f"‖{_short(norm)}‖")


def _tooltip(its: Facts) -> str:
    """All facts about a box, one a line."""
    item, lines = its.item, [its.item.title]
    if isinstance(item, Group):
        lines += ["" if item.op is None else f"operation {item.op}, spelt out"]
        lines += [f"{len(item.members):,} nodes in one box"]
    else:
        lines += [f"operation {item.op}" if item.op else item.kind]
    lines += ["in " + " › ".join(item.scope) if item.scope else "", f"data {_facts(its.data, item.data)}"]
    if item.requires_grad:
        dash = "∂ — (no backward has reached it)"
        lines += [dash if its.grad is None else f"∂ gradient {_facts(its.grad, item.grad)}"]
    return "\n".join(map(clean, [lines[0], *filter(None, lines[1:])]))


def _facts(facts: Summary, data: Any) -> str:
    """A number to eight digits, or the summary of an array."""
    if not facts.shape:
        return spoken(data, 8)
    return f"{facts.shape} {facts.dtype}, {facts.range(spoken)}, norm {spoken(facts.norm)}"


# ---- Lines -------------------------------------------------------------------------------------------------------------


def _links(view: View, source: int, target: int, edges: list[tuple[int, int, int]]) -> Iterator[Link]:
    """Yield a line for each edge between two boxes, or one line for all edges from or to a group."""
    tail, head = view.items[source], view.items[target]
    if isinstance(head, Group):
        yield Link(source, target, counted(len(edges), "edge"))
        return
    count, commutes = len(head.parents), head.op in COMMUTE
    places = [str(position + 1) if not commutes and 1 < count < 4 else "" for *_, position in edges]
    if isinstance(tail, Group):
        yield Link(source, target, counted(len(edges), "edge"), ", ".join(filter(None, places)))
        return
    for (*_, position), place in zip(edges, places, strict=True):
        local, lines = _locals(view.graph, head)[position], []
        if local is not None:
            lines.append(clean(f"∂{head.name or head.op}/∂{tail.title} = {spoken(local, 8)}"))
        if not lines or (count > 1 and not commutes):
            lines.append(f"operand {position + 1} of {count}")
        shown = f"×{_short(local)}" if local is not None and len(view.items) <= FEW else ""
        yield Link(source, target, "\n".join(lines), place, shown)


def _locals(graph: Graph, box: Box) -> list[float | None]:
    """The local derivatives of a box; None where a user's rule fails, since the forward pass can be drawn all the same."""
    try:
        return graph.local(box)
    except Exception:
        return [None] * len(box.parents)


# ---- Text --------------------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Return text that any format can hold: without control characters, and without marks that change its direction.

    >>> clean("a\\tb\\x00") == "a b\\ufffd"
    True
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join([_harmless(letter) for letter in text.translate(DIRECTIONS)])


def _harmless(letter: str) -> str:
    if letter.isspace():
        return "\n" if letter == "\n" else " "
    return "\ufffd" if unicodedata.category(letter) in ("Cc", "Cs") or letter in "\ufffe\uffff" else letter


def text_width(text: str, size: float) -> float:
    """Return the width of a text, or more, in the usual fonts."""
    return size / 100 * sum([WIDTHS.get(letter, 140) for letter in text])


def head_width(head: tuple[str, str]) -> float:
    """Return the width of a box's first line, or more."""
    gap = "  " if all(head) else ""
    return text_width(head[0], LARGE * BOLD) + text_width(gap + head[1], LARGE)


def known(text: str) -> bool:
    """Return whether the width of a text is certain: none of its letters may come from another font."""
    return all(letter in WIDTHS for letter in text)


def shortened(text: str, width: float, size: float) -> str:
    """Return a text on one line, with … in its middle where it is wider.

    >>> shortened("layer0.neuron12.w[3]", 100, 13)
    'layer0…2.w[3]'
    """
    text = clean(text[:200] + text[-200:] if len(text) > 400 else text).replace("\n", " ")
    if text_width(text, size) <= width:
        return text
    keep = len(text) - 1
    while keep and text_width(text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :], size) > width:
        keep -= 1
    return text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :]
