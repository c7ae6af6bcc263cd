# SPDX-License-Identifier: Apache-2.0
"""Layout rules of the ops that have kernels of their own: [B, C, H, W] and filters in kernel order.

The kernels know channels first only, so these ops say what they want and get it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np

from converters.errors import ConversionError
from converters.graph import Op
from converters.passes.layout import Layout, layout_of
from converters.passes.relayout import Form, Rewriter

NCHW = (0, 3, 1, 2)
_PADDINGS = {0: "SAME", 1: "VALID"}
_ACTIVATIONS = {0: "NONE", 1: "RELU", 3: "RELU6"}

CHANNELS_FIRST: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "CONV_2D": (0,),
        "DEPTHWISE_CONV_2D": (0,),
        "AVERAGE_POOL_2D": (0,),
        "MAX_POOL_2D": (0,),
        "BiotrainConv2DGradFilter": (0, 1),
        "BiotrainConv2DGradInput": (1,),
        "BiotrainDepthwiseConv2DGradFilter": (0, 1),
        "BiotrainDepthwiseConv2DGradInput": (1,),
        "BiotrainAveragePool2DGrad": (0,),
        "BiotrainMaxPool2DGrad": (0, 1, 2),
        "BiotrainGroupNorm": (0,),
        "BiotrainGroupNormGrad": (0, 4),
        "BiotrainSampleConv2D": (0,),
        "BiotrainSampleConv2DGradFilter": (0, 1),
    }
)
"""Inputs, by op kind, that must be channels first."""


def channels_first_form(shape: tuple[int, ...]) -> Form:
    """[B, ..., C] as [B, C, ...]."""
    rank = len(shape)
    return Form.permuted(shape, (0, rank - 1, *range(1, rank - 1)))


def conv2d(b: Rewriter, op: Op) -> None:
    """w [Co, KH, KW, Ci] -> [Co, Ci, KH, KW]."""
    w = Form.permuted(b.logical(op.inputs[1]).shape, (0, 3, 1, 2))
    _forward(b, op, "BiotrainConv2D", w)


def depthwise_conv2d(b: Rewriter, op: Op) -> None:
    """w [1, KH, KW, C * M] -> [C, M, KH, KW]."""
    _, height, width, outputs = b.logical(op.inputs[1]).shape
    channels = b.logical(op.inputs[0]).shape[3]
    layout = Layout.of((1, height, width, outputs), (0, 3, 1, 2))
    w = Form(layout, (channels, outputs // channels, height, width))
    _forward(b, op, "BiotrainDepthwiseConv2D", w)


def _forward(b: Rewriter, op: Op, kind: str, w: Form) -> None:
    x = b.get(op.inputs[0], _activation(b, op.inputs[0]))
    inputs = [x, b.get(op.inputs[1], w)]
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        bias = b.logical(op.inputs[2])
        if bias.data is None or np.any(bias.data):
            inputs.append(b.get(op.inputs[2], Form.logical(bias.shape)))
    o = op.options
    options = {
        "activation": _activation_name(op),
        "dilation_h": int(o.dilationHFactor),
        "dilation_w": int(o.dilationWFactor),
        "padding": _PADDINGS[o.padding],
        "stride_h": int(o.strideH),
        "stride_w": int(o.strideW),
    }
    out = _activation(b, op.outputs[0])
    b.emit(op, inputs, [out], kind=kind, options=options, version=1)


def pool2d(b: Rewriter, op: Op) -> None:
    o = op.options
    options = {
        "activation": _activation_name(op),
        "filter_h": int(o.filterHeight),
        "filter_w": int(o.filterWidth),
        "padding": _PADDINGS[o.padding],
        "stride_h": int(o.strideH),
        "stride_w": int(o.strideW),
    }
    kind = {"AVERAGE_POOL_2D": "AveragePool2D", "MAX_POOL_2D": "MaxPool2D"}[op.kind]
    x = b.get(op.inputs[0], _activation(b, op.inputs[0]))
    out = _activation(b, op.outputs[0])
    b.emit(op, [x], [out], kind=f"Biotrain{kind}", options=options, version=1)


def filter_gradient(b: Rewriter, op: Op) -> None:
    """dw [KH, KW, Ci, Co] -> [Co, Ci, KH, KW]; depthwise [KH, KW, C, M] -> [C, M, KH, KW]."""
    inputs = [b.get(t, _activation(b, t)) for t in op.inputs]
    b.emit(op, inputs, [_filter(b, op, op.outputs[0])])


def input_gradient(b: Rewriter, op: Op) -> None:
    w, dy = op.inputs
    inputs = [b.get(w, _filter(b, op, w)), b.get(dy, _activation(b, dy))]
    b.emit(op, inputs, [_activation(b, op.outputs[0])])


def sample_filters(b: Rewriter, op: Op) -> None:
    """As traced, filters are in the order of the kernel: [B * Co, Ci, KH, KW]."""
    gradient = op.kind.endswith("GradFilter")
    large = op.inputs[: 2 if gradient else 1]
    inputs = [
        b.get(t, _activation(b, t) if t in large else Form.logical(b.logical(t).shape))
        for t in op.inputs
    ]
    (result,) = op.outputs
    out = Form.logical(b.logical(result).shape) if gradient else _activation(b, result)
    options = op.options if gradient else {**op.options, "activation": "NONE"}
    b.emit(op, inputs, [out], kind=op.kind.replace("Sample", ""), options=options)


def channels_first(b: Rewriter, op: Op) -> None:
    """Every input and output: gradients of pools."""
    inputs = [b.get(t, _activation(b, t)) for t in op.inputs]
    b.emit(op, inputs, [_activation(b, t) for t in op.outputs])


def batch_norm(b: Rewriter, op: Op) -> None:
    """Statistics are over everything but the channel, so any order will do in which the channel
    lies in one piece: [before, C, after].
    """
    form, channel = _around_channel(b, op.inputs[0])
    _norm(b, op, form, Form(channel, (b.logical(op.inputs[0]).shape[-1],)))


def _norm(b: Rewriter, op: Op, form: Form, vector: Form) -> None:
    """x, y, dy and dx in ``form``, all else that has a value a channel in ``vector``."""
    activations = {op.inputs[0], *op.inputs[4:], op.outputs[0]}

    def wanted(t: int) -> Form:
        if t in activations:
            return form
        shape = b.logical(t).shape
        return vector if shape == vector.shape else Form.logical(shape)

    b.emit(op, [b.get(t, wanted(t)) for t in op.inputs], [wanted(t) for t in op.outputs])


def _around_channel(b: Rewriter, x: int) -> tuple[Form, Layout]:
    """The form of x for BatchNorm, and the layout of its channels."""
    shape, form = b.logical(x).shape, b.form(x)
    digits = form.layout.digits(shape)
    axis = len(shape) - 1
    places = [] if digits is None else [n for n, d in enumerate(digits) if d.axis == axis]
    in_one_piece = places == list(range(places[0], places[-1] + 1)) if places else shape[-1] == 1
    if digits is None or not in_one_piece:
        return channels_first_form(shape), Layout.of((shape[-1],))
    before = prod(d.size for d in digits[: places[0]]) if places else 1
    after = b.logical(x).elements // before // shape[-1]
    same = form.shape[:2] == (before, shape[-1])
    return (
        form if same else Form(form.layout, (before, shape[-1], after)),
        layout_of(digits[n] for n in places),
    )


def group_norm(b: Rewriter, op: Op) -> None:
    """x, y, dy and dx [B, S, C] -> [B, C, S]. One group of all there is may lie in any order."""
    x = op.inputs[0]
    shape = b.logical(x).shape
    form, channel = Form.permuted(shape, (0, 2, 1)), Layout.of((shape[2],))
    digits = b.form(x).layout.digits(shape) or []
    if shape[1] == 1 and op.options["groups"] == 1:
        axes = [d.axis for d in digits]
        if axes == sorted(axes):
            form = Form(b.form(x).layout, form.shape)
            channel = layout_of(d for d in digits if d.axis == 2)
    _norm(b, op, form, Form(channel, (shape[2],)))


def dropout(b: Rewriter, op: Op) -> None:
    """The mask is keyed by sample, row and channel, so these must lie in order: channels first, or
    last where the input lies so and nothing that follows wants it otherwise.
    """
    x, *words = op.inputs
    shape = b.logical(x).shape
    first = channels_first_form(shape)
    hint = b.hints.get(op.outputs[0], Form.logical(shape))
    form, options = first, op.options
    if b.form(x).layout == first.layout and b.form(x).shape[:2] == first.shape[:2]:
        form = b.form(x)
    elif len(shape) > 2 and b.form(x).layout.is_logical and hint.layout != first.layout:
        form = Form.logical((shape[0], prod(shape[1:-1]), shape[-1]))
        options = {**op.options, "channels_last": 1}
    inputs = [b.get(t, Form.logical(b.logical(t).shape)) for t in words]
    b.emit(op, [b.get(x, form), *inputs], [form], options=options)


def _activation(b: Rewriter, t: int) -> Form:
    return Form.permuted(b.logical(t).shape, NCHW)


def _filter(b: Rewriter, op: Op, t: int) -> Form:
    order = (2, 3, 0, 1) if "Depthwise" in op.kind else (3, 2, 0, 1)
    return Form.permuted(b.logical(t).shape, order)


def _activation_name(op: Op) -> str:
    options: Any = op.options
    try:
        return _ACTIVATIONS[options.fusedActivationFunction]
    except KeyError:
        raise ConversionError(
            f"{op.kind} has fused activation {options.fusedActivationFunction}: "
            f"want one of {', '.join(_ACTIVATIONS.values())}"
        ) from None
