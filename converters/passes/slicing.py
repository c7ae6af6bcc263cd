# SPDX-License-Identifier: Apache-2.0
"""Which ops can run on one slice of their tensors at a time, and what a slice of each needs.

A tensor is cut along its first axis longer than one, so that its slices lie one after the other in
memory: the samples of a batch, or, where there is one sample only, its channels. An op's pattern
follows from its shapes alone. This is all that loops know of ops; no pattern is a model's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from converters.graph import Op, Tensor


class Result(Enum):
    MAP = "map"
    """A slice of every output."""
    SUM = "sum"
    """What has to be summed over the slices."""


@dataclass(frozen=True)
class Pattern:
    """``sliced[i]``: whether input i is given slice by slice, or whole. ``scale`` is to be
    multiplied with a sum at its end.
    """

    sliced: tuple[bool, ...]
    result: Result
    scale: float = 1.0


Tensors = Sequence[Tensor]
_Rule = Callable[[Op, Tensors, int], Pattern | None]

_UNARY = (
    "NEG ABS EXP LOG SQRT RSQRT SQUARE FLOOR RELU RELU6 ELU LEAKY_RELU TANH LOGISTIC CAST "
    "LOGICAL_NOT ZEROS_LIKE BiotrainDequantise BiotrainSlopesOfCounts BiotrainGelu "
    "BiotrainGeluTanh"
)
_BROADCASTING = (
    "ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE ADD_N LESS LESS_EQUAL GREATER "
    "GREATER_EQUAL EQUAL NOT_EQUAL LOGICAL_AND LOGICAL_OR SELECT_V2 BiotrainReluGrad "
    "BiotrainRelu6Grad BiotrainEluGrad BiotrainTanhGrad BiotrainSigmoidGrad BiotrainLeakyReluGrad "
    "BiotrainGeluGrad BiotrainGeluTanhGrad BiotrainSquareGrad"
)
_WINDOWS = (
    "BiotrainAveragePool2D BiotrainMaxPool2D BiotrainAveragePool2DGrad BiotrainMaxPool2DGrad "
    "BiotrainMaxPool2DIndices BiotrainMaxPool2DGradOfIndices"
)
_BITS = "BiotrainReluBits BiotrainRelu6Bits BiotrainReluGradOfBits BiotrainLeakyReluGradOfBits"


def first_axis(shape: Sequence[int]) -> int | None:
    """The axis that slices are cut along; None of a single element."""
    return next((i for i, size in enumerate(shape) if size > 1), None)


def can_slice(shape: Sequence[int], count: int) -> bool:
    axis = first_axis(shape)
    return axis is not None and shape[axis] % count == 0


def slice_shape(shape: Sequence[int], count: int) -> tuple[int, ...]:
    """The shape of one of ``count`` slices."""
    axis = first_axis(shape)
    assert axis is not None and shape[axis] % count == 0
    return (*shape[:axis], shape[axis] // count, *shape[axis + 1 :])


def pattern(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """How ``op`` runs on ``count`` slices, or None if it cannot."""
    rule = _RULES.get(op.kind)
    found = rule(op, tensors, count) if rule else None
    if found is None:
        return None
    cut = [t for t, sliced in zip(op.inputs, found.sliced, strict=True) if sliced]
    if found.result is Result.MAP:
        cut += [t for t in op.outputs if t >= 0]
    return found if all(can_slice(tensors[t].shape, count) for t in cut) else None


def slice_op(op: Op, tensors: Tensors, count: int, *, loop: int, channels: bool) -> Op:
    """``op`` with the options it has in a loop, the ``loop``-th around it."""
    if op.kind == "BiotrainDropout":
        key = "channel_loop" if channels else "sample_loop"
        return replace(op, options={**op.options, key: loop})
    if op.kind == "STRIDED_SLICE":
        axis = first_axis(tensors[op.inputs[0]].shape)
        assert axis is not None
        options = _copied(op.options)
        options.endMask |= 1 << axis
        return replace(op, options=options)
    if op.kind == "RESHAPE":
        return replace(op, inputs=op.inputs[:1], options=None)
    return op


def sliced_constant(op: Op, position: int, tensors: Tensors, count: int) -> np.ndarray | None:
    """The value of a constant input that depends on the shape of the slice."""
    data = tensors[op.inputs[position]].data
    if data is None or op.kind != "BROADCAST_TO" or position != 1:
        return None
    return np.array(slice_shape(tensors[op.outputs[0]].shape, count), np.int32)


def _copied(options: Any) -> Any:
    result = type(options)()
    result.__dict__.update(options.__dict__)
    return result


def _all(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    return Pattern((True,) * len(op.inputs), Result.MAP)


def _view(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    return Pattern((True, *[False] * (len(op.inputs) - 1)), Result.MAP)


def _broadcasting(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """Inputs that are repeated along the axis are whole."""
    shape = tensors[op.outputs[0]].shape
    axis = first_axis(shape)
    if axis is None:
        return None
    sliced = []
    for t in op.inputs:
        own = axis - (len(shape) - len(tensors[t].shape))
        sliced.append(own >= 0 and tensors[t].shape[own] == shape[axis])
    return Pattern(tuple(sliced), Result.MAP) if any(sliced) else None


def _broadcast_to(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    found = _broadcasting(replace(op, inputs=op.inputs[:1]), tensors, count)
    return replace(found, sliced=(*found.sliced, False)) if found else None


def _samples(shape: Sequence[int]) -> bool:
    """Whether slices are samples."""
    return shape[0] > 1


def _conv(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """Of one sample: a slice of the filters gives a slice of the channels."""
    rest = len(op.inputs) - 1
    if _samples(tensors[op.inputs[0]].shape):
        own = _own_filters(tensors[op.inputs[1]].shape, tensors[op.outputs[0]].shape)
        return Pattern((True, *[own] * rest), Result.MAP)
    return Pattern((False, *[True] * rest), Result.MAP)


def _own_filters(w: Sequence[int], y: Sequence[int]) -> bool:
    """Each of several samples has filters of its own."""
    return w[0] == y[0] * y[1]


def _conv_grad_filter(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    x, dy = (tensors[t].shape for t in op.inputs)
    if _samples(x):
        own = _own_filters(tensors[op.outputs[0]].shape, dy)
        return Pattern((True, True), Result.MAP if own else Result.SUM)
    # Lines of one picture, where the filter is one line.
    one_line = tensors[op.outputs[0]].shape[2] == 1
    if one_line and x[1] == 1 and dy[1] == 1 and x[2] == dy[2] and x[2] > 1:
        return Pattern((True, True), Result.SUM)
    return Pattern((False, True), Result.MAP)


def _conv_grad_input(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    if _samples(tensors[op.inputs[1]].shape):
        return Pattern((False, True), Result.MAP)
    return Pattern((True, True), Result.SUM)


def _depthwise(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    samples = _samples(tensors[op.inputs[0]].shape)
    return Pattern((True, *[not samples] * (len(op.inputs) - 1)), Result.MAP)


def _depthwise_grad_filter(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    samples = _samples(tensors[op.inputs[0]].shape)
    return Pattern((True, True), Result.SUM if samples else Result.MAP)


def _depthwise_grad_input(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    samples = _samples(tensors[op.inputs[1]].shape)
    return Pattern((not samples, True), Result.MAP)


def _norm(*big: int) -> _Rule:
    """Inputs ``big`` are [B, C, ...]; others are statistics, or one float a channel."""

    def rule(op: Op, tensors: Tensors, count: int) -> Pattern | None:
        x = tensors[op.inputs[big[0]]].shape
        sliced = []
        for i, t in enumerate(op.inputs):
            shape = tensors[t].shape
            if i in big:
                sliced.append(True)
            elif _samples(x):
                sliced.append(len(shape) == 2)
            elif shape[-1] == x[1]:
                sliced.append(True)
            elif shape[-1] == 1:
                sliced.append(False)
            else:
                return None
        return Pattern(tuple(sliced), Result.MAP)

    return rule


def _windows(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """Everything in slices; a gamma that says which is the largest, with its channels."""
    if op.kind == "BiotrainMaxPool2D" and len(op.inputs) == 2:
        return Pattern((True, not _samples(tensors[op.inputs[0]].shape)), Result.MAP)
    return _all(op, tensors, count)


def _reduce(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    shape = tensors[op.inputs[0]].shape
    data = tensors[op.inputs[1]].data
    axis = first_axis(shape)
    if data is None or axis is None or op.kind not in ("SUM", "MEAN"):
        return None
    over = {int(i) % len(shape) for i in np.ravel(data)}
    if axis not in over:
        return Pattern((True, False), Result.MAP)
    return Pattern((True, False), Result.SUM, 1.0 / count if op.kind == "MEAN" else 1.0)


def _last_axis_whole(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    shape = tensors[op.inputs[0]].shape
    return Pattern((True,), Result.MAP) if first_axis(shape) != len(shape) - 1 else None


def _rows(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """Of the same number of rows in all tensors, whole ones."""
    shapes = [tensors[t].shape for t in (*op.inputs, *op.outputs)]
    inside = all(first_axis(shape) not in (None, len(shape) - 1) for shape in shapes)
    return _all(op, tensors, count) if inside else None


def _gather(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    indices = tensors[op.inputs[1]].shape
    if op.options.axis != 0 or op.options.batchDims or not indices:
        return None
    return Pattern((False, True), Result.MAP)


def _matmul(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """x [M,K], or [K,M] with adjX, times y [K,N]: rows of the result in turn; or a sum over K.
    Matrices of a batch one by one.
    """
    x, y = (tensors[t].shape for t in op.inputs)
    axis = first_axis(tensors[op.outputs[0]].shape)
    if axis is not None and axis < len(x) - 2 and len(x) == len(y):
        size = max(x[axis], y[axis])
        return Pattern((x[axis] == size, y[axis] == size), Result.MAP)
    axis = first_axis(x)
    if axis is not None and axis < len(x) - 2:
        return Pattern((True, False), Result.MAP)
    if len(x) != 2 or len(y) != 2:
        return None
    # A matrix of one row is cut along its columns.
    rows = 1 if op.options.adjX else 0
    if axis == rows:
        return Pattern((True, False), Result.MAP)
    if axis is None or op.options.adjY or y[0] != x[axis]:
        return None
    return Pattern((True, True), Result.SUM)


def _fully_connected(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    if len(tensors[op.inputs[0]].shape) != 2 or tensors[op.inputs[0]].shape[0] == 1:
        return None
    return Pattern((True, *[False] * (len(op.inputs) - 1)), Result.MAP)


def _pad(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    data = tensors[op.inputs[1]].data
    axis = first_axis(tensors[op.inputs[0]].shape)
    if data is None or axis is None or data[: axis + 1].any():
        return None
    return Pattern((True, *[False] * (len(op.inputs) - 1)), Result.MAP)


def _strided_slice(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    shape, result = (tensors[t].shape for t in (op.inputs[0], op.outputs[0]))
    axis = first_axis(shape)
    masks = op.options
    special = masks.ellipsisMask or masks.newAxisMask or masks.shrinkAxisMask
    strides = tensors[op.inputs[3]].data
    if axis is None or special or strides is None or strides[axis] != 1:
        return None
    if result[: axis + 1] != shape[: axis + 1]:
        return None
    return Pattern((True, False, False, False), Result.MAP)


def _transpose(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    axis = first_axis(tensors[op.inputs[0]].shape)
    moved = first_axis(tensors[op.outputs[0]].shape)
    order = tensors[op.inputs[1]].data
    if moved is None or order is None or order[moved] != axis:
        return None
    return Pattern((True, False), Result.MAP)


def _attention(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    """Samples only: every query sees all keys."""
    return _all(op, tensors, count) if _samples(tensors[op.inputs[0]].shape) else None


def _first(op: Op, tensors: Tensors, count: int) -> Pattern | None:
    return Pattern((True, *[False] * (len(op.inputs) - 1)), Result.MAP)


_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_UNARY.split(), _all),
    **dict.fromkeys(_BROADCASTING.split(), _broadcasting),
    **dict.fromkeys(_WINDOWS.split(), _windows),
    **dict.fromkeys(_BITS.split(), _rows),
    "RESHAPE": _view,
    "BROADCAST_TO": _broadcast_to,
    "BiotrainConv2D": _conv,
    "BiotrainConv2DGradFilter": _conv_grad_filter,
    "BiotrainConv2DOfCodes": _conv,
    "BiotrainConv2DOfCodesGradFilter": _conv_grad_filter,
    "BiotrainConv2DGradInput": _conv_grad_input,
    "BiotrainDepthwiseConv2D": _depthwise,
    "BiotrainDepthwiseConv2DGradFilter": _depthwise_grad_filter,
    "BiotrainDepthwiseConv2DGradInput": _depthwise_grad_input,
    "BiotrainMoments": _all,
    "BiotrainNormalise": _norm(0),
    "BiotrainNormAveragePool": _norm(0),
    "BiotrainNormSlopePool": _norm(0),
    "BiotrainNormGradSums": _norm(0, 3),
    "BiotrainNormGradInput": _norm(0, 6),
    "BiotrainDropout": _first,
    "BiotrainAttention": _attention,
    "BiotrainAttentionGrad": _attention,
    "SUM": _reduce,
    "MEAN": _reduce,
    "SOFTMAX": _last_axis_whole,
    "LOG_SOFTMAX": _last_axis_whole,
    "GATHER": _gather,
    "BATCH_MATMUL": _matmul,
    "FULLY_CONNECTED": _fully_connected,
    "PAD": _pad,
    "PADV2": _pad,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
}
