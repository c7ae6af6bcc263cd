# SPDX-License-Identifier: Apache-2.0
"""A small network with every kind of variable, and batches for it."""

from __future__ import annotations

import keras
import numpy as np

L = keras.layers
BATCH = 4


def network() -> keras.Model:
    """Every kind of variable: kernels and biases of all convolutions, norms, a Dense layer."""
    keras.utils.set_random_seed(5)
    x = inputs = keras.Input((3, 32, 1))
    x = L.Conv2D(4, (1, 5), padding="same", use_bias=False, name="time")(x)
    x = L.Activation("elu")(L.BatchNormalization(name="norm_a")(x))
    x = L.DepthwiseConv2D((3, 1), depth_multiplier=2, activation="elu", name="space")(x)
    x = L.AveragePooling2D((1, 4))(L.BatchNormalization(name="norm_b")(x))
    x = L.Conv2D(6, (1, 1), activation="tanh", name="point")(x)
    x = L.Dense(3, name="scores")(L.Flatten()(x))
    model = keras.Model(inputs, L.Activation("softmax")(x), name="strategies")
    # Biases of zero hide one that is left out.
    generator = np.random.default_rng(1)
    for v in model.trainable_variables:
        v.assign(v + 0.2 * generator.standard_normal(v.shape).astype(np.float32))
    return model


def batches(model: keras.Model, steps: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    x = generator.standard_normal((steps, BATCH, *model.input_shape[1:])).astype(np.float32)
    return x, generator.integers(0, 3, (steps, BATCH)).astype(np.int32)
