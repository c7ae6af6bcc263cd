# SPDX-License-Identifier: Apache-2.0
"""ReLUs, maximum pools and their gradients in NumPy, channels first, also from bits and indices.

Pools have no padding: windows inside the input, at any strides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from converters.graph import Op

Array = np.ndarray
NO_MAXIMUM = 255


def bits(inside: Array) -> Array:
    """Rows of whole bytes, the first element of a byte in its lowest bit."""
    return np.packbits(inside, axis=-1, bitorder="little")


def elements(packed: Array, columns: int) -> Array:
    return np.unpackbits(packed, axis=-1, count=columns, bitorder="little").astype(bool)


def _of_bits(op: Op, packed: Array, dy: Array) -> Array:
    other = op.options["alpha"] * dy if "alpha" in (op.options or {}) else 0.0
    return np.where(elements(packed, dy.shape[-1]), dy, other)


def _windows(op: Op, x: Array) -> Array:
    """x [B, C, H, W] -> [B, C, OH, OW, taps]."""
    o = op.options
    assert o["padding"] == "VALID", o["padding"]
    kernel = (o["filter_h"], o["filter_w"])
    seen = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    seen = seen[:, :, :: o["stride_h"], :: o["stride_w"]]
    return seen.reshape(*seen.shape[:4], -1)


def _pool(op: Op, x: Array) -> Array:
    y = _windows(op, x).max(-1)
    return np.maximum(y, 0) if op.options["activation"] == "RELU" else y


def _indices(op: Op, x: Array, y: Array) -> Array:
    """The first element of each window that is its y."""
    hit = _windows(op, x) == y[..., None]
    return np.where(hit.any(-1), hit.argmax(-1), NO_MAXIMUM).astype(np.uint8)


def _spread(op: Op, indices: Array, dy: Array, shape: tuple[int, ...]) -> Array:
    o = op.options
    dx = np.zeros(shape)
    for at in np.ndindex(indices.shape):
        index = int(indices[at])
        if index < o["filter_h"] * o["filter_w"]:
            row, column = divmod(index, o["filter_w"])
            dx[*at[:2], at[2] * o["stride_h"] + row, at[3] * o["stride_w"] + column] += dy[at]
    return dx


def _pool_gradient(op: Op, inputs: list[Any], shape: tuple[int, ...]) -> Array:
    x, y, dy = inputs
    return _spread(op, _indices(op, x, y), dy, shape)


_Rule = Callable[[Op, list[Any], tuple[int, ...]], Array]
MASKED: dict[str, _Rule] = {
    "RELU6": lambda op, inputs, shape: np.clip(inputs[0], 0, 6),
    "LEAKY_RELU": lambda op, inputs, shape: np.where(
        inputs[0] > 0, inputs[0], op.options.alpha * inputs[0]
    ),
    "BiotrainReluGrad": lambda op, inputs, shape: np.where(inputs[0] > 0, inputs[1], 0.0),
    "BiotrainRelu6Grad": lambda op, inputs, shape: np.where(
        (inputs[0] > 0) & (inputs[0] < 6), inputs[1], 0.0
    ),
    "BiotrainLeakyReluGrad": lambda op, inputs, shape: np.where(
        inputs[0] > 0, inputs[1], op.options["alpha"] * inputs[1]
    ),
    "BiotrainReluBits": lambda op, inputs, shape: bits(inputs[0] > 0),
    "BiotrainRelu6Bits": lambda op, inputs, shape: bits((inputs[0] > 0) & (inputs[0] < 6)),
    "BiotrainReluGradOfBits": lambda op, inputs, shape: _of_bits(op, *inputs),
    "BiotrainLeakyReluGradOfBits": lambda op, inputs, shape: _of_bits(op, *inputs),
    "BiotrainMaxPool2D": lambda op, inputs, shape: _pool(op, inputs[0]),
    "BiotrainMaxPool2DGrad": _pool_gradient,
    "BiotrainMaxPool2DIndices": lambda op, inputs, shape: _indices(op, *inputs),
    "BiotrainMaxPool2DGradOfIndices": lambda op, inputs, shape: _spread(
        op, inputs[0], inputs[1], shape
    ),
}
