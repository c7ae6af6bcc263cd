# SPDX-License-Identifier: Apache-2.0
"""ShallowConvNet (Schirrmeister et al., Hum. Brain Mapp. 2017) in Keras 3.

Filters in time and space, then the logarithm of their power: square, mean over time, log. Argument
names follow `braindecode.models.ShallowFBCSPNet`.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import batch_norm, max_norm, require_positive, require_times

LEAST_POWER, LARGEST_POWER = 1e-7, 1e4


def shallow_conv_net(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    n_filters_time: int = 40,
    filter_time_length: int = 25,
    n_filters_spat: int = 40,
    pool_time_length: int = 75,
    pool_time_stride: int = 15,
    conv_max_norm: float | None = 2.0,
    norm_rate: float | None = 0.5,
    batch_norm_momentum: float = 0.1,
    batch_norm_eps: float = 1e-5,
    drop_prob: float = 0.5,
    name: str = "shallow_conv_net",
) -> keras.Model:
    """Build ShallowConvNet for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, classes, and samples of one trial.
    n_filters_time, filter_time_length, n_filters_spat
        Temporal filters, their taps, and spatial filters, each over all temporal ones.
    pool_time_length, pool_time_stride
        Windows over which power is averaged. The ARL variant for 128 Hz has 13 taps and pools
        35 and 7.
    conv_max_norm, norm_rate
        Largest L2 norm of a filter and of a column of the classifier (None: unconstrained).
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    drop_prob
        Dropout before the classifier.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs)
    shortest = filter_time_length + pool_time_length - 1
    require_times(n_times, shortest, "filter_time_length + pool_time_length - 1")
    layers = keras.layers
    constraint = max_norm(conv_max_norm, axis=(0, 1, 2))

    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = layers.Conv2D(
        n_filters_time, (1, filter_time_length), kernel_constraint=constraint, name="temporal_conv"
    )(inputs)
    x = layers.Conv2D(
        n_filters_spat,
        (n_chans, 1),
        use_bias=False,
        kernel_constraint=constraint,
        name="spatial_conv",
    )(x)
    x = batch_norm(batch_norm_momentum, batch_norm_eps, "norm")(x)
    x = keras.ops.square(x)
    x = layers.AveragePooling2D((1, pool_time_length), strides=(1, pool_time_stride), name="power")(
        x
    )
    x = keras.ops.log(keras.ops.clip(x, LEAST_POWER, LARGEST_POWER))
    x = layers.Dropout(drop_prob, name="dropout")(x)
    x = layers.Flatten(name="features")(x)
    logits = layers.Dense(
        n_outputs, kernel_constraint=max_norm(norm_rate, axis=0), name="classifier"
    )(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
