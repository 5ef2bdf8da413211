"""Write docs/numpy.md, the list of the functions of NumPy and scipy.special that work on nodes: python docs/numpy_table.py

It is made from the code's own tables; a test compares it with the file.
"""

import textwrap
from pathlib import Path

import numpy as np
import scipy.special  # noqa: F401  (so that its functions are known)

from autograd_mini.numpy_protocols import PLAIN, RULES
from autograd_mini.scipy_functions import FOUND, INSTEAD
from autograd_mini.support.advice import TABLES

HERE = Path(__file__).resolve().parent
VERSION = "2.4"  # aliases differ from one NumPy to the next


def names(place, functions):
    """The public names in a namespace of NumPy's that stand for one of the functions."""
    public = [name for name in dir(place) if not name.startswith("_")]
    return [
        name for name in public if callable(getattr(place, name)) and _is_in(getattr(place, name), functions)
    ]


def _is_in(thing, functions):
    try:
        return thing in functions
    except TypeError:  # what has no hash
        return False


def methods():
    """The methods of ufuncs that have a rule: add.reduce, …"""
    found = [rule for rule in RULES if isinstance(getattr(rule, "__self__", None), np.ufunc)]
    return sorted(f"{rule.__self__.__name__}.{rule.__name__}" for rule in found)


def listed(some):
    return textwrap.fill(", ".join(f"`{name}`" for name in some), 116, break_long_words=False)


def table():
    """The text of the page."""
    sections = {
        "In the graph: `np.`": names(np, RULES),
        "In the graph: `np.linalg.`": names(np.linalg, RULES),
        "In the graph: methods of ufuncs, and `.outer` of each": methods(),
        "In the graph, where SciPy is installed: `scipy.special.`": sorted(FOUND),
        "Plain answers, without a graph: `np.`": names(np, PLAIN),
        "Plain answers, without a graph: `np.linalg.`": names(np.linalg, PLAIN),
    }
    lines = [
        "# NumPy on nodes",
        "",
        "What stands here takes Values, Tensors and lists of them where NumPy takes arrays, with NumPy's own names of",
        f"arguments. Made from the code by `python docs/numpy_table.py` (NumPy {VERSION}).",
    ]
    for title, some in sections.items():
        lines += ["", f"## {title} ({len(some)})", "", listed(some)]
    lines += ["", "## Refused, and what to write instead", "", "| call | instead |", "|---|---|"]
    lines += [f"| `np.{name}` | {text} |" for name, text in sorted(TABLES["no_rule"].items())]
    lines += [f"| `scipy.special.{name}` | ag.{name} |" for name in sorted(INSTEAD)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE / "numpy.md").write_text(table(), encoding="utf8")
