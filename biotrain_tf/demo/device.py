# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning on our own runner: on this machine and on emulated microcontrollers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from biotrain_tf.demo import weights
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import DemoSettings
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    from converters import ConversionResult


def fine_tune(
    target: str,
    conversion: ConversionResult,
    calibration_file: Path,
    settings: DemoSettings,
    on_progress: Callable[[str], None],
) -> RuntimeResult:
    started = time.monotonic()
    state = settings.output_dir / "weights" / f"{target}.bin"
    state.parent.mkdir(parents=True, exist_ok=True)
    try:
        ran = run_device(
            model=conversion.model_path,
            target=target,
            data=calibration_file,
            steps=settings.steps,
            weights_path=state,
            on_progress=on_progress,
        )
    except BiotrainError as error:
        return RuntimeResult(name=target, status="failed", reason=str(error))
    return RuntimeResult(
        name=target,
        loss=tuple(ran["loss"]),
        accuracy_before=ran["accuracy_before"],
        accuracy_after=ran["accuracy_after"],
        weights_sha256=ran["weights_sha256"],
        instructions_per_step=ran["instructions_per_step"],
        textbook_macs_per_step=ran["textbook_macs_per_step"],
        ram_bytes=ran["ram_bytes"],
        flash_bytes=ran["flash_bytes"],
        weights=weights.of_state(state, conversion.report["variables"]),
        wall_s=time.monotonic() - started,
    )
