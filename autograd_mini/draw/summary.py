"""Numbers and counts as the views write them, and the summary of an array."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

WORDS = {"NaN": "not a number", "∞": "infinity", "-∞": "−infinity"}


def number(x: Any, digits: int = 6) -> str:
    """Return a number to so many significant digits; `NaN`, `∞`, `-∞`; `—` for None, a gradient that no backward has reached.

    >>> number(2 / 3), number(1e6), number(float("-inf")), number(None)
    ('0.666667', '1e+06', '-∞', '—')
    """
    if x is None:
        return "—"
    x = float(x) + 0.0  # -0 becomes 0: its sign says nothing here
    if math.isnan(x):
        return "NaN"
    return f"{x:.{digits}g}" if math.isfinite(x) else "∞" if x > 0 else "-∞"


def spoken(x: Any, digits: int = 4) -> str:
    """Return the number as a picture writes it: with a real minus, NaN and ∞ in words.

    >>> spoken(-0.5), spoken(float("nan"))
    ('−0.5', 'not a number')
    """
    text = number(x, digits)
    return WORDS.get(text, text.replace("-", "−"))


def counted(count: int, what: str) -> str:
    """Return the count with its noun, in the plural unless it is 1.

    >>> counted(1, "node"), counted(2000, "box")
    ('1 node', '2,000 boxes')
    """
    ending = "" if count == 1 else "es" if what.endswith("x") else "s"
    return f"{count:,} {what}{ending}"


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of an array: `low`, `high`, `mean` and `norm` are those of its finite elements, None where there are none."""

    shape: tuple[int, ...]
    dtype: str
    low: float | None
    high: float | None
    mean: float | None
    norm: float | None
    nans: int
    infinite: int

    def range(self, write: Any = number) -> str:
        """Return the range, and how many elements are NaN or ∞, as `-1 to 2, 3 NaN`; `all 0` where all are equal.

        >>> summary([0.0, 0.0]).range()
        'all 0'
        """
        if self.low is None:
            shown = None
        elif self.low != self.high:
            shown = f"{write(self.low)} to {write(self.high)}"
        elif self.shape == () or self.nans or self.infinite:
            shown = write(self.low)
        else:
            shown = f"all {write(self.low)}"
        return self._with_counts(shown)

    def length(self, write: Any = number) -> str:
        """Return the norm, and how many elements are NaN or ∞.

        >>> summary([3.0, 4.0, float("inf")]).length()
        '5, 1 ∞'
        """
        return self._with_counts(None if self.norm is None else write(self.norm))

    def _with_counts(self, shown: str | None) -> str:
        """The text for the finite elements, and the counts of the others."""
        counts = [f"{count} {name}" for count, name in ((self.nans, "NaN"), (self.infinite, "∞")) if count]
        return ", ".join(counts if shown is None else [shown, *counts]) or "empty"


def summary(data: Any) -> Summary:
    """Return the summary of a number or an array.

    >>> summary([1.0, -2.0, float("nan")]).range()
    '-2 to 1, 1 NaN'
    """
    array = np.asarray(data)
    nans = int(np.isnan(array).sum())
    infinite = int(np.isinf(array).sum())
    finite = array[np.isfinite(array)] if nans or infinite else array
    if not finite.size:
        return Summary(array.shape, str(array.dtype), None, None, None, None, nans, infinite)
    largest = float(np.abs(finite).max())
    # beyond these numbers squares leave the range of floats
    unit = largest if largest > 1e150 or 0 < largest < 1e-150 else 1.0
    scaled = finite.astype(float) / unit
    norm, mean = math.sqrt(float(np.vdot(scaled, scaled))) * unit, float(scaled.mean()) * unit
    low, high = float(finite.min()), float(finite.max())
    return Summary(array.shape, str(array.dtype), low, high, mean, norm, nans, infinite)
