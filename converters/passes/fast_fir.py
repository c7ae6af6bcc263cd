# SPDX-License-Identifier: Apache-2.0
"""Give long filters the workspace of a fast FIR algorithm.

A convolution whose filter slides along one long line needs a tenth to a third fewer instructions
by tflm_train/kernels/fast_fir.h, which asks for memory while it runs: a second output of the
op, that nobody reads. Without it the kernels do what they always do.
"""

from __future__ import annotations

from converters.graph import Graph, Op, Tensor
from converters.passes.workspace import add_workspaces

_FILTER_TAPS = 64
_LEAST_OUTPUTS = 240
_BLOCK, _PARTS = 480, 7

# Where a kind's input lines, filter and output lines are: (input, output) indices.
_X, _W, _Y = "x", "w", "y"
_PLACES = {
    "BiotrainConv2D": {_X: ("in", 0), _W: ("in", 1), _Y: ("out", 0)},
    "BiotrainDepthwiseConv2D": {_X: ("in", 0), _W: ("in", 1), _Y: ("out", 0)},
    "BiotrainDepthwiseConv2DGradInput": {_X: ("out", 0), _W: ("in", 0), _Y: ("in", 1)},
    "BiotrainConv2DGradFilter": {_X: ("in", 0), _W: ("out", 0), _Y: ("in", 1)},
    "BiotrainDepthwiseConv2DGradFilter": {_X: ("in", 0), _W: ("out", 0), _Y: ("in", 1)},
}


def workspace_floats(taps: int, filters: int) -> int:
    """FastFirFloats of tflm_train/kernels/fast_fir.h."""
    quarter = taps // 4
    line = _BLOCK + taps + _PARTS * (quarter + 2 * (_BLOCK // 4))
    return filters * _PARTS * quarter + line


def gradient_workspace_floats(taps: int, filters: int) -> int:
    """FastFirGradFloats of tflm_train/kernels/fast_fir.h."""
    return workspace_floats(taps, filters) + _BLOCK + taps // 4


def add_fast_fir(graph: Graph) -> Graph:
    """The graph with a workspace output on every convolution that may use one."""
    return add_workspaces(graph, _workspace_of)


def _workspace_of(op: Op, tensors: list[Tensor]) -> int:
    places = _PLACES.get(op.kind)
    if places is None:
        return 0
    shapes = {
        name: tensors[(op.inputs if side == "in" else op.outputs)[i]].shape
        for name, (side, i) in places.items()
    }
    x, w, y = shapes[_X], shapes[_W], shapes[_Y]
    depthwise = "Depthwise" in op.kind
    gradient = op.kind.endswith("GradFilter")
    plain = all(
        op.options[f"{what}_{axis}"] == 1 for what in ("stride", "dilation") for axis in "hw"
    )
    long = w[3] % _FILTER_TAPS == 0 and min(x[3], y[3]) >= _LEAST_OUTPUTS
    # A line of outputs is made of one line of inputs; each input's gradient, of one output's.
    one_line = w[2] == 1 and (w[1] == 1 or (depthwise and gradient))
    if not (plain and long and one_line):
        return 0
    filters = w[1] if depthwise else y[1]
    return (gradient_workspace_floats if gradient else workspace_floats)(w[3], filters)
