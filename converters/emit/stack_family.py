# SPDX-License-Identifier: Apache-2.0
"""By what an operator's need of the stack is known: its kernel, and which way that takes.

A convolution copies some filters to the stack, or what lies at the edges of a line, unless there is
one filter, they are neighbours already, or a filter slides (correlate_grid.cc and correlate.cc of
tflm_train/kernels).
"""

from __future__ import annotations

from converters.emit.conv_features import Convolution, convolution, is_spread_along_column
from converters.emit.op_features import features
from converters.graph import Op, Subgraph

_SLIDE_TAPS = 16
"""kSlideTaps of slide.h."""


def stack_family(subgraph: Subgraph, op: Op) -> str:
    """``RELU``; ``BiotrainConv2D: grid, planes, packed``."""
    kernel = features(subgraph, op).family
    if "Conv2D" not in op.kind:
        return kernel
    inputs = [subgraph.tensors[t] for t in op.inputs if t >= 0]
    outputs = [subgraph.tensors[t] for t in op.outputs if t >= 0]
    way = ""
    if not op.kind.endswith("GradFilter") and not kernel.startswith(("fast", "column")):
        way = _way(convolution(op, inputs, outputs), kernel, back=op.kind.endswith("GradInput"))
    return f"{op.kind}: {kernel}{way}"


def _way(conv: Convolution, kernel: str, *, back: bool) -> str:
    planes, filters = (conv.outputs, conv.inputs) if back else (conv.inputs, conv.outputs)
    if "window" in kernel:
        slides = planes * conv.height.taps == 1 and conv.width.taps == _SLIDE_TAPS
        return ", slides" if slides else ""
    taps = conv.height.taps * conv.width.taps
    neighbours = taps == 1 or is_spread_along_column(conv) if back else taps * conv.inputs == 1
    return "" if neighbours or filters == 1 else ", packed"
