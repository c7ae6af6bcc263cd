# SPDX-License-Identifier: Apache-2.0
"""Gradients of reductions and data movement, with every shape resolved at conversion.

TensorFlow's own versions compute shapes at run time (Shape, Tile, ConcatOffset,
InvertPermutation), for which TFLite Micro has no kernels. All shapes are static here, so nothing
is lost.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

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
