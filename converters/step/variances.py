# SPDX-License-Identifier: Apache-2.0
"""Mean and variance of what linear filters make of windows, from the moments of the windows."""

from __future__ import annotations

import tensorflow as tf


def statistics_of(
    filters: tf.Tensor, bias: tf.Tensor | None, window: tf.Tensor, products: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance [F] of filters [F, K] on windows of mean [K] and mean product [K, K]."""
    mean = tf.reduce_sum(filters * window, 1)
    variance = _variances(filters, window, products)
    # A filter that the windows do not excite must not get a negative variance from rounding.
    return mean if bias is None else mean + bias, tf.nn.relu(variance)


@tf.custom_gradient
def _variances(rows: tf.Tensor, mean: tf.Tensor, products: tf.Tensor):  # type: ignore[no-untyped-def]
    """[F]: row' (products - mean mean') row for each of the rows [F, K]. The matrix is symmetric,
    so the gradient needs the product that is already there, and no memory for a matrix [K, K].
    """
    across = tf.reshape(mean, [1, -1])
    along = tf.matmul(rows, across, transpose_b=True)
    product = tf.matmul(rows, products) - tf.matmul(along, across)

    def gradient(slopes: tf.Tensor) -> tuple[tf.Tensor, None, None]:
        return tf.reshape(2.0 * slopes, [-1, 1]) * product, None, None

    return tf.reduce_sum(rows * product, 1), gradient
