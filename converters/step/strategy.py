# SPDX-License-Identifier: Apache-2.0
"""Which variables move: of Keras's flag ``trainable``, of single variables and whole layers.

A normalisation of which nothing moves is in inference, as Keras's is with ``trainable = False``;
one that moves has the statistics of the batch, if ``norm`` keeps them live.
"""

from __future__ import annotations

from dataclasses import replace

import keras

from converters.errors import ConversionError
from converters.step.channels import KERNELS, Scores, chosen_channels, is_filter
from converters.step.optimizers import Moved, Optimizer
from converters.step.strategy_name import Strategy, read_strategy
from converters.step.twin import leaf_layers

_NORMS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
)
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D)
_BIASES = frozenset({"bias", "beta"})
_LORA = frozenset({"lora_kernel_a", "lora_kernel_b"})
_KERNELS_AND_BIASES = KERNELS | {"bias"}
Layers = list[keras.layers.Layer]


def apply_strategy(model: keras.Model, strategy: str, *, seed: int = 0) -> None:
    """Freeze variables of ``model`` in place; ``full`` leaves every one as it is. What was frozen
    before stays so. ``seed``: of the first values that ``lora`` adds.
    """
    read = read_strategy(strategy)
    if read.kind == "lora":
        _add_lora(leaf_layers(model), read.count, seed)
    weighted = [layer for layer in leaf_layers(model) if layer.weights]
    chosen, names = _moving(read, weighted)
    whole = {id(layer) for layer in chosen}
    for layer in weighted:
        wanted = names if id(layer) in whole else frozenset()
        if wanted is None:
            # Also a norm without scale and shift, whose statistics stay live.
            continue
        kept = [v for v in layer.trainable_variables if v.name in wanted]
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


def _moving(strategy: Strategy, weighted: Layers) -> tuple[Layers, frozenset[str] | None]:
    """The layers that move and, if not every variable of theirs, the names of those that do."""
    chosen: Layers = weighted
    names = None
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
    elif strategy.kind == "sparse":
        chosen = [layer for layer in weighted if any(is_filter(v) for v in layer.weights)]
        names = _KERNELS_AND_BIASES
    elif strategy.kind == "lora":
        names = _LORA
    elif strategy.kind == "bias":
        names = _BIASES
    elif strategy.kind == "none":
        chosen = []
    return chosen, names


def _add_lora(layers: list[keras.layers.Layer], rank: int, seed: int) -> None:
    """Keras's ``enable_lora`` for every Dense layer and 1x1 convolution."""
    found = False
    for number, layer in enumerate(layers):
        pointwise = isinstance(layer, _CONVOLUTIONS) and set(layer.kernel_size) == {1}
        if not (pointwise or isinstance(layer, keras.layers.Dense)) or not layer.trainable:
            continue
        if layer.kernel_constraint is not None:
            raise ConversionError(
                f"strategy lora: {layer.name} has a kernel_constraint, which holds for no sum of "
                "two kernels; build the layer without it"
            )
        first = keras.initializers.HeUniform(seed=1000 * seed + number)
        layer.enable_lora(rank, a_initializer=first)
        found = True
    if not found:
        raise ConversionError("strategy lora: the model has no Dense layer or 1x1 convolution")


def take_turns(moved: list[Moved], model: keras.Model, optimizer: Optimizer) -> Optimizer:
    """``layer-wise``: the layers that move, from the last to the first, one at each update."""
    layers = [layer for layer in leaf_layers(model) if layer.trainable_variables][::-1]
    turn = {id(v): n for n, layer in enumerate(layers) for v in layer.trainable_variables}
    for one in moved:
        one.turn = turn[id(one.variable)]
    return replace(optimizer, turns=len(layers))


def choose_channels(
    moved: list[Moved], model: keras.Model, fraction: float, scores: Scores | None
) -> None:
    """``sparse``: of all layers but the last, whose outputs are the classes, channels by their
    contribution, each with its bias.
    """
    weighted = [layer for layer in leaf_layers(model) if layer.trainable_variables]
    by_variable = {id(one.variable): one for one in moved}
    for layer in weighted[:-1]:
        chosen = None
        for variable in layer.weights:
            if is_filter(variable):
                chosen = chosen_channels(variable, fraction, scores)
                if id(variable) in by_variable:
                    by_variable[id(variable)].channels = chosen
        for variable in layer.trainable_variables:
            if variable.name == "bias" and chosen and len(chosen) == variable.shape[0]:
                by_variable[id(variable)].channels = chosen
