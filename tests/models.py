# SPDX-License-Identifier: Apache-2.0
"""Small Keras models for tests, the same weights at every call."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

L = keras.layers


def eegnet(
    n_chans: int = 4,
    n_times: int = 128,
    n_outputs: int = 3,
    *,
    drop: float = 0.0,
    max_norm: bool = True,
    softmax: bool = True,
    name: str = "eegnet",
) -> keras.Model:
    """EEGNet with few filters; layers are named after EEGNet's blocks."""
    keras.utils.set_random_seed(1)
    limit = keras.constraints.MaxNorm
    x = inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = L.Conv2D(4, (1, 16), padding="same", use_bias=False, name="temporal_conv")(x)
    x = L.BatchNormalization(name="temporal_norm")(x)
    x = L.DepthwiseConv2D(
        (n_chans, 1),
        depth_multiplier=2,
        use_bias=False,
        depthwise_constraint=limit(1.0, axis=0) if max_norm else None,
        name="spatial_conv",
    )(x)
    x = L.BatchNormalization(name="spatial_norm")(x)
    x = L.Activation("elu", name="spatial_elu")(x)
    x = L.AveragePooling2D((1, 4), name="spatial_pool")(x)
    x = L.Dropout(drop, name="spatial_dropout")(x) if drop else x
    x = L.SeparableConv2D(8, (1, 8), padding="same", use_bias=False, name="separable_conv")(x)
    x = L.BatchNormalization(name="separable_norm")(x)
    x = L.Activation("elu", name="separable_elu")(x)
    x = L.AveragePooling2D((1, 8), name="separable_pool")(x)
    x = L.Dropout(drop, name="separable_dropout")(x) if drop else x
    x = L.Flatten(name="features")(x)
    x = L.Dense(
        n_outputs, kernel_constraint=limit(0.25, axis=0) if max_norm else None, name="classifier"
    )(x)
    x = L.Activation("softmax", name="softmax")(x) if softmax else x
    model = keras.Model(inputs, x, name=name)
    # Between two norms a scale has no gradient but for epsilon; small kernels let epsilon count.
    spatial = model.get_layer("spatial_conv")
    spatial.set_weights([0.1 * w for w in spatial.get_weights()])
    _disturb_norms(model)
    return model


def _disturb_norms(model: keras.Model) -> None:
    """Gammas and betas as after some training, not ones and zeros."""
    generator = np.random.default_rng(3)
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            gamma, beta, *moving = layer.get_weights()
            gamma = gamma + generator.normal(0, 0.2, gamma.shape)
            layer.set_weights([gamma, generator.normal(0, 0.5, beta.shape), *moving])


def eegnet_dropout() -> keras.Model:
    return eegnet(drop=0.25, name="eegnet_dropout")


def eegnet_wide() -> keras.Model:
    """Eight electrodes, 256 samples, logits at the end, dropout."""
    return eegnet(8, 256, 4, drop=0.5, softmax=False, name="eegnet_wide")


def perceptron() -> keras.Model:
    """The smallest model that trains."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((6,), name="features")
    hidden = L.Dense(5, activation="tanh", name="hidden")(inputs)
    return keras.Model(inputs, L.Dense(3, activation="softmax", name="scores")(hidden), name="mlp")


MODELS: dict[str, Callable[[], keras.Model]] = {
    build.__name__: build for build in (eegnet, eegnet_dropout, eegnet_wide, perceptron)
}


def batches(
    model: keras.Model, *, steps: int, batch: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Random samples [steps, batch, ...] with an offset, and class labels [steps, batch]."""
    generator = np.random.default_rng(seed)
    shape = (steps, batch, *model.input_shape[1:])
    x = generator.normal(0.3, 1.0, shape).astype(np.float32)
    y = generator.integers(0, model.output_shape[-1], (steps, batch)).astype(np.int32)
    return x, y
