# SPDX-License-Identifier: Apache-2.0
"""Gradients of the pointwise activations, from their outputs where those suffice."""

from __future__ import annotations

import tensorflow as tf

from converters.gradients.writer import Writer


def relu(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    return writer.op("ReluGrad", lambda y, dy: dy * tf.cast(y > 0.0, tf.float32), op.outputs[0], dy)


def relu6(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    def body(y: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        return dy * tf.cast(tf.logical_and(y > 0.0, y < 6.0), tf.float32)

    return writer.op("Relu6Grad", body, op.outputs[0], dy)


def elu(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    """y = exp(x) - 1 below zero, so its slope there is y + 1."""
    return writer.op("EluGrad", lambda y, dy: dy * (tf.minimum(y, 0.0) + 1.0), op.outputs[0], dy)


def leaky_relu(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    alpha = float(op.get_attr("alpha"))

    def body(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        positive = tf.cast(x > 0.0, tf.float32)
        return dy * (positive * (1.0 - alpha) + alpha)

    return writer.op("LeakyReluGrad", body, op.inputs[0], dy, alpha=alpha)


def tanh(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    return writer.op("TanhGrad", lambda y, dy: dy * (1.0 - y * y), op.outputs[0], dy)


def sigmoid(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    return writer.op("SigmoidGrad", lambda y, dy: dy * (y * (1.0 - y)), op.outputs[0], dy)
