# SPDX-License-Identifier: Apache-2.0
"""Coefficients that are no less than nothing, by least squares of relative errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

_SMALL = 500.0
"""Instructions below which an operator's error hardly matters."""

Array = NDArray[np.float64]


def fit(terms: Array, measured: Array, whole: Array | None = None) -> Array:
    """``terms [n,k] @ result [k]`` is near ``measured [n]``, relative to it, or to ``whole [n]``
    of which it is what is left; result >= 0.
    """
    weights = 1.0 / ((measured if whole is None else whole) + _SMALL)
    a, b = terms * weights[:, None], measured * weights
    scale = np.linalg.norm(a, axis=0)
    scale[scale == 0] = 1.0
    result, _ = nnls(a / scale, b)
    return np.asarray(result / scale)
