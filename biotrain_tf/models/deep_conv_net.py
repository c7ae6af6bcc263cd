# SPDX-License-Identifier: Apache-2.0
"""DeepConvNet (Schirrmeister et al., Hum. Brain Mapp. 2017) in Keras 3.

Four convolutions along time, each pooled; the first together with one over all electrodes. Argument
names follow `braindecode.models.Deep4Net`.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import batch_norm, max_norm, require_positive, require_times


def deep_conv_net(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    n_filters_time: int = 25,
    n_filters_spat: int = 25,
    n_filters_2: int = 50,
    n_filters_3: int = 100,
    n_filters_4: int = 200,
    filter_time_length: int = 10,
    pool_time_length: int = 3,
    conv_max_norm: float | None = 2.0,
    norm_rate: float | None = 0.5,
    batch_norm_momentum: float = 0.1,
    batch_norm_eps: float = 1e-5,
    drop_prob: float = 0.5,
    name: str = "deep_conv_net",
) -> keras.Model:
    """Build DeepConvNet for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, classes, and samples of one trial.
    n_filters_time, n_filters_spat, n_filters_2, n_filters_3, n_filters_4
        Filters along time, over electrodes, and of the three further blocks.
    filter_time_length, pool_time_length
        Taps and pool of every block. The ARL variant for 128 Hz has 5 and 2.
    conv_max_norm, norm_rate
        Largest L2 norm of a filter and of a column of the classifier (None: unconstrained).
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    drop_prob
        Dropout after every block.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs)
    shortest = 1
    for _ in range(4):
        shortest = shortest * pool_time_length + filter_time_length - 1
    require_times(n_times, shortest, "four blocks of filter_time_length and pool_time_length")
    layers = keras.layers

    def convolution(
        x: keras.KerasTensor, filters: int, kernel: tuple[int, int], label: str
    ) -> keras.KerasTensor:
        constraint = max_norm(conv_max_norm, axis=(0, 1, 2))
        return layers.Conv2D(filters, kernel, kernel_constraint=constraint, name=label)(x)

    def pooled(x: keras.KerasTensor, block: int) -> keras.KerasTensor:
        x = batch_norm(batch_norm_momentum, batch_norm_eps, f"norm{block}")(x)
        x = layers.Activation("elu", name=f"elu{block}")(x)
        x = layers.MaxPooling2D((1, pool_time_length), name=f"pool{block}")(x)
        return layers.Dropout(drop_prob, name=f"dropout{block}")(x)

    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = convolution(inputs, n_filters_time, (1, filter_time_length), "temporal_conv")
    x = pooled(convolution(x, n_filters_spat, (n_chans, 1), "spatial_conv"), 1)
    for block, filters in enumerate((n_filters_2, n_filters_3, n_filters_4), start=2):
        x = pooled(convolution(x, filters, (1, filter_time_length), f"conv{block}"), block)

    x = layers.Flatten(name="features")(x)
    logits = layers.Dense(
        n_outputs, kernel_constraint=max_norm(norm_rate, axis=0), name="classifier"
    )(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
