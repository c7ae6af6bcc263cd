# SPDX-License-Identifier: Apache-2.0
"""Which variables move: of Keras's flag ``trainable``, of single variables and whole layers.

A normalisation of which nothing moves is in inference, as Keras's is with ``trainable = False``;
one that moves has the statistics of the batch, if ``norm`` keeps them live.
"""

from __future__ import annotations

from collections.abc import Callable

import keras

from converters.errors import ConversionError
from converters.step.strategy_name import Strategy, read_strategy
from converters.step.twin import leaf_layers

_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
)
_BIASES = frozenset({"bias", "beta"})
Moves = Callable[[keras.layers.Layer, keras.Variable], bool]


def apply_strategy(model: keras.Model, strategy: str) -> None:
    """Freeze variables of ``model`` in place; ``full`` leaves every one as it is. What was frozen
    before stays so.
    """
    read = read_strategy(strategy)
    if read.kind in ("sparse", "lora", "layer-wise"):
        raise ConversionError(f"strategy {strategy} is not there yet; choose another")
    weighted = [layer for layer in leaf_layers(model) if layer.weights]
    moves = _moves(read, weighted)
    for layer in weighted:
        kept = [v for v in layer.trainable_variables if moves(layer, v)]
        if not kept:
            layer.trainable = False
        for variable in layer.trainable_variables:
            variable.trainable = any(variable is v for v in kept)
    if read.kind != "none" and not model.trainable_variables:
        raise ConversionError(
            f"strategy {strategy} leaves no variable to train: the model has no trainable weights "
            "of that kind; choose another strategy, or set layer.trainable = True on the layers "
            "that should learn"
        )


def _moves(strategy: Strategy, weighted: list[keras.layers.Layer]) -> Moves:
    chosen = weighted
    if strategy.kind == "last":
        chosen = weighted[-strategy.count :]
    elif strategy.kind == "layers":
        known = {layer.name for layer in weighted}
        for name in strategy.names:
            if name not in known:
                raise ConversionError(
                    f"strategy layers: wanted names of layers with weights, "
                    f"{', '.join(sorted(known))}; found {name!r}"
                )
        chosen = [layer for layer in weighted if layer.name in strategy.names]
    elif strategy.kind == "norm":
        chosen = [layer for layer in weighted if isinstance(layer, _NORMS)]
    elif strategy.kind == "none":
        chosen = []
    wanted = {id(layer) for layer in chosen}
    only_biases = strategy.kind == "bias"
    return lambda layer, v: id(layer) in wanted and (not only_biases or v.name in _BIASES)
