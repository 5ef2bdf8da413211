"""A picture as SVG, the same for every layout."""

import html
import math
from collections.abc import Iterator

from .cards import KINDS, LARGE, LINE, SMALL, Card, Link, Picture, head_width, known, text_width
from .colour import THEMES, opacity
from .layout import Layout, Point
from .summary import spoken

MARGIN = 12.0
FONTS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'
TINY = 10
LEGEND = 340.0  # it is made at least so wide
BUSY = 100  # more lines than that are drawn fainter
STEPS = 11  # of the scale in the legend


def render(picture: Picture, layout: Layout) -> str:
    """Return the SVG, complete. All its rules of style are for itself alone and it has no ids, so that a page can hold many."""
    legend, wide, high = _legend(picture, max(layout.width, LEGEND))
    width, height = max(layout.width, wide) + 2 * MARGIN, layout.height + high + 2 * MARGIN
    left = (width - layout.width) / 2
    faint = max(0.4, min(1.0, BUSY / max(1, len(picture.links))))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="agd agd-{picture.theme}" '
        f'role="img" width="{width:.0f}" height="{height:.0f}"',
        f' viewBox="0 0 {width:.0f} {height:.0f}" style="max-width:100%;height:auto">\n',
        f"<title>{html.escape(picture.title)}</title>\n<desc>{html.escape(picture.description)}</desc>\n",
        f"<style>{_style(picture.theme)}</style>\n"
        '<rect class="agd-back" width="100%" height="100%" rx="6"/>\n',
        f'<g transform="translate({left:.1f},{MARGIN:g})">\n'
        f'<g opacity="{faint:.2f}" stroke-width="{0.5 + 0.7 * faint:.1f}">\n',
        *(_line(link, curve) for link, curve in zip(picture.links, layout.curves, strict=True)),
        "</g>\n",
        *(_box(card, *centre) for card, centre in zip(picture.cards, layout.centres, strict=True)),
        *(_words(link, curve) for link, curve in zip(picture.links, layout.curves, strict=True)),
        f'</g>\n<g transform="translate({MARGIN:g},{layout.height + MARGIN:.1f})">\n{legend}</g>\n</svg>\n',
    ]
    return "".join(parts)


def _style(theme: str) -> str:
    """The rules of a theme; of "auto" those of both."""
    if theme != "auto":
        return _rules(theme, theme)
    return _rules("auto", "light") + "@media (prefers-color-scheme:dark){" + _rules("auto", "dark") + "}"


def _rules(scope: str, theme: str) -> str:
    colours = THEMES[theme]
    rules = {
        "text": f"font-family:{FONTS};fill:{colours['text']}",
        ".agd-name": "font-weight:600",
        ".agd-muted": f"fill:{colours['muted']}",
        ".agd-halo": (
            f"fill:{colours['muted']};stroke:{colours['background']};stroke-width:3px;paint-order:stroke"
        ),
        ".agd-back": f"fill:{colours['background']}",
        ".agd-line": f"fill:none;stroke:{colours['line']}",
        ".agd-frame": f"fill:none;stroke:{colours['constant']};stroke-width:0.6px",
        ".agd-tip": f"fill:{colours['line']}",
        ".agd-negative": f"fill:{colours['negative']}",
        ".agd-positive": f"fill:{colours['positive']}",
        ".agd-shape": f"fill:{colours['background']};stroke-width:1.4px",
        **{
            f".agd-{kind}": f"stroke:{colours[kind]}" + ";stroke-dasharray:4 3" * (kind == "constant")
            for kind in KINDS
        },
        ".agd-alert": f"stroke:{colours['alert']};stroke-width:2.5px",
    }
    return "".join(f".agd-{scope} {name}{{{rule}}}" for name, rule in rules.items())


# ---- Boxes -------------------------------------------------------------------------------------------------------------


