# SPDX-License-Identifier: Apache-2.0
"""Textbook multiply-accumulates of a training step.

Counted on the Keras model: forward of every convolution and dense layer, weight gradients of those
that train, and input gradients of all behind the first that trains. What the rewrites save or
repeat does not change this figure.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any


def product_macs(layer: Any) -> tuple[int, ...]:
    """MACs of one sample, for each product of weights and activations in a Keras layer, in order.

    The two gradients of a product cost what the product costs.
    """
    kind = type(layer).__name__
    if kind == "Dense":
        return (math.prod(layer.output.shape[1:]) * int(layer.kernel.shape[0]),)
    if kind in ("Conv1D", "Conv2D"):
        return (math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-1]),)
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return (math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-2]),)
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        middle = math.prod(layer.output.shape[1:-1]) * int(layer.pointwise_kernel.shape[-2])
        return middle * math.prod(layer.depthwise_kernel.shape[:-2]), middle * int(layer.filters)
    if kind == "EinsumDense":
        return (_einsum_macs(layer),)
    if kind == "MultiHeadAttention":
        return _attention_macs(layer)
    return ()


def _einsum_macs(layer: Any) -> int:
    """A multiply-add for every combination of indices, the batch's left out."""
    operands, result = layer.equation.replace("...", "").split("->")
    indices, weights = operands.split(",")
    sizes = dict(zip(weights, layer.kernel.shape, strict=True))
    sizes |= dict(zip(result[1:], layer.output.shape[1:], strict=True))
    return math.prod(int(size) for index, size in sizes.items() if index != indices[0])


def _attention_macs(layer: Any) -> tuple[int, ...]:
    """Projections of query, key and value, scores, weighted values, projection of the output."""
    query, value = layer.input[:2]
    queries, keys = int(query.shape[1]), int(value.shape[1])
    scores = layer.num_heads * queries * keys
    by_layer = {
        weight.path.split("/")[-2]: weight for weight in layer.weights if len(weight.shape) == 3
    }
    lengths = {"query": queries, "key": keys, "value": keys, "attention_output": queries}
    q, k, v, o = (length * math.prod(by_layer[name].shape) for name, length in lengths.items())
    return q, k, v, scores * int(layer.key_dim), scores * int(layer.value_dim), o


def forward_macs(layer: Any) -> int:
    """MACs of one sample through a Keras layer."""
    return sum(product_macs(layer))


def step_macs(layers: list[Any], batch_size: int, *, trained: Collection[str]) -> int:
    """MACs of one training step on a batch; ``trained`` holds the names of the layers that move."""
    products = [(macs, layer.name in trained) for layer in layers for macs in product_macs(layer)]
    total = 0
    behind_a_trained_one = False
    for macs, trains in products:
        total += macs * (1 + int(trains) + int(behind_a_trained_one))
        behind_a_trained_one = behind_a_trained_one or trains
    return batch_size * total
