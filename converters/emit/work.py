# SPDX-License-Identifier: Apache-2.0
"""Textbook multiply-accumulates of a training step.

Counted on the Keras model: forward, weight gradients and input gradients of every convolution and
dense layer, less the input gradient of the first one. What the rewrites save or repeat does not
change this figure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LayerWork:
    """MACs of one layer for one sample: forward; each of its two gradients costs the same."""

    name: str
    forward: int


def forward_macs(layer: Any) -> int:
    """MACs of one sample through a Keras layer; zero for layers without products of weights and
    activations.
    """
    kind = type(layer).__name__
    if kind == "Dense":
        return math.prod(layer.output.shape[1:]) * int(layer.kernel.shape[0])
    if kind in ("Conv1D", "Conv2D"):
        return math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-1])
    if kind in ("DepthwiseConv1D", "DepthwiseConv2D"):
        return math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-2])
    if kind in ("SeparableConv1D", "SeparableConv2D"):
        places = math.prod(layer.output.shape[1:-1])
        middle = int(layer.pointwise_kernel.shape[-2])
        return places * middle * (math.prod(layer.depthwise_kernel.shape[:-2]) + int(layer.filters))
    return 0


def step_macs(layers: list[Any], batch_size: int) -> int:
    """MACs of one training step on a batch: 3x forward, without the first layer's input
    gradient.
    """
    work = [LayerWork(layer.name, forward_macs(layer)) for layer in layers]
    counted = [w for w in work if w.forward > 0]
    if not counted:
        return 0
    first = counted[0].forward
    first_layer = next(layer for layer in layers if layer.name == counted[0].name)
    if type(first_layer).__name__.startswith("Separable"):
        # Only its depthwise half reads the input of the model.
        places = math.prod(first_layer.output.shape[1:-1])
        taps = math.prod(first_layer.depthwise_kernel.shape[:-2])
        first = places * taps * int(first_layer.pointwise_kernel.shape[-2])
    return batch_size * (3 * sum(w.forward for w in counted) - first)
