# SPDX-License-Identifier: Apache-2.0
"""A small 1-D convolutional network for heartbeats, cut around the R peak."""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import (
    as_sequence,
    batch_norm,
    require_positive,
    require_times,
)


def ecg_cnn(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    n_filters: tuple[int, ...] = (8, 16, 32),
    kernel_lengths: tuple[int, ...] = (7, 5, 3),
    pool_size: int = 2,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    drop_prob: float = 0.2,
    name: str = "ecg_cnn",
) -> keras.Model:
    """Build the network for one-image-per-beat input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Leads, kinds of beats, and samples of one beat.
    n_filters, kernel_lengths
        Filters and taps of the convolutions, one after the other.
    pool_size
        Max pooling after each of them.
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    drop_prob
        Dropout before the classifier.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs)
    if len(n_filters) != len(kernel_lengths):
        raise ValueError(
            f"kernel_lengths must have one entry for each of the {len(n_filters)} n_filters, "
            f"got {len(kernel_lengths)}"
        )
    require_times(n_times, pool_size ** len(n_filters), "pool_size after every convolution")
    layers = keras.layers
    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = as_sequence(inputs, n_chans, n_times)
    for index, (filters, taps) in enumerate(zip(n_filters, kernel_lengths, strict=True), start=1):
        x = layers.Conv1D(filters, taps, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = batch_norm(batch_norm_momentum, batch_norm_eps, f"norm{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
        x = layers.MaxPooling1D(pool_size, name=f"pool{index}")(x)
    x = layers.GlobalAveragePooling1D(name="features")(x)
    x = layers.Dropout(drop_prob, name="dropout")(x)
    logits = layers.Dense(n_outputs, name="classifier")(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
