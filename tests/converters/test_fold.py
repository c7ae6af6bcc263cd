# SPDX-License-Identifier: Apache-2.0
"""A norm in the filter of the convolution before it gives what the norm gives by itself."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from biotrain_tf.models.epidenet import epidenet
from biotrain_tf.models.mi_bminet import mi_bminet
from converters.gradients.writer import Writer
from converters.step import window_moments
from converters.step.fold import find_folds
from converters.step.options import StepOptions
from converters.step.training_step import TrainingStep
from converters.step.twin import make_twin
from tests.converters import commuting
from tests.converters.folding_models import NEVER, draw
from tests.models import eegnet

DRAWN = range(1, 25)
MICRO = Writer(compact=True)


def _twin(model: keras.Model, norm: str = "keep") -> keras.Model:
    return make_twin(model, StepOptions(norm=norm), MICRO).model


def _compare(seed: int) -> None:
    drawn = draw(seed)
    keras.utils.set_random_seed(seed)
    commuting.compare(
        drawn.build(), batch=drawn.batch, norm=drawn.norm, what=str(drawn), kind="folded"
    )


@pytest.mark.parametrize("seed", DRAWN)
def test_drawn_networks(seed: int) -> None:
    _compare(seed)


def test_drawn_networks_are_of_all_kinds() -> None:
    drawn = [draw(seed) for seed in DRAWN]
    live = [d for d in drawn if d.norm == "keep"]
    assert {d.kind for d in live} == {"column", "pixel", "line"}
    assert {d.kind for d in drawn if d.norm == "frozen"} >= {"square", "line"}
    for name in ("depthwise", "use_bias", "center", "scale", "padding"):
        assert len({getattr(d, name) for d in live}) == 2, name
    assert {d.padding for d in live if d.kind == "line"} == {"same", "valid"}
    assert any(d.stride > 1 and d.kind == kind for kind in ("column", "pixel") for d in live)
    assert any(d.channels > 1 and d.kind == "column" for d in live)
    assert any(d.batch == 1 for d in live) and any(d.batch == 8 for d in live)


def test_forgotten_edges_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_edges(samples: tf.Tensor, before: int, after: int) -> tf.Tensor:
        size = before + samples.shape[1] + after
        return tf.zeros([size, size])

    monkeypatch.setattr(window_moments, "_gram", no_edges)
    lines = [
        draw(seed).taps > 3 and draw(seed).kind == "line" and draw(seed).norm == "keep"
        for seed in DRAWN
    ]
    with pytest.raises(AssertionError, match=r"loss: compared=1 |gradient of"):
        _compare(DRAWN[lines.index(True)])


@pytest.mark.parametrize("name", NEVER)
def test_where_it_must_not(name: str) -> None:
    assert list(find_folds(_twin(NEVER[name]()), MICRO)) == []


def test_a_frozen_norm_always_can() -> None:
    found = list(find_folds(_twin(NEVER["weights before"](), norm="frozen"), MICRO))
    assert [fold.names for fold in found] == [["first", "norm"]]


def test_where_it_does_not_pay() -> None:
    """The products of a long window cost more than a pass over one filter."""
    inputs = keras.Input((22, 40, 1))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(1, (22, 1))(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    (fold,) = find_folds(_twin(model), MICRO)
    macs = fold.training_macs()
    print(macs)
    assert macs.before == 7 * 40 and macs.after == 40 + 40 * 22 * 23
    assert TrainingStep(model, StepOptions(), MICRO, infer_batch=1).folded == []


def test_models_of_which_it_is_true() -> None:
    for model, names in (
        (mi_bminet(8, 2, 1900), ["spatial_conv", "spatial_norm"]),
        (epidenet(2, 11, 1000), ["conv1", "norm1"]),
    ):
        step = TrainingStep(model, StepOptions(), MICRO, infer_batch=1)
        assert step.commuted == [] and [fold.names for fold in step.folded] == [names]
    # Its layers change places instead.
    assert TrainingStep(eegnet(), StepOptions(), MICRO, infer_batch=1).folded == []
    (fold,) = find_folds(_twin(mi_bminet(8, 2, 1900)), MICRO)
    macs = fold.training_macs()
    assert macs.before == 7 * 32 * 1900 and macs.after == 32 * 1900 + 8 * 9 * 1900


def test_traces_do_not_share_their_inputs() -> None:
    drawn = draw(DRAWN[0])
    model = drawn.build()
    step = commuting.make_step(model, batch=2, commute=True)
    (fold,) = step.folded
    shape = (1, 2, *model.input_shape[1:])
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    commuting.run(step, x, np.zeros((1, 2), np.int32))
    assert fold._input is None
    with pytest.raises(AssertionError, match="norm was called before first"):
        fold.call(fold.norm, tf.zeros([2]), True)
