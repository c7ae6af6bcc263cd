# SPDX-License-Identifier: Apache-2.0
"""The trainable twin of a Keras model: same weights and names, with layers whose training pass is
ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras.src.ops.nn import Gelu

from converters.gradients.writer import Writer
from converters.step import layers, tokens
from converters.step.counter import Counter
from converters.step.options import StepOptions

_PLAIN_TWINS: dict[type, type] = {
    keras.layers.Conv1D: layers.Conv1D,
    keras.layers.Conv2D: layers.Conv2D,
    keras.layers.DepthwiseConv1D: layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D: layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D: layers.SeparableConv1D,
    keras.layers.SeparableConv2D: layers.SeparableConv2D,
    keras.layers.GroupNormalization: layers.GroupNorm,
    keras.layers.LayerNormalization: layers.LayerNorm,
    keras.layers.Embedding: tokens.Embedding,
    keras.layers.EinsumDense: tokens.EinsumDense,
    keras.layers.MultiHeadAttention: tokens.MultiHeadAttention,
}
_DROPOUTS: dict[type, bool] = {
    keras.layers.Dropout: False,
    keras.layers.SpatialDropout1D: True,
    keras.layers.SpatialDropout2D: True,
}


_SHARED_WITH_GROUP_NORM = (
    "name",
    "trainable",
    "epsilon",
    "center",
    "scale",
    "gamma_regularizer",
    "beta_regularizer",
    "gamma_constraint",
    "beta_constraint",
)


@dataclass(frozen=True)
class Twin:
    """``model`` ends in logits; ``final_activation`` is what was taken off: softmax, sigmoid,
    linear or another.
    """

    model: keras.Model
    final_activation: str
    counter: Counter


class _Logits(keras.layers.Layer):
    """What stands where the final softmax or sigmoid stood; called as either is."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return inputs


def leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers of a model in order, those of nested models in their place."""
    found: list[keras.layers.Layer] = []
    for layer in model.layers:
        found.extend(leaf_layers(layer) if isinstance(layer, keras.Model) else [layer])
    return found


def make_twin(model: keras.Model, options: StepOptions, writer: Writer) -> Twin:
    """Clone ``model`` layer by layer; nothing of the original is changed."""
    counter = Counter(options.seed)
    originals = leaf_layers(model)
    dropout_index = {
        id(layer): i for i, layer in enumerate(x for x in originals if type(x) in _DROPOUTS)
    }
    last, final_activation = _final_activation(originals)

    def clone(layer: keras.layers.Layer) -> keras.layers.Layer:
        kind: Any = type(layer)
        config = layer.get_config()
        if layer is last and final_activation in ("softmax", "sigmoid"):
            if kind in (keras.layers.Softmax, keras.layers.Activation):
                return _Logits(name=layer.name)
            return kind.from_config({**config, "activation": "linear"})
        if kind in _DROPOUTS:
            return layers.HashDropout(
                rate=layer.rate,
                index=dropout_index[id(layer)],
                spatial=_DROPOUTS[kind],
                counter=counter,
                writer=writer,
                name=layer.name,
            )
        if kind is keras.layers.BatchNormalization:
            return _norm_twin(config, options.norm, writer)
        if kind is Gelu:
            return tokens.Gelu(approximate=layer.approximate, writer=writer, name=layer.name)
        twin_kind: Any = _PLAIN_TWINS.get(kind, kind)
        twin = twin_kind.from_config(config)
        if isinstance(twin, (layers.GroupNorm, layers.LayerNorm, tokens.MultiHeadAttention)):
            twin.writer = writer
        return twin

    twin = keras.models.clone_model(model, clone_function=clone, recursive=True)
    for original, copy in zip(originals, leaf_layers(twin), strict=True):
        _copy_weights(original, copy)
    tokens.rewrite_gelu(leaf_layers(twin), writer)
    return Twin(twin, final_activation, counter)


def _norm_twin(config: dict[str, Any], norm: str, writer: Writer) -> keras.layers.Layer:
    if norm == "frozen":
        return layers.FrozenBatchNorm.from_config(config)
    if norm == "keep":
        live = layers.LiveBatchNorm.from_config(config)
        live.writer = writer
        return live
    kept = {key: config[key] for key in _SHARED_WITH_GROUP_NORM}
    group = layers.GroupNorm.from_config({"groups": 1, **kept})
    group.writer = writer
    return group


def _copy_weights(original: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    values = {v.path: v.numpy() for v in original.weights}
    copy.set_weights([values[v.path] for v in copy.weights])
    # Flags of layers come with their configuration, those of single variables do not.
    frozen = {v.path for v in original.weights if not v.trainable}
    for variable in copy.trainable_variables:
        variable.trainable = variable.path not in frozen


def _final_activation(originals: list[keras.layers.Layer]) -> tuple[keras.layers.Layer, str]:
    last = originals[-1]
    if isinstance(last, keras.layers.Softmax):
        return last, "softmax"
    activation = getattr(last, "activation", None)
    return last, "linear" if activation is None else str(
        getattr(activation, "__name__", activation)
    )
