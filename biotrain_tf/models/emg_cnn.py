# SPDX-License-Identifier: Apache-2.0
"""A small 1-D convolutional network for gestures from a band of EMG electrodes.

The first convolution mixes electrodes, separable ones follow along time; the mean over time is
classified, since it is how much a filter fires that tells a gesture, not when.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import (
    as_sequence,
    batch_norm,
    require_positive,
    require_times,
)


def emg_cnn(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    n_filters: tuple[int, ...] = (16, 32, 32),
    kernel_length: int = 9,
    pool_size: int = 2,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    drop_prob: float = 0.25,
    name: str = "emg_cnn",
) -> keras.Model:
    """Build the network for one-image-per-window input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, gestures, and samples of one window.
    n_filters
        Filters of the first convolution and of the separable ones behind it.
    kernel_length, pool_size
        Taps of every convolution, and average pooling after it.
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    drop_prob
        Dropout before the classifier.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs)
    require_times(n_times, pool_size ** len(n_filters), "pool_size after every convolution")
    layers = keras.layers
    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = as_sequence(inputs, n_chans, n_times)
    for index, filters in enumerate(n_filters, start=1):
        convolution = layers.Conv1D if index == 1 else layers.SeparableConv1D
        x = convolution(
            filters, kernel_length, padding="same", use_bias=False, name=f"conv{index}"
        )(x)
        x = batch_norm(batch_norm_momentum, batch_norm_eps, f"norm{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
        x = layers.AveragePooling1D(pool_size, name=f"pool{index}")(x)
    x = layers.GlobalAveragePooling1D(name="features")(x)
    x = layers.Dropout(drop_prob, name="dropout")(x)
    logits = layers.Dense(n_outputs, name="classifier")(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
