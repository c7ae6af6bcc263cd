# SPDX-License-Identifier: Apache-2.0
"""Gradients of reductions and data movement, with every shape resolved at conversion.

TensorFlow's own versions compute shapes at run time (Shape, Tile, ConcatOffset,
InvertPermutation), for which TFLite Micro has no kernels. All shapes are static here, so nothing
is lost.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from converters.errors import ConversionError
from converters.gradients.writer import Writer


def _kept_shape(op: tf.Operation) -> tuple[tf.Tensor, list[int]]:
    """The reduced op's input, and its shape with the reduced axes set to one."""
    x = op.inputs[0]
    axes = tf.get_static_value(op.inputs[1])
    reduced = {int(a) % len(x.shape) for a in np.atleast_1d(axes)}
    return x, [1 if i in reduced else int(d) for i, d in enumerate(x.shape)]


def mean(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tuple[tf.Tensor, None]:
    x, kept = _kept_shape(op)
    count = int(np.prod(x.shape.as_list())) // int(np.prod(kept))
    return tf.broadcast_to(tf.reshape(dy * np.float32(1.0 / count), kept), x.shape), None


def reduce_sum(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tuple[tf.Tensor, None]:
    x, kept = _kept_shape(op)
    return tf.broadcast_to(tf.reshape(dy, kept), x.shape), None


def bias_add(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tuple[tf.Tensor, tf.Tensor]:
    return dy, tf.reduce_sum(dy, list(range(len(dy.shape) - 1)))


def reshape(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor | None]:
    """Of Reshape, ExpandDims and Squeeze."""
    first = tf.reshape(dy, op.inputs[0].shape)
    return [first] + [None] * (len(op.inputs) - 1)


def transpose(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tuple[tf.Tensor, None]:
    permutation = tf.get_static_value(op.inputs[1])
    return tf.transpose(dy, np.argsort(permutation).astype(np.int32)), None


def pad(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor | None]:
    """Of Pad and PadV2 (whose third input, the padding value, is a constant)."""
    before = tf.get_static_value(op.inputs[1])[:, 0]
    first = tf.slice(dy, before.astype(np.int32), op.inputs[0].shape)
    return [first] + [None] * (len(op.inputs) - 1)


def concat(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor | None]:
    *parts, axis_tensor = op.inputs
    axis = int(tf.get_static_value(axis_tensor)) % len(dy.shape)
    gradients: list[tf.Tensor | None] = []
    start = 0
    for part in parts:
        begin = [0] * len(dy.shape)
        begin[axis] = start
        gradients.append(tf.slice(dy, begin, part.shape))
        start += int(part.shape[axis])
    return [*gradients, None]


def strided_slice(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor | None]:
    """Zeros around dy: of slices without gaps, whose bounds are constants.

    Raises:
        ConversionError: a step other than one, or new axes.
    """
    x, *bounds = op.inputs
    begin, end, strides = (tf.get_static_value(t) for t in bounds)
    if op.get_attr("ellipsis_mask") or op.get_attr("new_axis_mask") or (strides != 1).any():
        raise ConversionError(
            f"slice {op.name}: only slices of neighbours train, of a step of 1 and without new "
            "axes; reshape the tensor first"
        )
    margins = []
    for axis, size in enumerate(x.shape):
        first, length = _kept(op, axis, int(size), begin, end)
        margins.append([first, int(size) - first - length])
    kept = [int(size) - sum(margin) for size, margin in zip(x.shape, margins, strict=True)]
    return [tf.pad(tf.reshape(dy, kept), margins), None, None, None]


def _kept(
    op: tf.Operation, axis: int, size: int, begin: np.ndarray, end: np.ndarray
) -> tuple[int, int]:
    """First index and length of what a slice keeps of an axis."""
    if axis >= len(begin):
        return 0, size

    def masked(name: str) -> bool:
        return bool(op.get_attr(f"{name}_mask") >> axis & 1)

    if masked("shrink_axis"):
        return int(begin[axis]) % size, 1
    start = None if masked("begin") else int(begin[axis])
    stop = None if masked("end") else int(end[axis])
    first, last, _ = slice(start, stop).indices(size)
    return first, last - first


def gather(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor | None]:
    """Rows of dy summed up where they were taken from, as a product with ones and zeros.

    Raises:
        ConversionError: not rows, or not of all.
    """
    table, indices, axis = op.inputs
    if tf.get_static_value(axis) != 0 or op.get_attr("batch_dims"):
        raise ConversionError(f"gather {op.name}: only rows of a table train; transpose it first")
    rows = int(table.shape[0])
    flat = tf.reshape(tf.cast(indices, tf.float32), [indices.shape.num_elements(), 1])
    # Exact for integers, and not what TFLite's converter takes for a ONE_HOT.
    apart = tf.abs(flat - tf.constant(np.arange(rows, dtype=np.float32)))
    taken = tf.nn.relu(1.0 - apart)
    slopes = tf.reshape(dy, [flat.shape[0], table.shape.num_elements() // rows])
    return [tf.reshape(tf.matmul(taken, slopes, transpose_a=True), table.shape), None, None]
