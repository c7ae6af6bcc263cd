# SPDX-License-Identifier: Apache-2.0
"""Sums of a norm's gradient behind its pool, and ahead of the next norm's: the same step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters import convert
from converters import graph as graphs
from converters.passes import sums_ahead
from converters.search import dial
from tests.compare import assert_all_close
from tests.end_to_end.host_run import train_on

L = keras.layers
BATCH, STEPS = 4, 3


def network(activation: str, bias: bool) -> keras.Model:
    """A norm, its pool, dropout, a depthwise and a 1x1 convolution, and the next norm."""
    keras.backend.clear_session()  # layers of every copy have the same names
    keras.utils.set_random_seed(5)
    x = i = keras.Input((4, 67, 1))
    x = L.Conv2D(6, (4, 1), use_bias=bias)(x)
    x = L.DepthwiseConv2D((1, 9), padding="same", use_bias=bias)(x)
    x = L.Activation(activation)(L.BatchNormalization(name="first")(x))
    x = L.Dropout(0.25)(L.AveragePooling2D((1, 4))(x))
    x = L.DepthwiseConv2D((1, 5), padding="same", use_bias=False)(x)
    x = L.Activation(activation)(L.BatchNormalization()(L.Conv2D(5, 1, use_bias=bias)(x)))
    x = L.Flatten()(L.AveragePooling2D((1, 4))(x))
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def trained(
    folder: Path, activation: str, *, bias: bool = False, **options: object
) -> tuple[dict[str, np.ndarray], set[str]]:
    """Variables after training, and the kinds of ops that the step has."""
    model = network(activation, bias)
    first = model.get_layer("first")
    first.set_weights([w + 0.3 * n for n, w in enumerate(first.get_weights())])
    conversion = convert(model, output_dir=folder, batch_size=BATCH, learning_rate=0.05, **options)
    generator = np.random.default_rng(5)
    x = generator.standard_normal((STEPS, BATCH, 4, 67, 1)).astype(np.float32)
    y = generator.integers(0, 3, (STEPS, BATCH)).astype(np.int32)
    run = train_on("host", conversion, x, y, folder)
    kinds = graphs.read(conversion.model_path.read_bytes()).op_kinds()
    return {n: v for n, v in run.variables.items() if n not in ("step", "seed")}, set(kinds)


@pytest.mark.parametrize(
    ("activation", "bias", "norm", "ram"),
    [
        ("relu", False, "keep", "min"),
        pytest.param("relu", True, "keep", "60K", marks=pytest.mark.slow),
        ("elu", True, "keep", "min"),
        pytest.param("relu6", False, "group", "min", marks=pytest.mark.slow),
        pytest.param("linear", False, "keep", "min", marks=pytest.mark.slow),
    ],
)
def test_sums_ahead_train_as_the_resident_step_does(
    activation: str,
    bias: bool,
    norm: str,
    ram: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted, _ = trained(tmp_path / "resident", activation, bias=bias, norm=norm)
    monkeypatch.setattr(dial, "VARIANTS", (True,))
    options: dict[str, Any] = {"bias": bias, "norm": norm, "ram": ram, "sample": "flash"}
    found, kinds = trained(tmp_path / "ahead", activation, **options)
    assert "BiotrainNormSlopePool" in kinds, "no sums ahead"
    assert ("BiotrainSlopesOfCounts" in kinds) == (activation != "elu")
    assert "BiotrainNormPoolGradInput" in kinds, "no gradient straight from a pool"
    assert_all_close(found, wanted, "weights", what=f"{activation}, {norm}, {ram}")


def test_planted_a_part_of_the_sums_left_out_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, _ = trained(tmp_path / "resident", "relu")
    monkeypatch.setattr(dial, "VARIANTS", (True,))
    monkeypatch.setattr(sums_ahead._Rewrite, "_rest", lambda self, together, alone: alone)
    found, _ = trained(tmp_path / "wrong", "relu", ram="min", sample="flash")
    with pytest.raises(AssertionError):
        assert_all_close(found, wanted, "weights", what="wrong")
