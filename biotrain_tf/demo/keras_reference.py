# SPDX-License-Identifier: Apache-2.0
"""The reference: Keras's own `train_on_batch`, with dropout masks that others can repeat."""

from __future__ import annotations

import time

import keras
import numpy as np

from biotrain_tf.data.batches import Calibration
from biotrain_tf.demo import weights
from biotrain_tf.demo.hash_dropout import HashDropout
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import KERAS, DemoSettings


def reference_model(model: keras.Model, *, seed: int) -> keras.Model:
    """A clone of `model`, weights included, in which every Dropout is a HashDropout."""
    dropouts = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dropout)]

    def clone(layer: keras.Layer) -> keras.Layer:
        if layer.name in dropouts:
            index = dropouts.index(layer.name)
            return HashDropout(rate=layer.rate, index=index, seed=seed, name=layer.name)
        return type(layer).from_config(layer.get_config())

    twin = keras.models.clone_model(model, clone_function=clone)
    for original in model.layers:
        if original.name not in dropouts:
            twin.get_layer(original.name).set_weights(original.get_weights())
    return twin


def fine_tune(
    model: keras.Model, calibration: Calibration, settings: DemoSettings
) -> RuntimeResult:
    """Fine-tune a clone; `model` itself stays as it was."""
    started = time.monotonic()
    reference = reference_model(model, seed=settings.seed)
    reference.compile(
        keras.optimizers.SGD(settings.learning_rate, momentum=settings.momentum),
        "sparse_categorical_crossentropy",
    )
    before = accuracy(reference, calibration)
    losses = [
        float(reference.train_on_batch(X, y, return_dict=True)["loss"])
        for X, y in calibration.batches(batch_size=settings.batch_size, steps=settings.steps)
    ]
    return RuntimeResult(
        name=KERAS,
        loss=tuple(losses),
        accuracy_before=before,
        accuracy_after=accuracy(reference, calibration),
        weights=weights.of_keras(reference),
        wall_s=time.monotonic() - started,
    )


def accuracy(model: keras.Model, calibration: Calibration) -> float:
    predicted = model.predict(calibration.X_test, verbose=0).argmax(axis=1)
    return float(np.mean(predicted == calibration.y_test))
