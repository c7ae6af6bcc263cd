# SPDX-License-Identifier: Apache-2.0
"""What all models ask of their arguments, and the view of a trial that 1-D layers take."""

from __future__ import annotations

import keras


def require_positive(**values: int) -> None:
    """Raise ValueError that names the first argument below 1."""
    for argument, value in values.items():
        if value < 1:
            raise ValueError(f"{argument} must be at least 1, got {value}")


def require_times(n_times: int, shortest: int, why: str) -> None:
    """Raise ValueError if a trial is shorter than ``shortest`` samples."""
    if n_times < shortest:
        raise ValueError(f"n_times must be at least {shortest} ({why}), got {n_times}")


def max_norm(
    limit: float | None, axis: int | tuple[int, ...]
) -> keras.constraints.Constraint | None:
    """Largest L2 norm over ``axis``; None: unconstrained."""
    return None if limit is None else keras.constraints.MaxNorm(limit, axis=axis)


def batch_norm(momentum: float, eps: float, name: str) -> keras.Layer:
    """``momentum`` is the weight of the newest batch; Keras calls `momentum` one minus this."""
    return keras.layers.BatchNormalization(momentum=1.0 - momentum, epsilon=eps, name=name)


def as_sequence(trial: keras.KerasTensor, n_chans: int, n_times: int) -> keras.KerasTensor:
    """[n_chans, n_times, 1] as [n_times, n_chans]. On the device nothing moves: there a sequence
    lies channels first, as the trial does.
    """
    rows = keras.layers.Reshape((n_chans, n_times), name="channels")(trial)
    return keras.layers.Permute((2, 1), name="sequence")(rows)
