# SPDX-License-Identifier: Apache-2.0
"""EEGNet (Lawhern et al., J. Neural Eng. 2018) in Keras 3, the ARL definition.

Argument names and defaults follow `braindecode.models.EEGNet`, so that a configuration can be
carried over.
"""

from __future__ import annotations

import keras


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
    for argument, value in {"n_chans": n_chans, "n_outputs": n_outputs, "n_times": n_times}.items():
        if value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}")
    shortest = pool1_kernel_size * pool2_kernel_size
    if n_times < shortest:
        raise ValueError(
            f"n_times must be at least {shortest} (pool1_kernel_size * pool2_kernel_size), "
            f"got {n_times}"
        )
    layers = keras.layers
    n_pointwise = F1 * D if F2 is None else F2

    def norm(layer_name: str) -> keras.Layer:
        return layers.BatchNormalization(
            momentum=1.0 - batch_norm_momentum, epsilon=batch_norm_eps, name=layer_name
        )

    inputs = keras.Input((n_chans, n_times, 1), name="trial")

    x = layers.Conv2D(F1, (1, kernel_length), padding="same", use_bias=False, name="temporal_conv")(
        inputs
    )
    x = norm("temporal_norm")(x)
    x = layers.DepthwiseConv2D(
        (n_chans, 1),
        depth_multiplier=D,
        use_bias=False,
        depthwise_constraint=_max_norm(conv_spatial_max_norm, axis=0),
        name="spatial_conv",
    )(x)
    x = norm("spatial_norm")(x)
    x = layers.Activation("elu", name="spatial_elu")(x)
    x = layers.AveragePooling2D((1, pool1_kernel_size), name="spatial_pool")(x)
    x = layers.Dropout(drop_prob, name="spatial_dropout")(x)

    x = layers.SeparableConv2D(
        n_pointwise,
        (1, depthwise_kernel_length),
        padding="same",
        use_bias=False,
        name="separable_conv",
    )(x)
    x = norm("separable_norm")(x)
    x = layers.Activation("elu", name="separable_elu")(x)
    x = layers.AveragePooling2D((1, pool2_kernel_size), name="separable_pool")(x)
    x = layers.Dropout(drop_prob, name="separable_dropout")(x)

    x = layers.Flatten(name="features")(x)
    logits = layers.Dense(
        n_outputs, kernel_constraint=_max_norm(norm_rate, axis=0), name="classifier"
    )(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)


def _max_norm(limit: float | None, axis: int) -> keras.constraints.Constraint | None:
    return None if limit is None else keras.constraints.MaxNorm(limit, axis=axis)
