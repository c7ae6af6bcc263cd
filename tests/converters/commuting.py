# SPDX-License-Identifier: Apache-2.0
"""One training step on TensorFlow's kernels, and its gradients beside float64 autodiff of Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step.options import StepOptions
from converters.step.training_step import TrainingStep
from tests.compare import assert_all_close, assert_close

RATE = 0.25


@dataclass(frozen=True)
class Step:
    """Losses of some steps, gradients of the first, and every variable after the last."""

    losses: np.ndarray
    gradients: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    output: np.ndarray


def make_step(
    model: keras.Model, *, batch: int, rate: float = RATE, **options: Any
) -> TrainingStep:
    chosen = StepOptions(
        batch_size=batch, optimizer="momentum", momentum=0.9, learning_rate=rate, **options
    )
    return TrainingStep(model, chosen, Writer(compact=False), infer_batch=batch)


def run(step: TrainingStep, x: np.ndarray, y: np.ndarray, *, rate: float = RATE) -> Step:
    """Train on batches x [N, B, ...], y [N, B], then infer the first."""
    functions = step.signatures()
    losses, gradients = [], {}
    for number, (batch, labels) in enumerate(zip(x, y, strict=True)):
        losses.append(
            float(functions["train"](x=tf.constant(batch), y=tf.constant(labels))["loss"])
        )
        if number == 0:
            # The first velocity is minus the rate, a power of two, times the gradient.
            ending = "/momentum"
            gradients = {
                name.removesuffix(ending): v.numpy() / -rate
                for name, v in step.variables_by_name.items()
                if name.endswith(ending)
            }
    output = functions["infer"](x=tf.constant(x[0]))["output"].numpy()
    after = {name: v.numpy() for name, v in step.variables_by_name.items()}
    return Step(np.array(losses), gradients, after, output)


def exact(
    model: keras.Model, x: np.ndarray, y: np.ndarray, norm: str = "keep"
) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients of one batch in float64, by Keras and TensorFlow alone."""

    def clone(layer: keras.Layer) -> keras.Layer:
        kind: Any = type(layer)
        if kind is keras.layers.BatchNormalization and norm == "frozen":
            kind = _Frozen
        return kind.from_config({**layer.get_config(), "dtype": "float64"})

    twin = keras.models.clone_model(model, clone_function=clone)
    twin.set_weights(model.get_weights())
    trained = twin.trainable_variables
    with tf.GradientTape() as tape:
        output = twin(tf.constant(x, tf.float64), training=True)
        loss = tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(y, output, from_logits=True)
        )
        for penalty in twin.losses:
            loss += penalty
    gradients = tape.gradient(loss, [v.value for v in trained])
    found = {v.path: g.numpy() for v, g in zip(trained, gradients, strict=True)}
    return float(loss), found


def _split(gradients: dict[str, np.ndarray], zero: set[str]) -> tuple[dict[str, Any], ...]:
    """Gradients that are something, and those that are zero but for rounding."""
    return (
        {n: g for n, g in gradients.items() if n not in zero},
        {n: g for n, g in gradients.items() if n in zero},
    )


def assert_gradients(
    found: Step,
    expected: tuple[float, dict[str, np.ndarray]],
    what: str,
    *,
    zero: set[str] = frozenset(),  # type: ignore[assignment]
) -> None:
    loss, gradients = expected
    assert_close(found.losses[0], loss, "loss", what=f"{what}: loss")
    wanted, rounding = _split(gradients, zero)
    had, rest = _split(found.gradients, zero)
    assert_all_close(had, wanted, "commuted_gradient", what=f"{what}: gradient of")
    assert set(rounding) == zero
    if zero:
        assert_all_close(rest, rounding, "zero_gradient", what=f"{what}: no gradient of")


def compare(
    model: keras.Model,
    *,
    batch: int,
    norm: str,
    what: str,
    steps: int = 4,
    kind: str = "commuted",
) -> None:
    """With one rewrite of the ``kind`` and without, from the same weights; the first step also
    against float64.
    """
    generator = np.random.default_rng(3)
    x = generator.normal(0.4, 1.0, (steps, batch, *model.input_shape[1:])).astype(np.float32)
    y = generator.integers(0, 3, (steps, batch)).astype(np.int32)
    rate = 1 / 16
    swapped = make_step(model, batch=batch, rate=rate, norm=norm, commute=True)
    (rewrite,) = getattr(swapped, kind)
    assert rewrite.names[0] == "first"
    ours = run(swapped, x, y, rate=rate)
    plain = make_step(model, batch=batch, rate=rate, norm=norm, commute=False)
    assert not plain.commuted and not plain.folded
    usual = run(plain, x, y, rate=rate)
    wanted = exact(model, x[0], y[0], norm)
    # What a live norm subtracts again has no gradient.
    live = norm == "keep" and "norm" in rewrite.names and _by_filter(rewrite.norm)
    subtracted = {n for n in wanted[1] if live and n.endswith("first/bias")}
    assert_gradients(ours, wanted, what, zero=subtracted)
    assert_close(ours.losses, usual.losses, "loss", what=f"{what}: losses")
    assert_all_close(ours.after, usual.after, "weights", what=f"{what}: after")
    assert_close(ours.output, usual.output, "output", what=f"{what}: infer")


def _by_filter(norm: Any) -> bool:
    """Each filter has its own mean."""
    groups = getattr(norm, "groups", -1)
    return groups in (-1, norm.input.shape[-1])


class _Frozen(keras.layers.BatchNormalization):
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False)
