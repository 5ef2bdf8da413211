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
LEGEND = 340.0  # the least width of the legend
STEPS = 11  # steps of the scale in the legend


def render(picture: Picture, layout: Layout) -> str:
    """Return the complete SVG. Its rules of style apply to itself only, and it has no ids, so that a page can hold several."""
    legend, wide, high = _legend(picture, max(layout.width, LEGEND))
    width, height = max(layout.width, wide) + 2 * MARGIN, layout.height + high + 2 * MARGIN
    left = (width - layout.width) / 2
    lines = list(zip(picture.links, layout.curves, strict=True))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="agd agd-{picture.theme}" role="img" ',
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" ',
        'style="max-width:100%;height:auto">\n',
        f"<title>{html.escape(picture.title)}</title>\n<desc>{html.escape(picture.description)}</desc>\n",
        f"<style>{_style(picture.theme)}</style>\n",
        '<rect class="agd-back" width="100%" height="100%" rx="6"/>\n',
        f'<g transform="translate({left:.1f},{MARGIN:g})">\n',
        '<g stroke-width="1">\n',
        *(_line(link, curve) for link, curve in lines),
        "</g>\n",
        *(_box(card, *centre) for card, centre in zip(picture.cards, layout.centres, strict=True)),
        *(_words(link, curve) for link, curve in lines),
        f'</g>\n<g transform="translate({MARGIN:g},{layout.height + MARGIN:.1f})">\n{legend}</g>\n</svg>\n',
    ]
    return "".join(parts)


def _style(theme: str) -> str:
    """The rules of style of a theme; for "auto" those of both themes."""
    if theme != "auto":
        return _rules(theme, theme)
    return _rules("auto", "light") + "@media (prefers-color-scheme:dark){" + _rules("auto", "dark") + "}"


def _rules(scope: str, theme: str) -> str:
    colours = THEMES[theme]
    muted, paper = f"fill:{colours['muted']}", colours["background"]
    rules = {
        "text": f"font-family:{FONTS};fill:{colours['text']}", ".agd-name": "font-weight:600",
        ".agd-halo": f"{muted};stroke:{paper};stroke-width:3px;paint-order:stroke", ".agd-muted": muted,
        ".agd-line": f"fill:none;stroke:{colours['line']}", ".agd-tip": f"fill:{colours['line']}",
        ".agd-frame": f"fill:none;stroke:{colours['constant']};stroke-width:0.6px",
        ".agd-shape": f"fill:{paper};stroke-width:1.4px", ".agd-back": f"fill:{paper}",
        **{f".agd-{sign}": f"fill:{colours[sign]}" for sign in ("negative", "positive")},
        **{f".agd-{kind}": f"stroke:{colours[kind]}" for kind in KINDS},
        ".agd-shape.agd-constant": "stroke-dasharray:4 3",
        ".agd-alert": f"stroke:{colours['alert']};stroke-width:2.5px",
    }  # fmt: skip
    return "".join(f".agd-{scope} {name}{{{rule}}}" for name, rule in rules.items())


def _text(x: float, y: float, size: int, content: str, more: str = 'text-anchor="middle"') -> str:
    """A line of text; `content` is SVG already."""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" {more}>{content}</text>'


# ---- Boxes -------------------------------------------------------------------------------------------------------------


def _box(card: Card, x: float, y: float) -> str:
    """A box: its outline, the tint, the text."""
    width, height = card.width, card.height
    shape = f'<path class="agd-shape agd-{card.kind}' + (' agd-alert"' if card.alert else '"')
    parts = [f"<g><title>{html.escape(card.tooltip)}</title>"]
    if card.kind == "group":  # sheets, one behind the other
        width, height, x, y = width - 6, height - 6, x - 3, y + 3
        parts += [f'{shape} d="{_outline("group", x + by, y - by, width, height)}"/>' for by in (6, 3)]
    outline = _outline(card.kind, x, y, width, height)
    parts.append(f'{shape} d="{outline}"/>')
    if card.tint:
        sign = "negative" if card.tint < 0 else "positive"
        parts.append(f'<path class="agd-{sign}" fill-opacity="{opacity(card.tint):.2f}" d="{outline}"/>')
    if card.kind == "result":
        inside = _outline("operation", x, y, width - 6, height - 6)
        parts.append(f'{shape} style="fill:none" d="{inside}"/>')
    top = y - LINE * (len(card.lines) + any(card.head)) / 2 + 12
    if any(card.head):
        parts.append(_head(card.head, x, top))
        top += LINE
    parts += [_text(x, top + LINE * i, SMALL, html.escape(line)) for i, line in enumerate(card.lines)]
    return "".join(parts) + "</g>\n"


def _head(head: tuple[str, str], x: float, y: float) -> str:
    """The first line of a box, with its width set where that is not certain."""
    name, beside = map(html.escape, head)
    spans = f'<tspan class="agd-name">{name}</tspan>' if name else ""
    if beside:
        apart = ' dx="7"' if name else ""
        spans += f'<tspan class="agd-muted"{apart}>{beside}</tspan>'
    more = 'text-anchor="middle"'
    if not known("".join(head)):
        more += f' textLength="{head_width(head):.0f}" lengthAdjust="spacingAndGlyphs"'
    return _text(x, y, LARGE, spans, more)


