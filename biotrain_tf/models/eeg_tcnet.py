# SPDX-License-Identifier: Apache-2.0
"""EEG-TCNet (Ingolfsson et al., SMC 2020, arXiv 2006.00622) in Keras 3.

EEGNet's two blocks, then a temporal convolutional network: residual blocks of causal convolutions
whose dilation doubles; the last time step is classified. Argument names follow
`braindecode.models.EEGTCNet`.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import batch_norm, max_norm, require_positive
from biotrain_tf.models.eegnet import eegnet_features


def eeg_tcnet(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    filter_1: int = 8,
    depth_multiplier: int = 2,
    kern_length: int = 32,
    pool1_kernel_size: int = 8,
    pool2_kernel_size: int = 8,
    depth: int = 2,
    kernel_size: int = 4,
    filters: int = 12,
    max_norm_const: float | None = 0.25,
    conv_spatial_max_norm: float | None = 1.0,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    front_drop_prob: float = 0.2,
    drop_prob: float = 0.3,
    name: str = "eeg_tcnet",
) -> keras.Model:
    """Build EEG-TCNet for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Electrodes, classes, and samples of one trial.
    filter_1, depth_multiplier, kern_length
        Temporal filters, spatial filters each, and taps of EEGNet's first block.
    pool1_kernel_size, pool2_kernel_size
        Average pooling over time after either block of EEGNet.
    depth, kernel_size, filters
        Residual blocks, taps and filters of their causal convolutions; block l has dilation 2^l.
    max_norm_const, conv_spatial_max_norm
        Largest L2 norm of a column of the classifier and of a spatial filter (None: unconstrained).
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    front_drop_prob, drop_prob
        Dropout in EEGNet's blocks and in the residual ones.
    """
    require_positive(n_chans=n_chans, n_outputs=n_outputs, depth=depth)
    layers = keras.layers
    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = eegnet_features(
        inputs,
        F1=filter_1,
        D=depth_multiplier,
        F2=None,
        kernel_length=kern_length,
        depthwise_kernel_length=16,
        pool1_kernel_size=pool1_kernel_size,
        pool2_kernel_size=pool2_kernel_size,
        conv_spatial_max_norm=conv_spatial_max_norm,
        batch_norm_momentum=batch_norm_momentum,
        batch_norm_eps=batch_norm_eps,
        drop_prob=front_drop_prob,
    )
    n_steps = int(x.shape[2])
    x = layers.Reshape((n_steps, int(x.shape[3])), name="steps")(x)

    def convolution(x: keras.KerasTensor, dilation: int, label: str) -> keras.KerasTensor:
        x = layers.Conv1D(
            filters,
            kernel_size,
            dilation_rate=dilation,
            padding="causal",
            kernel_initializer="he_uniform",
            name=f"{label}_conv",
        )(x)
        x = batch_norm(batch_norm_momentum, batch_norm_eps, f"{label}_norm")(x)
        x = layers.Activation("elu", name=f"{label}_elu")(x)
        return layers.Dropout(drop_prob, name=f"{label}_dropout")(x)

    for level in range(depth):
        skip = x
        x = convolution(x, 2**level, f"tcn{level}a")
        x = convolution(x, 2**level, f"tcn{level}b")
        if skip.shape[-1] != filters:
            skip = layers.Conv1D(filters, 1, padding="same", name=f"tcn{level}_skip")(skip)
        x = layers.Add(name=f"tcn{level}_add")([x, skip])
        x = layers.Activation("elu", name=f"tcn{level}_elu")(x)

    x = layers.Cropping1D((n_steps - 1, 0), name="last_step")(x)
    x = layers.Flatten(name="features")(x)
    logits = layers.Dense(
        n_outputs, kernel_constraint=max_norm(max_norm_const, axis=0), name="classifier"
    )(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)
