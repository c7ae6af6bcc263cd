# SPDX-License-Identifier: Apache-2.0
"""What a user may choose about the training step, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from converters.errors import ConversionError
from converters.step.strategy_name import read_strategy

NORMS = ("keep", "frozen", "group")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
SCHEDULES = ("constant", "cosine")
LOSSES = (
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
    "mse",
)
COMMUTE = "auto"
MAX_SEED = 8_000_000
"""Seed and step stay below this so that dropout's float32 arithmetic is exact
(gradients/dropout.py).
"""


@dataclass(frozen=True, kw_only=True)
class StepOptions:
    """Options of a training step; None means "as the model says"."""

    norm: str = "keep"
    strategy: str = "full"
    optimizer: str | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    schedule: str | None = None
    schedule_steps: int | None = None
    weight_decay: float | None = None
    clip_norm: float | None = None
    accumulate: int | None = None
    batch_size: int = 8
    loss: str | None = None
    seed: int = 0
    commute: bool | str = COMMUTE
    channel_scores: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _choice("norm", self.norm, NORMS)
        read_strategy(self.strategy)
        if self.optimizer is not None:
            _choice("optimizer", self.optimizer, OPTIMIZERS)
        if self.loss is not None:
            _choice("loss", self.loss, LOSSES)
        if not (isinstance(self.batch_size, int) and self.batch_size >= 1):
            raise ConversionError(
                f"batch_size must be a whole number of at least 1, got {self.batch_size!r}"
            )
        if self.learning_rate is not None and not (
            math.isfinite(self.learning_rate) and self.learning_rate > 0
        ):
            raise ConversionError(
                f"learning_rate must be a positive number, got {self.learning_rate!r}"
            )
        self._check_rule()
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ConversionError(f"momentum must be in [0, 1), got {self.momentum!r}")
        if not 0 <= self.seed < MAX_SEED:
            raise ConversionError(f"seed must be in [0, {MAX_SEED}), got {self.seed!r}")
        if not isinstance(self.commute, bool) and self.commute != COMMUTE:
            raise ConversionError(f"commute must be True, False or auto, got {self.commute!r}")

    def _check_rule(self) -> None:
        """What an update depends on besides the rate."""
        if self.momentum is not None and self.optimizer in ("adam", "adamw"):
            raise ConversionError(f"momentum is of sgd and momentum; {self.optimizer} has betas")
        if self.schedule is not None:
            _choice("schedule", self.schedule, SCHEDULES)
        if (self.schedule == "cosine") != (self.schedule_steps is not None):
            raise ConversionError(
                "schedule_steps must be given with schedule cosine, and only with it; got schedule "
                f"{self.schedule!r}, schedule_steps {self.schedule_steps!r}"
            )
        for name in ("schedule_steps", "accumulate"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, int) and 1 <= value < MAX_SEED):
                raise ConversionError(
                    f"{name} must be a whole number from 1 to {MAX_SEED - 1}, got {value!r}"
                )
        for name in ("weight_decay", "clip_norm"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConversionError(f"{name} must be a number from 0 on, got {value!r}")


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConversionError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
