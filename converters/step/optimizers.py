# SPDX-License-Identifier: Apache-2.0
"""SGD, momentum, Adam and AdamW as Keras computes them, constraints applied after each update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from converters.gradients import update
from converters.gradients.update import StepRule, step_factors
from converters.gradients.writer import Writer

ADAPTIVE = ("adam", "adamw")


@dataclass
class Moved:
    """A variable that moves, with the states that it has. ``channels``: those of its last axis
    that move, if not all do; ``turn``: the update at which it does, if they take turns.
    """

    variable: keras.Variable
    states: dict[str, tf.Variable] = field(default_factory=dict)
    channels: tuple[bool, ...] | None = None
    turn: int = 0


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """``schedule_steps``: of a cosine to zero, 0 for a constant rate; ``clip_norm``: of all
    gradients together, 0 for none; ``accumulate``: training steps for one update; ``turns``: how
    many groups of variables move one after the other.
    """

    name: str
    learning_rate: float
    momentum: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    schedule_steps: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    accumulate: int = 1
    turns: int = 1

    @property
    def is_plain(self) -> bool:
        """Every step is the same: only then may a sum of gradients build up in the momentum."""
        changes = self.schedule_steps or self.weight_decay or self.clip_norm
        once = self.accumulate == self.turns == 1
        return once and not changes and self.name not in ADAPTIVE

    def state_names(self) -> list[str]:
        names = ["momentum", "velocity"] if self.name in ADAPTIVE else []
        names += ["momentum"] if self.name not in ADAPTIVE and self.momentum else []
        return names + (["gradient"] if self.accumulate > 1 else [])

    def moved(self, variable: keras.Variable) -> Moved:
        """With states of zeros."""
        states = {
            name: tf.Variable(
                tf.zeros(variable.shape), trainable=False, name=f"{variable.path}/{name}"
            )
            for name in self.state_names()
        }
        return Moved(variable, states)

    def apply(
        self,
        moved: Sequence[Moved],
        gradients: Sequence[tf.Tensor],
        step: tf.Variable,
        writer: Writer,
    ) -> None:
        """Assign new values and states to all variables; ``step``: how many steps were before."""
        masked = [
            g if m.channels is None else g * tf.constant(m.channels, tf.float32)
            for m, g in zip(moved, gradients, strict=True)
        ]
        if self.is_plain:
            for one, gradient in zip(moved, masked, strict=True):
                self._assign(one, self._plain(one, gradient, writer))
            return
        if self.accumulate > 1:
            sums = [
                m.states["gradient"].read_value() + g for m, g in zip(moved, masked, strict=True)
            ]
        else:
            sums = masked
        norm = None
        if self.clip_norm and sums:
            norm = tf.add_n([update.square_sum(g, writer) for g in sums])
        number = step.read_value()
        factors = {
            turn: step_factors(number, norm, self._rule(turn), writer)
            for turn in sorted({m.turn for m in moved})
        }
        for one, total in zip(moved, sums, strict=True):
            of_step, hold = factors[one.turn]
            self._assign(one, self._of_step(one, total, of_step, writer), of_step)
            if self.accumulate > 1:
                one.states["gradient"].assign(total * hold)

    def _rule(self, turn: int) -> StepRule:
        adaptive = self.name in ADAPTIVE
        return StepRule(
            learning_rate=self.learning_rate,
            schedule_steps=self.schedule_steps,
            beta_1=self.beta_1 if adaptive else 0.0,
            beta_2=self.beta_2 if adaptive else 0.0,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            accumulate=self.accumulate,
            turns=self.turns,
            turn=turn,
        )

    def _plain(self, one: Moved, gradient: tf.Tensor, writer: Writer) -> tf.Tensor:
        value = tf.convert_to_tensor(one.variable.value)
        if not self.momentum:
            return update.sgd(value, gradient, learning_rate=self.learning_rate, writer=writer)
        new, velocity = update.sgd_momentum(
            value,
            one.states["momentum"].read_value(),
            gradient,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            writer=writer,
        )
        one.states["momentum"].assign(velocity)
        return new

    def _of_step(
        self, one: Moved, gradient: tf.Tensor, factors: tf.Tensor, writer: Writer
    ) -> tf.Tensor:
        value, states = tf.convert_to_tensor(one.variable.value), one.states
        if self.name in ADAPTIVE:
            new, mean, variance = update.adam(
                value,
                states["momentum"].read_value(),
                states["velocity"].read_value(),
                gradient,
                factors,
                beta_1=self.beta_1,
                beta_2=self.beta_2,
                epsilon=self.epsilon,
                writer=writer,
            )
            states["momentum"].assign(mean)
            states["velocity"].assign(variance)
            return new
        if not self.momentum:
            return update.sgd_of_step(value, gradient, factors, writer)
        new, velocity = update.sgd_momentum_of_step(
            value,
            states["momentum"].read_value(),
            gradient,
            factors,
            momentum=self.momentum,
            writer=writer,
        )
        states["momentum"].assign(velocity)
        return new

    def _assign(self, one: Moved, new: tf.Tensor, factors: tf.Tensor | None = None) -> None:
        """What does not move keeps its bits: a constraint rounds, and decay takes from all."""
        variable, old = one.variable, tf.convert_to_tensor(one.variable.value)
        constrained = variable.constraint is not None
        if constrained:
            new = variable.constraint(new)
        if one.channels is not None and (constrained or self.weight_decay):
            # Exact for finite numbers; a choice by element is one more op of the runner.
            chosen = tf.constant(one.channels, tf.float32)
            new = new * chosen + old * (1.0 - chosen)
        if constrained and self.turns > 1 and factors is not None:
            new = tf.where(tf.reshape(factors[3:], []) > 0.5, new, old)
        variable.value.assign(new)
