"""Checks of a state_dict before it is loaded: each part in the form of ours, and a list of all faults."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import AutogradError
from ..support.coercion import finite, to_array, whole


def taken(own: Any, given: Any, name: str = "") -> tuple[Any, list[str]]:
    """Return the parts of the state `given` in the form of those of `own`, and a line for each fault.

    A dict must have the keys of ours; an array the shape of ours, and numbers that are finite in its dtype; a number must be finite
    and 0 or more, and an int where ours is one.

    >>> taken({"w": np.zeros(2), "epoch": 3}, {"w": [1, 2], "epoch": -1})
    ({'w': array([1., 2.]), 'epoch': None}, ['epoch must be an int ≥ 0, got -1'])
    """
    try:
        if isinstance(own, dict):
            return _parts(own, given, name)
        if isinstance(own, np.ndarray):
            return _array(own, given, name), []
        return whole(name, given, 0) if isinstance(own, int) else finite(name, given, least=0), []
    except (TypeError, ValueError) as error:
        return None, [str(error)]


def _parts(own: dict[str, Any], given: Any, name: str) -> tuple[Any, list[str]]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{name or 'the state'} is no dict")
    of = name and f" of {name}"
    wrong = [f"missing {key}{of}" for key in own if key not in given]
    wrong += [f"unexpected {key}{of}" for key in given if key not in own]
    found = {}
    for key in [key for key in own if key in given]:
        found[key], faults = taken(own[key], given[key], f"{key}{of}")
        wrong += faults
    return found, sorted(wrong)


def _array(own: Any, given: Any, name: str) -> Any:
    try:
        array = to_array(given)
    except (AutogradError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} is no array of numbers ({error})") from None
    if array.shape != own.shape:
        raise ValueError(f"{name} has shape {array.shape}, not {own.shape}")
    with np.errstate(all="ignore"):
        found = np.array(array, own.dtype, order="C")
    if not np.isfinite(found).all():
        fault = f"too large for {own.dtype}" if np.isfinite(array).all() else "not finite"
        raise ValueError(f"{name} is {fault}")
    return found
