# SPDX-License-Identifier: Apache-2.0
"""Train a converted model with our runner; losses and every saved variable by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.device.run import run_device
from converters import ConversionResult


@dataclass(frozen=True)
class RunnerResult:
    losses: np.ndarray
    variables: dict[str, np.ndarray]
    json: dict[str, Any]


def train_on(
    target: str, conversion: ConversionResult, x: np.ndarray, y: np.ndarray, folder: Path
) -> RunnerResult:
    """One step on each batch of x [N, B, ...], y [N, B, ...]."""
    data = folder / f"{target}.npz"
    weights = folder / f"{target}.weights"
    flat_x, flat_y = (a.reshape(-1, *a.shape[2:]) for a in (x, y))
    np.savez(data, X=flat_x, y=flat_y, X_test=flat_x[:2], y_test=flat_y[:2])
    result = run_device(
        model=conversion.model_path,
        target=target,
        data=data,
        steps=len(x),
        weights_path=weights,
    )
    return RunnerResult(
        np.array(result["loss"]), split_variables(weights.read_bytes(), conversion), result
    )


def split_variables(state: bytes, conversion: ConversionResult) -> dict[str, np.ndarray]:
    """The saved state is every variable's bytes in order of name; step and seed are int32."""
    variables = {}
    offset = 0
    for name, shape in conversion.report["variables"].items():
        count = int(np.prod(shape, dtype=int))
        dtype = "<i4" if name in ("step", "seed") else "<f4"
        variables[name] = np.frombuffer(state, dtype, count, offset).reshape(shape)
        offset += 4 * count
    assert offset == len(state), f"the saved state has {len(state)} bytes, the report {offset}"
    return variables
