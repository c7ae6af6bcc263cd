# SPDX-License-Identifier: Apache-2.0
"""Let convolutions read a sample as the int16 codes it lies in memory as.

Of a sample as floats there is then no more than the few columns that a kernel works on. Whatever
else reads the sample has it dequantised, as before.
"""

from __future__ import annotations

from dataclasses import replace

from converters.graph import Graph, Op, Subgraph, Tensor
from converters.passes.loops import unused_ops_removed
from converters.passes.sum_codes import DEQUANTISE, LANES, sum_codes
from converters.passes.workspace import add_workspaces

OF_FLOATS = {
    "BiotrainConv2DOfCodes": "BiotrainConv2D",
    "BiotrainConv2DOfCodesGradFilter": "BiotrainConv2DGradFilter",
}
"""What each op of codes is, of floats."""
_OF_CODES = {floats: codes for codes, floats in OF_FLOATS.items()}

# Of tflm_train/kernels/conv_codes.cc.
_PIECE_FLOATS, _UNIT = 2304, 8
_LEAST_OUTPUTS, _MOST_OUTPUTS = 32, 256
_READ_ON = 16


def read_codes(graph: Graph, subgraphs: tuple[int, ...]) -> Graph:
    """``subgraphs`` with ops of codes wherever an op of floats reads what has been dequantised."""
    for index in subgraphs:
        graph = graph.with_subgraph(index, _rewritten(sum_codes(graph.subgraphs[index])))
    return graph


def _rewritten(subgraph: Subgraph) -> Subgraph:
    made = {op.outputs[0]: op for op in subgraph.ops if op.kind == DEQUANTISE}
    ops = []
    for op in subgraph.ops:
        source = made.get(op.inputs[0]) if op.inputs else None
        if source is not None and op.kind in _OF_CODES:
            options = {**op.options, "scale": source.options["scale"]}
            inputs = (source.inputs[0], *op.inputs[1:])
            op = replace(op, kind=_OF_CODES[op.kind], inputs=inputs, options=options)
        ops.append(op)
    return unused_ops_removed(replace(subgraph, ops=tuple(ops)))


def of_floats(op: Op) -> Op:
    """The op that reads floats instead."""
    options = {key: value for key, value in op.options.items() if key != "scale"}
    return replace(op, kind=OF_FLOATS[op.kind], options=options)


def add_pieces(graph: Graph) -> Graph:
    """The memory that ops of codes work in, as a second output that nobody reads."""
    return add_workspaces(graph, _floats_of)


def _floats_of(op: Op, tensors: list[Tensor]) -> int:
    return piece_floats(op, tensors) if op.kind in OF_FLOATS else 0


def piece_outputs(rows: int, width: int) -> int:
    """How many outputs of a line are made at a time, of so many rows of taps of all channels."""
    fitting = _PIECE_FLOATS // rows // _UNIT * _UNIT
    return min(max(min(fitting, _MOST_OUTPUTS), _LEAST_OUTPUTS), width)


def is_column(op: Op, x: Tensor, w: Tensor, y: Tensor) -> bool:
    """IsColumnOfCodes of codes_column.h."""
    batch, channels, height, width = x.shape
    plain = op.options["stride_w"] == 1 and op.options["dilation_h"] == 1
    whole = w.shape[2:] == (height, 1) and y.shape[2:] == (1, width)
    valid = op.options["padding"] == "VALID" or height == 1
    return batch == channels == 1 and plain and whole and valid and width >= LANES


def piece_floats(op: Op, tensors: list[Tensor]) -> int:
    """ConvOfCodesWorkspace, or ConvOfCodesGradFilterWorkspace, of conv_codes.h."""
    gradient = op.kind.endswith("GradFilter")
    w = tensors[op.outputs[0] if gradient else op.inputs[1]]
    y = tensors[op.inputs[1] if gradient else op.outputs[0]]
    filters, channels, height, width = w.shape
    if is_column(op, tensors[op.inputs[0]], w, y):
        return 0
    rows = channels * height
    outputs = piece_outputs(rows, y.shape[3])
    stride, dilation = op.options["stride_w"], op.options["dilation_w"]
    columns = (outputs - 1) * stride + (width - 1) * dilation + 1
    floats = rows * columns + _READ_ON + w.elements
    return floats + filters * outputs if gradient and filters > 1 else floats
