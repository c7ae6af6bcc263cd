# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning on stock LiteRT, in this process."""

from __future__ import annotations

import time
from pathlib import Path

from biotrain_tf.data.batches import Calibration
from biotrain_tf.demo import signature_steps
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import LITERT, DemoSettings


def fine_tune(model: Path, calibration: Calibration, settings: DemoSettings) -> RuntimeResult:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        return RuntimeResult(name=LITERT, status="not run", reason=f"not installed: {error}")
    started = time.monotonic()
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    ran = signature_steps.fine_tune(
        interpreter, calibration.arrays(), steps=settings.steps, batch_size=settings.batch_size
    )
    return RuntimeResult(
        name=LITERT,
        loss=tuple(ran["loss"]),
        accuracy_before=ran["accuracy_before"],
        accuracy_after=ran["accuracy_after"],
        weights=ran["weights"],
        wall_s=time.monotonic() - started,
    )
