# SPDX-License-Identifier: Apache-2.0
"""Layout rules of all other ops: how each computes on tensors that do not lie in logical order."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType

from ai_edge_litert import schema_py_generated as schema

from converters.graph import Op
from converters.passes import window_rules as windows
from converters.passes.layout import Digit, Layout, axis_order, dims_on, layout_of
from converters.passes.matmul_rules import matmul
from converters.passes.relayout import MAX_RANK, Form, Rewriter, Stored

Rule = Callable[[Rewriter, Op], None]

_ELEMENTWISE = (
    "ABS ADD ADD_N CAST DIV ELU EQUAL EXP FLOOR GREATER GREATER_EQUAL LEAKY_RELU LESS LESS_EQUAL "
    "LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAXIMUM MINIMUM MUL NEG NOT_EQUAL RELU RELU6 "
    "RSQRT SELECT_V2 SQRT SQUARE SQUARED_DIFFERENCE SUB TANH ZEROS_LIKE "
    "BiotrainEluGrad BiotrainGelu BiotrainGeluGrad BiotrainGeluTanh BiotrainGeluTanhGrad "
    "BiotrainSquareGrad BiotrainLeakyReluGrad BiotrainRelu6Grad BiotrainReluGrad BiotrainSgd "
    "BiotrainSgdMomentum BiotrainSigmoidGrad BiotrainTanhGrad"
)
ELEMENTWISE = frozenset(_ELEMENTWISE.split())
VIEWS = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE"})


def logical(b: Rewriter, op: Op) -> None:
    """No rule: everything in logical order."""
    inputs = [t if t < 0 else b.get(t, Form.logical(b.logical(t).shape)) for t in op.inputs]
    b.emit(op, inputs, [Form.logical(b.logical(t).shape) for t in op.outputs])


def view(b: Rewriter, op: Op) -> None:
    """A reshape keeps every index, and with it the layout."""
    t = op.inputs[0]
    if b.is_constant(t):
        logical(b, op)
        return
    b.alias(op.outputs[0], t, b.form(t).layout)


def transpose(b: Rewriter, op: Op) -> None:
    """The same memory, read with its axes in another order."""
    t, order = op.inputs[0], b.values(op.inputs[1])
    shape = b.logical(t).shape
    digits = None if order is None or b.is_constant(t) else b.form(t).layout.digits(shape)
    if digits is None or order is None:
        logical(b, op)
        return
    new = [Digit(d.size, order.index(d.axis), d.rank) for d in digits]
    by_rank = sorted(new, key=lambda d: (d.axis, d.rank))
    b.alias(op.outputs[0], t, layout_of(Digit(d.size, d.axis, by_rank.index(d)) for d in new))


def elementwise(b: Rewriter, op: Op) -> None:
    """In the layout of one input; the others follow, and broadcast along its dims."""
    out, leader = b.logical(op.outputs[0]), _leader(b, op)
    free = b.hints.get(op.outputs[0], Form.logical(out.shape))
    form = free if leader is None else b.form(leader)
    dims: list[list[Digit]] | None = None
    if any(b.logical(t).elements not in (1, out.elements) for t in op.inputs):
        dims = dims_on(form.layout, out.shape, form.shape)
        if dims is None:
            form = _by_axis(form.layout, out.shape)
            dims = dims_on(form.layout, out.shape, form.shape)
    inputs = [b.get(t, _operand_form(form, dims, out.shape, b.logical(t).shape)) for t in op.inputs]
    b.emit(op, inputs, [form] * len(op.outputs))
    name = None if leader is None else b.variable_of(leader)
    if name is not None and not op.kind.startswith("BiotrainSgd"):
        # What its users want, they want of the variable.
        b.bind(op.outputs[0], Stored(b.stored(op.outputs[0]).tensor, form, name))


def _leader(b: Rewriter, op: Op) -> int | None:
    """The input whose layout the op takes: a weight for its update, else one that has left the
    logical order, tensors before variables.
    """
    size = b.logical(op.outputs[0]).elements
    whole = [t for t in op.inputs if b.logical(t).elements == size and not b.is_constant(t)]
    if not whole or op.kind.startswith("BiotrainSgd"):
        return whole[0] if whole else None
    moved = [t for t in whole if not b.form(t).layout.is_logical]
    return min(moved or whole, key=lambda t: b.variable_of(t) is not None)


def update_of_step(b: Rewriter, op: Op) -> None:
    """States and gradient lie as the weight does; the factors of the step are apart."""
    *values, factors = op.inputs
    form = b.form(values[0])
    inputs = [b.get(t, form) for t in values]
    inputs.append(b.get(factors, Form.logical(b.logical(factors).shape)))
    b.emit(op, inputs, [form] * len(op.outputs))


def square_sum(b: Rewriter, op: Op) -> None:
    x = op.inputs[0]
    b.emit(op, [b.get(x, b.form(x))], [Form.logical(())])


def _by_axis(layout: Layout, shape: tuple[int, ...]) -> Form:
    """A form of ``layout`` whose dims each lie in one axis; logical order if there is none."""
    digits = layout.digits(shape)
    if digits is None or len(digits) > MAX_RANK:
        return Form.logical(shape)
    return Form(layout, tuple(d.size for d in digits))


def _operand_form(
    form: Form, dims: list[list[Digit]] | None, out: tuple[int, ...], shape: tuple[int, ...]
) -> Form:
    """Of an input of logical ``shape`` to an op whose output has ``form`` and shape ``out``."""
    if prod(shape) == prod(out):
        return form
    if prod(shape) == 1:  # of no higher rank than the output is stored with
        return Form.logical(shape[: len(form.shape)])
    if dims is None:
        return Form.logical(shape)
    full = (1,) * (len(out) - len(shape)) + shape
    kept = [[d for d in dim if full[d.axis] == out[d.axis]] for dim in dims]
    sizes = tuple(prod(d.size for d in dim) for dim in kept)
    while sizes and sizes[0] == 1:
        sizes = sizes[1:]
    return Form(layout_of(d for dim in kept for d in dim), sizes)


def broadcast_to(b: Rewriter, op: Op) -> None:
    """To the layout that its users will want."""
    t, out = op.inputs[0], b.logical(op.outputs[0])
    form = b.hints.get(op.outputs[0], Form.logical(out.shape))
    dims = dims_on(form.layout, out.shape, form.shape)
    if dims is None:
        form = _by_axis(form.layout, out.shape)
        dims = dims_on(form.layout, out.shape, form.shape)
    x = b.get(t, _operand_form(form, dims, out.shape, b.logical(t).shape))
    b.emit(op, [x, b.ints("shape", form.shape)], [form])


def reduce(b: Rewriter, op: Op) -> None:
    """The same elements are summed, wherever they lie."""
    x, axes = op.inputs[0], b.values(op.inputs[1])
    shape, form = b.logical(x).shape, b.form(x)
    digits = None if axes is None or b.is_constant(x) else form.layout.digits(shape)
    if axes is None or digits is None or len(digits) > MAX_RANK:
        logical(b, op)
        return
    reduced = {a % len(shape) for a in axes}
    left = layout_of(d for d in digits if d.axis not in reduced)
    if all(d.axis not in reduced for d in digits):
        b.alias(op.outputs[0], x, left)
        return
    dims = dims_on(form.layout, shape, form.shape)
    if dims is None:
        form, dims = Form(form.layout, tuple(d.size for d in digits)), [[d] for d in digits]
    keep = op.options.keepDims and not _only_viewed(b, op.outputs[0])
    goes = [any(d.axis in reduced for d in dim) or (not dim and not keep) for dim in dims]
    sizes = zip(form.shape, goes, strict=True)
    out = tuple(1 if gone else n for n, gone in sizes if keep or not gone)
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    inputs = [b.get(x, form), b.ints("axes", [n for n, gone in enumerate(goes) if gone])]
    b.emit(op, inputs, [Form(left, out)], options=options)


def _only_viewed(b: Rewriter, t: int) -> bool:
    return all(op.kind in VIEWS for op in b.old.ops if t in op.inputs)


def concatenation(b: Rewriter, op: Op) -> None:
    largest = max(op.inputs, key=lambda t: (not b.is_constant(t), b.logical(t).elements))
    order = axis_order(b.form(largest).layout, b.logical(largest).shape)
    if order is None:
        logical(b, op)
        return
    options = copy.copy(op.options)
    options.axis = order.index(options.axis % len(order))
    inputs = [b.get(t, Form.permuted(b.logical(t).shape, order)) for t in op.inputs]
    b.emit(op, inputs, [Form.permuted(b.logical(op.outputs[0]).shape, order)], options=options)


def pad(b: Rewriter, op: Op) -> None:
    _by_order(b, op, rows=(1,))


def slice_(b: Rewriter, op: Op) -> None:
    _by_order(b, op, rows=(1, 2))


def strided_slice(b: Rewriter, op: Op) -> None:
    o = op.options
    if o.ellipsisMask or o.newAxisMask or o.shrinkAxisMask:
        logical(b, op)
    else:
        _by_order(b, op, rows=(1, 2, 3))


def _by_order(b: Rewriter, op: Op, *, rows: Sequence[int]) -> None:
    """Axes in stored order; the constant inputs ``rows`` have one row an axis."""
    x = op.inputs[0]
    shape = b.logical(x).shape
    order = _order(b, x, op.outputs[0])
    if order is None or any(not b.is_constant(op.inputs[i]) for i in rows):
        logical(b, op)
        return
    inputs = [b.get(x, Form.permuted(shape, order))]
    for i, t in enumerate(op.inputs[1:], 1):
        tensor = b.logical(t)
        if i in rows and tensor.data is not None:
            inputs.append(b.constant(tensor.name, tensor.data[list(order)], tensor.type))
        else:
            inputs.append(b.get(t, Form.logical(tensor.shape)))
    options = copy.copy(op.options)
    for mask in ("beginMask", "endMask"):
        if hasattr(options, mask):
            bits = getattr(options, mask)
            setattr(options, mask, sum((bits >> axis & 1) << n for n, axis in enumerate(order)))
    out = Form.permuted(b.logical(op.outputs[0]).shape, order)
    b.emit(op, inputs, [out], options=options)


def _order(b: Rewriter, x: int, out: int) -> tuple[int, ...] | None:
    """The axes of x as they lie; where one of size 1 leaves a choice, as users of ``out`` want."""
    layout, shape = b.form(x).layout, b.logical(x).shape
    hint = b.hints.get(out)
    wanted = None if hint is None else axis_order(hint.layout, b.logical(out).shape)
    if wanted is not None and Form.permuted(shape, wanted).layout == layout:
        return wanted
    return axis_order(layout, shape)


def call_once(b: Rewriter, op: Op) -> None:
    b.emit(op, [], [])


def var_handle(b: Rewriter, op: Op) -> None:
    b.emit(op, [], [Form.logical(())])


def read_variable(b: Rewriter, op: Op) -> None:
    name = b.old.variable_of_handle()[op.inputs[0]]
    b.emit(op, [b.get(op.inputs[0], Form.logical(()))], [b.variables[name]])
    value = b.form(op.outputs[0])
    b.bind(op.outputs[0], Stored(len(b.tensors) - 1, value, name))


def assign_variable(b: Rewriter, op: Op) -> None:
    handle, value = op.inputs
    name = b.old.variable_of_handle()[handle]
    inputs = [b.get(handle, Form.logical(())), b.get(value, b.variables[name])]
    b.emit(op, inputs, [])


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        **dict.fromkeys(ELEMENTWISE, elementwise),
        **dict.fromkeys(VIEWS, view),
        **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), reduce),
        **dict.fromkeys(("BATCH_MATMUL", "FULLY_CONNECTED"), matmul),
        **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), windows.pool2d),
        **dict.fromkeys(
            ("BiotrainAveragePool2DGrad", "BiotrainMaxPool2DGrad"), windows.channels_first
        ),
        **dict.fromkeys(("BiotrainBatchNorm", "BiotrainBatchNormGrad"), windows.batch_norm),
        **dict.fromkeys(("BiotrainGroupNorm", "BiotrainGroupNormGrad"), windows.group_norm),
        **dict.fromkeys(
            ("BiotrainConv2DGradFilter", "BiotrainDepthwiseConv2DGradFilter"),
            windows.filter_gradient,
        ),
        **dict.fromkeys(
            ("BiotrainConv2DGradInput", "BiotrainDepthwiseConv2DGradInput"),
            windows.input_gradient,
        ),
        **dict.fromkeys(
            ("BiotrainSampleConv2D", "BiotrainSampleConv2DGradFilter"), windows.sample_filters
        ),
        **dict.fromkeys(
            ("BiotrainSgdOfStep", "BiotrainSgdMomentumOfStep", "BiotrainAdam"), update_of_step
        ),
        "ASSIGN_VARIABLE": assign_variable,
        "BROADCAST_TO": broadcast_to,
        "BiotrainDropout": windows.dropout,
        "BiotrainSquareSum": square_sum,
        "CALL_ONCE": call_once,
        "CONCATENATION": concatenation,
        "CONV_2D": windows.conv2d,
        "DEPTHWISE_CONV_2D": windows.depthwise_conv2d,
        "PAD": pad,
        "PADV2": pad,
        "READ_VARIABLE": read_variable,
        "SLICE": slice_,
        "STRIDED_SLICE": strided_slice,
        "TRANSPOSE": transpose,
        "VAR_HANDLE": var_handle,
    }
)
