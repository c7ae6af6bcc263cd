# SPDX-License-Identifier: Apache-2.0
"""The int8 accelerator: 3 x 3 pixels, 16 channels in, one filter after the other.

A dense 3 x 3 job multiplies 9 pixels x 9 taps x 16 channels in a cycle, for one output channel and
one bit of eight; a 1 x 1 job takes its eight bits at once. A stride computes what it then drops.
Filters of other sizes run on the cores, four products an instruction.
"""

from __future__ import annotations

import math

from converters.gap9.forward import Placed
from converters.gap9.kernels import Conv
from converters.gap9.machine import Costs

BITS, PATCH, INTO = 8, 3, 16
CORES_INT8 = 15.5
"""MACs a cycle of eight cores (PULP-NN, published)."""


def conv_cycles(conv: Conv) -> float:
    """At peak."""
    height, width = conv.out
    patches = math.ceil(height / PATCH) * math.ceil(width / PATCH) * math.prod(conv.stride)
    if conv.kernel not in ((1, 1), (3, 3)):
        return conv.macs / CORES_INT8
    if conv.depthwise:
        return float(patches * conv.channels * BITS)
    bits = 1 if conv.taps == 1 else BITS
    return float(patches * math.ceil(conv.channels / INTO) * conv.filters * bits)


def layer_cycles(one: Placed, costs: Costs) -> float:
    """Of an int8 layer; those without products run in the shadow of others."""
    if one.conv is not None and one.kind == "conv":
        compute, weights = conv_cycles(one.conv), one.parameters[0]
    elif one.kind == "dense":
        features, units = one.into[-1], one.out[-1]
        rows = math.prod(one.into[:-1])
        compute = conv_cycles(Conv(features, rows, 1, units, (1, 1)))
        weights = one.parameters[0]
    else:
        return 0.0
    return costs.npu_launch + compute / costs.npu_share + weights / costs.l2_bytes


def inference_cycles(placed: list[Placed], costs: Costs) -> float:
    return sum(layer_cycles(one, costs) for one in placed)
