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

from converters.gradients.writer import Writer


def window_moments(
    x: tf.Tensor, taps: int, padding: str, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """(m [K], R / n [K, K]) of the windows of x [B, H, T, 1]; no gradient flows to x."""
    batch, height, length, _ = x.shape
    before = (taps - 1) // 2 if padding == "SAME" else 0
    after = taps - 1 - before if padding == "SAME" else 0
    outputs = length + before + after - (taps - 1)
    rows = tf.stop_gradient(tf.reshape(x, [batch * height, length]))
    means = tf.reshape(tf.pad(tf.reduce_mean(rows, 0), [[before, after]]), [1, 1, -1, 1])
    mean = tf.reshape(tf.nn.avg_pool2d(means, (1, outputs), 1, "VALID"), [taps])
    products = _products(rows, taps, before, after, writer)
    count = float(batch * height * outputs)
    return mean, products * (1.0 / count)


def moments_macs(rows: int, length: int, taps: int, padding: str) -> int:
    """Multiply-accumulates of window_moments."""
    both = taps - 1 if padding == "SAME" else 2 * (taps - 1)
    ends = ((both + 1) // 2, both // 2)
    return rows * (taps * length + sum(n * n for n in ends))


def _products(rows: tf.Tensor, taps: int, before: int, after: int, writer: Writer) -> tf.Tensor:
    """R [K, K]. Its first row and column are lag sums; a step down a diagonal leaves the first
    window out and takes one more in behind the last.
    """
    length = rows.shape[1]
    lags = _lag_sums(rows, taps, writer)
    steps = tf.zeros([taps - 1, taps - 1])
    if reach := taps - 1 - after:
        tail = min(reach, length)
        behind = _gram(rows[:, length - tail :], reach - tail, 0)
        lags -= tf.pad(_diagonal_sums(behind), [[0, taps - reach]])
        steps += tf.pad(behind, [[0, taps - 1 - reach]] * 2)
    if reach := taps - 1 - before:
        head = min(reach, length)
        steps -= _gram(rows[:, :head], before, reach - head)
    first_row = tf.pad(tf.reshape(lags, [1, taps]), [[0, taps - 1], [0, 0]])
    first_column = tf.pad(tf.reshape(lags[1:], [taps - 1, 1]), [[1, 0], [0, taps - 1]])
    matrix = first_row + first_column + tf.pad(steps, [[1, 0], [1, 0]])
    shift = 1
    while shift < taps:
        matrix += tf.pad(matrix[:-shift, :-shift], [[shift, 0], [shift, 0]])
        shift *= 2
    return matrix


def _gram(samples: tf.Tensor, before: int, after: int) -> tf.Tensor:
    """Products of samples [N, n], summed over rows, with zeros around them: [n + zeros, same]."""
    return tf.pad(tf.matmul(samples, samples, transpose_a=True), [[before, after]] * 2)


def _diagonal_sums(matrix: tf.Tensor) -> tf.Tensor:
    """[n]: sum of matrix[i, i+k] over i. Rows of 2n read as rows of 2n+1 are each shifted by one
    more.
    """
    size = matrix.shape[0]
    flat = tf.reshape(tf.pad(matrix, [[0, 1], [0, size]]), [-1])
    shifted = tf.reshape(flat[: size * (2 * size + 1)], [size, 2 * size + 1])
    return tf.reduce_sum(shifted, 0)[:size]


def _lag_sums(rows: tf.Tensor, taps: int, writer: Writer) -> tf.Tensor:
    """[K]: sums of x[t] x[t+l] over all t of all rows [N, T]. This is the filter gradient of a
    convolution that has x as input and as slope.
    """
    count, length = rows.shape
    padded = tf.pad(rows, [[0, 0], [0, taps - 1]])
    lags = writer.op(
        "Conv2DGradFilter",
        _filter_gradient,
        tf.reshape(padded, [1, count, length + taps - 1, 1]),
        tf.reshape(rows, [1, count, length, 1]),
        stride_h=1,
        stride_w=1,
        dilation_h=1,
        dilation_w=1,
        padding="VALID",
    )
    return tf.reshape(lags, [taps])


def _filter_gradient(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
    """[1, K, 1, 1] of x [1, N, T+K-1, 1] and dy [1, N, T, 1]: rows become channels."""
    signal, kernel = tf.transpose(x, [0, 3, 2, 1]), tf.transpose(dy, [0, 2, 1, 3])
    return tf.reshape(tf.nn.conv2d(signal, kernel, 1, "VALID"), [1, -1, 1, 1])
