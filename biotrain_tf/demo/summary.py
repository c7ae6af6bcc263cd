# SPDX-License-Identifier: Apache-2.0
"""report.json of a demo run: plain data, from which the table and the page are made."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.demo.people import People
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import KERAS, RUNNER_TARGETS, DemoSettings
from biotrain_tf.demo.verdict import LOSS_TOLERANCE, Comparison, Verdict

_PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "tflite-micro", "numpy")


def build_report(
    *,
    settings: DemoSettings,
    people: People,
    results: Sequence[RuntimeResult],
    verdict: Verdict,
    conversions: dict[str, Any],
    wall_s: float,
) -> dict[str, Any]:
    calibration = people.calibration
    device = _device_result(results)
    micro = conversions["micro"].report if "micro" in conversions else {}
    return {
        "passed": verdict.passed,
        "problems": list(verdict.problems),
        "notice": people.notice,
        "data": {
            "source": people.source,
            "title": people.title,
            "person": people.person.subject,
            "pretrained_on": [r.subject for r in people.others],
            "labels": list(people.person.label_names),
            "n_chans": people.person.n_chans,
            "n_times": people.person.n_times,
            "sfreq": people.person.sfreq,
            "calibration_trials": len(calibration.y),
            "test_trials": len(calibration.y_test),
            "majority_share": float(
                np.bincount(calibration.y_test).max() / len(calibration.y_test)
            ),
            "scaling": {
                "rereference": "mean of the electrodes, sample by sample",
                "factor_per_uV": people.scaling.factor,
                "estimated_on": list(people.scaling.estimated_on),
            },
        },
        "accuracy": {
            "measured_on": device.name,
            "before": device.accuracy_before,
            "after": device.accuracy_after,
        },
        "loss_fall": {
            **dataclasses.asdict(verdict.fall),
            "fraction": verdict.fall.fraction,
            "enough": verdict.fall.enough,
        },
        "loss_tolerance": LOSS_TOLERANCE,
        "runtimes": [_runtime(r, verdict.comparisons.get(r.name)) for r in results],
        "weights": {"equal": verdict.hashes_equal, "in_words": verdict.hashes_in_words},
        "model": {
            key: micro.get(key)
            for key in (
                "parameters",
                "trained_parameters",
                "textbook_macs_per_step",
                "flatbuffer_bytes",
                "ram_bytes",
                "op_list",
                "flags",
            )
        },
        "memory_map": micro.get("memory_map"),
        "settings": {
            key: str(value) if isinstance(value, Path) else value
            for key, value in dataclasses.asdict(settings).items()
        },
        "versions": _versions(),
        "wall_s": wall_s,
        "artefacts": _artefacts(settings.output_dir, conversions),
    }


def without_nan(value: Any) -> Any:
    """The same, with null where JSON has no word for a number."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _runtime(result: RuntimeResult, comparison: Comparison | None) -> dict[str, Any]:
    fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    del fields["weights"]
    return {
        **fields,
        "losses_compared": comparison.losses_compared if comparison else 0,
        "max_loss_difference": comparison.max_loss_difference if comparison else None,
        "max_weight_difference": comparison.max_weight_difference if comparison else None,
    }


def _device_result(results: Sequence[RuntimeResult]) -> RuntimeResult:
    """Whose accuracy is the headline: the emulated Cortex-M7, else another target, else Keras."""
    ran = {result.name: result for result in results if result.status == "ran"}
    preferred = ("cortex-m7", *RUNNER_TARGETS, KERAS)
    return next(ran[name] for name in preferred if name in ran)


def _artefacts(folder: Path, conversions: dict[str, Any]) -> dict[str, str]:
    files = {
        "report.html": folder / "report.html",
        "report.json": folder / "report.json",
        "pre-trained model": folder / "model.h5",
        "calibration trials": folder / "calibration.npz",
    }
    if "micro" in conversions:
        files["trainable flatbuffer"] = folder / "model.tflite"
    for ops, done in conversions.items():
        files[f"conversion, --ops {ops}"] = done.model_path.parent
    files["final weights"] = folder / "weights"
    return {name: str(path) for name, path in files.items()}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
