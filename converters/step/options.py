# SPDX-License-Identifier: Apache-2.0
"""What a user may choose about the training step, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.step.strategy_name import read_strategy

NORMS = ("keep", "frozen", "group")
OPTIMIZERS = ("sgd", "momentum")
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
    batch_size: int = 8
    loss: str | None = None
    seed: int = 0
    commute: bool | str = COMMUTE

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
        if self.momentum is not None and not 0 <= self.momentum < 1:
            raise ConversionError(f"momentum must be in [0, 1), got {self.momentum!r}")
        if not 0 <= self.seed < MAX_SEED:
            raise ConversionError(f"seed must be in [0, {MAX_SEED}), got {self.seed!r}")
        if not isinstance(self.commute, bool) and self.commute != COMMUTE:
            raise ConversionError(f"commute must be True, False or auto, got {self.commute!r}")


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConversionError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