def _box(card: Card, x: float, y: float) -> str:
    """A box: its outline, the tint, the text."""
    width, height = card.width, card.height
    back = ""
    shape = f'class="agd-shape agd-{card.kind}{" agd-alert" * card.alert}"'
    if card.kind == "group":  # sheets, one behind the other
        width, height = width - 6, height - 6
        back = "".join(
            f'<path {shape} d="{_outline("group", x - 3 + by, y + 3 - by, width, height)}"/>' for by in (6, 3)
        )
        x, y = x - 3, y + 3
    outline = _outline(card.kind, x, y, width, height)
    sign = "negative" if card.tint < 0 else "positive"
    fill = (
        f'<path class="agd-{sign}" fill-opacity="{opacity(card.tint):.2f}" d="{outline}"/>'
        if card.tint
        else ""
    )
    if card.kind == "result":
        fill += f'<path {shape} style="fill:none" d="{_outline("operation", x, y, width - 6, height - 6)}"/>'
    top = y - LINE * (len(card.lines) + any(card.head)) / 2 + 12
    lines = []
    if any(card.head):
        name, beside = card.head
        spans = f'<tspan class="agd-name">{html.escape(name)}</tspan>' * bool(name)
        apart = ' dx="7"' * bool(name)
        spans += f'<tspan class="agd-muted"{apart}>{html.escape(beside)}</tspan>' * bool(beside)
        exact = (
            ""
            if known(name + beside)
            else f' textLength="{head_width(card.head):.0f}" lengthAdjust="spacingAndGlyphs"'
        )
        lines.append(
            f'<text x="{x:.1f}" y="{top:.1f}" font-size="{LARGE}" text-anchor="middle"{exact}>{spans}</text>'
        )
    for i, line in enumerate(card.lines, any(card.head)):
        lines.append(
            f'<text x="{x:.1f}" y="{top + LINE * i:.1f}" font-size="{SMALL}" '
            f'text-anchor="middle">{html.escape(line)}</text>'
        )
    return (
        f"<g><title>{html.escape(card.tooltip)}</title>{back}"
        f'<path {shape} d="{outline}"/>{fill}{"".join(lines)}</g>\n'
    )


def _outline(kind: str, x: float, y: float, width: float, height: float) -> str:
    """The path around a box, by its kind: a parameter's corners are cut, an input is a pill, an operation rounded, a constant not."""
    w, h = width / 2, height / 2
    cut = {"parameter": 9.0, "input": 21.0, "operation": 7.0, "result": 9.0}.get(kind, 0.0)
    cut = min(cut, w, h)
    sides = (
        f"M{x - w + cut:.1f},{y - h:.1f}H{x + w - cut:.1f}",
        f"V{y + h - cut:.1f}",
        f"H{x - w + cut:.1f}",
        f"V{y - h + cut:.1f}",
    )
    corners = [(cut, cut), (-cut, cut), (-cut, -cut), (cut, -cut)]
    if not cut:
        return "".join(sides) + "Z"
    turn = "l{:.1f},{:.1f}" if kind == "parameter" else f"a{cut:.1f},{cut:.1f} 0 0 1 {{:.1f}},{{:.1f}}"
    return "".join(side + turn.format(*corner) for side, corner in zip(sides, corners, strict=True)) + "Z"


# ---- Lines -------------------------------------------------------------------------------------------------------------


def _line(link: Link, curve: list[Point]) -> str:
    """A line with its arrow's head."""
    *points, (x, y) = curve
    x0, y0 = points[-1]
    length = math.hypot(x - x0, y - y0) or 1.0
    dx, dy = 3.5 * (x - x0) / length, 3.5 * (y - y0) / length
    start, rest = points[0], points[1:]
    path = f"M{start[0]:.1f},{start[1]:.1f}C" + " ".join(f"{a:.1f},{b:.1f}" for a, b in rest)
    head = f"M{x:.1f},{y:.1f}L{x0 - dy:.1f},{y0 + dx:.1f} {x0 + dy:.1f},{y0 - dx:.1f}Z"
    return (
        f"<g><title>{html.escape(link.tooltip)}</title>"
        f'<path class="agd-line" d="{path}"/><path class="agd-tip" d="{head}"/></g>\n'
    )


