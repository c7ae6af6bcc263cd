# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning by the signatures `train` and `infer` of a TFLite interpreter.

LiteRT and tflite-runtime share this interface. The file imports NumPy alone, because tflite-runtime
lives in an environment of its own (it needs NumPy < 2) and runs it there as a program:

    python signature_steps.py MODEL CALIBRATION.npz STEPS BATCH_SIZE WEIGHTS.npz

prints one line of JSON and writes the final weights
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np


def fine_tune(
    interpreter: Any, arrays: dict[str, np.ndarray], *, steps: int, batch_size: int
) -> dict[str, Any]:
    """Loss after every step, and the accuracy on the test trials before and after."""
    train = interpreter.get_signature_runner("train")
    before = accuracy(interpreter, arrays["X_test"], arrays["y_test"])
    losses = []
    for step in range(steps):
        index = np.arange(step * batch_size, (step + 1) * batch_size) % len(arrays["X"])
        result = train(x=arrays["X"][index], y=arrays["y"][index])
        losses.append(float(np.ravel(result["loss"])[0]))
    after = accuracy(interpreter, arrays["X_test"], arrays["y_test"])
    weights = interpreter.get_signature_runner("save")()
    return {
        "loss": losses,
        "accuracy_before": before,
        "accuracy_after": after,
        "weights": {name: np.array(value) for name, value in weights.items()},
    }


def accuracy(interpreter: Any, trials: np.ndarray, labels: np.ndarray) -> float:
    infer = interpreter.get_signature_runner("infer")
    batch = int(infer.get_input_details()["x"]["shape"][0])
    outputs = []
    for start in range(0, len(trials), batch):
        # The batch is static: the last one is filled up from the front, and cut again.
        index = np.arange(start, start + batch) % len(trials)
        outputs.append(np.array(infer(x=trials[index])["output"]))
    predicted = np.concatenate(outputs)[: len(trials)].argmax(axis=1)
    return float(np.mean(predicted == labels))


def main(arguments: list[str]) -> None:
    from tflite_runtime.interpreter import Interpreter

    model, calibration, steps, batch_size, weights = arguments
    with np.load(calibration) as stored:
        arrays = {name: stored[name] for name in ("X", "y", "X_test", "y_test")}
    interpreter = Interpreter(model_path=model)
    interpreter.allocate_tensors()
    result = fine_tune(interpreter, arrays, steps=int(steps), batch_size=int(batch_size))
    np.savez(weights, **result.pop("weights"))
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
