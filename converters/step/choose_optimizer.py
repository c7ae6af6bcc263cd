# SPDX-License-Identifier: Apache-2.0
"""Which optimiser trains: the one asked for, else the one that the model was compiled with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras

from converters.step.optimizers import ADAPTIVE, Optimizer
from converters.step.options import StepOptions

DEFAULT_LEARNING_RATE = {"sgd": 0.01, "momentum": 0.01, "adam": 0.001, "adamw": 0.001}
DEFAULT_MOMENTUM = 0.9
DEFAULT_DECAY = 0.004
"""Of AdamW, as in Keras."""


def choose_optimizer(options: StepOptions, model: keras.Model) -> tuple[Optimizer, str]:
    """The optimiser and where it came from: the options, else the model's compiled one, else the
    defaults.
    """
    compiled: Any = getattr(model, "optimizer", None)
    found = _continued(compiled)
    origin = "compiled into the model"
    if found is None:
        found, origin = _default("momentum"), "default"
        if compiled is not None:
            kind = type(compiled).__name__
            origin = f"default (the model was compiled with {kind}, which is not trained with here)"
    if options.optimizer is not None:
        found, origin = _asked_for(options.optimizer, found), "--optimizer"
    given: dict[str, Any] = {
        "learning_rate": options.learning_rate,
        "weight_decay": options.weight_decay,
        "clip_norm": options.clip_norm,
        "accumulate": options.accumulate,
    }
    found = replace(found, **{name: value for name, value in given.items() if value is not None})
    if options.schedule is not None:
        found = replace(found, schedule_steps=options.schedule_steps or 0)
    if options.momentum is not None and found.name not in ADAPTIVE:
        name = "momentum" if options.momentum else "sgd"
        found = replace(found, name=name, momentum=options.momentum)
    return found, origin


def _default(name: str) -> Optimizer:
    return Optimizer(
        name=name,
        learning_rate=DEFAULT_LEARNING_RATE[name],
        momentum=DEFAULT_MOMENTUM if name == "momentum" else 0.0,
        weight_decay=DEFAULT_DECAY if name == "adamw" else 0.0,
    )


def _asked_for(name: str, found: Optimizer) -> Optimizer:
    """``found`` as far as it is of the kind."""
    if (name in ADAPTIVE) != (found.name in ADAPTIVE):
        return _default(name)
    if name == "adamw":
        return replace(found, name=name, weight_decay=found.weight_decay or DEFAULT_DECAY)
    if name in ("adam", "sgd"):
        return replace(found, name=name, momentum=0.0)
    return replace(found, name=name, momentum=found.momentum or DEFAULT_MOMENTUM)


def _continued(compiled: Any) -> Optimizer | None:
    """What the device can go on with: one at a constant rate, without Nesterov or AMSGrad,
    clipping of single gradients or averages of weights.
    """
    kinds = (keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.AdamW)
    if type(compiled) not in kinds or not isinstance(compiled._learning_rate, keras.Variable):
        return None
    if getattr(compiled, "nesterov", False) or getattr(compiled, "amsgrad", False):
        return None
    if compiled.clipnorm or compiled.clipvalue or compiled.use_ema:
        return None
    found = Optimizer(
        name="sgd",
        learning_rate=float(compiled.learning_rate.numpy()),
        weight_decay=compiled.weight_decay or 0.0,
        clip_norm=compiled.global_clipnorm or 0.0,
        accumulate=compiled.gradient_accumulation_steps or 1,
    )
    if isinstance(compiled, keras.optimizers.SGD):
        momentum = float(compiled.momentum)
        return replace(found, name="momentum" if momentum else "sgd", momentum=momentum)
    return replace(
        found,
        name="adamw" if isinstance(compiled, keras.optimizers.AdamW) else "adam",
        beta_1=float(compiled.beta_1),
        beta_2=float(compiled.beta_2),
        epsilon=float(compiled.epsilon),
    )
