# SPDX-License-Identifier: Apache-2.0
"""The dropout mask in plain integers, from its definition alone.

All arithmetic is modulo the prime P = 2861. cube(v) = v*v*v; a key folds in seed, step and sample,
base-P digit by digit; rows and columns of the [B, R, C] view are hashed apart and then together;
u < rate*P drops an element.
"""

from __future__ import annotations

import math

import numpy as np

PRIME = 2861


def _cube(values: np.ndarray) -> np.ndarray:
    return values**3 % PRIME


def _key(start: int, multiplier: int, *, seed: int, step: int, sample: int) -> int:
    key = start % PRIME
    for word in (seed, seed // PRIME, step, step // PRIME, sample):
        key = pow(key * multiplier + word % PRIME + 7, 3, PRIME)
    return key


def _hashes(count: int, key: int) -> np.ndarray:
    index = np.arange(count, dtype=np.int64)
    return _cube(_cube(index % PRIME + key) + index // PRIME)


def uniform(
    rows: int, columns: int, *, seed: int, step: int, sample: int, layer: int
) -> np.ndarray:
    """[rows, columns] integers in 0..P-1."""
    at = {"seed": seed, "step": step, "sample": sample}
    by_row = _hashes(rows, _key(2 * layer + 1, 31, **at))
    by_column = _hashes(columns, _key(2 * layer + 2, 57, **at))
    return _cube(by_row[:, None] + by_column[None, :])


def keep_mask(
    shape: tuple[int, ...], *, seed: int, step: int, layer: int, rate: float, spatial: bool = False
) -> np.ndarray:
    """Which elements of x [B, ..., C] are kept; spatial: the same at all middle indices."""
    batch, *middle, channels = shape
    rows = 1 if spatial else math.prod(middle)
    threshold = math.floor(rate * PRIME + 0.5)
    samples = [
        uniform(rows, channels, seed=seed, step=step, sample=b, layer=layer) >= threshold
        for b in range(batch)
    ]
    mask = np.stack(samples)
    if spatial:
        return np.broadcast_to(mask.reshape(batch, *([1] * len(middle)), channels), shape)
    return mask.reshape(shape)


def multiplier(
    shape: tuple[int, ...], *, seed: int, step: int, layer: int, rate: float, spatial: bool = False
) -> np.ndarray:
    """What dropout multiplies x with: zero, or float32 1 / (1 - rate)."""
    mask = keep_mask(shape, seed=seed, step=step, layer=layer, rate=rate, spatial=spatial)
    return mask.astype(np.float32) * np.float32(1.0 / (1.0 - rate))
