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


class _Frozen(keras.layers.BatchNormalization):
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False)
