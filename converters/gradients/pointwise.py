# SPDX-License-Identifier: Apache-2.0
"""Gradients of plain arithmetic on every element: squares, logarithms, and values cut at a bound.

Those that TensorFlow writes with ops that TFLite's runtimes have are not here.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from converters.gradients.writer import Writer


def square(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    return writer.op("SquareGrad", lambda x, dy: dy * (x + x), op.inputs[0], dy)


def log(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    return dy / op.inputs[0]


def maximum(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor]:
    """The slope goes to the larger input, of equal ones to the first, as in TensorFlow."""
    return _chosen(op, dy, tf.greater_equal)


def minimum(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> list[tf.Tensor]:
    return _chosen(op, dy, tf.less_equal)


def _chosen(
    op: tf.Operation, dy: tf.Tensor, first: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
) -> list[tf.Tensor]:
    a, b = op.inputs
    takes_a = first(a, b)
    nothing = tf.zeros([], tf.float32)
    return [
        _summed(tf.where(takes_a, dy, nothing), a.shape),
        _summed(tf.where(takes_a, nothing, dy), b.shape),
    ]


def _summed(dy: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    """Over the axes along which an input of ``shape`` was repeated."""
    full = [1] * (len(dy.shape) - len(shape)) + shape.as_list()
    repeated = [i for i, size in enumerate(full) if size != dy.shape[i]]
    summed = tf.reduce_sum(dy, repeated) if repeated else dy
    return tf.reshape(summed, shape) if summed.shape != shape else summed
