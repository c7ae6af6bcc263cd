# SPDX-License-Identifier: Apache-2.0
"""The gradients of a batch by Keras and TensorFlow's own autodiff, in float64 or float32."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.oracle.keras_reference import copy_of

_LOSSES = {
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "mse": keras.losses.MeanSquaredError,
}


def gradients(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: str,
    dtype: str,
    norm: str = "keep",
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """By Keras path, of the first training step on x [B, ...], y [B, ...].

    Args:
        model: left untouched; layers that are not trainable have no gradient.
        x: the batch, float32.
        y: its labels.
        loss: Keras's name; logits, where the last activation is linear.
        dtype: of all that is computed, ``float64`` or ``float32``.
        norm: ``group`` has GroupNormalization instead of BatchNormalization.
        seed: of the dropout masks.
    """
    twin, dropouts = copy_of(model, len(x), dtype=dtype, norm=norm)
    for layer in dropouts:
        layer.set_step(0, seed)
    options: dict[str, Any] = {"dtype": dtype}
    if loss != "mse":
        # A layer that is an activation itself, as Softmax is, has none.
        activation = getattr(model.layers[-1], "activation", None)
        options["from_logits"] = getattr(activation, "__name__", "") == "linear"
    function = _LOSSES[loss](**options)
    with tf.GradientTape() as tape:
        total = function(y, twin(tf.constant(x), training=True))
        total = tf.add_n([total, *twin.losses])
    assert total.dtype == dtype, f"the loss is {total.dtype}, wanted {dtype}"
    variables = twin.trainable_variables
    found = tape.gradient(total, [v.value for v in variables])
    # Of a table that rows are taken from, TensorFlow keeps those rows.
    dense = [np.asarray(tf.convert_to_tensor(g)) for g in found]
    return {v.path: g for v, g in zip(variables, dense, strict=True)}
