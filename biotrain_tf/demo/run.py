# SPDX-License-Identifier: Apache-2.0
"""The order of things."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from biotrain_tf.demo import keras_reference, litert, pretrain, tflite_compat, tflm
from biotrain_tf.demo.people import People, load_people
from biotrain_tf.demo.progress import Steps, Task
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import (
    KERAS,
    LITERT,
    RUNNER_TARGETS,
    RUNTIMES,
    TFLITE_RUNTIME,
    TFLM,
    DemoSettings,
)
from biotrain_tf.demo.summary import build_report, without_nan
from biotrain_tf.demo.verdict import judge
from biotrain_tf.report import html, table
from converters import convert

if TYPE_CHECKING:
    from converters import ConversionResult

Job = Callable[[Callable[[str], None]], RuntimeResult]
"""Given where to say what is going on, runs one runtime."""
_TITLES = {
    KERAS: "Keras (reference)",
    LITERT: "LiteRT",
    TFLITE_RUNTIME: "tflite-runtime",
    TFLM: "TFLM interpreter",
    "host": "our runner, this machine",
    "cortex-m4f": "our runner, emulated Cortex-M4F",
    "cortex-m7": "our runner, emulated Cortex-M7",
    "riscv32": "our runner, emulated RV32IMAFC",
}
_AT_ONCE = 2
"""Emulators that run at the same time: the demo is meant for two cores."""


def run_demo(settings: DemoSettings, console: Console) -> int:
    """Run everything, write the reports, print the summary; 0 if all is well, else 1."""
    started = time.monotonic()
    people = load_people(settings)
    table.print_opening(console, people, settings)
    with Steps(console) as steps:
        results, conversions = _run(people, settings, steps)
    verdict = judge(results)
    report = build_report(
        settings=settings,
        people=people,
        results=results,
        verdict=verdict,
        conversions=conversions,
        wall_s=time.monotonic() - started,
    )
    artefacts = report["artefacts"]
    Path(artefacts["report.json"]).write_text(json.dumps(without_nan(report), indent=1) + "\n")
    Path(artefacts["report.html"]).write_text(html.page(report), encoding="utf-8")
    table.print_summary(console, report)
    return 0 if verdict.passed else 1


def _run(
    people: People, settings: DemoSettings, steps: Steps
) -> tuple[list[RuntimeResult], dict[str, Any]]:
    folder = settings.output_dir
    calibration_file = folder / "calibration.npz"
    with steps.step("pre-training EEGNet", total=settings.epochs) as task:
        model = pretrain.pretrain(people, settings, _epoch_note(task, settings.epochs))
    _, hdf5 = pretrain.save(model, folder)
    people.calibration.save(calibration_file)

    conversions = {}
    # micro for our runner, builtin for the stock runtimes; only what will be used.
    for ops, place, users in (
        ("micro", folder / "micro", RUNNER_TARGETS),
        ("builtin", folder / "builtin", (LITERT, TFLITE_RUNTIME, TFLM)),
    ):
        if set(users) & set(settings.runtimes):
            with steps.step(f"converting, --ops {ops}") as task:
                conversions[ops] = convert(
                    hdf5,
                    output_dir=place,
                    ops=ops,
                    optimizer="momentum",
                    learning_rate=settings.learning_rate,
                    momentum=settings.momentum,
                    batch_size=settings.batch_size,
                    loss="sparse_categorical_crossentropy",
                    seed=settings.seed,
                    progress=task.note,
                )
                task.note(f"{conversions[ops].model_path}")

    if "micro" in conversions:
        shutil.copy2(conversions["micro"].model_path, folder / "model.tflite")

    with steps.step(f"fine-tuning: {_TITLES[KERAS]}"):
        reference = keras_reference.fine_tune(model, people.calibration, settings)
    results = {KERAS: reference}
    if "builtin" in conversions:
        path = conversions["builtin"].model_path
        stock: dict[str, Job] = {
            LITERT: lambda _: litert.fine_tune(path, people.calibration, settings),
            TFLITE_RUNTIME: lambda _: tflite_compat.fine_tune(path, calibration_file, settings),
            TFLM: lambda _: tflm.fine_tune(conversions["builtin"], people.calibration, settings),
        }
        for name, job in stock.items():
            if name in settings.runtimes:
                results[name] = _guarded(name, job, steps)
    if "micro" in conversions:
        targets = [name for name in RUNNER_TARGETS if name in settings.runtimes]
        results |= _run_targets(targets, conversions["micro"], calibration_file, settings, steps)
    ordered = [results[name] for name in RUNTIMES if name in results]
    return ordered, conversions


def _run_targets(
    targets: list[str],
    conversion: ConversionResult,
    calibration_file: Path,
    settings: DemoSettings,
    steps: Steps,
) -> dict[str, RuntimeResult]:
    from biotrain_tf.demo import device

    def job(target: str) -> Job:
        return lambda note: device.fine_tune(target, conversion, calibration_file, settings, note)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        waiting = {target: pool.submit(_guarded, target, job(target), steps) for target in targets}
        return {target: future.result() for target, future in waiting.items()}


def _guarded(name: str, job: Job, steps: Steps) -> RuntimeResult:
    """One runtime that breaks must not hide what the others did."""
    with steps.step(f"fine-tuning: {_TITLES[name]}") as task:
        try:
            result = job(task.note)
        except Exception as error:
            lines = str(error).strip().splitlines()
            reason = f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
            result = RuntimeResult(name=name, status="failed", reason=reason)
        task.note("" if result.status == "ran" else f"{result.status}: {result.reason}")
        return result


def _epoch_note(task: Task, epochs: int) -> pretrain.OnEpoch:
    def on_epoch(epoch: int, loss: float, accuracy: float) -> None:
        task.advance(f"epoch {epoch}/{epochs}: loss {loss:.3f}, accuracy {accuracy:.0%}")

    return on_epoch
