# SPDX-License-Identifier: Apache-2.0
"""EEGNet has the parameters and the work that others publish for it."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from biotrain_tf.models.eegnet import eegnet
from converters.emit.work import forward_macs

# (arguments, trainable, with moving statistics, multiply-accumulates of one trial where known)
PUBLISHED: list[tuple[dict[str, Any], int, int, int | None]] = [
    ({"n_chans": 22, "n_outputs": 4, "n_times": 1125}, 3_700, 3_780, 13_214_112),
    (
        {"n_chans": 22, "n_outputs": 4, "n_times": 1125, "pool1_kernel_size": 8},
        2_548,
        2_628,
        None,
    ),
    ({"n_chans": 8, "n_outputs": 2, "n_times": 1900}, 3_122, 3_202, 8_270_688),
    (
        {"n_chans": 64, "n_outputs": 4, "n_times": 480, "kernel_length": 128},
        3_604,
        3_684,
        32_011_200,
    ),
]


@pytest.mark.parametrize(("arguments", "trainable", "total", "macs"), PUBLISHED)
def test_counts_are_the_published_ones(
    arguments: dict[str, Any], trainable: int, total: int, macs: int | None
) -> None:
    model = eegnet(**arguments)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == trainable
    assert model.count_params() == total
    if macs is not None:
        assert sum(forward_macs(layer) for layer in model.layers) == macs


def test_output_is_a_distribution() -> None:
    model = eegnet(4, 3, 128)
    trials = np.random.default_rng(0).standard_normal((5, 4, 128, 1)).astype(np.float32)
    output = model.predict(trials, verbose=0)
    assert output.shape == (5, 3)
    np.testing.assert_allclose(output.sum(axis=1), np.ones(5), rtol=1e-6)


def test_max_norms_are_those_of_the_paper() -> None:
    model = eegnet(4, 2, 128)
    spatial = model.get_layer("spatial_conv").depthwise_constraint
    dense = model.get_layer("classifier").kernel_constraint
    assert (spatial.max_value, spatial.axis) == (1.0, 0)
    assert (dense.max_value, dense.axis) == (0.25, 0)
    free = eegnet(4, 2, 128, conv_spatial_max_norm=None, norm_rate=None)
    assert free.get_layer("spatial_conv").depthwise_constraint is None
    assert free.get_layer("classifier").kernel_constraint is None


def test_survives_saving(tmp_path: Any) -> None:
    model = eegnet(4, 2, 128)
    trials = np.random.default_rng(0).standard_normal((2, 4, 128, 1)).astype(np.float32)
    for name in ("model.keras", "model.h5"):
        model.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        assert loaded.get_layer("classifier").kernel_constraint.max_value == 0.25
        found, wanted = loaded.predict(trials, verbose=0), model.predict(trials, verbose=0)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0, 2, 128), "n_chans must be at least 1"), ((4, 2, 31), "n_times must be at least 32")],
)
def test_impossible_sizes_are_refused(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eegnet(*arguments)
