# SPDX-License-Identifier: Apache-2.0
"""Spatial first gives what temporal first gives: losses, gradients, moving averages, outputs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from biotrain_tf.cli import convert as command
from biotrain_tf.models.eegnet import eegnet as full_eegnet
from biotrain_tf.models.mi_bminet import mi_bminet
from converters import ConversionError, convert
from converters import graph as graphs
from converters.gradients.writer import Writer
from converters.step import window_moments
from converters.step.commute import find_chains
from converters.step.options import StepOptions
from converters.step.training_step import TrainingStep
from converters.step.twin import make_twin
from tests.compare import assert_all_close, assert_close, unmoved
from tests.converters import commuting
from tests.converters.commuting_models import DEARER, FORMS, NEVER, draw, front_of_frozen_norm
from tests.models import batches, eegnet
from tests.oracle import keras_reference

DRAWN = range(13, 29)
MICRO = Writer(compact=True)


def _twin(model: keras.Model, norm: str = "keep") -> keras.Model:
    return make_twin(model, StepOptions(norm=norm), MICRO).model


@pytest.mark.parametrize("seed", DRAWN)
def test_drawn_networks(seed: int) -> None:
    drawn = draw(seed)
    keras.utils.set_random_seed(seed)
    commuting.compare(
        drawn.build(),
        batch=drawn.batch,
        norm="frozen" if drawn.norm == "frozen" else "keep",
        what=str(drawn),
    )


def test_drawn_networks_are_of_all_kinds() -> None:
    drawn = [draw(seed) for seed in DRAWN]
    for name in ("padding", "first_bias", "last_bias", "mixing"):
        assert len({getattr(d, name) for d in drawn}) == 2, name
    assert {d.norm for d in drawn} == {"keep", "frozen", "none"}
    assert {d.width for d in drawn} == {1, 2, 3}
    live = [d for d in drawn if d.norm == "keep"]
    assert {(d.taps % 2, d.padding) for d in live} == {
        (n, p) for n in (0, 1) for p in ("same", "valid")
    }
    assert any(d.time < d.taps for d in live) and any(d.batch == 1 for d in live)
    assert any(d.batch == 8 for d in live) and any(d.mixing for d in live)


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_models(name: str) -> None:
    keras.utils.set_random_seed(5)
    commuting.compare(FORMS[name](), batch=3, norm="keep", what=name)


def test_a_frozen_norm_behind_weights() -> None:
    keras.utils.set_random_seed(6)
    commuting.compare(front_of_frozen_norm(), batch=3, norm="frozen", what="front")


def test_forgotten_edges_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_edges(samples: tf.Tensor, before: int, after: int) -> tf.Tensor:
        size = before + samples.shape[1] + after
        return tf.zeros([size, size])

    monkeypatch.setattr(window_moments, "_gram", no_edges)
    seed = next(s for s in DRAWN if draw(s).norm == "keep" and draw(s).taps > 3)
    keras.utils.set_random_seed(seed)
    with pytest.raises(AssertionError, match=r"loss: compared=1 |gradient of"):
        commuting.compare(draw(seed).build(), batch=draw(seed).batch, norm="keep", what="planted")


@pytest.mark.parametrize("name", NEVER)
def test_where_it_must_not(name: str) -> None:
    assert list(find_chains(_twin(NEVER[name]()), MICRO)) == []


@pytest.mark.parametrize("name", DEARER)
def test_where_it_does_not_pay(name: str) -> None:
    model = DEARER[name]()
    (chain,) = find_chains(_twin(model), MICRO)
    macs = chain.training_macs()
    print(f"{name}: {macs}")
    assert macs.saved <= 0
    step = TrainingStep(model, StepOptions(), MICRO, infer_batch=1)
    assert step.commuted == []


def test_work_of_eegnet() -> None:
    (chain,) = find_chains(_twin(full_eegnet(22, 4, 1000)), MICRO)
    temporal, spatial = 22 * 1000 * 8 * 64, 1000 * 16 * 22
    macs = chain.training_macs()
    assert macs.before == 2 * temporal + 3 * spatial == 23_584_000
    lags, edges = 22 * 1000 * 64, 22 * (32 * 32 + 31 * 31)
    assert macs.after == 2 * spatial + 3 * 1000 * 16 * 64 + lags + edges == 5_227_670
    assert chain.inference_macs().after == spatial + 1000 * 16 * 64
    # Its spatial convolution is the first already.
    assert list(find_chains(_twin(mi_bminet(8, 2, 1900)), MICRO)) == []


def test_training_of_eegnet_is_keras_s() -> None:
    """Dropout and max-norms included, and a moving average that every step moves."""
    model = eegnet(drop=0.25, softmax=False)
    x, y = batches(model, steps=24, batch=4)
    rate = 1 / 16
    expected = keras_reference.train(
        model,
        x,
        y,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        learning_rate=rate,
        momentum=0.9,
    )
    step = commuting.make_step(model, batch=4, rate=rate, commute=True)
    assert len(step.commuted) == 1
    found = commuting.run(step, x, y, rate=rate)
    assert_close(found.losses, expected.losses, "loss", what="24 losses")
    assert_close(found.output, expected.outputs[-1], "output", what="infer")
    names = [n for n in found.after if n not in ("step", "seed")]
    after = {n: found.after[n] for n in names}
    assert_all_close(after, expected.after, "weights", what="after 24 steps")
    # Only what the next norm subtracts again stays where it is.
    still = unmoved(expected.before, expected.after, "weights")
    assert still <= {"temporal_norm/beta", "temporal_norm/beta/momentum"} | {
        n for n in still if n.endswith("/momentum")
    }


def _brain_waves(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of unit variance whose power falls as 1/f."""
    spectrum = np.fft.rfft(generator.standard_normal(shape), axis=-1)
    frequency = np.arange(spectrum.shape[-1], dtype=np.float64)
    frequency[0] = np.inf
    waves = np.fft.irfft(spectrum / np.sqrt(frequency), n=shape[-1], axis=-1)
    return np.asarray(waves / waves.std())


