# SPDX-License-Identifier: Apache-2.0
"""A temporal convolution, an optional BatchNorm and a spatial convolution, computed spatial first.

The temporal filter w_f [1, K] makes F images of one; the norm is affine, a_f y + c_f; the spatial
filter s_fd [H, 1] sums the rows of each. They act on different axes and are linear, so

    z_fd = sum_h s_fd[h] (a_f (w_f * x)[h] + c_f) = (a_f w_f) * (sum_h s_fd[h] x[h]) + c_f S_fd

with S_fd = sum_h s_fd[h]. The right side filters one row for each output instead of H rows for each
filter. In inference, and where the norm is frozen, a_f and c_f come from moving averages. With live
statistics they are those of w_f * x, had from the moments of x (step/window_moments.py) without
computing w_f * x. TensorFlow differentiates this as it stands.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step.layers import update_moving, value_of
from converters.step.variances import statistics_of
from converters.step.window_moments import window_moments


def commuted(
    first: keras.layers.Layer,
    norm: keras.layers.Layer | None,
    last: keras.layers.Layer,
    x: tf.Tensor,
    *,
    live: bool,
    writer: Writer,
) -> tf.Tensor:
    """What ``last`` gives before its activation, [B, 1, T, ...], from the input of ``first``,
    x [B, H, T, 1]. ``live``: the norm takes the statistics of this batch.
    """
    height, _, filters, width = last.kernel.shape
    taps = first.kernel.shape[1]
    temporal = tf.transpose(tf.reshape(first.kernel.value, [taps, filters]))
    spatial = tf.convert_to_tensor(last.kernel.value)
    padding = first.padding.upper()
    bias = None if first.bias is None else tf.convert_to_tensor(first.bias.value)

    scale, shift = None, bias
    if norm is not None:
        if live:
            mean, variance = statistics_of(
                temporal, bias, *window_moments(x, taps, padding, writer)
            )
            update_moving(norm, mean, variance)
        else:
            mean, variance = norm.moving_mean.value, norm.moving_variance.value
        scale = value_of(norm.gamma, filters, 1.0) * tf.math.rsqrt(variance + norm.epsilon)
        offset = -mean if bias is None else bias - mean
        shift = value_of(norm.beta, filters, 0.0) + offset * scale

    channels = filters * width
    u = tf.raw_ops.Conv2D(
        input=x,
        filter=tf.reshape(spatial, [height, 1, 1, channels]),
        strides=[1, 1, 1, 1],
        padding="VALID",
    )
    z = tf.raw_ops.DepthwiseConv2dNative(
        input=u,
        filter=_depthwise_filter(temporal, scale, width),
        strides=[1, 1, 1, 1],
        padding=padding,
    )
    mixes = isinstance(last, keras.layers.Conv2D)  # its outputs sum over the filters
    if mixes:
        batch, _, length, _ = z.shape
        z = tf.reduce_sum(tf.reshape(z, [batch, length, filters, width]), 2)
        z = tf.reshape(z, [batch, 1, length, width])
    added = [] if last.bias is None else [tf.convert_to_tensor(last.bias.value)]
    if shift is not None:
        totals = tf.reduce_sum(tf.reshape(spatial, [height, filters, width]), 0)
        shifts = tf.reshape(shift, [filters, 1]) * totals
        added.append(tf.reduce_sum(shifts, 0) if mixes else tf.reshape(shifts, [channels]))
    return z + tf.add_n(added) if added else z


def _depthwise_filter(temporal: tf.Tensor, scale: tf.Tensor | None, times: int) -> tf.Tensor:
    """[F, K], scaled by [F], to a depthwise filter [1, K, F*times, 1], each ``times`` times."""
    filters, taps = temporal.shape
    factors = tf.ones([filters, times])
    if scale is not None:
        factors = tf.reshape(scale, [filters, 1]) * factors
    if scale is not None or times > 1:
        each = tf.reshape(factors, [filters, times, 1])
        temporal = tf.reshape(temporal, [filters, 1, taps]) * each
    columns = tf.transpose(tf.reshape(temporal, [filters * times, taps]))
    return tf.reshape(columns, [1, taps, filters * times, 1])
