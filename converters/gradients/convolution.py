# SPDX-License-Identifier: Apache-2.0
"""Gradients of Conv2D and DepthwiseConv2dNative, NHWC, any stride, dilation, padding and
multiplier.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from converters.gradients.geometry import Window, pad, scatter_by_convolution, window_of
from converters.gradients.writer import Option, Writer


def conv2d(op: tf.Operation, dy: tf.Tensor, writer: Writer) -> tuple[tf.Tensor, tf.Tensor]:
    """(dx [B, H, W, Ci], dw [KH, KW, Ci, Co]) of y = Conv2D(x, w)."""
    x, w = op.inputs
    window, padding = window_of(op, x, w.shape[0], w.shape[1])
    options: dict[str, Option] = {**window.options(), "padding": padding}
    dw = writer.op(
        "Conv2DGradFilter", lambda x, dy: _filter_gradient(x, dy, w.shape, window), x, dy, **options
    )
    dx = writer.op(
        "Conv2DGradInput", lambda w, dy: _input_gradient(w, dy, x.shape, window), w, dy, **options
    )
    return _shaped(dx, x), _shaped(dw, w)


def depthwise_conv2d(
    op: tf.Operation, dy: tf.Tensor, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """(dx [B, H, W, C], dw [KH, KW, C, M]) of y = DepthwiseConv2dNative(x, w)."""
    x, w = op.inputs
    window, padding = window_of(op, x, w.shape[0], w.shape[1])
    options: dict[str, Option] = {**window.options(), "padding": padding}
    dw = writer.op(
        "DepthwiseConv2DGradFilter",
        lambda x, dy: _depthwise_filter_gradient(x, dy, w.shape, window),
        x,
        dy,
        **options,
    )
    dx = writer.op(
        "DepthwiseConv2DGradInput",
        lambda w, dy: _depthwise_input_gradient(w, dy, x.shape, window),
        w,
        dy,
        **options,
    )
    return _shaped(dx, x), _shaped(dw, w)


def _shaped(gradient: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    gradient.set_shape(like.shape)
    return gradient


def _is_pointwise(kernel_h: int, kernel_w: int, window: Window) -> bool:
    return kernel_h == kernel_w == 1 and window.height.stride == window.width.stride == 1


def _used(x: tf.Tensor, window: Window) -> tf.Tensor:
    """The padded input, cut to what the outputs read."""
    return pad(x, window)[:, : window.height.used, : window.width.used, :]


def _flip(w: tf.Tensor) -> tf.Tensor:
    """w [KH, KW, ...] turned by 180 degrees. A GATHER: two-axis REVERSE_V2 is wrong in
    tflite-runtime 2.14.
    """
    taps = w.shape[0] * w.shape[1]
    if taps == 1:
        return w
    order = tf.constant(np.arange(taps, dtype=np.int32)[::-1].copy())
    return tf.reshape(tf.gather(tf.reshape(w, [taps, -1]), order), w.shape)


def _filter_gradient(
    x: tf.Tensor, dy: tf.Tensor, shape: tf.TensorShape, window: Window
) -> tf.Tensor:
    """A convolution of x with dy as the kernel: batch and channels change places, stride and
    dilation too.
    """
    kernel_h, kernel_w, in_c, out_c = shape
    if _is_pointwise(kernel_h, kernel_w, window):
        dw = tf.matmul(tf.reshape(x, [-1, in_c]), tf.reshape(dy, [-1, out_c]), transpose_a=True)
        return tf.reshape(dw, shape)
    h, w = window.height, window.width
    dw = tf.nn.conv2d(
        tf.transpose(_used(x, window), [3, 1, 2, 0]),
        tf.transpose(dy, [1, 2, 0, 3]),
        strides=[1, h.dilation, w.dilation, 1],
        padding="VALID",
        dilations=[1, h.stride, w.stride, 1],
    )
    return tf.transpose(dw, [1, 2, 0, 3])


def _input_gradient(
    w: tf.Tensor, dy: tf.Tensor, shape: tf.TensorShape, window: Window
) -> tf.Tensor:
    kernel_h, kernel_w, in_c, out_c = w.shape
    if _is_pointwise(kernel_h, kernel_w, window):
        dx = tf.matmul(tf.reshape(dy, [-1, out_c]), tf.reshape(w, [in_c, out_c]), transpose_b=True)
        return tf.reshape(dx, shape)
    return tf.nn.conv2d(
        scatter_by_convolution(dy, window),
        tf.transpose(_flip(w), [0, 1, 3, 2]),
        strides=1,
        padding="VALID",
        dilations=[1, window.height.dilation, window.width.dilation, 1],
    )


def _spans_height(shape: tf.TensorShape, window: Window) -> bool:
    """EEG's spatial filter: one kernel over all electrodes, nothing along time."""
    kernel_h, kernel_w = shape[0], shape[1]
    h, w = window.height, window.width
    return (
        kernel_w == 1
        and kernel_h == h.size
        and h.dilation == 1
        and h.out == 1
        and h.before == 0
        and w.stride == 1
    )


