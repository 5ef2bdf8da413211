"""Ctrl-C: several changes that are made all or not at all, and a function that runs to its end first."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import starmap
from typing import Any


def assign(changes: Iterable[tuple[Any, str, Any]]) -> None:
    """Set attributes, each given as (object, name, value), from C: Ctrl-C comes before all of them, or after."""
    deque(starmap(setattr, list(changes)), maxlen=0)


def completed(function: Callable[..., object], *arguments: Any, pass_on: bool = True) -> None:
    """Call a function to its end, after each Ctrl-C once more; then raise KeyboardInterrupt, if there was one and `pass_on`.

    The function must be able to start again: it leaves what it has done already, or does the same again.
    """
    interrupted = False
    while True:
        try:
            function(*arguments)
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted and pass_on:
        raise KeyboardInterrupt
