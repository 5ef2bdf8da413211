"""How well colours can be told apart, by WCAG 2.2."""

from collections.abc import Sequence

Colour = str | Sequence[float]


def luminance(colour: Colour) -> float:
    """The relative luminance of "#rrggbb", or of three numbers from 0 to 255.

    >>> luminance("#ffffff") == luminance([255, 255, 255]) == 1.0
    True
    """
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)] if isinstance(colour, str) else colour
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (p / 255 for p in parts)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two colours: from 1 for the same to 21 for black on white.

    >>> round(contrast("#000000", "#ffffff"), 6)
    21.0
    """
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)
