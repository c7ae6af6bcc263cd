# SPDX-License-Identifier: Apache-2.0
"""Which variables move. Layers that do not are Keras's ``trainable = False``, batch statistics
included.
"""

from __future__ import annotations

import keras

from converters.errors import ConversionError
from converters.step.twin import leaf_layers


def apply_strategy(model: keras.Model, strategy: str) -> None:
    """Freeze layers of ``model`` in place; ``full`` leaves every layer as it is."""
    if strategy == "last-layer":
        weighted = [layer for layer in leaf_layers(model) if layer.weights]
        for layer in weighted[:-1]:
            layer.trainable = False
    if not model.trainable_variables:
        raise ConversionError(
            f"strategy {strategy} leaves no variable to train: the model has no trainable weights; "
            "set layer.trainable = True on the layers that should learn"
        )
