"""What the tests share that read every row in another way: each sample with its kind and dtype, and results as bits."""

from typing import Any

import numpy as np
import pytest

from tests.samples import SAMPLES, kinds

CASES = [
    pytest.param(sample, kind, dtype, id=f"{kind}-{dtype}-{sample}")
    for sample in SAMPLES
    for kind in kinds(sample)
    for dtype in ("float64", "float32")
    if dtype == "float64" or (kind == "Tensor" and sample.float32)
]


def bits(found: Any) -> Any:
    """The dtype, shape and bytes of an array or of several; NaN is one number, whatever its sign."""
    if isinstance(found, list | tuple):
        return [bits(one) for one in found]
    found = np.array(found)
    if found.dtype.kind == "f":
        found[np.isnan(found)] = np.nan
    return found.dtype.str, found.shape, found.tobytes()
