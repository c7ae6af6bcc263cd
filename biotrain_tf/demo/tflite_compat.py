# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning on tflite-runtime, which needs NumPy < 2 and so runs in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np

from biotrain_tf.demo import signature_steps
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import TFLITE_RUNTIME, DemoSettings

ENVIRONMENT = "BIOTRAIN_COMPAT_PYTHON"
_BESIDE_PACKAGE = Path(__file__).resolve().parents[2] / ".venv-compat" / "bin" / "python"
_TIMEOUT_S = 300


def compat_python() -> Path | None:
    """The Python of .venv-compat, or of $BIOTRAIN_COMPAT_PYTHON."""
    python = Path(os.environ.get(ENVIRONMENT) or _BESIDE_PACKAGE)
    return python if python.exists() else None


def fine_tune(model: Path, calibration_file: Path, settings: DemoSettings) -> RuntimeResult:
    python = compat_python()
    if python is None:
        return RuntimeResult(
            name=TFLITE_RUNTIME, status="not run", reason="no .venv-compat (`make demo` creates it)"
        )
    started = time.monotonic()
    worker = Path(signature_steps.__file__)
    weights = settings.output_dir / "weights" / f"{TFLITE_RUNTIME}.npz"
    weights.parent.mkdir(parents=True, exist_ok=True)
    numbers = [str(settings.steps), str(settings.batch_size)]
    try:
        finished = subprocess.run(
            [str(python), str(worker), str(model), str(calibration_file), *numbers, str(weights)],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return _failed(f"took longer than {_TIMEOUT_S} s")
    if finished.returncode != 0:
        lines = finished.stderr.strip().splitlines()
        return _failed(lines[-1] if lines else f"exit code {finished.returncode}")
    ran = json.loads(finished.stdout.strip().splitlines()[-1])
    with np.load(weights) as stored:
        final = {name: stored[name] for name in stored.files}
    return RuntimeResult(
        name=TFLITE_RUNTIME,
        weights=final,
        loss=tuple(ran["loss"]),
        accuracy_before=ran["accuracy_before"],
        accuracy_after=ran["accuracy_after"],
        wall_s=time.monotonic() - started,
    )


def _failed(reason: str) -> RuntimeResult:
    return RuntimeResult(name=TFLITE_RUNTIME, status="failed", reason=reason)
