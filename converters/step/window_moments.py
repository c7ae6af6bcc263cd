# SPDX-License-Identifier: Apache-2.0
"""First and second moments of all windows of a signal, without visiting the windows.

A filter w of K taps slides over the rows of x, zero padded to xp, and gives y[t] = sum_k w[k]
xp[t+k]. Mean and variance of y over everything are w.m and w'(R/n - mm')w, where m[k] is the mean
of xp[t+k] and R[j,k] the sum of xp[t+j] xp[t+k]. Over all t, also those where the window hangs over
an end of its row, that sum depends on the lag k - j alone: K sums, which are the gradient of a
filter. What the windows t < 0 and t >= the number of outputs have too much are products of the
first and the last samples of a row, summed along diagonals.

In float32 the variance loses what m m' cancels, as the usual order does in its convolution: with
the rounding of the sums, some 1e-7, times (offset / deviation)^2 of x. Measured on noise of 1/f
spectrum, the worst gradient differs from float64 by this much of its largest value, in brackets in
the usual order:

    offset / deviation    same              valid
    0 and 1               1e-6   (1e-6)     2e-6   (1e-6)
    3                     4e-6   (2e-6)     2e-6   (3e-6)
    10                    2e-5   (9e-6)     8e-5   (4e-5)
    100                   4e-5   (1e-5)     2e-3   (2e-3)

so x should be within 3 deviations of zero, as any high-pass filter leaves it.
"""

from __future__ import annotations

import tensorflow as tf

from converters.gradients.sample_filters import SampleFilters
from converters.gradients.writer import Writer


def window_moments(
    x: tf.Tensor, taps: int, padding: str, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """(m [K], R / n [K, K]) of the windows of x [B, H, T, 1]; no gradient flows to x."""
    batch, height, length, _ = x.shape
    rows = tf.stop_gradient(tf.reshape(x, [batch * height, length]))
    return _moments(rows, taps, padding, writer)


def sample_moments(
    x: tf.Tensor, taps: int, padding: str, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """As ``window_moments`` for each sample: [B, K] and [B, K, K]."""
    batch, height, length, _ = x.shape
    rows = tf.stop_gradient(tf.reshape(x, [batch, height, length]))
    return _moments(rows, taps, padding, writer)


def _moments(
    rows: tf.Tensor, taps: int, padding: str, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """Of rows [N, T]; of rows [B, N, T] those of each sample, here and below."""
    *samples, height, length = rows.shape
    before = (taps - 1) // 2 if padding == "SAME" else 0
    after = taps - 1 - before if padding == "SAME" else 0
    outputs = length + before + after - (taps - 1)
    means = _pad(tf.reduce_mean(rows, -2), 1, before, after)
    means = tf.reshape(means, [*(samples or [1]), 1, -1, 1])
    mean = tf.reshape(tf.nn.avg_pool2d(means, (1, outputs), 1, "VALID"), [*samples, taps])
    products = _products(rows, taps, before, after, writer)
    return mean, products * (1.0 / float(height * outputs))


def moments_macs(rows: int, length: int, taps: int, padding: str) -> int:
    """Multiply-accumulates of window_moments."""
    both = taps - 1 if padding == "SAME" else 2 * (taps - 1)
    ends = ((both + 1) // 2, both // 2)
    return rows * (taps * length + sum(n * n for n in ends))


def _products(rows: tf.Tensor, taps: int, before: int, after: int, writer: Writer) -> tf.Tensor:
    """R [K, K]. Its first row and column are lag sums; a step down a diagonal leaves the first
    window out and takes one more in behind the last.
    """
    *samples, _, length = rows.shape
    lags = _lag_sums(rows, taps, writer)
    steps = tf.zeros([*samples, taps - 1, taps - 1])
    if reach := taps - 1 - after:
        tail = min(reach, length)
        behind = _gram(_cut(rows, 1, length - tail, length), reach - tail, 0)
        lags -= _pad(_diagonal_sums(behind), 1, 0, taps - reach)
        steps += _pad(behind, 2, 0, taps - 1 - reach)
    if reach := taps - 1 - before:
        head = min(reach, length)
        steps -= _gram(_cut(rows, 1, 0, head), before, reach - head)
    first_row = tf.pad(
        tf.reshape(lags, [*samples, 1, taps]), [*_none(samples), [0, taps - 1], [0, 0]]
    )
    first_column = tf.pad(
        tf.reshape(_cut(lags, 1, 1, taps), [*samples, taps - 1, 1]),
        [*_none(samples), [1, 0], [0, taps - 1]],
    )
    matrix = first_row + first_column + _pad(steps, 2, 1, 0)
    shift = 1
    while shift < taps:
        matrix += _pad(_cut(matrix, 2, 0, taps - shift), 2, shift, 0)
        shift *= 2
    return matrix


def _none(axes: list[int]) -> list[list[int]]:
    """No padding, for each of some axes."""
    return [[0, 0]] * len(axes)


def _pad(x: tf.Tensor, axes: int, before: int, after: int) -> tf.Tensor:
    """With zeros around the last axes."""
    return tf.pad(x, [*_none(x.shape[:-axes]), *[[before, after]] * axes])


def _cut(x: tf.Tensor, axes: int, begin: int, end: int) -> tf.Tensor:
    """Elements ``begin`` to ``end`` of each of the last axes."""
    all_of = [slice(None)] * (len(x.shape) - axes)
    return x[(*all_of, *[slice(begin, end)] * axes)]


def _gram(rows: tf.Tensor, before: int, after: int) -> tf.Tensor:
    """Products of rows [N, n], summed over them, with zeros around them: [n + zeros, same]."""
    return _pad(tf.matmul(rows, rows, transpose_a=True), 2, before, after)


def _diagonal_sums(matrix: tf.Tensor) -> tf.Tensor:
    """[n]: sum of matrix[i, i+k] over i. Rows of 2n read as rows of 2n+1 are each shifted by one
    more.
    """
    *samples, size, _ = matrix.shape
    longer = tf.pad(matrix, [*_none(samples), [0, 1], [0, size]])
    flat = _cut(tf.reshape(longer, [*samples, -1]), 1, 0, size * (2 * size + 1))
    shifted = tf.reshape(flat, [*samples, size, 2 * size + 1])
    return _cut(tf.reduce_sum(shifted, -2), 1, 0, size)


def _lag_sums(rows: tf.Tensor, taps: int, writer: Writer) -> tf.Tensor:
    """[K]: sums of x[t] x[t+l] over all t of all rows [N, T]. This is the filter gradient of a
    convolution that has x as input and as slope.
    """
    *samples, count, length = rows.shape
    image = [*(samples or [1]), count, -1, 1]
    padded = tf.reshape(_pad(rows, 1, 0, taps - 1), image)
    filters = SampleFilters.along(padded, taps, writer)
    return tf.reshape(filters.products(padded, tf.reshape(rows, image)), [*samples, taps])
