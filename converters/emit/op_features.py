# SPDX-License-Identifier: Apache-2.0
"""What the cost of an operator depends on: how much it multiplies, reads and writes.

For the operators of files with our own (``--ops micro``): activations are [batch, channels, ...],
filters [out, in, ...], depthwise ones [channels, multiplier, ...].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.graph import Op, Subgraph, Tensor

TERMS = ("macs", "taps_begun", "lines_begun", "inputs", "outputs", "rows", "op")
"""What the cost of an operator is a sum of; the last is a constant."""


@dataclass(frozen=True)
class OpFeatures:
    """Of one operator: what it multiplies, reads, writes, and how often its loops begin anew.

    ``taps_begun``: multiply-adds by the width of the filter; ``lines_begun``: by the width of the
    activation. ``rows``: how often the innermost axis of the largest tensor begins anew. Of one
    ``family`` are the operators of a kind that one cost describes.
    """

    kind: str
    shape: str
    family: str = ""
    macs: int = 0
    taps_begun: float = 0
    lines_begun: float = 0
    inputs: int = 0
    outputs: int = 0
    rows: int = 0

    @property
    def terms(self) -> tuple[float, ...]:
        """In the order of ``TERMS``."""
        loops = (self.macs, self.taps_begun, self.lines_begun)
        return (*loops, self.inputs, self.outputs, self.rows, 1.0)


def features(subgraph: Subgraph, op: Op) -> OpFeatures:
    inputs = [subgraph.tensors[i] for i in op.inputs if i >= 0]
    outputs = [subgraph.tensors[i] for i in op.outputs if i >= 0]
    data = [t for t in (*inputs, *outputs) if t.type != "RESOURCE"]
    largest = max(data, key=lambda t: t.elements, default=None)
    width = largest.shape[-1] if largest is not None and largest.shape else 1
    macs = multiply_adds(op, inputs, outputs)
    taps, line = _innermost(op, inputs, outputs) if macs else (1, 1)
    return OpFeatures(
        kind=op.kind,
        shape=describe(inputs, outputs),
        family=_family(op, taps),
        macs=macs,
        taps_begun=macs / taps,
        lines_begun=macs / line,
        inputs=max((t.elements for t in inputs if t.type != "RESOURCE"), default=0),
        outputs=sum(t.elements for t in outputs if t.type != "RESOURCE"),
        rows=0 if largest is None else largest.elements // max(width, 1),
    )


def _innermost(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> tuple[int, int]:
    """Width of the filter and of the output's gradient or the output, at least 1 each."""
    if op.kind.endswith("GradFilter"):
        filters, lines = outputs[0], inputs[1]
    elif op.kind.endswith("GradInput"):
        filters, lines = inputs[0], inputs[1]
    else:
        filters, lines = inputs[1], outputs[0]
    return max(filters.shape[-1], 1), max(lines.shape[-1], 1)


def _family(op: Op, taps: int) -> str:
    """Filters that slide along a line and those that do not are different kernels."""
    if "Conv2D" in op.kind:
        return f"{op.kind}, {'sliding' if taps > 1 else 'one tap a line'}"
    return op.kind


def describe(inputs: list[Tensor], outputs: list[Tensor]) -> str:
    """``8x1x22x1000 8x1x1x64 -> 8x8x22x1000``; handles of variables are left out."""

    def sizes(tensors: list[Tensor]) -> str:
        shapes = [t.shape for t in tensors if t.type != "RESOURCE"]
        return " ".join("x".join(map(str, shape)) or "1" for shape in shapes)

    return f"{sizes(inputs)} -> {sizes(outputs)}".strip(" ->")


def multiply_adds(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> int:
    """Of convolutions and matrix products; 0 for everything else."""
    if op.kind == "FULLY_CONNECTED":
        return outputs[0].elements * inputs[1].shape[-1]
    if op.kind == "BATCH_MATMUL":
        summed = -2 if op.options is not None and op.options.adjX else -1
        return outputs[0].elements * inputs[0].shape[summed]
    # After the channel axes of a filter; a depthwise one is not summed over channels.
    for kind, first_summed in (("BiotrainConv2D", 1), ("BiotrainDepthwiseConv2D", 2)):
        if op.kind == kind:
            return outputs[0].elements * math.prod(inputs[1].shape[first_summed:])
        if op.kind == f"{kind}GradFilter":
            return inputs[1].elements * math.prod(outputs[0].shape[first_summed:])
        if op.kind == f"{kind}GradInput":
            return inputs[1].elements * math.prod(inputs[0].shape[first_summed:])
    return 0
