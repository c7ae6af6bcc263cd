# SPDX-License-Identifier: Apache-2.0
"""One conversion serves all rates, and a network's weights all find their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment.flatbuffers import Flatbuffer, with_rate


def flatbuffer(folder: Path, rate: float) -> bytes:
    """Of a small network whose every variable has an optimiser op of its own."""
    import keras

    from converters import convert

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((2, 6, 1), name="trial"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, activation="relu", name="hidden"),
            keras.layers.Dense(2, activation="softmax", name="out"),
        ],
        name="small",
    )
    options: dict[str, Any] = {"optimizer": "momentum", "learning_rate": rate, "batch_size": 4}
    result = convert(model, output_dir=folder, name="model", strategy="full", **options)
    return result.model_path.read_bytes()


def test_another_rate_is_what_converting_anew_gives(tmp_path: Path) -> None:
    first, second = flatbuffer(tmp_path / "a", 0.01), flatbuffer(tmp_path / "b", 0.003)
    assert first != second
    assert with_rate(first, 0.003) == second
    assert with_rate(second, 0.01) == first


def test_weights_without_a_place_are_named(tmp_path: Path) -> None:
    known = Flatbuffer(path=tmp_path / "model.tflite", report={"variables": {"a": [2], "seed": []}})
    a = np.array([1.5, -2.0], np.float32)
    state = known.state(bytes(12), {"a": a}, seed=7)
    assert state == a.tobytes() + (7).to_bytes(4, "little")
    with pytest.raises(BiotrainError, match="wanted all weights; found no b"):
        known.state(bytes(12), {"a": a, "b": a}, seed=0)
