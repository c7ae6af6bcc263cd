# SPDX-License-Identifier: Apache-2.0
"""MI-BMInet and EpiDeNet have the parameters and the work that others publish for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from biotrain_tf.models.epidenet import epidenet
from biotrain_tf.models.mi_bminet import mi_bminet
from converters.emit.work import forward_macs, step_macs
from converters.step.twin import leaf_layers

EEG: dict[str, Any] = {"n_chans": 8, "n_outputs": 2, "n_times": 1900}
EOG: dict[str, Any] = {"n_chans": 2, "n_outputs": 11, "n_times": 1000}

# (model, arguments, trainable, with moving statistics, MACs of one trial, those of the first layer)
PUBLISHED: list[tuple[Callable[..., keras.Model], dict[str, Any], int, int, int, int]] = [
    (mi_bminet, EEG, 7_938, 8_130, 8_634_688, 486_400),
    (
        mi_bminet,
        {"n_chans": 8, "n_outputs": 2, "n_times": 2000, "F1": 8, "D": 2, "kernel_length": 64},
        2_674,
        2_754,
        2_304_992,
        128_000,
    ),
    (epidenet, EOG, 4_179, 4_315, 420_528, 32_000),
    (epidenet, EOG | {"pool_mode": "mean"}, 4_179, 4_315, 420_528, 32_000),
    (epidenet, EOG | {"padding": "valid"}, 4_179, 4_315, 341_072, 31_904),
]


@pytest.mark.parametrize(
    ("build", "arguments", "trainable", "total", "macs", "first_macs"), PUBLISHED
)
def test_counts_are_the_published_ones(
    build: Callable[..., keras.Model],
    arguments: dict[str, Any],
    trainable: int,
    total: int,
    macs: int,
    first_macs: int,
) -> None:
    model = build(**arguments)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == trainable
    assert model.count_params() == total
    assert sum(forward_macs(layer) for layer in model.layers) == macs
    layers = leaf_layers(model)
    step = step_macs(layers, 8, trained={layer.name for layer in layers})
    assert step == 8 * (3 * macs - first_macs)


@pytest.mark.parametrize(("build", "arguments"), [(mi_bminet, EEG), (epidenet, EOG)])
def test_output_is_a_distribution(
    build: Callable[..., keras.Model], arguments: dict[str, Any]
) -> None:
    model = build(**arguments | {"n_times": 160})
    trials = np.random.default_rng(0).standard_normal((3, *model.input_shape[1:]))
    output = model.predict(trials.astype(np.float32), verbose=0)
    assert output.shape == (3, arguments["n_outputs"])
    np.testing.assert_allclose(output.sum(axis=1), np.ones(3), rtol=1e-6)


def test_pool_mode_chooses_the_pools() -> None:
    kinds = {
        mode: {type(layer) for layer in epidenet(**EOG, pool_mode=mode).layers}
        for mode in ("max", "mean")
    }
    assert keras.layers.MaxPooling2D in kinds["max"]
    assert keras.layers.AveragePooling2D in kinds["mean"]
    assert keras.layers.MaxPooling2D not in kinds["mean"]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_shortest_trial_of_epidenet(padding: str) -> None:
    shortest = {"same": 128, "valid": 475}[padding]
    model = epidenet(2, 3, shortest, padding=padding)
    assert model.get_layer("pool3").output.shape[2] == 1
    with pytest.raises(ValueError, match=f"n_times must be at least {shortest}"):
        epidenet(2, 3, shortest - 1, padding=padding)


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (mi_bminet, EEG | {"n_chans": 0}, "n_chans must be at least 1"),
        (mi_bminet, EEG | {"n_times": 63}, "n_times must be at least 64"),
        (epidenet, EOG | {"n_outputs": 0}, "n_outputs must be at least 1"),
        (epidenet, EOG | {"pool_mode": "median"}, "pool_mode must be one of max, mean"),
        (epidenet, EOG | {"padding": "causal"}, "padding must be one of same, valid"),
    ],
)
def test_impossible_arguments_are_refused(
    build: Callable[..., keras.Model], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build(**arguments)
