# SPDX-License-Identifier: Apache-2.0
"""The optimisers' updates, in the order of operations of keras.optimizers.SGD."""

from __future__ import annotations

import tensorflow as tf

from converters.gradients.writer import Writer


def sgd(w: tf.Tensor, g: tf.Tensor, *, learning_rate: float, writer: Writer) -> tf.Tensor:
    """w - learning_rate * g."""
    return writer.op("Sgd", lambda w, g: w - g * learning_rate, w, g, learning_rate=learning_rate)


def sgd_momentum(
    w: tf.Tensor,
    m: tf.Tensor,
    g: tf.Tensor,
    *,
    learning_rate: float,
    momentum: float,
    writer: Writer,
) -> tuple[tf.Tensor, tf.Tensor]:
    """(w + m', m') with m' = momentum * m - learning_rate * g."""

    def body(w: tf.Tensor, m: tf.Tensor, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        velocity = m * momentum - g * learning_rate
        return w + velocity, velocity

    return writer.op("SgdMomentum", body, w, m, g, learning_rate=learning_rate, momentum=momentum)