def _outline(kind: str, x: float, y: float, width: float, height: float) -> str:
    """The outline of a box by its kind: a parameter has cut corners, an input is a pill, an operation is round, a constant is not."""
    w, h = width / 2, height / 2
    cut = min({"parameter": 9.0, "input": 21.0, "operation": 7.0, "result": 9.0}.get(kind, 0.0), w, h)
    left, right, top, bottom = x - w, x + w, y - h, y + h
    if not cut:
        return f"M{left:.1f},{top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}V{top:.1f}Z"
    turn = "l{:.1f},{:.1f}" if kind == "parameter" else f"a{cut:.1f},{cut:.1f} 0 0 1 {{:.1f}},{{:.1f}}"
    return (
        f"M{left + cut:.1f},{top:.1f}H{right - cut:.1f}{turn.format(cut, cut)}"
        f"V{bottom - cut:.1f}{turn.format(-cut, cut)}H{left + cut:.1f}{turn.format(-cut, -cut)}"
        f"V{top + cut:.1f}{turn.format(cut, -cut)}Z"
    )


# ---- Lines -------------------------------------------------------------------------------------------------------------


def _direction(start: Point, end: Point) -> Point:
    """The vector of length 1 from one point to another."""
    length = math.dist(start, end) or 1.0
    return (end[0] - start[0]) / length, (end[1] - start[1]) / length


def _line(link: Link, curve: list[Point]) -> str:
    """A line with its arrow head."""
    *points, (x, y) = curve
    x0, y0 = points[-1]
    dx, dy = _direction((x0, y0), (x, y))
    start, *rest = (f"{a:.1f},{b:.1f}" for a, b in points)
    sides = f"{x0 - 3.5 * dy:.1f},{y0 + 3.5 * dx:.1f} {x0 + 3.5 * dy:.1f},{y0 - 3.5 * dx:.1f}"
    return (
        f'<g><title>{html.escape(link.tooltip)}</title><path class="agd-line" d="M{start}C{" ".join(rest)}"/>'
        f'<path class="agd-tip" d="M{x:.1f},{y:.1f}L{sides}Z"/></g>\n'
    )


def _words(link: Link, curve: list[Point]) -> str:
    """The local derivative, and the number of the operand, beside a line: on it a minus would be lost."""
    out = ""
    if link.local:
        x, y = _middle(curve[:-1])
        (x0, y0), (x1, y1) = curve[0], curve[-1]
        flat = abs(x1 - x0) > abs(y1 - y0)
        out += _note(link.local, x, y - 7) if flat else _note(link.local, x + 4 + 3 * len(link.local), y)
    if link.order:
        (x, y), tip = curve[-2:]
        dx, dy = _direction((x, y), tip)
        out += _note(link.order, x - 4 * dx - 6 * dy, y - 4 * dy - 6 * dx)
    return out


def _note(text: str, x: float, y: float) -> str:
    return _text(x, y + 3.5, TINY, html.escape(text), 'text-anchor="middle" class="agd-halo"') + "\n"


def _middle(points: list[Point]) -> Point:
    """The middle of the longest of the curves."""
    first = max(range(0, len(points) - 1, 3), key=lambda i: math.dist(points[i], points[i + 3]))
    (a, e), (b, f), (c, g), (d, h) = points[first : first + 4]
    return (a + 3 * b + 3 * c + d) / 8, (e + 3 * f + 3 * g + h) / 8


# ---- The legend --------------------------------------------------------------------------------------------------------


def _legend(picture: Picture, width: float) -> tuple[str, float, float]:
    """The legend of shapes, tints and numbers, in as many rows as it needs: its SVG, width and height."""
    out, x, y, wide = "", 0.0, 24.0, 0.0
    for drawn, size in _entries(picture):
        if x and x + size > width:
            x, y = 0.0, y + 20
        out += f'<g transform="translate({x:.1f},{y:.1f})">{drawn}</g>\n'
        wide, x = max(wide, x + size), x + size + 16
    return out, wide, y + 8


def _entries(picture: Picture) -> Iterator[tuple[str, float]]:
    """Yield each entry of the legend, drawn from (0, 0), and its width."""
    kinds = [(kind, kind) for kind in KINDS if any(card.kind == kind for card in picture.cards)]
    if any(card.alert for card in picture.cards):
        kinds.append(("operation", "NaN or ∞"))
    for kind, note in kinds:
        box = _box(Card(kind, ("", ""), (), note, 0.0, kind != note, 26, 15), 13, 0)
        yield box + _muted(note, 31), 31 + text_width(note, TINY)
    if picture.end and picture.scale:
        yield _bar(picture)
    for note in picture.notes:
        yield _muted(note, 0), text_width(note, TINY)


def _muted(text: str, x: float) -> str:
    return _text(x, 3.5, TINY, html.escape(text), 'class="agd-muted"')


def _bar(picture: Picture) -> tuple[str, float]:
    """The scale of colours with its two ends and its middle, and its width."""
    low, high = f"{picture.scale}, log scale: {spoken(-picture.end, 3)}", spoken(picture.end, 3)
    first = text_width(low, TINY) + 3
    last = first + 9 * STEPS + 4
    out = _muted(low, 0)
    for i in range(STEPS):
        step = 2 * i / (STEPS - 1) - 1
        sign, strength = "negative" if step < 0 else "positive", opacity(step)
        out += f'<rect class="agd-{sign}" x="{first + 9 * i:.1f}" y="-5" width="9" height="10"'
        out += f' fill-opacity="{strength:.2f}"/>'
    out += f'<rect class="agd-frame" x="{first:.1f}" y="-5" width="{9 * STEPS}" height="10"/>'
    out += _muted("0", first + (9 * STEPS - text_width("0", TINY)) / 2) + _muted(high, last)
    return out, last + text_width(high, TINY)
