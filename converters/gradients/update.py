# SPDX-License-Identifier: Apache-2.0
"""The optimisers' updates, in the order of operations of keras.optimizers."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import tensorflow as tf

from converters.gradients.writer import Writer


def sgd(w: tf.Tensor, g: tf.Tensor, *, learning_rate: float, writer: Writer) -> tf.Tensor:
    """w - learning_rate * g."""
    return writer.op("Sgd", lambda w, g: w - g * learning_rate, w, g, learning_rate=learning_rate)


def sgd_momentum(
    w: tf.Tensor,
    m: tf.Tensor,
    g: tf.Tensor,
    *,
    learning_rate: float,
    momentum: float,
    writer: Writer,
) -> tuple[tf.Tensor, tf.Tensor]:
    """(w + m', m') with m' = momentum * m - learning_rate * g."""

    def body(w: tf.Tensor, m: tf.Tensor, g: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        velocity = m * momentum - g * learning_rate
        return w + velocity, velocity

    return writer.op("SgdMomentum", body, w, m, g, learning_rate=learning_rate, momentum=momentum)


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """What an update depends on besides weights and gradients; see
    tflm_train/kernels/step_factors.h. Zero: no schedule, no bias correction, no clipping.
    """

    learning_rate: float
    schedule_steps: int = 0
    beta_1: float = 0.0
    beta_2: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    turns: int = 1
    turn: int = 0


def step_factors(
    step: tf.Tensor, square_norm: tf.Tensor | None, rule: StepRule, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """(rate, kept part of a weight, scale of the gradient, whether the step is active) in one
    vector, and what sums of gradients are multiplied with after it. ``square_norm``: of the sums.
    """

    def body(step: tf.Tensor, *square_norm: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        number = tf.cast(step, tf.float32)
        update = tf.floor(number / rule.accumulate)
        rate = _rate(number, rule)
        keep = 1.0 - rate * rule.weight_decay
        if rule.beta_2:
            corrected = [
                1.0 - tf.exp((update + 1.0) * math.log(np.float32(beta)))
                for beta in (rule.beta_1, rule.beta_2)
            ]
            rate = rate * tf.sqrt(corrected[1]) / corrected[0]
        scale = tf.constant(1.0 / rule.accumulate)
        if square_norm:
            norm = tf.sqrt(square_norm[0]) * scale
            scale = scale * rule.clip_norm / tf.maximum(norm, rule.clip_norm)
        ends = _is(number - update * rule.accumulate, rule.accumulate - 1)
        turn = _is(update - tf.floor(update / rule.turns) * rule.turns, rule.turn)
        factors = [tf.reshape(f, [1]) for f in (rate, keep, scale, ends * turn)]
        return tf.concat(factors, 0), 1.0 - ends

    given = [] if square_norm is None else [square_norm]
    return writer.op("StepFactors", body, step, *given, **asdict(rule))


def _is(value: tf.Tensor, wanted: int) -> tf.Tensor:
    """1 where a whole number is ``wanted``, else 0."""
    return 1.0 - tf.minimum(tf.abs(value - float(wanted)), 1.0)


def _rate(number: tf.Tensor, rule: StepRule) -> tf.Tensor:
    """keras.optimizers.schedules.CosineDecay."""
    if not rule.schedule_steps:
        return tf.constant(rule.learning_rate)
    done = tf.minimum(number, float(rule.schedule_steps)) / float(rule.schedule_steps)
    return (0.5 * rule.learning_rate) * (1.0 + tf.cos(math.pi * done))


def square_sum(x: tf.Tensor, writer: Writer) -> tf.Tensor:
    """Of all elements, a scalar."""
    return writer.op("SquareSum", lambda x: tf.reduce_sum(tf.square(x)), x)


def _factors(factors: tf.Tensor) -> list[tf.Tensor]:
    return [tf.reshape(f, []) for f in tf.split(factors, 4)]


def _where(active: tf.Tensor, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """Not by arithmetic: what does not move keeps its bits."""
    return tf.where(active > 0.5, new, old)


def sgd_of_step(w: tf.Tensor, g: tf.Tensor, factors: tf.Tensor, writer: Writer) -> tf.Tensor:
    """keep * w - rate * scale * g, where the step is active."""

    def body(w: tf.Tensor, g: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        rate, keep, scale, active = _factors(factors)
        return _where(active, w * keep - g * (rate * scale), w)

    return writer.op("SgdOfStep", body, w, g, factors)


def sgd_momentum_of_step(
    w: tf.Tensor, m: tf.Tensor, g: tf.Tensor, factors: tf.Tensor, *, momentum: float, writer: Writer
) -> tuple[tf.Tensor, tf.Tensor]:
    """(keep * w + m', m') with m' = momentum * m - rate * scale * g, where the step is active."""

    def body(
        w: tf.Tensor, m: tf.Tensor, g: tf.Tensor, factors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        rate, keep, scale, active = _factors(factors)
        velocity = m * momentum - g * (rate * scale)
        return _where(active, w * keep + velocity, w), _where(active, velocity, m)

    return writer.op("SgdMomentumOfStep", body, w, m, g, factors, momentum=momentum)


def adam(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    factors: tf.Tensor,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    writer: Writer,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Weights and moments after a step of Adam; ``rate`` has the bias correction."""

    def body(
        w: tf.Tensor, m: tf.Tensor, v: tf.Tensor, g: tf.Tensor, factors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rate, keep, scale, active = _factors(factors)
        g = g * scale
        mean = m + (g - m) * (1.0 - beta_1)
        variance = v + (g * g - v) * (1.0 - beta_2)
        moved = w * keep - mean * rate / (tf.sqrt(variance) + epsilon)
        return (_where(active, moved, w), _where(active, mean, m), _where(active, variance, v))

    return writer.op(
        "Adam", body, w, m, v, g, factors, beta_1=beta_1, beta_2=beta_2, epsilon=epsilon
    )
