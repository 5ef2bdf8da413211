"""The colours of pictures: orange for negative, blue for positive, on a symmetric logarithmic scale; readable in light and dark."""

import math
from collections.abc import Iterable
from typing import Any

STEEP = 1e-2  # below this fraction of the largest number the scale is linear
FAINTEST, STRONGEST = 0.06, 0.45  # the opacity of a tint; text on stronger ones would be hard to read

THEMES = {
    "light": {
        "background": "#ffffff", "text": "#1a1a1a", "muted": "#3a3a3a", "line": "#6b7280",
        "negative": "#d55e00", "positive": "#0072b2", "alert": "#c2006b", "parameter": "#6a3d9a",
        "input": "#00796b", "constant": "#767676", "operation": "#4b5563", "result": "#1a1a1a",
        "group": "#7a5c00",
    },
    "dark": {
        "background": "#1b1d21", "text": "#f2f2f2", "muted": "#dadada", "line": "#8b93a1",
        "negative": "#e06a10", "positive": "#2f8fd8", "alert": "#ff6fb5", "parameter": "#c4a5f0",
        "input": "#5fc9b0", "constant": "#9a9a9a", "operation": "#b8bec8", "result": "#f2f2f2",
        "group": "#d8b84a",
    },
}  # fmt: skip


def largest(numbers: Iterable[Any]) -> float:
    """Return the largest finite |number|, 0 where there is none: the end of the scale.

    >>> largest([1.0, -3.0, None, float("inf")])
    3.0
    """
    return max((abs(x) for x in numbers if x is not None and math.isfinite(x)), default=0.0)


def tone(x: float | None, end: float) -> float:
    """Return the place of a number on the scale, from −1 to 1: 0 for 0, for NaN and for None.

    >>> tone(-2.0, 2.0), tone(0.0, 2.0), 0 < tone(0.02, 2.0) < 1
    (-1.0, 0.0, True)
    """
    if x is None or math.isnan(x) or x == 0:
        return 0.0
    part = abs(x) / end if end and math.isfinite(x) else 1.0
    return math.copysign(math.log1p(part / STEEP) / math.log1p(1 / STEEP), x)


def opacity(place: float) -> float:
    """Return the opacity of the tint at a place on the scale."""
    return (FAINTEST + (STRONGEST - FAINTEST) * abs(place)) if place else 0.0


def blended(place: float, theme: str) -> str:
    """Return the tint of a place on the scale over the theme's background, as one colour.

    >>> blended(0.0, "light"), blended(1.0, "light")
    ('#ffffff', '#8cc0dc')
    """
    colours, alpha = THEMES[theme], opacity(place)
    sign = "positive" if place > 0 else "negative"
    over, under = (bytes.fromhex(colours[name][1:]) for name in (sign, "background"))
    mixed = [round(alpha * a + (1 - alpha) * b) for a, b in zip(over, under, strict=True)]
    return f"#{bytes(mixed).hex()}"
