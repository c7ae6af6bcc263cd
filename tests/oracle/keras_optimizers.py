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
    held: Callable[[int, str], Any] = lambda step, path: False,
) -> Trained:
    """One step on each batch of x [N, B, ...]. ``moving``: paths of the variables that move; a
    normalisation of which none does is in inference. ``prepare`` changes the copy that trains.
    ``held``: where a variable and its states are put back after a step, by number and path.
    """
    twin, _ = copy_of(model, x.shape[1], norm=norm)
    prepare(twin)
    if moving is not None:
        keep_only(twin, moving)
    optimizer.build(twin.trainable_variables)
    twin.compile(optimizer, loss=loss)
    before = {v.path: v.numpy().copy() for v in twin.weights}
    losses = []
    states = _states(twin, optimizer)
    for step, (batch, labels) in enumerate(zip(x, y, strict=True)):
        old = [v.numpy().copy() for _, v in states]
        twin.reset_metrics()
        losses.append(float(twin.train_on_batch(batch, labels)))
        for (path, variable), value in zip(states, old, strict=True):
            variable.assign(np.where(held(step, path), value, variable.numpy()))
    after = {v.path: v.numpy().copy() for v in twin.weights}
    return Trained(np.array(losses), before, after)


def _states(model: keras.Model, optimizer: Any) -> list[tuple[str, Any]]:
    """Variables that move and what the optimiser has for each, by the path of the former."""
    found = []
    for n, variable in enumerate(model.trainable_variables):
        found.append((variable.path, variable))
        for name in ("_momentums", "_velocities", "momentums"):
            of_all = getattr(optimizer, name, None)
            if of_all:
                found.append((variable.path, of_all[n]))
    return found


def keep_only(model: keras.Model, moving: Collection[str]) -> None:
    """``trainable`` of every variable that does not move is False."""
    unknown = set(moving) - {v.path for v in model.weights}
    assert not unknown, f"the model has no {sorted(unknown)}"
    for layer in model.layers:
        if not any(v.path in moving for v in layer.weights):
            layer.trainable = False
        for variable in layer.trainable_variables:
            variable.trainable = variable.path in moving
