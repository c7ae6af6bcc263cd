# SPDX-License-Identifier: Apache-2.0
"""What the cost of an operator depends on: how much it multiplies, reads and writes.

For the operators of files with our own (``--ops micro``): activations are [batch, channels, ...],
filters [out, in, ...], depthwise ones [channels, multiplier, ...].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from converters.emit.conv_features import loops
from converters.emit.plain_features import plain_loops
from converters.graph import Op, Subgraph, Tensor

_SUMMED = (("BiotrainConv2D", 1), ("BiotrainConv2DOfCodes", 1), ("BiotrainDepthwiseConv2D", 2))
"""The first axis of the filter that each convolution sums over."""


@dataclass(frozen=True)
class OpFeatures:
    """Of one operator: how often each of its loops runs, in ``terms`` by name.

    Of one ``family`` are the operators that one set of costs describes: those of a kind, or all
    that one kernel computes.
    """

    kind: str
    shape: str
    family: str = ""
    macs: int = 0
    outputs: int = 0
    terms: dict[str, float] = field(default_factory=dict)


def features(subgraph: Subgraph, op: Op) -> OpFeatures:
    inputs = [subgraph.tensors[i] for i in op.inputs if i >= 0]
    outputs = [subgraph.tensors[i] for i in op.outputs if i >= 0]
    macs = multiply_adds(op, inputs, outputs)
    if macs:
        kernel, counts = loops(op, inputs, outputs)
        family = kernel
        terms = {term: float(count) for term, count in counts.items() if count}
        terms["op"] = 1.0
    else:
        family, terms = plain_loops(op, inputs, outputs)
    return OpFeatures(
        kind=op.kind,
        shape=describe(inputs, outputs),
        family=family,
        macs=macs,
        outputs=sum(t.elements for t in outputs if t.type != "RESOURCE"),
        terms=terms,
    )


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
    for kind, first_summed in _SUMMED:
        if op.kind == kind:
            return outputs[0].elements * math.prod(inputs[1].shape[first_summed:])
        if op.kind == f"{kind}GradFilter":
            return inputs[1].elements * math.prod(outputs[0].shape[first_summed:])
        if op.kind == f"{kind}GradInput":
            return inputs[1].elements * math.prod(inputs[0].shape[first_summed:])
    return 0