@pytest.mark.parametrize("offset", [0.0, 1.0, 3.0])
def test_full_eegnet_on_signals_with_an_offset(offset: float) -> None:
    model = full_eegnet(22, 4, 500, drop_prob=0.0)
    model = keras.Model(model.inputs, model.get_layer("classifier").output)
    spatial = model.get_layer("spatial_conv")
    spatial.set_weights([0.1 * w for w in spatial.get_weights()])
    generator = np.random.default_rng(0)
    waves = _brain_waves(generator, (1, 4, 22, 500))
    x = (waves + offset)[..., None].astype(np.float32)
    y = generator.integers(0, 4, (1, 4)).astype(np.int32)
    found = commuting.run(commuting.make_step(model, batch=4, commute=True), x, y)
    exact = commuting.exact(model, x[0], y[0])
    commuting.assert_gradients(found, exact, f"offset {offset}", zero={"temporal_norm/beta"})


def test_traces_do_not_share_their_inputs() -> None:
    """Infer before train, and train twice: each takes the input of its own trace."""
    model = eegnet(softmax=False)
    x, y = batches(model, steps=1, batch=2)
    expected = model.predict(x[0], verbose=0)
    step = commuting.make_step(model, batch=2, commute=True)
    (chain,) = step.commuted
    infer = tf.function(lambda x: step._infer(x)["output"])
    assert_close(infer(tf.constant(x[0])), expected, "output", what="infer, traced first")
    assert chain._input is None
    commuting.run(step, x, y)
    assert chain._input is None
    with pytest.raises(AssertionError, match="spatial_conv was called before temporal_conv"):
        chain.call(chain.last, tf.zeros([2, 4, 128, 4]), True)


def test_the_converter_drops_the_usual_order(tmp_path: Path) -> None:
    model = eegnet()
    kept, written = {}, {}
    for commute in ("auto", False):
        result = convert(model, output_dir=tmp_path / str(commute), batch_size=2, commute=commute)
        graph = graphs.read(result.model_path.read_bytes())
        kept[commute] = {
            key: {
                graph.subgraph_of(key).tensors[t].elements
                for op in graph.subgraph_of(key).ops
                for t in op.outputs
            }
            for key in ("train", "infer")
        }
        ops = graph.subgraph_of("train").ops
        handles = graph.subgraph_of("train").variable_of_handle()
        written[commute] = sorted(
            handles[op.inputs[0]] for op in ops if op.kind == "ASSIGN_VARIABLE"
        )
        reported = result.report["commuted"]
        assert bool(reported) == (commute == "auto")
        assert result.report["variables"] == {
            n: list(v.shape) for n, v in sorted(_variables(model).items())
        }
    # What all temporal filters make of all electrodes, the size of nothing else here.
    size = 4 * 4 * 128
    assert 2 * size in kept[False]["train"] and size in kept[False]["infer"]
    assert 2 * size not in kept["auto"]["train"] and size not in kept["auto"]["infer"]
    assert written["auto"] == written[False] == sorted(set(written["auto"]))
    assert {"temporal_norm/moving_mean", "temporal_norm/moving_variance"} <= set(written["auto"])


def _variables(model: keras.Model) -> dict[str, Any]:
    step = TrainingStep(model, StepOptions(), MICRO, infer_batch=1)
    return dict(step.variables_by_name)


def test_builtin_keeps_the_usual_order_unless_asked() -> None:
    model = eegnet()
    for commute, writer, fires in (
        ("auto", Writer(compact=False), False),
        (True, Writer(compact=False), True),
        ("auto", MICRO, True),
        (False, MICRO, False),
    ):
        step = TrainingStep(model, StepOptions(commute=commute), writer, infer_batch=1)
        assert bool(step.commuted) == fires, (commute, writer)


def test_the_flag_of_the_command() -> None:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    assert parser.parse_args(["convert", "model.keras"]).commute == "auto"
    assert parser.parse_args(["convert", "model.keras", "--no-commute"]).commute is False


def test_a_wrong_choice_is_refused() -> None:
    with pytest.raises(ConversionError, match="commute must be True, False or auto, got 'yes'"):
        StepOptions(commute="yes")
