"""What compiled programs call that neither NumPy nor the namespace of arrays has."""

from typing import Any

import numpy as np


def add_product(w: Any, factor: Any, x: Any, y: Any) -> None:
    """Add factor · x @ y to a matrix w in place, where scipy is installed in one pass over its memory.

    Arguments: `w` (m, n), `x` (m, k), `y` (k, n), all of one dtype. BLAS knows columns, so it is told of the transposes.

    >>> w = np.ones((2, 2))
    >>> add_product(w, -1.0, np.array([[1.0], [0.0]]), np.array([[1.0, 2.0]]))
    >>> w
    array([[ 0., -1.],
           [ 1.,  1.]])
    """
    try:
        from scipy.linalg import blas
    except ImportError:
        blas = None
    if blas is None or not w.flags.c_contiguous or w.dtype != x.dtype or w.dtype != y.dtype:
        w += factor * np.dot(x, y)
        return
    letter = "d" if w.dtype == np.float64 else "s"
    if x.shape[1] == 1:
        getattr(blas, f"{letter}ger")(
            factor, y.reshape(-1), x.reshape(-1), a=w.T, overwrite_a=1, overwrite_x=0, overwrite_y=0
        )
        return
    # wᵀ += factor · yᵀ xᵀ, each given as what lies in memory
    left, turn_left = (y.T, 0) if y.flags.c_contiguous else (y, 1)
    right, turn_right = (x, 1) if x.flags.f_contiguous else (x.T, 0)
    getattr(blas, f"{letter}gemm")(
        factor, left, right, beta=1.0, c=w.T, trans_a=turn_left, trans_b=turn_right, overwrite_c=1
    )
