# SPDX-License-Identifier: Apache-2.0
"""Final weights by name, to be held against Keras's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from biotrain_tf.errors import BiotrainError

Weights = Mapping[str, NDArray]
_WORD = 4
"""Bytes of a float32 or int32; there are no others in a saved state."""


def of_keras(model: keras.Model) -> dict[str, NDArray]:
    """Every float variable of the model, moving statistics included."""
    found = {variable.path: np.asarray(variable.value) for variable in model.variables}
    return {name: value for name, value in found.items() if value.dtype == np.float32}


def of_state(path: Path, shapes: Mapping[str, list[int]]) -> dict[str, NDArray]:
    """A saved state of our runner: all variables one after the other, sorted by name."""
    return of_flat(np.frombuffer(path.read_bytes(), dtype="<f4"), shapes, str(path))


def of_flat(raw: NDArray, shapes: Mapping[str, list[int]], where: str) -> dict[str, NDArray]:
    """All variables in one flat vector, sorted by name."""
    sizes = {name: math.prod(shapes[name]) for name in sorted(shapes)}
    if raw.size != sum(sizes.values()):
        raise BiotrainError(
            f"{where}: {raw.size * _WORD} bytes, wanted {sum(sizes.values()) * _WORD}"
        )
    ends = np.cumsum(list(sizes.values()))
    return {
        name: raw[end - size : end].reshape(shapes[name])
        for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


def max_difference(weights: Weights, reference: Weights) -> float:
    """Largest difference over every variable of `reference`; NaN if one is NaN."""
    missing = sorted(set(reference) - set(weights))
    if missing:
        raise BiotrainError(f"final weights lack {', '.join(missing)}")
    worst = [float(np.abs(weights[name] - value).max()) for name, value in reference.items()]
    return math.nan if any(math.isnan(w) for w in worst) else max(worst)
