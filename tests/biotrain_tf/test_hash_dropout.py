# SPDX-License-Identifier: Apache-2.0
"""The Keras layer drops what the definition says, in graph mode too, step after step."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from biotrain_tf.demo.hash_dropout import HashDropout
from biotrain_tf.demo.keras_reference import reference_model
from biotrain_tf.models.eegnet import eegnet
from tests.compare import assert_close
from tests.oracle import dropout_hash


@pytest.mark.parametrize(
    ("shape", "rate", "index", "seed", "spatial"),
    [
        ((3, 7, 5), 0.25, 0, 0, False),
        ((3, 7, 5), 0.25, 0, 0, True),
        ((2, 4, 3001, 2), 0.5, 1, 7_999_999, False),
        ((2, 4, 3001, 2), 0.5, 1, 7_999_999, True),
        ((4, 16), 0.1, 5, 2862, False),
    ],
)
def test_masks_are_those_of_the_definition(
    shape: tuple[int, ...], rate: float, index: int, seed: int, spatial: bool
) -> None:
    layer = HashDropout(rate=rate, index=index, seed=seed, spatial=spatial)
    ones = np.ones(shape, np.float32)
    for step in range(3):
        expected = dropout_hash.multiplier(
            shape, seed=seed, step=step, layer=index, rate=rate, spatial=spatial
        )
        assert_close(layer(ones, training=True), expected, "exact", what=f"step {step}")
    assert_close(layer(ones, training=False), ones, "exact", what="inference")


def test_a_late_step_is_hashed_by_its_digits() -> None:
    layer = HashDropout(rate=0.5, index=0, seed=3)
    layer.build((None, 40))
    layer.step.assign(2861 * 5 + 17)
    expected = dropout_hash.multiplier((2, 40), seed=3, step=2861 * 5 + 17, layer=0, rate=0.5)
    found = layer(np.ones((2, 40), np.float32), training=True)
    assert_close(found, expected, "exact", what="step 14322")


def test_reference_is_the_model_with_other_dropout() -> None:
    model = eegnet(3, 2, 64)
    reference = reference_model(model, seed=9)
    found = [layer for layer in reference.layers if isinstance(layer, HashDropout)]
    assert [layer.name for layer in found] == ["spatial_dropout", "separable_dropout"]
    assert [(layer.index, layer.seed) for layer in found] == [(0, 9), (1, 9)]
    trials = np.random.default_rng(0).standard_normal((2, 3, 64, 1)).astype(np.float32)
    assert_close(
        reference.predict(trials, verbose=0),
        model.predict(trials, verbose=0),
        "exact",
        what="inference",
    )
    before = model.get_weights()
    reference.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    reference.train_on_batch(trials, np.array([0, 1]))
    for old, new in zip(before, model.get_weights(), strict=True):
        assert_close(new, old, "exact", what="the model itself")
    assert [int(layer.step) for layer in found] == [1, 1]
