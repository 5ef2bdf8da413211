"""matplotlib's Figures: made without its global state, shown by a notebook, saved whole or not at all."""

import io
import os
from typing import Any

from .support.files import write_file


def new_figure(width: float, height: float) -> Any:
    """Return an empty matplotlib Figure of a size in inches, which shows itself at the end of a notebook's cell.

    ImportError without matplotlib, the extra `plot`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("a plot needs matplotlib: python -m pip install 'autograd-mini[plot]'") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    vars(figure)["_repr_png_"] = lambda: png(figure)
    return figure


def save_figure(figure: Any, path: Any) -> None:
    """Write a Figure as its suffix says (.png where there is none), whole or (OSError) not at all."""
    root, suffix = os.path.splitext(os.fspath(path))
    write_file(root + (suffix or ".png"), _drawn(figure, suffix[1:] or "png"))


def png(figure: Any) -> bytes:
    """The Figure as a notebook shows it."""
    return _drawn(figure, "png", dpi=100)


def _drawn(figure: Any, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format=kind, **options)
    return out.getvalue()
