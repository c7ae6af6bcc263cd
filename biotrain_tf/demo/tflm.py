# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning on the stock TensorFlow Lite Micro interpreter (the tflite-micro wheel).

TFLM runs subgraph 0 only and reads no signatures, so subgraph 0 of a builtin flatbuffer is a
selector whose first input says what to do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from biotrain_tf.data.batches import Calibration
from biotrain_tf.demo import weights
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import TFLM, DemoSettings
from converters import graph as graphs
from converters.passes.selector import INFER, SAVE, TRAIN

if TYPE_CHECKING:
    from converters import ConversionResult

_ARENA_BYTES = 64 << 20


def fine_tune(
    conversion: ConversionResult, calibration: Calibration, settings: DemoSettings
) -> RuntimeResult:
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError as error:
        return RuntimeResult(name=TFLM, status="not run", reason=f"not installed: {error}")
    started = time.monotonic()
    interpreter = runtime.Interpreter.from_file(str(conversion.model_path), arena_size=_ARENA_BYTES)
    # loss, what infer gives, variables
    outputs = len(graphs.read(conversion.model_path.read_bytes()).signatures["select"].outputs)
    selector = Selector(interpreter, outputs=outputs)
    before = selector.accuracy(calibration.X_test, calibration.y_test)
    losses = [
        selector.train(X, y)
        for X, y in calibration.batches(batch_size=settings.batch_size, steps=settings.steps)
    ]
    return RuntimeResult(
        name=TFLM,
        loss=tuple(losses),
        accuracy_before=before,
        accuracy_after=selector.accuracy(calibration.X_test, calibration.y_test),
        weights=weights.of_flat(selector.save(), conversion.report["variables"], TFLM),
        wall_s=time.monotonic() - started,
    )


class Selector:
    """Subgraph 0 of a builtin flatbuffer: (mode, x, y, variables) -> (loss, output, ...)."""

    def __init__(self, interpreter: Any, *, outputs: int) -> None:
        self._interpreter = interpreter
        mode, x, _, variables = (interpreter.get_input_details(i) for i in range(4))
        self._x_shape = tuple(x["shape"])
        self._batch = int(x["shape"][0])
        self._variables_output = outputs - 1
        # Read in mode RESTORE only, but every input must be given.
        self._variables = np.zeros(variables["shape"], variables["dtype"])
        self._mode_shape = tuple(mode["shape"])

    def train(self, x: np.ndarray, y: np.ndarray) -> float:
        self._invoke(TRAIN, x, y)
        return float(np.ravel(self._interpreter.get_output(0))[0])

    def infer(self, x: np.ndarray) -> np.ndarray:
        self._invoke(INFER, x, np.zeros(self._batch, np.int32))
        return np.array(self._interpreter.get_output(1))

    def save(self) -> np.ndarray:
        """Every variable in one flat vector, in the order of the save signature."""
        self._invoke(SAVE, np.zeros(self._x_shape, np.float32), np.zeros(self._batch, np.int32))
        return np.array(self._interpreter.get_output(self._variables_output))

    def accuracy(self, trials: np.ndarray, labels: np.ndarray) -> float:
        outputs = [
            self.infer(trials[np.arange(start, start + self._batch) % len(trials)])
            for start in range(0, len(trials), self._batch)
        ]
        predicted = np.concatenate(outputs)[: len(trials)].argmax(axis=1)
        return float(np.mean(predicted == labels))

    def _invoke(self, mode: int, x: np.ndarray, y: np.ndarray) -> None:
        chosen = np.full(self._mode_shape, mode, np.int32)
        for index, value in enumerate((chosen, x, y, self._variables)):
            self._interpreter.set_input(value, index)
        self._interpreter.invoke()
