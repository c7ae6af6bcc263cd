# SPDX-License-Identifier: Apache-2.0
"""GELU (Hendrycks & Gimpel, arXiv 1606.08415): x times the probability that a normal number is
below x, and with tanh in its place. TFLite has no error function, so both halves are written out.
"""

from __future__ import annotations

import math

import tensorflow as tf

from converters.gradients.writer import Writer

_AT = 0.28
_FIT = (
    0.11605643481016159,
    0.07052398473024368,
    0.2610973119735718,
    -0.22701065242290497,
    0.3835558593273163,
    -0.10422290861606598,
)
"""The probability of more than a, over exp(-a^2 / 2), as a polynomial without a constant in 1 / (1
+ 0.28 a): a minimax fit to 3e-8 of the probability. kernels/gelu.cc has the same numbers.
"""
_FIRST = math.sqrt(2.0 / math.pi)
_THIRD = _FIRST * 0.044715


def gelu(x: tf.Tensor, *, approximate: bool, writer: Writer) -> tf.Tensor:
    """``approximate``: with tanh. The gradient is in terms of x."""
    name = "GeluTanh" if approximate else "Gelu"
    forward, backward = (_tanh_form, _tanh_slope) if approximate else (_exact, _exact_slope)

    @tf.custom_gradient
    def apply(x: tf.Tensor):  # type: ignore[no-untyped-def]
        def gradient(dy: tf.Tensor) -> tf.Tensor:
            return writer.op(f"{name}Grad", lambda x, dy: dy * backward(x), x, dy)

        return writer.op(name, forward, x), gradient

    return apply(x)


def _tail(a: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """At a >= 0: the probability of more than a, and the density at a."""
    t = 1.0 / (a * _AT + 1.0)
    sum_ = t * _FIT[-1]
    for coefficient in reversed(_FIT[:-1]):
        sum_ = (sum_ + coefficient) * t
    falls = tf.exp(a * a * -0.5)
    return sum_ * falls, falls * (1.0 / math.sqrt(2.0 * math.pi))


def _exact(x: tf.Tensor) -> tf.Tensor:
    a = tf.abs(x)
    return tf.maximum(x, 0.0) - a * _tail(a)[0]


def _exact_slope(x: tf.Tensor) -> tf.Tensor:
    a = tf.abs(x)
    beyond, density = _tail(a)
    below = tf.cast(x < 0.0, tf.float32)
    return (1.0 - below) + (1.0 - 2.0 * below) * (a * density - beyond)


def _argument(x: tf.Tensor) -> tf.Tensor:
    return tf.tanh(x * (x * x * _THIRD + _FIRST))


def _tanh_form(x: tf.Tensor) -> tf.Tensor:
    half = x * 0.5
    return half + half * _argument(x)


def _tanh_slope(x: tf.Tensor) -> tf.Tensor:
    t = _argument(x)
    return (1.0 + t) * 0.5 + x * 0.5 * (1.0 - t * t) * (x * x * (3.0 * _THIRD) + _FIRST)