def _depthwise_filter_gradient(
    x: tf.Tensor, dy: tf.Tensor, shape: tf.TensorShape, window: Window
) -> tf.Tensor:
    kernel_h, kernel_w, channels, multiplier = shape
    batch, _, in_w, _ = x.shape
    h, w = window.height, window.width
    if _spans_height(shape, window):
        columns = batch * in_w
        a = tf.reshape(tf.transpose(x, [3, 1, 0, 2]), [channels, kernel_h, columns])
        b = tf.transpose(tf.reshape(dy, [columns, channels, multiplier]), [1, 0, 2])
        return tf.reshape(tf.transpose(tf.matmul(a, b), [1, 0, 2]), shape)
    # One grouped convolution: channel c convolves its own batch of inputs with its own dy.
    a = tf.reshape(
        tf.transpose(_used(x, window), [1, 2, 3, 0]), [1, h.used, w.used, channels * batch]
    )
    f = tf.transpose(dy, [1, 2, 0, 3])
    dw = tf.nn.conv2d(
        a,
        f,
        strides=[1, h.dilation, w.dilation, 1],
        padding="VALID",
        dilations=[1, h.stride, w.stride, 1],
    )
    return tf.reshape(dw, shape)


def _depthwise_input_gradient(
    w: tf.Tensor, dy: tf.Tensor, shape: tf.TensorShape, window: Window
) -> tf.Tensor:
    kernel_h, kernel_w, channels, multiplier = w.shape
    batch, height, width, _ = shape
    if _spans_height(w.shape, window):
        columns = batch * width
        kernel = tf.transpose(tf.reshape(w, [kernel_h, channels, multiplier]), [1, 0, 2])
        b = tf.transpose(tf.reshape(dy, [columns, channels, multiplier]), [1, 0, 2])
        dx = tf.matmul(kernel, b, transpose_b=True)
        return tf.transpose(tf.reshape(dx, [channels, height, batch, width]), [2, 1, 3, 0])
    y = scatter_by_convolution(dy, window)
    dilations = [window.height.dilation, window.width.dilation]
    if multiplier == 1:
        kernel = _flip(w)
        if dilations == [1, 1]:
            return tf.nn.depthwise_conv2d(y, kernel, [1, 1, 1, 1], "VALID")
        return tf.raw_ops.DepthwiseConv2dNative(
            input=y,
            filter=kernel,
            strides=[1, 1, 1, 1],
            padding="VALID",
            dilations=[1, *dilations, 1],
        )
    # dy holds the M outputs of each channel side by side: a grouped convolution sums them into dx.
    return tf.nn.conv2d(
        y, tf.transpose(_flip(w), [0, 1, 3, 2]), 1, "VALID", dilations=[1, *dilations, 1]
    )
