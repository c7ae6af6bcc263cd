# SPDX-License-Identifier: Apache-2.0
"""EEGNet (Lawhern et al., J. Neural Eng. 2018) in Keras 3, the ARL definition.

Argument names and defaults follow `braindecode.models.EEGNet`, so that a configuration can be
carried over.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import batch_norm, max_norm, require_positive, require_times


def eegnet(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    F1: int = 8,
    D: int = 2,
    F2: int | None = None,
    kernel_length: int = 64,
    depthwise_kernel_length: int = 16,
    pool1_kernel_size: int = 4,
    pool2_kernel_size: int = 8,
    conv_spatial_max_norm: float | None = 1.0,
    norm_rate: float | None = 0.25,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    drop_prob: float = 0.25,
    name: str = "eegnet",
) -> keras.Model:
    """Build EEGNet-`F1`,`D` for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, classes, and samples of one trial.
    F1, D, F2
        Temporal filters, spatial filters per temporal filter, pointwise filters (None: F1 * D).
    kernel_length, depthwise_kernel_length
        Taps of the temporal and of the separable convolution. The first is usually sfreq / 2.
    pool1_kernel_size, pool2_kernel_size
        Average pooling over time after either block.
    conv_spatial_max_norm, norm_rate
        Largest L2 norm of a spatial filter and of a column of the classifier (None: unconstrained).
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    drop_prob
        Dropout after either block.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs)
    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = eegnet_features(
        inputs,
        F1=F1,
        D=D,
        F2=F2,
        kernel_length=kernel_length,
        depthwise_kernel_length=depthwise_kernel_length,
        pool1_kernel_size=pool1_kernel_size,
        pool2_kernel_size=pool2_kernel_size,
        conv_spatial_max_norm=conv_spatial_max_norm,
        batch_norm_momentum=batch_norm_momentum,
        batch_norm_eps=batch_norm_eps,
        drop_prob=drop_prob,
    )
    x = keras.layers.Flatten(name="features")(x)
    logits = keras.layers.Dense(
        n_outputs, kernel_constraint=max_norm(norm_rate, axis=0), name="classifier"
    )(x)
    outputs = keras.layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)


def eegnet_features(
    trial: keras.KerasTensor,
    *,
    F1: int,
    D: int,
    F2: int | None,
    kernel_length: int,
    depthwise_kernel_length: int,
    pool1_kernel_size: int,
    pool2_kernel_size: int,
    conv_spatial_max_norm: float | None,
    batch_norm_momentum: float,
    batch_norm_eps: float,
    drop_prob: float,
) -> keras.KerasTensor:
    """The two blocks of EEGNet: [n_chans, n_times, 1] to [1, pooled times, F2]. Arguments are those
    of ``eegnet``.
    """
    n_chans, n_times = int(trial.shape[1]), int(trial.shape[2])
    shortest = pool1_kernel_size * pool2_kernel_size
    require_times(n_times, shortest, "pool1_kernel_size * pool2_kernel_size")
    layers = keras.layers

    def norm(layer_name: str) -> keras.Layer:
        return batch_norm(batch_norm_momentum, batch_norm_eps, layer_name)

    x = layers.Conv2D(F1, (1, kernel_length), padding="same", use_bias=False, name="temporal_conv")(
        trial
    )
    x = norm("temporal_norm")(x)
    x = layers.DepthwiseConv2D(
        (n_chans, 1),
        depth_multiplier=D,
        use_bias=False,
        depthwise_constraint=max_norm(conv_spatial_max_norm, axis=0),
        name="spatial_conv",
    )(x)
    x = norm("spatial_norm")(x)
    x = layers.Activation("elu", name="spatial_elu")(x)
    x = layers.AveragePooling2D((1, pool1_kernel_size), name="spatial_pool")(x)
    x = layers.Dropout(drop_prob, name="spatial_dropout")(x)

    x = layers.SeparableConv2D(
        F1 * D if F2 is None else F2,
        (1, depthwise_kernel_length),
        padding="same",
        use_bias=False,
        name="separable_conv",
    )(x)
    x = norm("separable_norm")(x)
    x = layers.Activation("elu", name="separable_elu")(x)
    x = layers.AveragePooling2D((1, pool2_kernel_size), name="separable_pool")(x)
    return layers.Dropout(drop_prob, name="separable_dropout")(x)
