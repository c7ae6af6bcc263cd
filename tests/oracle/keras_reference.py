# SPDX-License-Identifier: Apache-2.0
"""The reference of training: Keras's own train_on_batch, dropout masks from the integer hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tests.oracle import dropout_hash

_SPATIAL = {
    keras.layers.Dropout: False,
    keras.layers.SpatialDropout1D: True,
    keras.layers.SpatialDropout2D: True,
}


@dataclass(frozen=True)
class KerasRun:
    """``before`` and ``after`` hold every variable by Keras path, momentum as ``<path>/momentum``.

    ``outputs`` is what the model infers from the probe after each step.
    """

    losses: np.ndarray
    outputs: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    model: keras.Model


class MaskedDropout(keras.layers.Layer):
    """Multiplies by a mask that is set from outside before each step."""

    def __init__(
        self, *, rate: float, index: int, spatial: bool, batch: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate, self.index, self.spatial, self.batch = rate, index, spatial, batch

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.batch, *input_shape[1:])
        self.mask = self.add_weight(shape=shape, initializer="ones", trainable=False, name="mask")

    def set_step(self, step: int, seed: int) -> None:
        self.mask.assign(
            dropout_hash.multiplier(
                tuple(self.mask.shape),
                seed=seed,
                step=step,
                layer=self.index,
                rate=self.rate,
                spatial=self.spatial,
            )
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs * self.mask if training else inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


class _GroupNorm(keras.layers.GroupNormalization):
    """Called as a BatchNormalization is."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs)


def train(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: Any,
    learning_rate: float,
    momentum: float,
    seed: int = 0,
    probe: np.ndarray | None = None,
) -> KerasRun:
    """Train a copy of ``model`` on batches x [N, B, ...], y [N, B, ...], one step each.

    Args:
        model: left untouched; its Dropout layers are numbered in the order of ``model.layers``.
        x: one batch per step.
        y: labels of the same batches.
        loss: a Keras loss, which says whether it wants logits.
        learning_rate: of keras.optimizers.SGD.
        momentum: of keras.optimizers.SGD; zero for none.
        seed: of the dropout masks; the first step is number 0.
        probe: a batch to infer after each step; default the first batch.
    """
    twin, dropouts = copy_of(model, x.shape[1])
    optimizer = keras.optimizers.SGD(learning_rate, momentum=momentum)
    optimizer.build(twin.trainable_variables)
    twin.compile(optimizer, loss=loss)
    before = _state(twin, momentum)
    probe = x[0] if probe is None else probe
    losses, outputs = [], []
    for step, (batch, labels) in enumerate(zip(x, y, strict=True)):
        for layer in dropouts:
            layer.set_step(step, seed)
        # The loss that Keras reports is a mean since the last reset.
        twin.reset_metrics()
        losses.append(float(twin.train_on_batch(batch, labels)))
        outputs.append(np.asarray(twin.predict_on_batch(probe)))
    after = _state(twin, momentum)
    return KerasRun(np.array(losses), np.stack(outputs), before, after, twin)


def _leaves(model: keras.Model) -> list[keras.Layer]:
    found: list[keras.Layer] = []
    for layer in model.layers:
        found += _leaves(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def copy_of(
    model: keras.Model, batch: int, *, dtype: str = "float32", norm: str = "keep"
) -> tuple[keras.Model, list[MaskedDropout]]:
    """The model with masked dropout, and those layers. ``norm``: ``group`` has a GroupNormalization
    of one group where ``model`` has a BatchNormalization.
    """
    originals = _leaves(model)
    numbered = [layer for layer in originals if type(layer) in _SPATIAL]

    def clone(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if "dtype" in config:  # operations have none
            config["dtype"] = dtype
        if norm == "group" and isinstance(layer, keras.layers.BatchNormalization):
            kept = {key: config[key] for key in ("name", "epsilon", "center", "scale", "dtype")}
            return _GroupNorm(groups=1, **kept)
        if type(layer) not in _SPATIAL:
            return type(layer).from_config(config)
        index = next(i for i, other in enumerate(numbered) if other is layer)
        return MaskedDropout(
            rate=layer.rate,
            index=index,
            spatial=_SPATIAL[type(layer)],
            batch=batch,
            name=layer.name,
            dtype=dtype,
        )

    twin = keras.models.clone_model(model, clone_function=clone, recursive=True)
    copies = _leaves(twin)
    for original, copy in zip(originals, copies, strict=True):
        if type(original) not in _SPATIAL:
            values = {v.path: v.numpy() for v in original.weights}
            copy.set_weights([values[v.path] for v in copy.weights])
    return twin, [layer for layer in copies if isinstance(layer, MaskedDropout)]


def _state(model: keras.Model, momentum: float) -> dict[str, np.ndarray]:
    dropouts = [layer for layer in _leaves(model) if isinstance(layer, MaskedDropout)]
    masks = {layer.mask.path for layer in dropouts}
    state = {v.path: v.numpy().copy() for v in model.weights if v.path not in masks}
    if momentum:
        pairs = zip(model.trainable_variables, model.optimizer.momentums, strict=True)
        state |= {f"{v.path}/momentum": m.numpy().copy() for v, m in pairs}
    return state
