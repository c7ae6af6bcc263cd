# SPDX-License-Identifier: Apache-2.0
"""The reference of strategies and optimisers: Keras's own train_on_batch, any optimiser of its,
with the variables that move by name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tests.oracle.keras_reference import copy_of

OURS = {"momentum": "momentum", "velocity": "velocity", "accumulator": "gradient"}
"""Names of optimiser states of a variable: Keras's, ours."""


@dataclass(frozen=True)
class Trained:
    """Variables by Keras path, before and after; those of the optimiser as ``<path>/<state>``."""

    losses: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


def train(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    optimizer: keras.optimizers.Optimizer,
    moving: Collection[str] | None = None,
    prepare: Callable[[keras.Model], None] = lambda twin: None,
    norm: str = "keep",
    loss: Any = "sparse_categorical_crossentropy",
) -> Trained:
    """One step on each batch of x [N, B, ...]. ``moving``: paths of the variables that move; a
    normalisation of which none does is in inference. ``prepare`` changes the copy that trains.
    """
    twin, _ = copy_of(model, x.shape[1], norm=norm)
    prepare(twin)
    if moving is not None:
        keep_only(twin, moving)
    optimizer.build(twin.trainable_variables)
    twin.compile(optimizer, loss=loss)
    before = {v.path: v.numpy().copy() for v in twin.weights}
    losses = []
    for batch, labels in zip(x, y, strict=True):
        twin.reset_metrics()
        losses.append(float(twin.train_on_batch(batch, labels)))
    after = {v.path: v.numpy().copy() for v in twin.weights}
    return Trained(np.array(losses), before, after)


def keep_only(model: keras.Model, moving: Collection[str]) -> None:
    """``trainable`` of every variable that does not move is False."""
    unknown = set(moving) - {v.path for v in model.weights}
    assert not unknown, f"the model has no {sorted(unknown)}"
    for layer in model.layers:
        if not any(v.path in moving for v in layer.weights):
            layer.trainable = False
        for variable in layer.trainable_variables:
            variable.trainable = variable.path in moving
