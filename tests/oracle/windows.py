# SPDX-License-Identifier: Apache-2.0
"""Convolutions spelled out tap by tap in elementary TensorFlow ops, for autodiff to differentiate.

TensorFlow's own CPU kernels have no gradient of a dilated convolution and no depthwise one with
unequal strides.
"""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf


def _axis(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int, int]:
    """(outputs, zeros before, zeros after) by the rules of tf.nn.convolution."""
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID":
        return (size - reach) // stride + 1, 0, 0
    out = (size + stride - 1) // stride
    total = max((out - 1) * stride + reach - size, 0)
    return out, total // 2, total - total // 2


def _taps(
    x: tf.Tensor, w: tf.Tensor, strides: tuple[int, int], dilations: tuple[int, int], padding: str
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """For each tap of the kernel: the inputs [B, OH, OW, C] under it, and its weights."""
    kernel_h, kernel_w = w.shape[:2]
    out_h, top, bottom = _axis(x.shape[1], kernel_h, strides[0], dilations[0], padding)
    out_w, left, right = _axis(x.shape[2], kernel_w, strides[1], dilations[1], padding)
    # Room enough for every tap's strided slice.
    padded = tf.pad(x, [[0, 0], [top, bottom + strides[0]], [left, right + strides[1]], [0, 0]])
    for i in range(kernel_h):
        for j in range(kernel_w):
            y0, x0 = i * dilations[0], j * dilations[1]
            rows = padded[:, y0 : y0 + out_h * strides[0] : strides[0]]
            yield rows[:, :, x0 : x0 + out_w * strides[1] : strides[1]], w[i, j]


def conv2d(
    x: tf.Tensor, w: tf.Tensor, strides: tuple[int, int], dilations: tuple[int, int], padding: str
) -> tf.Tensor:
    """x [B, H, W, Ci], w [KH, KW, Ci, Co] -> [B, OH, OW, Co]."""
    terms = [
        tf.einsum("bhwi,io->bhwo", under, tap)
        for under, tap in _taps(x, w, strides, dilations, padding)
    ]
    return tf.add_n(terms)


def depthwise_conv2d(
    x: tf.Tensor, w: tf.Tensor, strides: tuple[int, int], dilations: tuple[int, int], padding: str
) -> tf.Tensor:
    """x [B, H, W, C], w [KH, KW, C, M] -> [B, OH, OW, C * M]."""
    terms = [
        tf.einsum("bhwc,cm->bhwcm", under, tap)
        for under, tap in _taps(x, w, strides, dilations, padding)
    ]
    y = tf.add_n(terms)
    return tf.reshape(y, [*y.shape[:3], y.shape[3] * y.shape[4]])
