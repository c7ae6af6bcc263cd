# SPDX-License-Identifier: Apache-2.0
"""Gradients of average and max pooling, NHWC, overlapping windows and both paddings."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from converters.gradients.geometry import (
    Axis,
    Window,
    pad,
    scatter_by_convolution,
    spread,
    window_of,
)
from converters.gradients.writer import Writer


def avg_pool(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    """dx [B, H, W, C] of y = AvgPool(x); padding does not count, as in TensorFlow."""
    (x,) = op.inputs
    window, options = _pool_window(op, x)
    dx = writer.op(
        "AveragePool2DGrad", lambda dy: _average_gradient(dy, x.shape, window), dy, **options
    )
    dx.set_shape(x.shape)
    return dx


def max_pool(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tf.Tensor:
    """dx [B, H, W, C] of y = MaxPool(x); ties go to the first maximum of a window, as in
    TensorFlow.
    """
    (x,) = op.inputs
    window, options = _pool_window(op, x)
    dx = writer.op(
        "MaxPool2DGrad",
        lambda x, y, dy: _max_gradient(x, y, dy, window),
        x,
        op.outputs[0],
        dy,
        **options,
    )
    dx.set_shape(x.shape)
    return dx


def _pool_window(op: tf.Operation, x: tf.Tensor) -> tuple[Window, dict[str, int | str]]:
    _, kernel_h, kernel_w, _ = op.get_attr("ksize")
    window, padding = window_of(op, x, kernel_h, kernel_w)
    options: dict[str, int | str] = {
        "filter_h": kernel_h,
        "filter_w": kernel_w,
        "stride_h": window.height.stride,
        "stride_w": window.width.stride,
        "padding": padding,
    }
    return window, options


def _tiles(window: Window) -> bool:
    return all(
        a.kernel == a.stride and a.before == a.after == 0 for a in (window.height, window.width)
    )


def _average_gradient(dy: tf.Tensor, shape: tf.TensorShape, window: Window) -> tf.Tensor:
    batch, height, width, channels = shape
    h, w = window.height, window.width
    if _tiles(window):
        share = np.full((1, w.kernel, 1), 1.0 / (h.kernel * w.kernel), np.float32)
        dx = tf.reshape(dy, [batch * h.out * w.out, 1, channels]) * share
        dx = tf.reshape(dx, [batch * h.out, 1, w.out * w.kernel * channels]) * np.ones(
            (1, h.kernel, 1), np.float32
        )
        dx = tf.reshape(dx, [batch, h.out * h.kernel, w.out * w.kernel, channels])
        margins = [[0, 0], [0, height - dx.shape[1]], [0, width - dx.shape[2]], [0, 0]]
        return tf.pad(dx, margins) if any(m[1] for m in margins) else dx
    counts = np.outer(_counts(window.height), _counts(window.width)).astype(np.float32)
    share = dy * (1.0 / counts)[None, :, :, None]
    ones = tf.ones([h.kernel, w.kernel, channels, 1])
    return tf.nn.depthwise_conv2d(
        scatter_by_convolution(share, window), ones, [1, 1, 1, 1], "VALID"
    )


def _counts(axis: Axis) -> np.ndarray:
    """Real (not padded) inputs under each output along one axis."""
    first = np.arange(axis.out) * axis.stride - axis.before
    return np.minimum(first + axis.kernel, axis.size) - np.maximum(first, 0)


def _max_gradient(x: tf.Tensor, y: tf.Tensor, dy: tf.Tensor, window: Window) -> tf.Tensor:
    """One term per tap of the window: where that tap is the first maximum, dy flows to it."""
    h, w = window.height, window.width
    padded = pad(x, window, value=float(np.finfo(np.float32).min))
    batch, padded_h, padded_w, channels = padded.shape
    free: tf.Tensor | None = None
    total: tf.Tensor | None = None
    for i in range(h.kernel):
        for j in range(w.kernel):
            tap = tf.strided_slice(
                padded,
                [0, i, j, 0],
                [batch, i + (h.out - 1) * h.stride + 1, j + (w.out - 1) * w.stride + 1, channels],
                [1, h.stride, w.stride, 1],
            )
            hit = tf.cast(tf.equal(tap, y), tf.float32)
            take = hit if free is None else hit * free
            free = 1.0 - take if free is None else free - take
            term = spread(take * dy, window)
            term = tf.pad(
                term,
                [
                    [0, 0],
                    [i, padded_h - i - term.shape[1]],
                    [j, padded_w - j - term.shape[2]],
                    [0, 0],
                ],
            )
            total = term if total is None else total + term
    assert total is not None
    return total[:, h.before : h.before + h.size, w.before : w.before + w.size, :]
