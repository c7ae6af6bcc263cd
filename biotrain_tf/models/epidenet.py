# SPDX-License-Identifier: Apache-2.0
"""EpiDeNet (Ingolfsson et al., 2023) in Keras 3, as BioTrain trains it for eye movements.

Five convolutions, each followed by a norm and ReLU: three along time, one over all channels, one
pointwise. Argument names follow `braindecode`.
"""

from __future__ import annotations

import keras

POOL_MODES = ("max", "mean")
PADDINGS = ("same", "valid")
_FILTERS = (4, 16, 16, 16, 16)
_TAPS = (4, 16, 8)


def epidenet(
    n_chans: int,
    n_outputs: int,
    n_times: int,
    *,
    pool1_kernel_size: int = 8,
    pool2_kernel_size: int = 4,
    pool3_kernel_size: int = 4,
    pool_mode: str = "max",
    padding: str = "same",
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    name: str = "epidenet",
) -> keras.Model:
    """Build EpiDeNet for one-image-per-trial input of shape (n_chans, n_times, 1).

    Parameters
    ----------
    n_chans, n_outputs, n_times
        Channels (two of EOG), classes, and samples of one trial.
    pool1_kernel_size, pool2_kernel_size, pool3_kernel_size
        Pooling over time after each temporal convolution.
    pool_mode
        ``max`` as in the original, or ``mean``.
    padding
        Of the temporal convolutions, ``same`` or ``valid``.
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    """
    for argument, value in {"n_chans": n_chans, "n_outputs": n_outputs, "n_times": n_times}.items():
        if value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}")
    if pool_mode not in POOL_MODES:
        raise ValueError(f"pool_mode must be one of {', '.join(POOL_MODES)}, got {pool_mode!r}")
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(PADDINGS)}, got {padding!r}")
    pools = (pool1_kernel_size, pool2_kernel_size, pool3_kernel_size)
    shortest = _shortest(pools, padding)
    if n_times < shortest:
        raise ValueError(f"n_times must be at least {shortest} for these pools, got {n_times}")
    layers = keras.layers
    pool = layers.MaxPooling2D if pool_mode == "max" else layers.AveragePooling2D

    def block(x: keras.KerasTensor, index: int, kernel: tuple[int, int], pad: str) -> object:
        convolution = layers.Conv2D(
            _FILTERS[index - 1], kernel, padding=pad, use_bias=False, name=f"conv{index}"
        )
        norm = layers.BatchNormalization(
            momentum=1.0 - batch_norm_momentum, epsilon=batch_norm_eps, name=f"norm{index}"
        )
        return layers.ReLU(name=f"relu{index}")(norm(convolution(x)))

    x = inputs = keras.Input((n_chans, n_times, 1), name="trial")
    for index, (taps, width) in enumerate(zip(_TAPS, pools, strict=True), start=1):
        x = pool((1, width), name=f"pool{index}")(block(x, index, (1, taps), padding))
    x = block(x, 4, (n_chans, 1), "valid")
    x = block(x, 5, (1, 1), "valid")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    logits = layers.Dense(n_outputs, name="classifier")(x)
    outputs = layers.Activation("softmax", name="softmax")(logits)
    return keras.Model(inputs, outputs, name=name)


def _shortest(pools: tuple[int, ...], padding: str) -> int:
    """Samples that leave one after the last pool."""
    length = 1
    for taps, width in zip(reversed(_TAPS), reversed(pools), strict=True):
        length = length * width + (taps - 1 if padding == "valid" else 0)
    return length
