"""How a program of the gallery is told: what its author asked, what was wrong, what the tools say of it, and what works.

The first three stand in the program's docstring. `ASKED` is a script as its author would write it, in NumPy; `audited` shows it.
"""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import autograd_mini as ag

from ..plot import new_figure, save_figure

Told = tuple[bool, Mapping[str, Any], str]  # whether all came out; the curves, by name; what they run over


def docstring(name: str) -> str:
    """Return what stands atop the program of that name."""
    path = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))) or ""


def program(main: Callable[[int], Told]) -> Callable[..., int]:
    """A decorator: tell the story, run the program, draw its curves where a path is given; 0 where all came out as it must."""

    @wraps(main)
    def run(seed: int = 0, plot: str | None = None) -> int:
        print(docstring(main.__module__.rpartition(".")[2]) + "\n", flush=True)
        good, curves, over = main(seed)
        if plot:
            save_curves(plot, curves, over)
        return 0 if good else 1

    del run.__wrapped__
    return run


def say(*lines: str) -> None:
    """Print lines, indented, at once."""
    for line in lines:
        print(f"   {line}" if line else "", flush=True)


def row(values: Any, form: str = "+.6f", apart: str = " ") -> str:
    """Return numbers as text, in one line."""
    return apart.join(f"{value:{form}}" for value in np.ravel(np.asarray(values)) + 0.0)  # no -0


def steps(items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
    """Yield the items, and show on a terminal how far they are."""
    is_shown = sys.stdout.isatty()
    try:
        for i, item in enumerate(items):
            if is_shown and i % max(1, total // 100) == 0:
                done = 24 * i // total
                print(f"\r   {what} [{'█' * done}{'·' * (24 - done)}]", end="", flush=True)
            yield item
    finally:  # also where the loop is left
        if is_shown:
            print("\r\033[K", end="", flush=True)


def audited(script: str, rounds: int = 3) -> str:
    """Print a script and its audit; put the audit's lines in the place of the wrong ones, and ask again. Return all that was said."""
    said = list[str]()
    say(*(f"{number:3d}  {line}" for number, line in enumerate(script.splitlines(), 1)))
    with TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        while len(said) < rounds:
            path.write_text(script, encoding="utf8")
            report = ag.audit(path)
            said.append(str(report))
            if len(said) > 1 and not report.findings:
                say("", "With the right lines in the place of the wrong ones:", said[-1].splitlines()[-1])
                break
            say("", "$ python -m autograd_mini audit script.py", *said[-1].splitlines())
            lines = script.splitlines(keepends=True)
            for found in report.findings:
                lines[found.line - 1] = lines[found.line - 1].replace(
                    found.code, found.should_be or found.code
                )
            if lines == script.splitlines(keepends=True):
                break
            script = "".join(lines)
    say("")
    return "\n".join(said)


def stacked(start: Callable[[int], list[Any]], seeds: Iterable[int]) -> list[Any]:
    """Return the parameters of a network for each seed, in one stack. They share no weight, so each learns as it would alone."""
    return [ag.Tensor(np.stack(arrays)) for arrays in zip(*map(start, seeds), strict=True)]


def train(optimizer: Any, loss_of: Callable[[int], Any], count: int, what: str = "training") -> list[float]:
    """Take `count` steps, each on the node that `loss_of(step)` returns; return the losses."""
    return [optimizer.step(lambda: loss_of(i)).item() for i in steps(range(count), count, what)]  # noqa: B023


def learnt(outputs: Any, targets: Any, seed: int) -> int:
    """Say of how many networks, a row each, every output is within 0.1 of its target; return that number."""
    count = int(np.sum(np.all(np.abs(outputs - targets) < 0.1, axis=1)))
    say("", f"learnt, every output within 0.1: {count} of 10 seeds ({seed} to {seed + 9})")
    return count


def save_curves(path: str, curves: Mapping[str, Any], x: str = "epoch") -> None:
    """Write the curves, a number for each epoch or step, as a picture (.png, .svg or .pdf). OSError, and nothing written, where
    that cannot be; ImportError without matplotlib.

    Later curves are broken lines, so that equal ones show both; positive numbers over more than two decades get a logarithmic scale.
    """
    figure = new_figure(7, 4)
    axes = figure.add_subplot()
    for i, (name, numbers) in enumerate(curves.items()):
        style = ("-", "--", ":", "-.")[i % 4]
        axes.plot(range(1, len(numbers) + 1), numbers, label=name, linestyle=style, linewidth=2)
    low, high = min(map(min, curves.values())), max(map(max, curves.values()))
    if 0 < 100 * low < high:
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)
