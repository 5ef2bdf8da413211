"""Ctrl-C: several changes that come all or not at all, and a function that is completed first."""

from collections import deque
from collections.abc import Callable, Iterable
from itertools import starmap
from typing import Any


def assign(changes: Iterable[tuple[Any, str, Any]]) -> None:
    """Set attributes, each given as (object, name, value), from C: Ctrl-C comes before all of them, or after."""
    deque(starmap(setattr, list(changes)), maxlen=0)


def completed(function: Callable[..., object], *arguments: Any, pass_on: bool = True) -> None:
    """Call a function to its end, from its beginning again after each Ctrl-C, which is passed on at the end if wanted.

    The function must be one that can begin again: what it has done already, it leaves or does alike.
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
