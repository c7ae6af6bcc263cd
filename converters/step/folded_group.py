# SPDX-License-Identifier: Apache-2.0
"""A convolution and the group normalisation behind it in one convolution.

The norm of a sample is affine for each filter, with the statistics of its groups: filters a_bf w_f
and biases c_bf, of each sample its own. Mean and variance of w_f * x_b come from the moments of the
windows of x_b (step/windows.py) without computing w_f * x_b; those of a group are merged from its
filters' as by Chan, Golub and LeVeque (1983), equation 2.1. Backward, filters and biases of each
sample have gradients as any have, and these few numbers lead through the closed form to w_f: no
pass over the activation is left, in neither direction. TensorFlow differentiates this as it stands.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from converters.gradients.sample_filters import SampleFilters
from converters.gradients.writer import Writer
from converters.step.layers import value_of
from converters.step.variances import statistics_of_samples
from converters.step.windows import moments_of_samples


def folded_group(
    conv: keras.layers.Layer, norm: keras.layers.Layer, x: tf.Tensor, *, writer: Writer
) -> tf.Tensor:
    """What ``norm`` gives from the input x [B, H, W, C] of ``conv``, one input channel or a full
    convolution.
    """
    kernel = tf.convert_to_tensor(conv.kernel.value)
    height, width, channels, filters = kernel.shape
    batch, taps = x.shape[0], channels * height * width
    groups = filters if norm.groups == -1 else norm.groups
    grouped = [batch, groups, filters // groups]
    rows = _for_each(
        tf.reshape(tf.transpose(kernel, [3, 2, 0, 1]), [1, filters, taps]), samples=batch
    )

    means, variances = statistics_of_samples(rows, *moments_of_samples(x, conv, writer))
    if conv.bias is not None:
        means += tf.convert_to_tensor(conv.bias.value)
    means, variances = tf.reshape(means, grouped), tf.reshape(variances, grouped)
    mean = tf.reduce_mean(means, 2, keepdims=True)
    apart = means - mean
    variance = tf.reduce_mean(variances + apart * apart, 2, keepdims=True)

    def each(vector: tf.Tensor) -> tf.Tensor:
        return tf.reshape(vector, [1, *grouped[1:]])

    scale = each(value_of(norm.gamma, filters, 1.0)) * tf.math.rsqrt(variance + norm.epsilon)
    offset = -mean if conv.bias is None else each(tf.convert_to_tensor(conv.bias.value)) - mean
    bias = each(value_of(norm.beta, filters, 0.0)) + offset * scale
    filters_of_samples = rows * tf.reshape(scale, [batch, filters, 1])
    return SampleFilters.of(conv, x, writer).convolve(
        x,
        tf.reshape(filters_of_samples, [batch * filters, channels, height, width]),
        tf.reshape(bias, [batch * filters]),
    )


def _for_each(rows: tf.Tensor, *, samples: int) -> tf.Tensor:
    """[1, F, K] to [B, F, K]. Slopes of all that is made of the result meet before they are summed
    over the batch: one sum, not one for each.
    """

    @tf.custom_gradient
    def apply(rows: tf.Tensor):  # type: ignore[no-untyped-def]
        def gradient(slopes: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(slopes, 0, keepdims=True)

        return tf.broadcast_to(rows, [samples, *rows.shape[1:]]), gradient

    return apply(rows)
