# SPDX-License-Identifier: Apache-2.0
"""Dropout whose mask is a hash, the same bits on every runtime.

The mask is a function of (seed, step, sample, layer, index). All products stay below 2^23, so
float32 arithmetic is exact and needs only FLOOR, MUL, SUB and ADD, which every TFLite runtime has.
Cubing modulo the prime 2861 is a bijection (3 does not divide 2860), so each layer of hashing
keeps the values uniform.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from converters.gradients.writer import Writer

PRIME = 2861
"""The largest prime p with 3 not dividing p - 1 for which ``_mod`` is exact in float32 up to p*p +
p.
"""


def _mod(x: tf.Tensor) -> tf.Tensor:
    quotient = tf.floor((x + 0.5) * np.float32(1.0 / PRIME))
    return x - quotient * float(PRIME)


def _cube(v: tf.Tensor) -> tf.Tensor:
    return _mod(_mod(v * v) * v)


def _key(start: int, multiplier: int, words: list[tf.Tensor]) -> tf.Tensor:
    key = tf.constant(float(start % PRIME))
    for word in words:
        key = _cube(_mod(key * float(multiplier) + word + 7.0))
    return key


def _digits(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The two low base-PRIME digits of a non-negative int32 scalar below 8,000,000, as floats."""
    value = tf.cast(x, tf.float32)
    high = tf.floor((value + 0.5) * np.float32(1.0 / PRIME))
    return value - high * float(PRIME), _mod(high)


def _index_hash(count: int, key: tf.Tensor) -> tf.Tensor:
    """[B, count] hashes of 0..count-1 under key [B, 1]."""
    index = np.arange(count)
    low = (index % PRIME).astype(np.float32)[None, :]
    high = (index // PRIME).astype(np.float32)[None, :]
    return _cube(_mod(_cube(_mod(key + low)) + high))


def keep_mask(
    shape: list[int], step: tf.Tensor, seed: tf.Tensor, *, rate: float, layer: int, spatial: bool
) -> tf.Tensor:
    """Float mask of ones and zeros for x of ``shape`` [B, ..., C]; [B, 1, ..., C] when
    ``spatial``.
    """
    batch, *middle, channels = shape
    rows = 1 if spatial else int(np.prod(middle))
    sample = (np.arange(batch) % PRIME).astype(np.float32)[:, None]
    words = [*_digits(seed), *_digits(step), tf.constant(sample)]
    by_row = _index_hash(rows, _key(2 * layer + 1, 31, words))
    by_channel = _index_hash(channels, _key(2 * layer + 2, 57, words))
    uniform = _cube(
        _mod(tf.reshape(by_row, [batch, rows, 1]) + tf.reshape(by_channel, [batch, 1, channels]))
    )
    threshold = float(np.floor(rate * PRIME + 0.5))
    kept = tf.cast(uniform >= threshold, tf.float32)
    full = [batch, *([1] * len(middle)), channels] if spatial else shape
    return tf.reshape(kept, full)


def dropout(
    x: tf.Tensor,
    step: tf.Tensor,
    seed: tf.Tensor,
    *,
    rate: float,
    layer: int,
    spatial: bool,
    writer: Writer,
) -> tf.Tensor:
    """x with elements zeroed at ``rate`` and the rest scaled by 1 / (1 - rate). Its gradient is
    itself, on dy.
    """
    scale = np.float32(1.0 / (1.0 - rate))

    def body(x: tf.Tensor, step: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        mask = keep_mask(x.shape.as_list(), step, seed, rate=rate, layer=layer, spatial=spatial)
        return x * (mask * scale)

    def apply(x: tf.Tensor) -> tf.Tensor:
        return writer.op("Dropout", body, x, step, seed, rate=rate, layer=layer, spatial=spatial)

    @tf.custom_gradient
    def masked(x: tf.Tensor):  # type: ignore[no-untyped-def]
        return apply(x), apply

    return masked(x)
