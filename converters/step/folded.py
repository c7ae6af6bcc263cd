# SPDX-License-Identifier: Apache-2.0
"""A convolution and the BatchNorm behind it in one convolution.

The norm is affine for each filter, a_f y + c_f, so that it is one with filter a_f w_f and bias c_f,
and no pass over the activation is left, in neither direction. In inference, and where the norm is
frozen, a_f and c_f come from moving averages. With live statistics they are those of w * x, had
from the moments of the windows of x (step/windows.py) without computing w * x; the gradients flow
through those few numbers. TensorFlow differentiates this as it stands.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step.layers import convolve, update_moving, value_of
from converters.step.variances import statistics_of
from converters.step.windows import moments_of_windows


def folded(
    conv: keras.layers.Layer,
    norm: keras.layers.Layer,
    x: tf.Tensor,
    *,
    live: bool,
    writer: Writer,
) -> tf.Tensor:
    """What ``norm`` gives from the input x [B, H, W, C] of ``conv``. ``live``: it takes the
    statistics of this batch.
    """
    kernel = tf.convert_to_tensor(conv.kernel.value)
    height, width, channels, last = kernel.shape
    bias = None if conv.bias is None else tf.convert_to_tensor(conv.bias.value)
    filters = conv.output.shape[-1]
    if live:
        # One input channel, or a full convolution: the last axis has all filters.
        each = tf.reshape(tf.transpose(kernel, [3, 2, 0, 1]), [last, channels * height * width])
        mean, variance = statistics_of(each, bias, *moments_of_windows(x, conv, writer))
        update_moving(norm, mean, variance)
    else:
        mean, variance = norm.moving_mean.value, norm.moving_variance.value
    scale = value_of(norm.gamma, filters, 1.0) * tf.math.rsqrt(variance + norm.epsilon)
    offset = -mean if bias is None else bias - mean
    # The filters of a depthwise convolution are those of its channels side by side.
    factors = scale if last == filters else tf.reshape(scale, [channels, last])
    y = convolve(conv, x, kernel * factors)
    return y + (value_of(norm.beta, filters, 0.0) + offset * scale)
