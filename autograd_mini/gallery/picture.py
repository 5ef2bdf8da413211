"""Curves as a picture, with the `plot` extra."""

from collections.abc import Mapping
from typing import Any

from ..plot import new_figure, save_figure


def save_curves(path: str, curves: Mapping[str, Any], x: str = "epoch") -> None:
    """Write the curves, a number for each epoch or step, as a picture (.png, .svg or .pdf). OSError, and nothing written, where
    that cannot be; ImportError without matplotlib.

    Later curves are broken lines, so that equal ones show both; positive numbers over more than two decades get a logarithmic scale.
    """
    figure = new_figure(7, 4)
    axes = figure.add_subplot()
    for i, (name, numbers) in enumerate(curves.items()):
        axes.plot(
            range(1, len(numbers) + 1),
            numbers,
            label=name,
            linestyle=("-", "--", ":", "-.")[i % 4],
            linewidth=2,
        )
    low, high = min(map(min, curves.values())), max(map(max, curves.values()))
    if 0 < 100 * low < high:
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
