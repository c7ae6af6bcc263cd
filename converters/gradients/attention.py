# SPDX-License-Identifier: Apache-2.0
"""Scaled dot-product attention (Vaswani et al., arXiv 1706.03762) of several heads, and its
gradient.

Heads lie side by side in a token, [batch, tokens, heads, depth], as projections leave them; the
micro ops take them from there, so that a step transposes nothing.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from converters.gradients.writer import Writer

_HEADS_FIRST = (0, 2, 1, 3)
_NEVER = -1e9


def attention(
    q: tf.Tensor,
    k: tf.Tensor,
    v: tf.Tensor,
    *,
    scale: float,
    causal: bool,
    writer: Writer,
) -> tf.Tensor:
    """y [B, T, H, DV] of q [B, T, H, D], k [B, S, H, D] and v [B, S, H, DV].

    Args:
        q, k, v: projected queries, keys and values.
        scale: of the products of queries and keys.
        causal: query i attends to the keys up to i.
        writer: how both halves are written.
    """

    def forward(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        a, b, c = (tf.transpose(x, _HEADS_FIRST) for x in (q, k, v))
        products = tf.matmul(a, b, transpose_b=True) * scale
        if causal:
            seen = np.tril(np.ones(products.shape[2:], np.float32))
            products += (1.0 - seen) * np.float32(_NEVER)
        p = tf.nn.softmax(products)
        return tf.transpose(tf.matmul(p, c), _HEADS_FIRST), p

    def backward(
        q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, y: tf.Tensor, dy: tf.Tensor, p: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        a, b, c, slope, out = (tf.transpose(x, _HEADS_FIRST) for x in (q, k, v, dy, y))
        mean = tf.reduce_sum(slope * out, -1, keepdims=True)
        dp = p * (tf.matmul(slope, c, transpose_b=True) - mean) * scale
        gradients = (
            tf.matmul(dp, b),
            tf.matmul(dp, a, transpose_a=True),
            tf.matmul(p, slope, transpose_a=True),
        )
        dq, dk, dv = (tf.transpose(x, _HEADS_FIRST) for x in gradients)
        return dp, dq, dk, dv

    @tf.custom_gradient
    def apply(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor):  # type: ignore[no-untyped-def]
        options = {"scale": scale, "causal": causal}
        y, p = writer.op("Attention", forward, q, k, v, **options)

        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            _, dq, dk, dv = writer.op("AttentionGrad", backward, q, k, v, y, dy, p, **options)
            return dq, dk, dv

        return y, gradient

    return apply(q, k, v)
