# SPDX-License-Identifier: Apache-2.0
"""Models have the parameters and the work that others publish for them; those of our own, what
their layers add up to.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from biotrain_tf import models
from biotrain_tf.models import NAMES, build
from biotrain_tf.models.deep_ae import deep_ae
from biotrain_tf.models.deep_conv_net import deep_conv_net
from biotrain_tf.models.ecg_cnn import ecg_cnn
from biotrain_tf.models.ecg_transformer import ecg_transformer
from biotrain_tf.models.eeg_tcnet import eeg_tcnet
from biotrain_tf.models.emg_cnn import emg_cnn
from biotrain_tf.models.epidenet import epidenet
from biotrain_tf.models.mi_bminet import mi_bminet
from biotrain_tf.models.shallow_conv_net import shallow_conv_net
from converters.emit.work import forward_macs, step_macs
from converters.loading.load import load
from converters.step.twin import leaf_layers
from tests.compare import assert_close

EEG: dict[str, Any] = {"n_chans": 8, "n_outputs": 2, "n_times": 1900}
EOG: dict[str, Any] = {"n_chans": 2, "n_outputs": 11, "n_times": 1000}
IV_2A: dict[str, Any] = {"n_chans": 22, "n_outputs": 4, "n_times": 1125}
ARL_SHALLOW = {"filter_time_length": 13, "pool_time_length": 35, "pool_time_stride": 7}
ARL_DEEP = {"filter_time_length": 5, "pool_time_length": 2}
MELS: dict[str, Any] = {"n_chans": 5, "n_times": 128}
BEAT: dict[str, Any] = {"n_chans": 2, "n_outputs": 5, "n_times": 117}
LONG_BEAT: dict[str, Any] = {"n_chans": 1, "n_outputs": 5, "n_times": 198}
EMG: dict[str, Any] = {"n_chans": 8, "n_outputs": 8, "n_times": 300}

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
    (eeg_tcnet, IV_2A, 4_096, 4_272, 6_849_424, 6_336_000),
    (shallow_conv_net, IV_2A, 47_364, 47_444, 62_988_240, 24_222_000),
    (shallow_conv_net, IV_2A | ARL_SHALLOW, 60_644, 60_724, 51_935_120, 12_732_720),
    (deep_conv_net, IV_2A, 284_854, 285_604, 37_227_700, 6_138_000),
    (deep_conv_net, IV_2A | ARL_DEEP, 199_079, 199_829, 42_174_300, 3_082_750),
    (deep_ae, MELS, 267_928, 269_992, 264_192, 81_920),
    # Of our own: weights and norms, then positions times taps times filters, layer by layer.
    (
        ecg_cnn,
        BEAT,
        (112 + 640 + 1536) + 2 * (8 + 16 + 32) + 165,
        (112 + 640 + 1536) + 4 * (8 + 16 + 32) + 165,
        117 * 112 + 58 * 640 + 29 * 1536 + 160,
        117 * 112,
    ),
    (
        emg_cnn,
        EMG,
        1152 + (144 + 512) + (288 + 1024) + 2 * (16 + 32 + 32) + 264,
        1152 + (144 + 512) + (288 + 1024) + 4 * (16 + 32 + 32) + 264,
        300 * 1152 + 150 * 656 + 75 * 1312 + 256,
        300 * 1152,
    ),
    (
        ecg_transformer,
        LONG_BEAT,
        (176 + 288) + 2 * (2 * 32 + 4 * 272 + 816 + 784) + 32 + 85,
        (176 + 288) + 2 * (2 * 32 + 4 * 272 + 816 + 784) + 32 + 85,
        18 * 176 + 2 * (18 * 4 * 256 + 2 * 18 * 18 * 16 + 18 * 2 * 768) + 80,
        18 * 176,
    ),
]


@pytest.mark.parametrize(
    ("function", "arguments", "trainable", "total", "macs", "first_macs"), PUBLISHED
)
def test_counts_are_the_published_ones(
    function: Callable[..., keras.Model],
    arguments: dict[str, Any],
    trainable: int,
    total: int,
    macs: int,
    first_macs: int,
) -> None:
    model = function(**arguments)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == trainable
    assert model.count_params() == total
    assert sum(forward_macs(layer) for layer in model.layers) == macs
    layers = leaf_layers(model)
    step = step_macs(layers, 8, trained={layer.name for layer in layers})
    assert step == 8 * (3 * macs - first_macs)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "deep_ae"])
def test_output_is_a_distribution(name: str) -> None:
    model = build(name, n_chans=2, n_outputs=3, n_times=550)
    trials = np.random.default_rng(0).standard_normal((3, 2, 550, 1))
    output = model.predict(trials.astype(np.float32), verbose=0)
    assert output.shape == (3, 3)
    np.testing.assert_allclose(output.sum(axis=1), np.ones(3), rtol=1e-6)


def test_autoencoder_gives_what_it_takes() -> None:
    model = build("deep_ae", n_chans=3, n_outputs=None, n_times=4)
    assert model.predict(np.ones((2, 3, 4, 1), np.float32), verbose=0).shape == (2, 12)


def test_every_model_is_in_the_table() -> None:
    folder = Path(models.__file__).parent
    functions = {path.stem for path in folder.glob("*.py")} - {"__init__", "arguments"}
    assert functions == set(NAMES)
    with pytest.raises(ValueError, match="model must be one of deep_ae, .*got 'lstm'"):
        build("lstm", n_chans=1, n_outputs=2, n_times=3)


@pytest.mark.parametrize("name", NAMES)
def test_models_survive_their_file(name: str, tmp_path: Path) -> None:
    n_outputs = None if name == "deep_ae" else 3
    model = build(name, n_chans=2, n_outputs=n_outputs, n_times=550)
    model.save(tmp_path / "model.keras")
    loaded = load(tmp_path / "model.keras")
    x = np.random.default_rng(1).standard_normal((2, 2, 550, 1)).astype(np.float32)
    assert_close(loaded(x), model(x), "exact", what=name)


def test_last_step_of_eeg_tcnet_sees_the_past_only() -> None:
    """A causal convolution gives step t nothing of step t + 1."""
    model = eeg_tcnet(2, 3, 640)
    inner = keras.Model(model.get_layer("steps").output, model.get_layer("tcn1_elu").output)
    x = np.random.default_rng(2).standard_normal((1, 10, 16)).astype(np.float32)
    later = x.copy()
    later[:, 6:] += 1
    before, after = (np.asarray(inner(values)) for values in (x, later))
    assert_close(after[:, :6], before[:, :6], "exact", what="steps before the change")
    assert np.abs(after[:, 6:] - before[:, 6:]).max() > 1e-3


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
    ("function", "arguments", "message"),
    [
        (mi_bminet, EEG | {"n_chans": 0}, "n_chans must be at least 1"),
        (mi_bminet, EEG | {"n_times": 63}, "n_times must be at least 64"),
        (epidenet, EOG | {"n_outputs": 0}, "n_outputs must be at least 1"),
        (epidenet, EOG | {"pool_mode": "median"}, "pool_mode must be one of max, mean"),
        (epidenet, EOG | {"padding": "causal"}, "padding must be one of same, valid"),
        (eeg_tcnet, IV_2A | {"n_times": 63}, "n_times must be at least 64"),
        (shallow_conv_net, IV_2A | {"n_times": 98}, "n_times must be at least 99"),
        (deep_conv_net, IV_2A | {"n_times": 440}, "n_times must be at least 441"),
        (deep_ae, MELS | {"n_outputs": 7}, "n_outputs must be None or n_chans"),
        (ecg_cnn, BEAT | {"n_times": 7}, "n_times must be at least 8"),
        (ecg_cnn, BEAT | {"n_filters": (4,)}, "kernel_lengths must have one entry"),
        (emg_cnn, EMG | {"n_chans": 0}, "n_chans must be at least 1"),
        (ecg_transformer, LONG_BEAT | {"n_times": 200}, "n_times must be a multiple"),
        (ecg_transformer, LONG_BEAT | {"num_heads": 3}, "emb_dim must be a multiple"),
    ],
)
def test_impossible_arguments_are_refused(
    function: Callable[..., keras.Model], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(**arguments)
