# SPDX-License-Identifier: Apache-2.0
"""20 steps of EEGNet on three stock runtimes, nothing registered, against train_on_batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

from tests.compare import assert_all_close, assert_close, unmoved
from tests.converters.conftest import STANDARD
from tests.converters.runtimes import RUNTIMES
from tests.models import MODELS, batches
from tests.oracle import keras_reference

STEPS = 20
SEED = STANDARD["seed"]
ZERO_GRADIENT = {"temporal_norm/beta"}
"""The next norm takes every constant away, and between the two there is only a linear layer."""


@dataclass(frozen=True)
class Case:
    model: str
    batch: int

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        return batches(MODELS[self.model](), steps=STEPS, batch=self.batch)


CASES = [
    Case("eegnet", 1),
    Case("eegnet", 8),
    Case("eegnet_dropout", 1),
    Case("eegnet_dropout", 8),
    Case("eegnet_wide", 8),
]


@functools.cache
def reference(case: Case) -> keras_reference.KerasRun:
    model = MODELS[case.model]()
    from_logits = model.layers[-1].name != "softmax"
    x, y = case.data()
    return keras_reference.train(
        model,
        x,
        y,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        learning_rate=STANDARD["learning_rate"],
        momentum=STANDARD["momentum"],
        seed=SEED,
    )


def split(
    state: dict[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Weights, those of them without a true gradient, and momentum."""
    momentum = {k: v for k, v in state.items() if k.endswith("/momentum")}
    still = {k: v for k, v in state.items() if k in ZERO_GRADIENT}
    weights = {k: v for k, v in state.items() if k not in momentum and k not in still}
    return weights, still, momentum


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.model}-batch{c.batch}")
def test_training_matches_keras(case: Case, runtime: str, converted: Callable[..., Any]) -> None:
    conversion = converted(case.model, ops="builtin", batch_size=case.batch)
    x, y = case.data()
    trained = RUNTIMES[runtime](conversion, x, y)
    keras_run = reference(case)
    name = f"{case.model} batch {case.batch} on {runtime}"
    before, after = dict(trained.before), dict(trained.after)
    assert (int(before.pop("step")), int(after.pop("step"))) == (0, STEPS)
    assert int(before.pop("seed")) == int(after.pop("seed")) == SEED

    assert_all_close(before, keras_run.before, "exact", what=f"{name}: first value of")
    assert_close(trained.losses, keras_run.losses, "loss", what=f"{name}: losses")
    kinds = zip(
        ("weights", "zero_gradient", "momentum"), split(after), split(keras_run.after), strict=True
    )
    for tolerance, ours, theirs in kinds:
        assert_all_close(ours, theirs, tolerance, what=f"{name}: {tolerance}")
    assert_close(trained.outputs, keras_run.outputs, "output", what=f"{name}: infer after steps")
    assert_close(trained.again, trained.losses[0], "exact", what=f"{name}: step 0 restored")


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.model}-batch{c.batch}")
def test_every_tensor_moves_far_more_than_the_tolerance(case: Case) -> None:
    run = reference(case)
    weights, still, momentum = zip(split(run.before), split(run.after), strict=True)
    assert set(still[0]) == ZERO_GRADIENT
    assert not unmoved(*weights, "weights")
    assert unmoved(*still, "zero_gradient") == ZERO_GRADIENT
    assert unmoved(*momentum, "momentum") == {f"{name}/momentum" for name in ZERO_GRADIENT}
    assert len(weights[0]) == 17 and len(momentum[0]) == 12
    assert np.ptp(run.losses) > 0.01


def test_runtimes_agree_on_dropout_masks(converted: Callable[..., Any]) -> None:
    """Another seed gives other losses: the masks are not the identity."""
    case = CASES[3]
    x, y = case.data()
    model = MODELS[case.model]()
    other = keras_reference.train(
        model,
        x[:1],
        y[:1],
        loss="sparse_categorical_crossentropy",
        learning_rate=STANDARD["learning_rate"],
        momentum=STANDARD["momentum"],
        seed=SEED + 1,
    )
    assert abs(other.losses[0] - reference(case).losses[0]) > 1e-3
