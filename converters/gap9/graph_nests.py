# SPDX-License-Identifier: Apache-2.0
"""Which loops of an operator are independent, and what of its tensors a turn of them touches.

By kind, as docs/format.md has them: a kind that is not listed is not cut, for it might sum over
anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from converters.gap9.works import Index
from converters.graph import Op, Tensor

ELEMENTWISE = frozenset(
    {
        *("ABS", "ADD", "ADD_N", "SUB", "MUL", "DIV", "NEG", "MAXIMUM", "MINIMUM", "SQUARE"),
        *("SQUARED_DIFFERENCE", "RELU", "RELU6", "ELU", "LEAKY_RELU", "TANH", "LOGISTIC", "EXP"),
        *("LOG", "SQRT", "RSQRT", "CAST", "EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL"),
        *("LESS", "LESS_EQUAL", "SELECT_V2", "ZEROS_LIKE", "FLOOR"),
        *("BiotrainReluGrad", "BiotrainRelu6Grad", "BiotrainEluGrad", "BiotrainLeakyReluGrad"),
        *("BiotrainTanhGrad", "BiotrainSigmoidGrad", "BiotrainSquareGrad", "BiotrainGelu"),
        *("BiotrainGeluGrad", "BiotrainGeluTanh", "BiotrainGeluTanhGrad", "BiotrainDropout"),
        *("BiotrainSgd", "BiotrainSgdMomentum", "BiotrainDequantise"),
    }
)
BY_LINE = frozenset(
    {
        *("BiotrainMaxPool2D", "BiotrainMaxPool2DGrad", "BiotrainAveragePool2D"),
        *("BiotrainAveragePool2DGrad", "BiotrainMoments", "BiotrainNormalise"),
        *("BiotrainNormGradSums", "BiotrainNormGradInput", "BiotrainNormAveragePool"),
        *("BiotrainNormSlopePool", "BiotrainNormSlope", "BiotrainNormPool"),
        *("BiotrainNormPoolGradSums", "BiotrainNormPoolGradInput"),
    }
)
"""Of every sample and channel by itself."""
BY_CHANNEL = ("BiotrainBatchNorm",)
"""Sums over the batch: channels are independent."""
BY_SAMPLE = ("BiotrainGroupNorm", "BiotrainAttention")
REDUCTIONS = frozenset({"SUM", "MEAN", "REDUCE_MAX", "REDUCE_MIN"})
SOFTMAX = frozenset({"SOFTMAX", "LOG_SOFTMAX"})

Indexing = Callable[[Tensor], tuple[Index, ...]]


@dataclass(frozen=True)
class Nest:
    """``loops`` that tiles may cut, all shared by the cores; ``shares``: see Work; ``index``: what
    of a tensor of the operator a tile touches.
    """

    loops: tuple[tuple[str, int], ...]
    shares: int
    index: Indexing


def nest(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> Nest:
    """``inputs`` and ``outputs`` without handles, each at its place."""
    kind, out = op.kind, outputs[0]
    if "Conv2D" in kind and kind.endswith("GradFilter"):
        return _filter_gradient(inputs, out, depthwise="Depthwise" in kind)
    if "Conv2D" in kind:
        filters = inputs[0] if kind.endswith("GradInput") else inputs[1]
        # A gradient of the input sums over filters.
        cut = None if kind.endswith("GradInput") and "Depthwise" not in kind else filters
        return _convolution(inputs, out, cut, filters, depthwise="Depthwise" in kind)
    if kind in ("FULLY_CONNECTED", "BATCH_MATMUL"):
        return _product(kind, inputs, out)
    if kind.startswith(BY_CHANNEL):
        return _channels(inputs[0] if len(inputs[0].shape) > 1 else inputs[-1])
    if kind.startswith(BY_SAMPLE):
        return _leading(inputs[0].shape, 1, shares=inputs[0].shape[1])
    if kind in REDUCTIONS:
        return _leading(inputs[0].shape, _kept(inputs), shares=1)
    if kind in SOFTMAX:
        return _leading(out.shape, len(out.shape) - 1, shares=1)
    if kind in ELEMENTWISE or kind in BY_LINE:
        largest = max((*inputs, *outputs), key=lambda t: t.elements)
        most = 2 if kind in BY_LINE else len(largest.shape)
        large = [t for t in (*inputs, *outputs) if 2 * t.elements >= largest.elements]
        return _leading(largest.shape, min(most, _common(large)), shares=1)
    return Nest((), max(out.elements, 1), _whole)


def _whole(tensor: Tensor) -> tuple[Index, ...]:
    return (Index(tensor.elements),)


def _common(tensors: list[Tensor]) -> int:
    """How many leading axes all have alike."""
    count = 0
    for sizes in zip(*(t.shape for t in tensors), strict=False):
        if len(set(sizes)) > 1:
            break
        count += 1
    return count


def _kept(inputs: list[Tensor]) -> int:
    """Leading axes that a reduction leaves; none where its axes are not known."""
    axes, rank = inputs[1].data, len(inputs[0].shape)
    if axes is None:
        return 0
    return min((int(axis) % rank for axis in np.ravel(axes)), default=rank)


def _leading(shape: tuple[int, ...], count: int, *, shares: int) -> Nest:
    lead = shape[:count]
    lines = math.prod(lead)

    def index(tensor: Tensor) -> tuple[Index, ...]:
        if count and tensor.shape[:count] == lead:
            return Index(lines, "line"), Index(tensor.elements // lines)
        return _whole(tensor)

    return Nest((("line", lines),) if count else (), shares, index)


def _channels(like: Tensor) -> Nest:
    batch, channels = like.shape[:2]

    def index(tensor: Tensor) -> tuple[Index, ...]:
        if tensor.shape[:2] == (batch, channels):
            rest = tensor.elements // (batch * channels)
            return Index(batch), Index(channels, "channel"), Index(rest)
        if tensor.shape == (channels,):
            return (Index(channels, "channel"),)
        return _whole(tensor)

    return Nest((("channel", channels),), 1, index)


def _convolution(
    inputs: list[Tensor], out: Tensor, cut: Tensor | None, filters: Tensor, *, depthwise: bool
) -> Nest:
    """Samples and channels of the output; but in a depthwise one, every channel of the input."""
    batch, channels = out.shape[:2]
    data = next(t for t in inputs if t is not filters)

    def index(tensor: Tensor) -> tuple[Index, ...]:
        if tensor is out or (depthwise and tensor is data and tensor.shape[1] == channels):
            rest = tensor.elements // (batch * channels)
            return Index(batch, "sample"), Index(channels, "k"), Index(rest)
        if tensor is data:
            return Index(batch, "sample"), Index(tensor.elements // batch)
        if tensor is cut and tensor.shape[0] == channels:
            return Index(channels, "k"), Index(tensor.elements // channels)
        return _whole(tensor)

    return Nest((("sample", batch), ("k", channels)), 1, index)


def _filter_gradient(inputs: list[Tensor], out: Tensor, *, depthwise: bool) -> Nest:
    """A sum over all samples and pixels for every weight: only filters are cut."""
    count = out.shape[0]
    x, dy = inputs[:2]

    def index(tensor: Tensor) -> tuple[Index, ...]:
        if tensor is out:
            return Index(count, "k"), Index(tensor.elements // count)
        along = tensor is dy or (depthwise and tensor is x)
        if along and len(tensor.shape) > 1 and tensor.shape[1] == count:
            return Index(count, "k"), Index(tensor.elements // count)
        return _whole(tensor)

    return Nest((("k", count),), 1, index)


def _product(kind: str, inputs: list[Tensor], out: Tensor) -> Nest:
    """Rows of the left where there are more of them, else columns."""
    columns = out.shape[-1]
    rows = out.elements // columns
    left = inputs[0]

    def by_row(tensor: Tensor) -> tuple[Index, ...]:
        if tensor is out or tensor is left:
            return Index(rows, "m"), Index(tensor.elements // rows)
        return _whole(tensor)

    def by_column(tensor: Tensor) -> tuple[Index, ...]:
        if tensor is out:
            return Index(columns, "n"), Index(rows)
        return _whole(tensor)

    if kind == "FULLY_CONNECTED" and rows >= columns:
        return Nest((("m", rows),), 1, by_row)
    return Nest((("n", columns),), 1, by_column)
