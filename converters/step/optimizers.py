# SPDX-License-Identifier: Apache-2.0
"""SGD with and without momentum, with Keras's constraints applied after each update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from converters.gradients.update import sgd, sgd_momentum
from converters.gradients.writer import Writer
from converters.step.options import StepOptions

DEFAULT_LEARNING_RATE = 0.01
DEFAULT_MOMENTUM = 0.9


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent; heavy-ball when ``momentum`` is positive."""

    learning_rate: float
    momentum: float

    @property
    def name(self) -> str:
        return "momentum" if self.momentum else "sgd"

    def state(self, variable: keras.Variable) -> tf.Variable | None:
        """The momentum buffer of one variable, zero at first."""
        if not self.momentum:
            return None
        return tf.Variable(
            tf.zeros(variable.shape), trainable=False, name=f"{variable.path}/momentum"
        )

    def apply(
        self,
        variable: keras.Variable,
        state: tf.Variable | None,
        gradient: tf.Tensor,
        writer: Writer,
    ) -> None:
        """Assign the new value, constraint applied, and the new state."""
        value = tf.convert_to_tensor(variable.value)
        if state is None:
            updated = sgd(value, gradient, learning_rate=self.learning_rate, writer=writer)
        else:
            updated, velocity = sgd_momentum(
                value,
                state.read_value(),
                gradient,
                learning_rate=self.learning_rate,
                momentum=self.momentum,
                writer=writer,
            )
            state.assign(velocity)
        if variable.constraint is not None:
            updated = variable.constraint(updated)
        variable.value.assign(updated)


def choose_optimizer(options: StepOptions, model: keras.Model) -> tuple[Sgd, str]:
    """The optimiser and where it came from: the options, else the model's compiled SGD, else the
    defaults.
    """
    compiled: Any = getattr(model, "optimizer", None)
    learning_rate, momentum, origin = DEFAULT_LEARNING_RATE, DEFAULT_MOMENTUM, "default"
    if _is_plain_sgd(compiled):
        learning_rate, momentum = float(compiled.learning_rate.numpy()), float(compiled.momentum)
        origin = "compiled into the model"
    elif compiled is not None:
        kind = type(compiled).__name__
        origin = f"default (the model was compiled with {kind}, which is not trained with here)"
    if options.optimizer == "sgd":
        momentum, origin = 0.0, "--optimizer"
    elif options.optimizer == "momentum":
        momentum, origin = momentum or DEFAULT_MOMENTUM, "--optimizer"
    if options.momentum is not None:
        momentum = options.momentum
    if options.learning_rate is not None:
        learning_rate = options.learning_rate
    return Sgd(learning_rate, momentum), origin


def _is_plain_sgd(optimizer: Any) -> bool:
    """Heavy-ball SGD at a constant rate: what the device can continue. A schedule is not."""
    if not isinstance(optimizer, keras.optimizers.SGD) or optimizer.nesterov:
        return False
    return isinstance(optimizer.learning_rate, keras.Variable)
