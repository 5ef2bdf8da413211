"""What a picture says: for each box its lines of text, tooltip, shape and tint; for each line its tooltip. A snapshot, in strings."""

import math
import unicodedata
from typing import Any, NamedTuple

from .collapse import Group, View
from .colour import largest, tone
from .model import COMMUTE, Box, Graph
from .summary import Summary, spoken, summary

KINDS = ("parameter", "input", "constant", "operation", "result", "group")
LARGE, SMALL, LINE = 13, 12, 16  # the font sizes of the first line and of the others; the distance of lines
PADDING = 9
WIDEST = 190  # a longer text is shortened
OPERATION = 210  # the same for the name of an operation: 24 letters
FEW = 12  # boxes of a picture with the local derivatives at its lines
BROAD = 1100  # where boxes side by side are wider than this, a gradient stands below its data, not beside it

# of DejaVu Sans, which is wider than the other usual fonts, in hundredths of the font size
WIDTHS = {
    letter: width
    for width, letters in {
        30: "ijlIJ'", 35: " ,.·/:;\\|f-", 42: "()[]t!²³r", 52: "\"*_`‖sz∂?c", 59: "LFkvxyPTY",
        64: "abdeghnopqu$0123456789{}ES", 70: "KAVBRXZC", 79: "UHNDGOQ&", 85: "w∞#+<=>^~−×÷M", 100: "%m@W—…",
    }.items()
    for letter in letters
}  # fmt: skip
BOLD = 1.12
DIRECTIONS = dict.fromkeys(
    [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)  # they would turn the text around


class Card(NamedTuple):
    """A box as it is drawn: `head`, its name and what is said beside it, and further `lines`; `tint`: its place on the scale."""

    kind: str
    head: tuple[str, str]
    lines: tuple[str, ...]
    tooltip: str
    tint: float
    alert: bool  # something is NaN or infinite
    width: float
    height: float

    def text(self) -> str:
        """All its lines as one text."""
        return "\n".join(filter(None, ["  ".join(filter(None, self.head)), *self.lines]))


class Link(NamedTuple):
    """A line as it is drawn. `order`: which operand, where that matters; `local`: its local derivative, in a small picture."""

    source: int
    target: int
    tooltip: str
    order: str
    local: str


class Picture(NamedTuple):
    """All that is drawn. `end`: the largest number on the scale of colours, of which `scale` is the name; `notes`: for the legend; `gap`:
    between the ranks."""

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


def picture(view: View, direction: str, color: str, theme: str) -> Picture:
    """Return the snapshot of a view."""
    items, root = view.items, view.graph.root
    facts = [(summary(item.data), None if item.grad is None else summary(item.grad)) for item in items]
    shown = [{"grad": grad, "data": data}.get(color) for data, grad in facts]
    sizes = [_signed(its) for its in shown]
    end = largest(sizes)
    tints = [tone(size, end) for size in sizes]
    cards = [_card(item, *fact, tint, False) for item, fact, tint in zip(items, facts, tints, strict=True)]
    stacked = direction in ("LR", "RL") and _breadth(view, cards) > BROAD
    if stacked:
        cards = [_card(item, *fact, tint, True) for item, fact, tint in zip(items, facts, tints, strict=True)]
    links = _links(view)
    gap = 64.0 if any(link.local for link in links) else 24.0 if stacked else 36.0
    notes = _numbers_of(items, [grad for _, grad in facts], stacked)
    notes += ["‖n‖: norm"] * any("‖" in line for card in cards for line in card.lines)
    notes += ["array: tinted by its norm, with the sign of its mean"] * any(its.shape for its in shown if its)
    notes += ["×n: local derivative"] * any(link.local for link in links)
    notes += ["1, 2: order of operands"] * any(link.order for link in links)
    notes += view.graph.warning()
    name = "the result" if root.name is None else shortened(root.name, 2 * WIDEST, LARGE)
    title = f"Graph of {name}: {_counted(len(view.graph), 'node')}"
    title += f" in {_counted(len(items), 'box')}" * (len(items) < len(view.graph))
    kinds = [card.kind for card in cards]
    place = next(
        i
        for i, item in enumerate(items)
        if item is root or (isinstance(item, Group) and root in item.members)
    )
    told = [
        *[_counted(kinds.count(kind), kind) for kind in KINDS if kind in kinds],
        *cards[place].tooltip.split("\n"),
    ]
    scale = "∂ gradient" if color == "grad" else "data"
    return Picture(cards, links, title, ", ".join(told), scale, end, notes, gap, direction, theme)


def _signed(facts: Summary | None) -> float | None:
    """What a tint shows: a number as it is; of an array the norm, as its box says, with the sign of the mean."""
    if facts is None or facts.norm is None or facts.mean is None:
        return None
    return math.copysign(facts.norm, facts.mean + 0.0)


def _numbers_of(items: list[Box | Group], grads: list[Summary | None], stacked: bool) -> list[str]:
    """What the numbers in the boxes are, for the legend."""
    reached = [grad is not None for item, grad in zip(items, grads, strict=True) if item.requires_grad]
    notes = ["data" if not reached else "data, below it ∂ gradient" if stacked else "data | ∂ gradient"]
    if not all(reached):
        notes.append("∂ —: not reached by a backward" if any(reached) else "∂ —: no backward yet")
    return notes + ["group: data and ∂ of its output"] * any(
        item.kind == "group" and item.requires_grad for item in items
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 'es' if what == 'box' else 's'}"


def _breadth(view: View, cards: list[Card]) -> float:
    """How wide the boxes are on the way to the result that has the widest."""
    reach = [card.width for card in cards]
    for source, target, _ in sorted(view.links, key=lambda link: link[1]):
        reach[target] = max(reach[target], reach[source] + cards[target].width)
    return max(reach)


# ---- Boxes -------------------------------------------------------------------------------------------------------------


def _card(item: Box | Group, data: Summary, grad: Summary | None, tint: float, stacked: bool) -> Card:
    array = bool(data.shape)
    numbers = data.range(_short) if array else spoken(item.data)
    if isinstance(item, Group) and item.op is None:
        head, lines = (item.name, ""), [_population(item)]
    else:
        beside = [shortened(item.symbol, OPERATION, LARGE), str(data.shape) if array else ""]
        head, lines = (item.name or "", " ".join(filter(None, beside))), []
    gradient = f"∂ {_gradient(grad, item.grad, array)}" if item.requires_grad else ""
    lines += (
        [numbers, gradient]
        if stacked and gradient
        else [" | ".join([numbers, gradient] if gradient else [numbers])]
    )
    head = shortened(head[0], WIDEST, LARGE * BOLD), shortened(head[1], 2 * WIDEST, LARGE)
    shown = [shortened(line, 2 * WIDEST, SMALL) for line in lines if line]
    width = max([head_width(head), *[text_width(line, SMALL) for line in shown]]) + 2 * PADDING
    alert = any(facts.nans or facts.infinite for facts in (data, grad) if facts)
    height = LINE * (len(shown) + any(head)) + 10
    sheets = 6 * (item.kind == "group")
    return Card(
        item.kind,
        head,
        tuple(shown),
        _tooltip(item, data, grad),
        tint,
        alert,
        width + sheets,
        height + sheets,
    )


def _population(group: Group) -> str:
    """What a group is and how many nodes it holds, unless its name says so."""
    count = _counted(len(group.members), "node")
    what = group.scope[-1].rstrip("0123456789 ") if group.scope else ""
    return "" if group.name.startswith(f"{len(group.members)} ") else f"{what} · {count}" if what else count


def _short(x: float) -> str:
    return spoken(x, 3)


def _gradient(facts: Summary | None, grad: Any, array: bool) -> str:
    """The gradient: a number, of an array the norm, `—` where no backward has reached it."""
    if facts is None or not array:
        return spoken(grad)
    return facts.length(lambda norm: f"‖{_short(norm)}‖")


def _tooltip(item: Box | Group, data: Summary, grad: Summary | None) -> str:
    """Everything about a box, a fact a line."""
    facts = [item.title]
    if isinstance(item, Group):
        facts += [f"operation {item.op}, spelt out"] * (item.op is not None)
        facts.append(f"{len(item.members):,} nodes in one box")
    else:
        facts.append(f"operation {item.op}" if item.op else item.kind)
        facts += [f"used {item.uses} times"] * (item.uses > 1)
    facts += ["in " + " › ".join(item.scope)] * bool(item.scope)
    facts.append(f"data {_facts(data, item.data)}")
    if item.requires_grad:
        facts.append(
            "∂ — (no backward has reached it)" if grad is None else f"∂ gradient {_facts(grad, item.grad)}"
        )
    return "\n".join(map(clean, facts))


def _facts(facts: Summary, data: Any) -> str:
    """A number to eight digits; of an array, its summary."""
    if not facts.shape:
        return spoken(data, 8)
    more = "" if facts.mean is None else f", mean {spoken(facts.mean)}, norm {spoken(facts.norm)}"
    return f"{facts.shape} {facts.dtype}, {facts.range(spoken)}{more}"


# ---- Lines -------------------------------------------------------------------------------------------------------------


def _links(view: View) -> list[Link]:
    """A line for each edge between boxes, and one for all edges from or to a group."""
    out, small = [], len(view.items) <= FEW
    for source, target, edges in view.links:
        tail, head = view.items[source], view.items[target]
        if isinstance(head, Group):
            out.append(Link(source, target, _counted(len(edges), "edge"), "", ""))
            continue
        count = len(head.parents)
        numbered = head.op not in COMMUTE and 1 < count < 4
        if isinstance(tail, Group):
            order = ", ".join([str(position + 1) for _, _, position in edges]) if numbered else ""
            out.append(Link(source, target, _counted(len(edges), "edge"), order, ""))
            continue
        for _, _, position in edges:
            local = _locals(view.graph, head)[position]
            told = (
                clean(f"∂{head.name or head.op}/∂{tail.title} = {spoken(local, 8)}")
                if local is not None
                else ""
            )
            place = (
                f"operand {position + 1} of {count}"
                if (head.op not in COMMUTE and count > 1) or not told
                else ""
            )
            tooltip, order = "\n".join(filter(None, (told, place))), str(position + 1) if numbered else ""
            out.append(
                Link(
                    source, target, tooltip, order, f"×{_short(local)}" if small and local is not None else ""
                )
            )
    return out


def _locals(graph: Graph, box: Box) -> list[float | None]:
    """The local derivatives of a box; none where a user's rule fails, as the picture is of the forward pass all the same."""
    try:
        return graph.local(box)
    except Exception:
        return [None] * len(box.parents)


# ---- Text --------------------------------------------------------------------------------------------------------------


def clean(text: str) -> str:
    """Return text that any format can hold, on lines of its own: no control characters, no marks that turn its direction.

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
    """Return how wide a text is at most, in the usual fonts."""
    return size / 100 * sum([WIDTHS.get(letter) or _width(letter) for letter in text])


def _width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    if letter < "\u0900":  # Latin, Greek, Cyrillic; Hebrew, Arabic
        return 110 if letter < "\u0590" else 75
    return 100 if "\u2e80" <= letter < "\uf900" else 140  # Chinese, Japanese, Korean; all others


def head_width(head: tuple[str, str]) -> float:
    """Return how wide a box's first line is at most."""
    return text_width(head[0], LARGE * BOLD) + text_width("  " * all(head) + head[1], LARGE)


def known(text: str) -> bool:
    """Return whether the width of a text is certain: no letter of it is one that another font may have to lend."""
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
