# SPDX-License-Identifier: Apache-2.0
"""Deep-AE, the dense autoencoder of MLPerf Tiny's anomaly detection, in Keras 3.

It learns what is usual; what it reconstructs badly is not. Train it with the mean squared error
of its output and the flattened trial.
"""

from __future__ import annotations

import keras

from biotrain_tf.models.arguments import batch_norm, require_positive


def deep_ae(
    n_chans: int = 5,
    n_outputs: int | None = None,
    n_times: int = 128,
    *,
    n_hidden: int = 128,
    n_hidden_layers: int = 4,
    n_code: int = 8,
    batch_norm_momentum: float = 0.01,
    batch_norm_eps: float = 1e-3,
    name: str = "deep_ae",
) -> keras.Model:
    """Build the autoencoder for input of shape (n_chans, n_times, 1); its output is flat.

    Parameters
    ----------
    n_chans, n_times
        Features of one trial; MLPerf Tiny has 5 frames of 128 mel bands.
    n_outputs
        None or n_chans * n_times: the trial itself is reconstructed.
    n_hidden, n_hidden_layers, n_code
        Width and number of the layers on either side of the code, and its width.
    batch_norm_momentum
        Weight of the newest batch in the running statistics; Keras calls `momentum` one minus this.
    """
    require_positive(n_chans=n_chans, n_times=n_times, n_code=n_code)
    n_features = n_chans * n_times
    if n_outputs not in (None, n_features):
        raise ValueError(
            f"n_outputs must be None or n_chans * n_times = {n_features}, got {n_outputs}"
        )
    layers = keras.layers
    widths = [n_hidden] * n_hidden_layers
    inputs = keras.Input((n_chans, n_times, 1), name="trial")
    x = layers.Flatten(name="features")(inputs)
    for index, width in enumerate([*widths, n_code, *widths], start=1):
        x = layers.Dense(width, name=f"dense{index}")(x)
        x = batch_norm(batch_norm_momentum, batch_norm_eps, f"norm{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
    return keras.Model(inputs, layers.Dense(n_features, name="reconstruction")(x), name=name)
