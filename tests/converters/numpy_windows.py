# SPDX-License-Identifier: Apache-2.0
"""Convolutions, pools and their gradients in NumPy, tap by tap, channels last; what is channels
first is turned round before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from converters.graph import Op

Array = np.ndarray
TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)
FILTER_TO_KERAS = {False: (2, 3, 1, 0), True: (2, 3, 0, 1)}
FILTER_TO_KERNEL = {False: (3, 2, 0, 1), True: (2, 3, 0, 1)}
_PADDINGS = ("SAME", "VALID")


@dataclass(frozen=True)
class _Slide:
    """One filter over one input: ``taps`` gives, for each tap, which outputs see which inputs."""

    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: str

    def taps(
        self, size: tuple[int, ...], kernel: tuple[int, ...], out: tuple[int, ...]
    ) -> Iterator[tuple[int, int, Any, Any]]:
        """(i, j, outputs, inputs): index arrays of rows and columns."""
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                rows = self._along(0, i, size[0], kernel[0], out[0])
                columns = self._along(1, j, size[1], kernel[1], out[1])
                yield i, j, np.ix_(rows[0], columns[0]), np.ix_(rows[1], columns[1])

    def _along(self, axis: int, tap: int, size: int, kernel: int, out: int) -> tuple[Any, Any]:
        stride, dilation = self.strides[axis], self.dilations[axis]
        missing = (out - 1) * stride + (kernel - 1) * dilation + 1 - size
        before = max(missing, 0) // 2 if self.padding == "SAME" else 0
        outputs = np.arange(out)
        inputs = outputs * stride + tap * dilation - before
        inside = (inputs >= 0) & (inputs < size)
        return outputs[inside], inputs[inside]


def windowed(op: Op, inputs: list[Any], shape: tuple[int, ...], first: bool) -> Array:
    """The result of a convolution or average pool, or of a gradient of one, of shape ``shape``."""
    depthwise = "epthwise" in op.kind or "DEPTHWISE" in op.kind
    slide = _slide(op)
    if not op.custom:
        return _builtin(op, slide, inputs, shape, depthwise)

    def last(x: Array) -> Array:
        return x.transpose(TO_LAST) if first else x

    def back(y: Array) -> Array:
        return y.transpose(TO_FIRST) if first else y

    def keras(w: Array) -> Array:
        return w.transpose(FILTER_TO_KERAS[depthwise]) if first else w

    out = tuple(np.empty(shape).transpose(TO_LAST).shape) if first else shape
    if op.kind.endswith("GradFilter"):
        w_shape = keras(np.empty(shape)).shape
        dw = _filter_gradient(slide, last(inputs[0]), last(inputs[1]), w_shape, depthwise)
        return dw.transpose(FILTER_TO_KERNEL[depthwise]) if first else dw
    if op.kind.endswith("GradInput"):
        return back(_input_gradient(slide, keras(inputs[0]), last(inputs[1]), out, depthwise))
    if op.kind == "BiotrainAveragePool2D":
        kernel = (op.options["filter_h"], op.options["filter_w"])
        return back(_average(slide, last(inputs[0]), kernel, out))
    assert op.kind in ("BiotrainConv2D", "BiotrainDepthwiseConv2D"), op.kind
    return back(_forward(slide, last(inputs[0]), keras(inputs[1]), out, depthwise))


def _builtin(
    op: Op, slide: _Slide, inputs: list[Any], shape: tuple[int, ...], depthwise: bool
) -> Array:
    if op.kind == "AVERAGE_POOL_2D":
        kernel = (op.options.filterHeight, op.options.filterWidth)
        return _average(slide, inputs[0], kernel, shape)
    x, w, bias = inputs
    w = w.reshape(*w.shape[1:3], x.shape[3], -1) if depthwise else w.transpose(1, 2, 3, 0)
    return _forward(slide, x, w, shape, depthwise) + bias


def _slide(op: Op) -> _Slide:
    o = op.options
    if op.custom:
        dilations = (o.get("dilation_h", 1), o.get("dilation_w", 1))
        return _Slide((o["stride_h"], o["stride_w"]), dilations, o["padding"])
    dilations = (getattr(o, "dilationHFactor", 1), getattr(o, "dilationWFactor", 1))
    return _Slide((o.strideH, o.strideW), dilations, _PADDINGS[o.padding])


def _forward(s: _Slide, x: Array, w: Array, shape: tuple[int, ...], depthwise: bool) -> Array:
    y = np.zeros(shape)
    for i, j, outputs, inputs in s.taps(x.shape[1:3], w.shape[:2], shape[1:3]):
        seen = x[:, inputs[0], inputs[1]]
        product = np.einsum("bhwc,cm->bhwcm", seen, w[i, j]) if depthwise else seen @ w[i, j]
        y[:, outputs[0], outputs[1]] += product.reshape(*seen.shape[:3], shape[3])
    return y


def _filter_gradient(
    s: _Slide, x: Array, dy: Array, shape: tuple[int, ...], depthwise: bool
) -> Array:
    dw = np.zeros(shape)
    for i, j, outputs, inputs in s.taps(x.shape[1:3], shape[:2], dy.shape[1:3]):
        seen, slope = x[:, inputs[0], inputs[1]], dy[:, outputs[0], outputs[1]]
        if depthwise:
            slope = slope.reshape(*slope.shape[:3], *shape[2:])
            dw[i, j] = np.einsum("bhwc,bhwcm->cm", seen, slope)
        else:
            dw[i, j] = np.einsum("bhwc,bhwo->co", seen, slope)
    return dw


def _input_gradient(
    s: _Slide, w: Array, dy: Array, shape: tuple[int, ...], depthwise: bool
) -> Array:
    dx = np.zeros(shape)
    for i, j, outputs, inputs in s.taps(shape[1:3], w.shape[:2], dy.shape[1:3]):
        slope = dy[:, outputs[0], outputs[1]]
        if depthwise:
            slope = slope.reshape(*slope.shape[:3], *w.shape[2:])
            part = np.einsum("bhwcm,cm->bhwc", slope, w[i, j])
        else:
            part = slope @ w[i, j].T
        dx[:, inputs[0], inputs[1]] += part
    return dx


def _average(s: _Slide, x: Array, kernel: tuple[int, int], shape: tuple[int, ...]) -> Array:
    total, count = np.zeros(shape), np.zeros(shape)
    for _, _, outputs, inputs in s.taps(x.shape[1:3], kernel, shape[1:3]):
        total[:, outputs[0], outputs[1]] += x[:, inputs[0], inputs[1]]
        count[:, outputs[0], outputs[1]] += 1
    return total / count
