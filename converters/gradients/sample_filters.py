# SPDX-License-Identifier: Apache-2.0
"""A convolution in which every sample has filters of its own, and the gradient of these.

In our files it is a BiotrainConv2D with the filters of all samples, one sample after the other; of
a single sample it is the usual one. As builtins it is a grouped convolution: samples are groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from converters.gradients.geometry import Window, axis, pad
from converters.gradients.writer import Option, Writer


@dataclass(frozen=True)
class SampleFilters:
    """Filters [B*F, C, KH, KW] over x [B, H, W, C]; no gradient flows to x. ``window``: how they
    slide, with ``padding``.
    """

    window: Window
    padding: str
    writer: Writer

    @staticmethod
    def of(conv: Any, x: tf.Tensor, writer: Writer) -> SampleFilters:
        """With the kernel size, strides, dilations and padding of a Keras layer."""
        padding = conv.padding.upper()
        sizes = zip(x.shape[1:3], conv.kernel_size, conv.strides, conv.dilation_rate, strict=True)
        height, width = (axis(*each, padding) for each in sizes)
        return SampleFilters(Window(height, width), padding, writer)

    @staticmethod
    def along(x: tf.Tensor, taps: int, writer: Writer) -> SampleFilters:
        """Filters of so many taps along the rows of x, without padding."""
        height, width = axis(x.shape[1], 1, 1, 1, "VALID"), axis(x.shape[2], taps, 1, 1, "VALID")
        return SampleFilters(Window(height, width), "VALID", writer)

    def convolve(self, x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        """y [B, OH, OW, F] with bias [B*F]."""
        x = tf.stop_gradient(x)

        @tf.custom_gradient
        def apply(w: tf.Tensor, bias: tf.Tensor):  # type: ignore[no-untyped-def]
            y = self.writer.op("SampleConv2D", self._forward, x, w, bias, **self._options())

            def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                dbias = tf.reshape(tf.reduce_sum(dy, [1, 2]), bias.shape)
                return self.products(x, dy), dbias

            return y, gradient

        return apply(w, bias)

    def products(self, x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        """The gradient of the filters: sums over the windows of each sample, [B*F, C, KH, KW]."""
        return self.writer.op("SampleConv2DGradFilter", self._backward, x, dy, **self._options())

    def _options(self) -> dict[str, Option]:
        return {**self.window.options(), "padding": self.padding}

    def _forward(self, x: tf.Tensor, w: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        batch, height, width, channels = x.shape
        h, s = self.window.height, self.window.width
        groups = tf.reshape(tf.transpose(x, [1, 2, 0, 3]), [1, height, width, batch * channels])
        y = tf.nn.conv2d(
            pad(groups, self.window),
            tf.transpose(w, [2, 3, 1, 0]),
            strides=[1, h.stride, s.stride, 1],
            padding="VALID",
            dilations=[1, h.dilation, s.dilation, 1],
        )
        y = tf.reshape(y + bias, [h.out, s.out, batch, w.shape[0] // batch])
        return tf.transpose(y, [2, 0, 1, 3])

    def _backward(self, x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        h, s = self.window.height, self.window.width
        batch, channels, filters = x.shape[0], x.shape[3], dy.shape[3]
        used = pad(x, self.window)[:, : h.used, : s.used]
        dw = tf.nn.conv2d(
            tf.transpose(used, [3, 1, 2, 0]),
            tf.reshape(tf.transpose(dy, [1, 2, 0, 3]), [h.out, s.out, 1, batch * filters]),
            strides=[1, h.dilation, s.dilation, 1],
            padding="VALID",
            dilations=[1, h.stride, s.stride, 1],
        )
        shape = [batch * filters, channels, h.kernel, s.kernel]
        return tf.reshape(tf.transpose(dw, [3, 0, 1, 2]), shape)
