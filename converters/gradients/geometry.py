# SPDX-License-Identifier: Apache-2.0
"""Static geometry of a sliding window (convolution or pooling) along height and width."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class Axis:
    """One spatial axis: ``size`` inputs give ``out`` outputs; ``before``/``after`` zeros pad the
    input.
    """

    size: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    out: int

    @property
    def extent(self) -> int:
        """Inputs spanned by the kernel less one."""
        return (self.kernel - 1) * self.dilation

    @property
    def used(self) -> int:
        """Padded inputs that some output reads."""
        return (self.out - 1) * self.stride + self.extent + 1

    @property
    def padded(self) -> int:
        return self.size + self.before + self.after


def axis(size: int, kernel: int, stride: int, dilation: int, padding: str) -> Axis:
    """TensorFlow's SAME and VALID rules (tf.nn.convolution)."""
    reach = (kernel - 1) * dilation + 1
    if padding == "SAME":
        out = -(-size // stride)
        total = max((out - 1) * stride + reach - size, 0)
        return Axis(size, kernel, stride, dilation, total // 2, total - total // 2, out)
    return Axis(size, kernel, stride, dilation, 0, 0, (size - reach) // stride + 1)


@dataclass(frozen=True)
class Window:
    """Height and width axes of a 2-D window, NHWC."""

    height: Axis
    width: Axis

    @property
    def strides(self) -> list[int]:
        return [1, self.height.stride, self.width.stride, 1]

    def options(self) -> dict[str, int]:
        return {
            "stride_h": self.height.stride,
            "stride_w": self.width.stride,
            "dilation_h": self.height.dilation,
            "dilation_w": self.width.dilation,
        }


def window_of(op: tf.Operation, x: tf.Tensor, kernel_h: int, kernel_w: int) -> tuple[Window, str]:
    """Geometry of a Conv2D, DepthwiseConv2dNative or pooling op, and its padding name."""
    strides = op.get_attr("strides")
    has_dilations = "dilations" in op.node_def.attr
    dilations = op.get_attr("dilations") if has_dilations else [1, 1, 1, 1]
    padding = op.get_attr("padding").decode()
    _, height, width, _ = x.shape
    return (
        Window(
            axis(height, kernel_h, strides[1], dilations[1], padding),
            axis(width, kernel_w, strides[2], dilations[2], padding),
        ),
        padding,
    )


def pad(x: tf.Tensor, window: Window, value: float = 0.0) -> tf.Tensor:
    """x [B, H, W, C] padded to what the window sees: [B, H+, W+, C]."""
    h, w = window.height, window.width
    if h.before + h.after + w.before + w.after == 0:
        return x
    return tf.pad(
        x, [[0, 0], [h.before, h.after], [w.before, w.after], [0, 0]], constant_values=value
    )


def spread(dy: tf.Tensor, window: Window) -> tf.Tensor:
    """dy [B, OH, OW, C] with stride-1 zeros between neighbours: [B, (OH-1)*sh+1, (OW-1)*sw+1, C].

    Reshape and pad only: TFLite has no dilating op that all three runtimes share.
    """
    sh, sw = window.height.stride, window.width.stride
    if sh == 1 and sw == 1:
        return dy
    batch, out_h, out_w, channels = dy.shape
    y = tf.reshape(dy, [batch * out_h, 1, out_w, channels])
    y = tf.pad(y, [[0, 0], [0, sh - 1], [0, 0], [0, 0]])
    y = tf.reshape(y, [batch * out_h * sh * out_w, 1, channels])
    y = tf.pad(y, [[0, 0], [0, sw - 1], [0, 0]])
    y = tf.reshape(y, [batch, out_h * sh, out_w * sw, channels])
    return y[:, : out_h * sh - (sh - 1), : out_w * sw - (sw - 1), :]


def scatter_by_convolution(dy: tf.Tensor, window: Window) -> tf.Tensor:
    """dy spread and padded so that a stride-1 VALID convolution with the flipped kernel yields dx
    [B, H, W, ...].
    """
    y = spread(dy, window)
    margins = []
    for axis_, length in ((window.height, y.shape[1]), (window.width, y.shape[2])):
        margins.append((axis_.extent - axis_.before, axis_.size + axis_.before - length))
    (top, bottom), (left, right) = margins
    crop = [max(-m, 0) for m in (top, bottom, left, right)]
    if any(crop):
        y = y[:, crop[0] : y.shape[1] - crop[1], crop[2] : y.shape[2] - crop[3], :]
    padding = [[max(top, 0), max(bottom, 0)], [max(left, 0), max(right, 0)]]
    if any(sum(padding, [])):
        y = tf.pad(y, [[0, 0], *padding, [0, 0]])
    return y
