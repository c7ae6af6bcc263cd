# SPDX-License-Identifier: Apache-2.0
"""The dropout of the training flatbuffer as a Keras layer, written independently of the converter.

Whether an element is kept is a hash of (seed, step, sample, layer, index) modulo the prime 2861, in
integers, so that Keras and every runtime drop the same elements.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

PRIME = 2861


class HashDropout(keras.layers.Layer):
    """Dropout number `index` of a model; it counts the training steps itself."""

    def __init__(
        self, *, rate: float, index: int, seed: int, spatial: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.index = index
        self.seed = seed
        self.spatial = spatial

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        mask = self._keep_mask(keras.ops.shape(inputs)[0], inputs.shape[1:])
        self.step.assign_add(1)
        scale = np.float32(1.0 / (1.0 - self.rate))
        return inputs * (keras.ops.cast(mask, "float32") * scale)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def _keep_mask(self, batch: Any, shape: tuple[int, ...]) -> Any:
        *middle, channels = shape
        rows = 1 if self.spatial else math.prod(middle)
        sample = keras.ops.arange(batch, dtype="int32") % PRIME
        a = _spread(rows, self._key(2 * self.index + 1, 31, sample))
        b = _spread(channels, self._key(2 * self.index + 2, 57, sample))
        uniform = _cube((a[:, :, None] + b[:, None, :]) % PRIME)
        keep = uniform >= math.floor(self.rate * PRIME + 0.5)
        ones = [1] * len(middle)
        return keras.ops.reshape(keep, (batch, *(ones if self.spatial else middle), channels))

    def _key(self, start: int, multiplier: int, sample: Any) -> Any:
        step = keras.ops.convert_to_tensor(self.step)
        words = (
            self.seed % PRIME,
            (self.seed // PRIME) % PRIME,
            step % PRIME,
            (step // PRIME) % PRIME,
            sample,
        )
        key: Any = start % PRIME
        for word in words:
            key = _cube((key * multiplier + word + 7) % PRIME)
        return key


def _cube(value: Any) -> Any:
    return value * value % PRIME * value % PRIME


def _spread(count: int, key: Any) -> Any:
    """(batch, count) hashes of 0 to count - 1 under the key of each sample."""
    index = np.arange(count, dtype=np.int32)
    low, high = (index % PRIME)[None, :], (index // PRIME)[None, :]
    return _cube((_cube((low + key[:, None]) % PRIME) + high) % PRIME)
