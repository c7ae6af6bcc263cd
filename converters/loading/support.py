# SPDX-License-Identifier: Apache-2.0
"""Which layers train, under which settings, and what to do about those that do not."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import keras
from keras.src.ops.nn import Gelu
from keras.src.ops.numpy import Clip, GetItem, Log, Square

from converters.errors import ConversionError
from converters.loading import token_layers

Check = Callable[[Any], str | None]
"""Returns what is wrong with a layer and what to do, or None."""

ACTIVATIONS = ("linear", "relu", "relu6", "elu", "leaky_relu", "gelu", "sigmoid", "tanh", "softmax")


def _activation(layer: Any) -> str | None:
    activation = getattr(layer, "activation", None)
    name = "linear" if activation is None else getattr(activation, "__name__", str(activation))
    if name not in ACTIVATIONS:
        return (
            f"activation {name} has no gradient on the device; use one of {', '.join(ACTIVATIONS)}"
        )
    return None


def _channels_last(layer: Any) -> str | None:
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        return "data_format channels_first; rebuild the model with channels_last"
    return None


def _convolution(layer: Any) -> str | None:
    if getattr(layer, "groups", 1) != 1:
        return f"groups={layer.groups}; use groups=1 or a DepthwiseConv layer"
    if layer.padding not in ("same", "valid", "causal"):
        return f"padding {layer.padding}; use a ZeroPadding layer and padding valid"
    if (
        max(layer.strides) > 1
        and max(layer.dilation_rate) > 1
        and type(layer).__name__.startswith("Conv")
    ):
        return (
            "strides and dilation_rate both above 1, which Keras does not run either; use one "
            "of them"
        )
    return _channels_last(layer) or _activation(layer)


def _pooling(layer: Any) -> str | None:
    return _channels_last(layer)


def _global_pooling(layer: Any) -> str | None:
    return _channels_last(layer)


def _batch_norm(layer: Any) -> str | None:
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    if axis not in (-1, len(layer.input.shape) - 1):
        return f"axis={layer.axis}; only the last axis (channels_last) trains"
    return None


def _layer_norm(layer: Any) -> str | None:
    if getattr(layer, "rms_scaling", False):
        return "rms_scaling=True; use rms_scaling=False"
    axes = sorted(a % len(layer.input.shape) for a in _as_list(layer.axis))
    rank = len(layer.input.shape)
    if axes != list(range(rank - len(axes), rank)) or 0 in axes:
        return f"axis={layer.axis}; only trailing axes without the batch train"
    return None


def _as_list(axis: Any) -> list[int]:
    return list(axis) if isinstance(axis, (list, tuple)) else [axis]


def _relu(layer: Any) -> str | None:
    if (
        layer.max_value not in (None, 6, 6.0)
        or layer.threshold != 0
        or (layer.max_value and layer.negative_slope)
    ):
        return (
            "max_value other than 6, or a threshold; use ReLU(), ReLU(max_value=6) or LeakyReLU()"
        )
    return None


def _elu(layer: Any) -> str | None:
    return None if layer.alpha == 1 else f"alpha={layer.alpha}; use alpha=1"


def _softmax(layer: Any) -> str | None:
    return (
        None
        if layer.axis in (-1, len(layer.input.shape) - 1)
        else f"axis={layer.axis}; use the last axis"
    )


def _dropout(layer: Any) -> str | None:
    if getattr(layer, "noise_shape", None) is not None:
        return "noise_shape is set; use SpatialDropout1D or SpatialDropout2D for whole feature maps"
    return _channels_last(layer)


def _einsum_dense(layer: Any) -> str | None:
    return token_layers.einsum_dense(layer) or _activation(layer)


def _clip(operation: Any) -> str | None:
    bounds = (operation.x_min, operation.x_max)
    if all(isinstance(bound, (int, float)) for bound in bounds):
        return None
    return "bounds that are tensors; use two numbers"


def _slice(operation: Any) -> str | None:
    for node in operation._inbound_nodes:
        key = node.arguments.args[1]
        for part in key if isinstance(key, tuple) else (key,):
            plain = isinstance(part, int) or (isinstance(part, slice) and part.step in (None, 1))
            if not plain:
                return f"{part} in a slice; use numbers and ranges without steps, axis by axis"
    return None


def _two_d_only(layer: Any) -> str | None:
    return _channels_last(layer)


def _nothing(layer: Any) -> str | None:
    return None


_L = keras.layers
SUPPORTED: Mapping[type, Check] = MappingProxyType(
    {
        _L.InputLayer: _nothing,
        _L.Conv1D: _convolution,
        _L.Conv2D: _convolution,
        _L.DepthwiseConv1D: _convolution,
        _L.DepthwiseConv2D: _convolution,
        _L.SeparableConv1D: _convolution,
        _L.SeparableConv2D: _convolution,
        _L.Dense: _activation,
        _L.BatchNormalization: _batch_norm,
        _L.GroupNormalization: _batch_norm,
        _L.LayerNormalization: _layer_norm,
        _L.Activation: _activation,
        _L.ReLU: _relu,
        _L.LeakyReLU: _nothing,
        _L.ELU: _elu,
        _L.Softmax: _softmax,
        _L.AveragePooling1D: _pooling,
        _L.AveragePooling2D: _pooling,
        _L.MaxPooling1D: _pooling,
        _L.MaxPooling2D: _pooling,
        _L.GlobalAveragePooling1D: _global_pooling,
        _L.GlobalAveragePooling2D: _global_pooling,
        _L.Dropout: _dropout,
        _L.SpatialDropout1D: _dropout,
        _L.SpatialDropout2D: _dropout,
        _L.Flatten: _channels_last,
        _L.Reshape: _nothing,
        _L.Permute: _nothing,
        _L.ZeroPadding1D: _channels_last,
        _L.ZeroPadding2D: _two_d_only,
        _L.Cropping1D: _channels_last,
        _L.Cropping2D: _channels_last,
        _L.EinsumDense: _einsum_dense,
        _L.Embedding: token_layers.embedding,
        _L.MultiHeadAttention: token_layers.attention,
        _L.Add: _nothing,
        _L.Concatenate: _nothing,
    }
)

OPERATIONS: Mapping[type, Check] = MappingProxyType(
    {Square: _nothing, Log: _nothing, Clip: _clip, Gelu: _nothing, GetItem: _slice}
)
"""Of keras.ops, as nodes of a functional model."""


def check_supported(model: keras.Model) -> None:
    """Raise ConversionError naming every layer that will not train, one a line, each with what to
    do.
    """
    problems = _model_problems(model)
    if problems:
        what = "one thing" if len(problems) == 1 else f"{len(problems)} things"
        raise ConversionError(
            f"model {model.name} cannot be trained on a device, {what} to change:\n"
            + "\n".join(problems)
        )


def _model_problems(model: keras.Model) -> list[str]:
    if not _is_graph(model):
        return [
            f"  {model.name} ({type(model).__name__}): a subclassed or unbuilt model has no "
            f"graph of layers; "
            "build it with the functional API or Sequential with an Input layer"
        ]
    problems = []
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        problems.append(
            f"  {model.name}: {len(model.inputs)} inputs and {len(model.outputs)} outputs; use "
            f"one of each"
        )
    for size in model.inputs[0].shape[1:]:
        if size is None:
            problems.append(
                f"  {model.name}: input shape {model.inputs[0].shape} is open; fix every size "
                f"but the batch"
            )
            break
    last = model.outputs[0]._keras_history.operation
    if not isinstance(last, keras.layers.Layer):
        problems.append(f"  {last.name} ({type(last).__name__}): ends the model; end it in a layer")
    uses = _uses(model)
    for layer in _operations(model):
        problem = _layer_problem(layer, uses[id(layer)])
        if problem:
            problems.append(f"  {layer.name} ({type(layer).__name__}): {problem}")
    return problems


def _is_graph(model: keras.Model) -> bool:
    if isinstance(model, keras.Sequential):
        return model._functional is not None
    return hasattr(model, "operations")


def _uses(model: keras.Model) -> Counter[int]:
    """How often each layer is applied, by id; other models that share a layer do not count."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    counts: Counter[int] = Counter()
    for node in itertools.chain(*graph._nodes_by_depth.values()):
        inner = node.operation
        nested = isinstance(inner, keras.Model) and _is_graph(inner)
        counts.update(_uses(inner) if nested else [id(inner)])
    return counts


def _operations(model: keras.Model) -> list[Any]:
    found: list[Any] = []
    nodes = model.layers if isinstance(model, keras.Sequential) else model.operations
    for node in nodes:
        found.extend(
            _operations(node) if isinstance(node, keras.Model) and _is_graph(node) else [node]
        )
    return found


def _layer_problem(layer: Any, uses: int) -> str | None:
    if check := OPERATIONS.get(type(layer)):
        return check(layer)
    check = SUPPORTED.get(type(layer))
    if check is None:
        return (
            f"no gradient kernel for this layer; replace it by one of the supported layers "
            f"({_names()})"
        )
    if isinstance(layer, keras.layers.Layer) and layer.dtype_policy.compute_dtype != "float32":
        return f"computes in {layer.dtype_policy.compute_dtype}; build the model in float32"
    if isinstance(layer, keras.layers.BatchNormalization) and uses > 1:
        return (
            "used more than once, so its statistics would be updated twice in a step; give "
            "each use its own layer"
        )
    return check(layer)


def _names() -> str:
    layers = ", ".join(kind.__name__ for kind in SUPPORTED if kind is not _L.InputLayer)
    return f"{layers}; of keras.ops: square, log, clip, gelu and slices"
