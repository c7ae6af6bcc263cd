# SPDX-License-Identifier: Apache-2.0
"""Batch and group normalisation with their gradients through the statistics.

Forward y = (x - mean) / sqrt(variance + eps) * gamma + beta; backward as in
Ioffe & Szegedy 2015 (arXiv 1502.03167)
section 3, in the form that reads x, the statistics and dy once each.
"""

from __future__ import annotations

import tensorflow as tf

from converters.gradients.writer import Writer


def batch_norm(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, epsilon: float, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(y, mean [C], variance [C]) over all axes of x [..., C] but the last; the variance is the
    biased one.
    """
    channels = x.shape[-1]

    def forward(
        x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = tf.reshape(x, [-1, channels])
        mean = tf.reduce_mean(rows, 0)
        centred = rows - mean
        variance = tf.reduce_mean(tf.square(centred), 0)
        y = centred * (tf.math.rsqrt(variance + epsilon) * gamma) + beta
        return tf.reshape(y, x.shape), mean, variance

    def backward(
        x: tf.Tensor, gamma: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, dy: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = tf.reshape(x, [-1, channels])
        slopes = tf.reshape(dy, [-1, channels])
        count = float(rows.shape[0])
        inverse = tf.math.rsqrt(variance + epsilon)
        normalised = (rows - mean) * inverse
        dbeta = tf.reduce_sum(slopes, 0)
        dgamma = tf.reduce_sum(slopes * normalised, 0)
        dx = (slopes - normalised * (dgamma / count) - dbeta / count) * (gamma * inverse)
        return tf.reshape(dx, x.shape), dgamma, dbeta

    @tf.custom_gradient
    def apply(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):  # type: ignore[no-untyped-def]
        y, mean, variance = writer.op("BatchNorm", forward, x, gamma, beta, epsilon=epsilon)

        def gradient(dy: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return writer.op(
                "BatchNormGrad", backward, x, gamma, mean, variance, dy, epsilon=epsilon
            )

        return (y, mean, variance), gradient

    return apply(x, gamma, beta)


def group_norm(
    x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, *, groups: int, epsilon: float, writer: Writer
) -> tf.Tensor:
    """y of x [B, S, C]: each of the ``groups`` of channels of each sample has its own mean and
    variance.
    """
    batch, spatial, channels = x.shape
    width = channels // groups
    count = float(spatial * width)
    split = [batch, spatial, groups, width]
    per_group = [batch, 1, groups, 1]

    def forward(
        x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        grouped = tf.reshape(x, split)
        mean = tf.reduce_mean(grouped, [1, 3])
        centred = grouped - tf.reshape(mean, per_group)
        variance = tf.reduce_mean(tf.square(centred), [1, 3])
        normalised = centred * tf.reshape(tf.math.rsqrt(variance + epsilon), per_group)
        return tf.reshape(normalised, x.shape) * gamma + beta, mean, variance

    def backward(
        x: tf.Tensor, gamma: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, dy: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        inverse = tf.reshape(tf.math.rsqrt(variance + epsilon), per_group)
        normalised = (tf.reshape(x, split) - tf.reshape(mean, per_group)) * inverse
        flat = tf.reshape(normalised, x.shape)
        dbeta = tf.reduce_sum(dy, [0, 1])
        dgamma = tf.reduce_sum(dy * flat, [0, 1])
        slopes = tf.reshape(dy * gamma, split)
        mean_slope = tf.reshape(tf.reduce_sum(slopes, [1, 3]) / count, per_group)
        mean_product = tf.reshape(tf.reduce_sum(slopes * normalised, [1, 3]) / count, per_group)
        dx = (slopes - normalised * mean_product - mean_slope) * inverse
        return tf.reshape(dx, x.shape), dgamma, dbeta

    @tf.custom_gradient
    def apply(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor):  # type: ignore[no-untyped-def]
        options = {"groups": groups, "epsilon": epsilon}
        y, mean, variance = writer.op("GroupNorm", forward, x, gamma, beta, **options)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            return writer.op("GroupNormGrad", backward, x, gamma, mean, variance, dy, **options)

        return y, gradient

    return apply(x, gamma, beta)
