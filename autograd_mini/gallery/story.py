"""How a program of the gallery is told: what its author asked, what was wrong, what the audit says of it, and what works.

The first three stand in stories.md, with the script as its author would write it, in NumPy. In the program `training` returns what
works; `main` trains it, prints what its author wanted to see, and returns the curves.
"""

import warnings
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import autograd_mini as ag

from ..plot import plot_history

Curves = dict[str, list[float]]  # numbers by step or epoch, by name


def program(name: str) -> Any:
    """Return the module of that name."""
    return import_module(f"{__package__}.{name.replace('-', '_')}")


def story(name: str) -> tuple[str, str]:
    """Return what was asked, what was wrong and what works; and the script, "" where there is none."""
    stories = files(__package__).joinpath("stories.md").read_text(encoding="utf8")
    told, _, script = stories.partition(f"## {name}\n\n")[2].partition("\n## ")[0].partition("```python\n")
    return told.strip(), script.partition("```")[0]


def tell(name: str, seed: int = 0, plot: str | None = None) -> None:
    """Print the story of a program, audit the script, and run the program; draw its curves where a path is given."""
    entry, (told, script) = program(name), story(name)
    print(f"{entry.__doc__}\n\n{told}\n", flush=True)
    if script:
        audited(script)
    curves = entry.main(seed)
    if plot:
        plot_history(curves, plot)


def say(*lines: str) -> None:
    """Print lines, indented, at once."""
    for line in lines:
        print(f"   {line}" if line else "", flush=True)


def row(values: Any, form: str = "+.6f", apart: str = " ") -> str:
    """Return numbers as text, in one line."""
    return apart.join(f"{value:{form}}" for value in np.ravel(np.asarray(values)) + 0.0)  # no -0


def audited(script: str) -> Any:
    """Print and return the audit of a script; put its lines in the place of the wrong ones, and print what is said then."""
    say(*(f"{number:3d}  {line}".rstrip() for number, line in enumerate(script.splitlines(), 1)))
    report, lines = asked(script), script.splitlines()
    say("", "$ python -m autograd_mini audit script.py", *str(report).splitlines(), "")
    for found in report.findings:
        right = found.should_be or found.code
        lines[found.line - 1] = lines[found.line - 1].replace(found.code, right)
    if lines != script.splitlines():
        again = str(asked("\n".join(lines)))
        say("With the right lines in the place of the wrong ones:", again.splitlines()[-1], "")
    return report


def asked(script: str) -> Any:
    """Return the audit's report of a script."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        path.write_text(script, encoding="utf8")
        return ag.audit(path)


class Training:
    """What works: a network, its data, loss and optimiser, with the other options of `ag.fit`."""

    def __init__(self, model: Any, X: Any, y: Any, loss: Any, optimizer: Any, **options: Any) -> None:
        self.model, self.X, self.y, self.loss, self.optimizer = model, X, y, loss, optimizer
        self.options = {"loss": loss, "optimizer": optimizer, "compile": True, **options}

    def fit(self, epochs: int, **options: Any) -> Any:
        """Return the History of `ag.fit`, and say what it warns of."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = ag.fit(self.model, self.X, self.y, epochs=epochs, **{**self.options, **options})
        say(*(str(warning.message) for warning in caught))
        return history


# ---- XOR, by ten networks side by side ----------------------------------------------------------------------------------

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGETS = np.array([[0.0], [1.0], [1.0], [0.0]])


def networks(start: Callable[[int], list[Any]], seeds: int | Iterable[int]) -> list[Any]:
    """Return the parameters of a network. For several seeds they are stacks: the networks share no weight, so each learns as alone."""
    if isinstance(seeds, int):
        return [*map(ag.Tensor, start(seeds))]
    return [ag.Tensor(np.stack(arrays)) for arrays in zip(*map(start, seeds), strict=True)]


def half_square(P: Any, T: Any) -> Any:
    """Return ½·Σ(p − t)², summed over samples and networks."""
    return 0.5 * ag.square(P - T).sum()


def truth_table(how: Training) -> Any:
    """Print what the first of such networks has learnt, and of how many every output is within 0.1; return the outputs (networks, 4)."""
    outputs = how.model(INPUTS).data[..., 0]
    say("The first network:", "")
    say(*(f"{a:.0f} xor {b:.0f} = {p:.7f}" for (a, b), p in zip(INPUTS, outputs[0], strict=True)))
    right = int(np.sum(np.all(np.abs(outputs - TARGETS[:, 0]) < 0.1, axis=1)))
    say("", f"learnt, every output within 0.1: {right} of {len(outputs)} seeds")
    return outputs
