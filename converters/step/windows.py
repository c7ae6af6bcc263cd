# SPDX-License-Identifier: Apache-2.0
"""First and second moments of the windows of a convolution, as vectors [C*KH*KW].

Written for two kinds: windows of one column that do not overlap, a pixel or the full height, whose
second moment is the gradient of a pointwise filter with x as input and as slope; and windows along
the lines of one channel (step/window_moments.py). Windows of other kinds would take the product of
all pairs of their elements for every output, which hardly pays.
"""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step import layers
from converters.step.window_moments import moments_macs, window_moments


def has_moments(conv: Any) -> bool:
    """Whether the moments of all windows of ``conv`` are written here, and one window is what
    every filter sees.
    """
    shared = type(conv) is layers.Conv2D or conv.input.shape[-1] == 1
    return shared and (_is_column(conv) or _is_line(conv))


def windows_macs(conv: Any) -> int:
    """Multiply-accumulates of the moments, for one sample."""
    if not _is_column(conv):
        _, height, length, _ = conv.input.shape
        return moments_macs(height, length, conv.kernel.shape[1], conv.padding.upper())
    size = math.prod(conv.kernel.shape[:3])
    positions = math.prod(conv.output.shape[1:3])
    return positions * size * (size + 1)


def moments_of_windows(x: tf.Tensor, conv: Any, writer: Writer) -> tuple[tf.Tensor, tf.Tensor]:
    """(mean [K], mean product [K, K]) of the windows of x [B, H, W, C], K = C*KH*KW in this order;
    no gradient flows to x.
    """
    if not _is_column(conv):
        return window_moments(x, conv.kernel.shape[1], conv.padding.upper(), writer)
    height, _, channels, _ = conv.kernel.shape
    stride_h, stride_w = conv.strides
    x = tf.stop_gradient(x)
    if height > 1:
        x = x[:, :, ::stride_w] if stride_w > 1 else x
        x = tf.transpose(x, [0, 2, 3, 1])
    elif stride_h > 1 or stride_w > 1:
        x = x[:, ::stride_h, ::stride_w]
    batch, size = x.shape[0], height * channels
    windows = tf.reshape(x, [batch, 1, -1, size])
    count = float(batch * windows.shape[2])
    products = writer.op(
        "Conv2DGradFilter",
        _pointwise_gradient,
        windows,
        windows,
        stride_h=1,
        stride_w=1,
        dilation_h=1,
        dilation_w=1,
        padding="VALID",
    )
    mean = tf.reduce_mean(windows, [0, 1, 2])
    return mean, tf.reshape(products, [size, size]) * (1.0 / count)


def _is_column(conv: Any) -> bool:
    height, width = conv.kernel_size
    full = height == conv.input.shape[1] and conv.padding == "valid"
    return width == 1 and (height == 1 or full)


def _is_line(conv: Any) -> bool:
    return (
        conv.kernel_size[0] == 1
        and conv.input.shape[-1] == 1
        and math.prod((*conv.strides, *conv.dilation_rate)) == 1
    )


def _pointwise_gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    """[1, 1, C, M] of x [B, 1, T, C] and dy [B, 1, T, M]."""
    rows, slopes = (tf.reshape(t, [-1, t.shape[-1]]) for t in (x, dy))
    product = tf.matmul(rows, slopes, transpose_a=True)
    return tf.reshape(product, [1, 1, x.shape[-1], dy.shape[-1]])
