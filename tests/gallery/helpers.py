"""What the gallery's tests share."""

import re
from typing import Any

import numpy as np

from tests.helpers.peers import torch


def leaf(array: Any) -> Any:
    """The array as a parameter of PyTorch's, float64."""
    return torch.tensor(np.array(array), dtype=torch.float64, requires_grad=True)


def leaves(arrays: Any) -> list[Any]:
    """The arrays as PyTorch's parameters, float64."""
    return [leaf(array) for array in arrays]


def seeds_learnt(text: str) -> int:
    """The k of the "k of 10 seeds" that was printed.

    >>> seeds_learnt("9 of 10 seeds have learnt it")
    9
    """
    return int(re.search(r"(\d+) of 10 seeds", text)[1])
