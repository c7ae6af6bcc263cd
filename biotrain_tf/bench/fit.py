# SPDX-License-Identifier: Apache-2.0
"""Coefficients that are no less than nothing, by least squares of relative errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 4000
_SMALL = 500.0
"""Instructions below which an operator's error hardly matters."""

Array = NDArray[np.float64]


def fit(terms: Array, measured: Array) -> Array:
    """``terms [n,k] @ result [k]`` is near ``measured [n]``, relative to it; result >= 0.

    Coordinate descent: each coefficient in turn is put where the error is least, the others kept.
    """
    weights = 1.0 / (measured + _SMALL)
    a, b = terms * weights[:, None], measured * weights
    scale = np.linalg.norm(a, axis=0)
    scale[scale == 0] = 1.0
    a = a / scale
    gram, target = a.T @ a, a.T @ b
    result = np.zeros(a.shape[1])
    for _ in range(_SWEEPS):
        before = result.copy()
        for j in range(len(result)):
            if gram[j, j] == 0:
                continue
            step = (target[j] - gram[j] @ result) / gram[j, j]
            result[j] = max(0.0, result[j] + step)
        if np.abs(result - before).max() <= 1e-12 * max(1.0, result.max()):
            break
    return np.asarray(result / scale)
