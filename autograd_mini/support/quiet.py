"""NumPy's error state: NaN and infinity propagate, and no warning escapes."""

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np


class _SlowState:
    """Gets and sets the error state by NumPy's public functions, where its variable was not found: slower."""

    def get(self) -> Any:
        return np.geterr()

    def set(self, state: Any) -> None:
        np.seterr(**state)


def find_error_state() -> tuple[Any, Any]:
    """The context variable in which NumPy keeps its error state, and the state that is quiet.

    They are found by seeing which variable np.errstate changes. Setting it takes 0.1 µs, entering np.errstate 0.7.
    """
    before = copy_context()
    with np.errstate(all="ignore"):
        inside = copy_context()
        state = np.geterr()
    found = [variable for variable in inside if before.get(variable) is not inside[variable]]
    return (found[0], inside[found[0]]) if len(found) == 1 else (_SlowState(), state)


error_state, QUIET = find_error_state()


def quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns; NumPy gives no warning while it runs."""
    before = error_state.get()
    if before is QUIET:
        return function(*arguments)
    try:
        try:
            error_state.set(QUIET)
            return function(*arguments)
        finally:
            error_state.set(before)
    finally:  # once more, as Ctrl-C may have come in the inner block
        error_state.set(before)
