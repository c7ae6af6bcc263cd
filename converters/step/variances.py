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


def statistics_of_samples(
    filters: tf.Tensor, window: tf.Tensor, products: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance [B, F] of filters [B, F, K] on the windows of each sample, of mean [B, K]
    and mean product [B, K, K].
    """
    mean = tf.reduce_sum(filters * tf.expand_dims(window, 1), 2)
    apart = products - tf.expand_dims(window, 2) * tf.expand_dims(window, 1)
    return mean, tf.nn.relu(_quadratic(filters, apart))


@tf.custom_gradient
def _quadratic(rows: tf.Tensor, matrices: tf.Tensor):  # type: ignore[no-untyped-def]
    """[B, F]: row' matrix row for rows [B, F, K] and symmetric matrices [B, K, K], which have no
    gradient.
    """
    product = tf.matmul(rows, matrices)

    def gradient(slopes: tf.Tensor) -> tuple[tf.Tensor, None]:
        return tf.expand_dims(2.0 * slopes, 2) * product, None

    return tf.reduce_sum(rows * product, 2), gradient
