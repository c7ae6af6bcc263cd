# SPDX-License-Identifier: Apache-2.0
"""Train by signatures on LiteRT or tflite-runtime, inferring after every step.

The file needs NumPy alone: tflite-runtime lives in an environment of its own and runs it there,

    python signature_steps.py MODEL BATCHES.npz RESULT.npz
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def run(interpreter: Any, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Losses and outputs of every step, variables before and after, the loss of step 0 restored."""
    train, infer, save, restore = (
        interpreter.get_signature_runner(key) for key in ("train", "infer", "save", "restore")
    )
    before = {name: np.array(value) for name, value in save().items()}
    losses, outputs = [], []
    for batch, labels in zip(x, y, strict=True):
        losses.append(np.array(train(x=batch, y=labels)["loss"]))
        outputs.append(np.array(infer(x=x[0])["output"]))
    after = {name: np.array(value) for name, value in save().items()}
    restore(**before)
    again = np.array(train(x=x[0], y=y[0])["loss"])
    result = {"losses": np.ravel(losses), "outputs": np.stack(outputs), "again": np.ravel(again)}
    result.update({"before:" + name: value for name, value in before.items()})
    result.update({"after:" + name: value for name, value in after.items()})
    return result


def main(model: str, batches: str, result: str) -> None:
    from tflite_runtime.interpreter import Interpreter

    with np.load(batches) as stored:
        x, y = stored["x"], stored["y"]
    arrays: dict[str, Any] = dict(run(Interpreter(model_path=model), x, y))
    np.savez(result, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
