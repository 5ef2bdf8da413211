"""How numbers are compared."""

from typing import Any

import numpy as np


def close(ours: Any, theirs: Any, rtol: float = 1e-10, floor: float = 0.01, name: str = "") -> None:
    """Assert that both have one structure, one shape at each leaf, and equal numbers.

    Args:
        ours: A number, an array, or lists, tuples and dicts of them. No node: what is compared is plain data.
        theirs: The same; a leaf may be a Tensor of PyTorch's. Beside an array it may be a list of its elements.
        rtol: How far each number may be from its counterpart, relative to the counterpart.
        floor: What sums that cancel may add to that, as a part of rtol times the largest number of the leaf.
        name: Stands in the message.

    >>> close([1.0, {"b": np.ones(2)}], [1.0, {"b": np.ones(2)}])
    >>> close([1.0], (1.0,))
    Traceback (most recent call last):
    ...
    AssertionError: : list, should be tuple
    """
    if isinstance(theirs, dict | list | tuple) and type(ours) is not np.ndarray:
        assert type(ours) is type(theirs), f"{name}: {type(ours).__name__}, should be {type(theirs).__name__}"
        assert len(ours) == len(theirs), f"{name}: {len(ours)} parts, should be {len(theirs)}"
        if isinstance(theirs, dict):
            assert list(ours) == list(theirs), f"{name}: {list(ours)}, should be {list(theirs)}"
        for key in theirs if isinstance(theirs, dict) else range(len(theirs)):
            close(ours[key], theirs[key], rtol, floor, f"{name}[{key!r}]")
        return
    assert is_plain(ours), f"{name}: {type(ours)} is no plain number or array"
    theirs = theirs.numpy(force=True) if hasattr(theirs, "requires_grad_") else np.asarray(theirs)
    assert np.shape(ours) == theirs.shape, f"{name}: shape {np.shape(ours)}, should be {theirs.shape}"
    atol = floor * rtol * np.max(np.abs(theirs), initial=0.0)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=name)


def is_plain(x: Any) -> bool:
    """Whether x is a number or an array of numbers, or a list of such: nothing with a graph."""
    if isinstance(x, list | tuple):
        return all(map(is_plain, x))
    return isinstance(x, float | int | np.number) or (type(x) is np.ndarray and x.dtype != object)


def within_ulps(ours: Any, theirs: Any, ulps: float) -> bool:
    """Whether both are equal but for so many units in the last place of the larger one; NaN equals NaN.

    >>> within_ulps([1.0, np.nan], [1.0 + 2**-52, np.nan], 1)
    True
    >>> within_ulps(1.0, 1.0 + 2**-50, 1)
    False
    """
    ours, theirs = np.broadcast_arrays(np.asarray(ours, float), np.asarray(theirs, float))
    with np.errstate(all="ignore"):
        unit = np.spacing(np.maximum(np.abs(ours), np.abs(theirs)))
        near = np.abs(ours - theirs) <= ulps * unit
    return bool(np.all((ours == theirs) | near | (np.isnan(ours) & np.isnan(theirs))))