def _words(link: Link, curve: list[Point]) -> str:
    """What stands at a line: the local derivative, and which operand it is."""
    out = ""
    if link.local:
        x, y = _middle(curve[:-1])
        (x0, y0), (x1, y1) = curve[0], curve[-1]
        flat = abs(x1 - x0) > abs(y1 - y0)
        out += _note(
            link.local, x + (0 if flat else 4 + 3 * len(link.local)), y - 7 * flat
        )  # beside the line: on it a minus is lost
    if link.order:
        (x0, y0), (x, y) = curve[-2:]
        length = math.hypot(x - x0, y - y0) or 1.0
        x, y = (
            x0 - 4 * (x - x0) / length - 6 * (y - y0) / length,
            y0 - 4 * (y - y0) / length - 6 * (x - x0) / length,
        )
        out += _note(link.order, x, y)
    return out


def _note(text: str, x: float, y: float) -> str:
    return (
        f'<text class="agd-halo" x="{x:.1f}" y="{y + 3.5:.1f}" '
        f'font-size="{TINY}" text-anchor="middle">{html.escape(text)}</text>\n'
    )


def _middle(points: list[Point]) -> Point:
    """The middle of the longest of the curves."""
    first = max(range(0, len(points) - 1, 3), key=lambda i: math.dist(points[i], points[i + 3]))
    (a, e), (b, f), (c, g), (d, h) = points[first : first + 4]
    return (a + 3 * b + 3 * c + d) / 8, (e + 3 * f + 3 * g + h) / 8


# ---- The legend --------------------------------------------------------------------------------------------------------


def _legend(picture: Picture, width: float) -> tuple[str, float, float]:
    """What the shapes, tints and numbers mean, in as many rows as it needs: its SVG, width and height."""
    entries = list(_entries(picture))
    out, x, y, wide = [], 0.0, 24.0, 0.0
    for drawn, size in entries:
        if x and x + size > width:
            x, y = 0.0, y + 20
        out.append(f'<g transform="translate({x:.1f},{y:.1f})">{drawn}</g>\n')
        wide, x = max(wide, x + size), x + size + 16
    return "".join(out), wide, y + 8


def _entries(picture: Picture) -> Iterator[tuple[str, float]]:
    """Each entry of the legend, drawn from (0, 0), and how wide it is."""

    def words(text: str, x: float) -> str:
        return f'<text class="agd-muted" x="{x:.1f}" y="3.5" font-size="{TINY}">{html.escape(text)}</text>'

    for kind in KINDS:
        if any(card.kind == kind for card in picture.cards):
            box = _box(Card(kind, ("", ""), (), kind, 0.0, False, 26, 15), 13, 0)
            yield box + words(kind, 31), 31 + text_width(kind, TINY)
    if any(card.alert for card in picture.cards):
        note = "NaN or ∞"
        box = _box(Card("operation", ("", ""), (), note, 0.0, True, 26, 15), 13, 0)
        yield box + words(note, 31), 31 + text_width(note, TINY)
    if picture.end and picture.scale:
        low, high = f"{picture.scale}, log scale: {spoken(-picture.end, 3)}", spoken(picture.end, 3)
        first = text_width(low, TINY) + 3
        steps = [2 * i / (STEPS - 1) - 1 for i in range(STEPS)]
        bar = "".join(
            f'<rect class="agd-{"negative" if step < 0 else "positive"}" '
            f'x="{first + 9 * i:.1f}" y="-5" width="9" height="10"'
            f' fill-opacity="{opacity(step):.2f}"/>'
            for i, step in enumerate(steps)
        )
        bar += f'<rect class="agd-frame" x="{first:.1f}" y="-5" width="{9 * STEPS}" height="10"/>'
        middle, last = words("0", first + (9 * STEPS - text_width("0", TINY)) / 2), first + 9 * STEPS + 4
        yield words(low, 0) + bar + middle + words(high, last), last + text_width(high, TINY)
    for note in picture.notes:
        yield words(note, 0), text_width(note, TINY)
