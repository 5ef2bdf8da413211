"""A picture as a flowchart of Mermaid, a text that many pages show as a picture."""

import re

from .cards import KINDS, Picture
from .colour import THEMES, blended

SHAPES = {
    "parameter": "{{%s}}", "input": "[/%s/]", "constant": "[%s]",
    "operation": "(%s)", "result": "([%s])", "group": "[[%s]]",
}  # fmt: skip
OUTLINES = {"constant": ",stroke-dasharray:4 3", "result": ",stroke-width:3px"}


def mermaid(picture: Picture) -> str:
    """Return the picture as Mermaid's text, without tooltips and legend."""
    theme = "light" if picture.theme == "auto" else picture.theme
    colours = THEMES[theme]
    lines = [f"flowchart {picture.direction}"]
    for i, card in enumerate(picture.cards):
        text = "<br/>".join(map(encoded, card.text().split("\n")))
        lines.append(f"  n{i}" + SHAPES[card.kind] % f'"{text}"' + f":::{card.kind}")
        if card.tint:
            lines.append(f"  style n{i} fill:{blended(card.tint, theme)}")
    for link in picture.links:
        order = f"operand {link.order}" if link.order else ""
        words = ", ".join(filter(None, (order, link.local)))
        label = f'|"{encoded(words)}"|' if words else ""
        lines.append(f"  n{link.source} -->{label} n{link.target}")
    for kind in KINDS:
        if any(card.kind == kind for card in picture.cards):
            fill, text, outline = colours["background"], colours["text"], OUTLINES.get(kind, "")
            lines.append(f"  classDef {kind} fill:{fill},stroke:{colours[kind]},color:{text}{outline}")
    return "\n".join([*lines, ""])


def encoded(text: str) -> str:
    """Return text in which each character with a meaning in Mermaid or HTML is written as a number.

    >>> encoded('w[0] "<b>"')
    'w#91;0#93; #34;#60;b#62;#34;'
    """
    return re.sub(r"[^\w .,+=∂×−—…‖-]", lambda found: f"#{ord(found[0])};", text)
