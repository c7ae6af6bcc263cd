# SPDX-License-Identifier: Apache-2.0
"""MI-BMInet (Wang et al., Embedded BCI for motor imagery, 2022) in Keras 3.

EEGNet with the spatial convolution first, which leaves one row for the long temporal filter.
Defaults are BioTrain's (arXiv 2604.13359); argument names follow `braindecode.models.EEGNet`.
"""

from __future__ import annotations

import keras


def mi_bminet(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    F1: int = 32,
    D: int = 1,
    F2: int | None = None,
    kernel_length: int = 128,
    depthwise_kernel_length: int = 16,
    pool1_kernel_size: int = 8,
    pool2_kernel_size: int = 8,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    drop_prob: float = 0.5,
    name: str = "mi_bminet",
) -> keras.Model:
    """Build MI-BMInet for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, classes, and samples of one trial.
    F1, D, F2
        Spatial filters, temporal filters per spatial filter, pointwise filters (None: F1 * D).
    kernel_length, depthwise_kernel_length
        Taps of the temporal and of the separable convolution.
    pool1_kernel_size, pool2_kernel_size
        Average pooling over time after either block.
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

    x = layers.Conv2D(F1, (n_chans, 1), use_bias=False, name="spatial_conv")(inputs)
    x = norm("spatial_norm")(x)
    x = layers.DepthwiseConv2D(
        (1, kernel_length),
        depth_multiplier=D,
        padding="same",
        use_bias=False,
        name="temporal_conv",
    )(x)
    x = norm("temporal_norm")(x)
    x = layers.ReLU(name="temporal_relu")(x)
    x = layers.AveragePooling2D((1, pool1_kernel_size), name="temporal_pool")(x)
    x = layers.Dropout(drop_prob, name="temporal_dropout")(x)

    x = layers.DepthwiseConv2D(
        (1, depthwise_kernel_length), padding="same", use_bias=False, name="depthwise_conv"
    )(x)
    x = layers.Conv2D(n_pointwise, (1, 1), use_bias=False, name="pointwise_conv")(x)
    x = norm("pointwise_norm")(x)
    x = layers.ReLU(name="pointwise_relu")(x)
    x = layers.AveragePooling2D((1, pool2_kernel_size), name="pointwise_pool")(x)
    x = layers.Dropout(drop_prob, name="pointwise_dropout")(x)

    x = layers.Flatten(name="features")(x)
    logits = layers.Dense(n_outputs, name="classifier")(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
