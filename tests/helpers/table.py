"""The table as the tests see it: its rows by name, and `F`, all functions on nodes by name."""

from types import SimpleNamespace
from typing import Any

import autograd_mini as ag
from autograd_mini import array_functions
from autograd_mini.core import functions
from autograd_mini.core.functions import GRAPH, TABLE


def _fronts(module: Any) -> dict[str, Any]:
    """The functions that a module defines."""
    own = {
        name: thing
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", "") == module.__name__
    }
    return {name: thing for name, thing in own.items() if callable(thing) and not isinstance(thing, type)}


F = SimpleNamespace(
    **{**vars(GRAPH.xp), **_fronts(functions), **_fronts(array_functions), "to_value": ag.to_value}
)

__all__ = ["TABLE", "F"]
