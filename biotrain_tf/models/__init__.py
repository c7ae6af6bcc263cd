# SPDX-License-Identifier: Apache-2.0
"""Reference Keras models, one a file, checked against published counts of parameters and MACs.

This room knows Keras only; it must not know data, converters or devices.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

NAMES = (
    "deep_ae",
    "deep_conv_net",
    "ecg_cnn",
    "ecg_transformer",
    "eeg_tcnet",
    "eegnet",
    "emg_cnn",
    "epidenet",
    "mi_bminet",
    "shallow_conv_net",
)
"""Each is a file of this folder with a function of that name. All take trials of shape (n_chans,
n_times, 1).
"""


def build(
    name: str, *, n_chans: int, n_outputs: int | None, n_times: int, **more: Any
) -> keras.Model:
    """The model ``name`` for such trials; ``more`` are arguments of its own.

    Raises:
        ValueError: no such model, or arguments that it cannot be built with.
    """
    if name not in NAMES:
        raise ValueError(f"model must be one of {', '.join(NAMES)}, got {name!r}")
    function = getattr(importlib.import_module(f"biotrain_tf.models.{name}"), name)
    model: keras.Model = function(n_chans=n_chans, n_outputs=n_outputs, n_times=n_times, **more)
    return model
