# SPDX-License-Identifier: Apache-2.0
"""Optimisers and their options end with Keras's own losses and weights, and so do the strategies
that change what a step computes: LoRA, sparse, layer-wise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters import ConversionResult, convert
from converters.step.channels import channel_scores
from tests.compare import assert_all_close, assert_close, unmoved
from tests.end_to_end.host_run import train_on
from tests.end_to_end.strategy_network import BATCH, batches, network
from tests.oracle import keras_optimizers
from tests.oracle.keras_optimizers import Trained

STEPS = 8
SGD, Adam, AdamW = keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.AdamW


def cosine(rate: float) -> keras.optimizers.schedules.CosineDecay:
    return keras.optimizers.schedules.CosineDecay(rate, STEPS - 2)


OPTIMIZERS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "adam": (lambda: Adam(0.01), {"optimizer": "adam", "learning_rate": 0.01}),
    "adamw, cosine": (
        lambda: AdamW(cosine(0.02), weight_decay=0.05),
        {
            "optimizer": "adamw",
            "learning_rate": 0.02,
            "weight_decay": 0.05,
            "schedule": "cosine",
            "schedule_steps": STEPS - 2,
        },
    ),
    "momentum with everything": (
        lambda: SGD(
            cosine(0.1),
            momentum=0.9,
            weight_decay=0.01,
            global_clipnorm=0.3,
            gradient_accumulation_steps=2,
        ),
        {
            "optimizer": "momentum",
            "learning_rate": 0.1,
            "schedule": "cosine",
            "schedule_steps": STEPS - 2,
            "weight_decay": 0.01,
            "clip_norm": 0.3,
            "accumulate": 2,
        },
    ),
}


def compare(
    conversion: ConversionResult,
    expected: Trained,
    data: tuple[np.ndarray, np.ndarray],
    folder: Path,
    what: str,
) -> dict[str, np.ndarray]:
    """The runner's variables, found to be those of Keras, which have moved."""
    ours = train_on("host", conversion, *data, folder)
    assert_close(ours.losses, expected.losses, "loss", what=f"{what}: loss")
    found = {n: v for n, v in ours.variables.items() if n in expected.after}
    assert_all_close(found, expected.after, "weights", what=what)
    return found


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ends_with_keras_weights(name: str, tmp_path: Path) -> None:
    make, options = OPTIMIZERS[name]
    model = network()
    data = batches(model, STEPS)
    expected = keras_optimizers.train(model, *data, optimizer=make())
    conversion = convert(model, batch_size=BATCH, output_dir=tmp_path, **options)
    compare(conversion, expected, data, tmp_path, name)
    moving = {v.path for v in model.trainable_variables}
    still = unmoved(expected.before, expected.after, "weights") & moving
    assert not still, f"{name}: training hardly moved {sorted(still)}"


def test_another_epsilon_is_noticed(tmp_path: Path) -> None:
    """Planted: Keras with another epsilon than ours."""
    model = network()
    data = batches(model, STEPS)
    expected = keras_optimizers.train(model, *data, optimizer=Adam(0.01, epsilon=1e-4))
    conversion = convert(
        model, batch_size=BATCH, output_dir=tmp_path, optimizer="adam", learning_rate=0.01
    )
    with pytest.raises(AssertionError):
        compare(conversion, expected, data, tmp_path, "planted")


def test_adam_over_single_samples_ends_with_the_same_weights(tmp_path: Path) -> None:
    """In the least RAM, where a batch is not resident."""
    model = network()
    data = batches(model, STEPS)
    expected = keras_optimizers.train(model, *data, optimizer=Adam(0.01))
    conversion = convert(
        model,
        batch_size=BATCH,
        output_dir=tmp_path,
        optimizer="adam",
        learning_rate=0.01,
        ram="min",
        sample="flash",
    )
    assert conversion.report["schedule"]["loops"] > 0
    compare(conversion, expected, data, tmp_path, "adam in loops")


def test_lora_is_keras_enable_lora(tmp_path: Path) -> None:
    model = network()
    data = batches(model, STEPS)

    def prepare(twin: keras.Model) -> None:
        for number, layer in enumerate(twin.layers):
            if layer.name in ("point", "scores"):
                uniform = keras.initializers.HeUniform(seed=number)
                layer.enable_lora(2, a_initializer=uniform)

    moving = {f"{layer}/lora_kernel_{c}" for layer in ("point", "scores") for c in "ab"}
    expected = keras_optimizers.train(
        model, *data, optimizer=SGD(0.5, momentum=0.9), prepare=prepare, moving=moving
    )
    conversion = convert(
        model, batch_size=BATCH, output_dir=tmp_path, strategy="lora:2", learning_rate=0.5
    )
    compare(conversion, expected, data, tmp_path, "lora:2")
    still = unmoved(expected.before, expected.after, "weights") & moving
    assert not still, f"lora:2: training hardly moved {sorted(still)}"


def test_layer_wise_trains_one_layer_a_step(tmp_path: Path) -> None:
    model = network()
    order = ["scores", "point", "norm_b", "space", "norm_a", "time"]
    data = batches(model, STEPS)
    expected = keras_optimizers.train(
        model,
        *data,
        optimizer=Adam(0.05),
        held=lambda step, path: path.split("/")[0] != order[step % len(order)],
    )
    conversion = convert(
        model,
        batch_size=BATCH,
        output_dir=tmp_path,
        strategy="layer-wise",
        optimizer="adam",
        learning_rate=0.05,
    )
    compare(conversion, expected, data, tmp_path, "layer-wise")


def test_sparse_moves_the_channels_that_contribute(tmp_path: Path) -> None:
    model = network()
    x, y = batches(model, STEPS)
    scores = channel_scores(model, x.reshape(-1, *x.shape[2:]), y.reshape(-1))
    chosen: dict[str, np.ndarray] = {}
    for layer in ("time", "space", "point"):
        score = scores[f"{layer}/kernel"]
        best = np.argsort(-score)[: int(np.ceil(0.4 * len(score)))]
        chosen[layer] = np.isin(np.arange(len(score)), best)

    def held(step: int, path: str) -> Any:
        layer, kind = path.split("/")[:2]
        if layer not in chosen:
            return False
        # A depthwise filter's outputs are its multiplier's, its bias has one for each.
        return False if (layer, kind) == ("space", "bias") else ~chosen[layer]

    layers = (*chosen, "scores")
    moving = {v.path for v in model.trainable_variables if v.path.split("/")[0] in layers}
    expected = keras_optimizers.train(
        model,
        x,
        y,
        optimizer=SGD(0.2, momentum=0.9, weight_decay=0.01),
        held=held,
        moving=moving,
    )
    conversion = convert(
        model,
        batch_size=BATCH,
        output_dir=tmp_path,
        strategy="sparse:0.4",
        channel_scores=scores,
        learning_rate=0.2,
        weight_decay=0.01,
    )
    found = compare(conversion, expected, (x, y), tmp_path, "sparse:0.4")
    for layer in ("time", "point"):
        name = f"{layer}/kernel"
        still = ~chosen[layer]
        assert 0 < still.sum() < len(still)
        assert np.array_equal(found[name][..., still], expected.before[name][..., still])
        assert not np.array_equal(found[name][..., ~still], expected.before[name][..., ~still])
