# SPDX-License-Identifier: Apache-2.0
"""The whole road on small synthetic people, and what it says when something is wrong."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from biotrain_tf.data import synthetic
from biotrain_tf.demo import people, run, tflite_compat
from biotrain_tf.demo.people import choose_source
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import DemoSettings
from biotrain_tf.errors import BiotrainError

SMALL = functools.partial(synthetic.generate, n_people=3, n_trials=32, sfreq=64.0, duration_s=2.0)


@pytest.fixture(autouse=True)
def small_people(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(people.synthetic, "generate", SMALL)
    yield


def settings(folder: Path, **changes: object) -> DemoSettings:
    fixed = {"data": "synthetic", "person": "SYN03", "output_dir": folder, "epochs": 1}
    return DemoSettings(**{**fixed, "steps": 6, "batch_size": 4, **changes})  # type: ignore[arg-type]


def run_quietly(chosen: DemoSettings) -> tuple[int, str]:
    console = Console(file=io.StringIO(), width=132)
    code = run.run_demo(chosen, console)
    assert isinstance(console.file, io.StringIO)
    return code, console.file.getvalue()


def test_keras_litert_and_host_agree(tmp_path: Path, need_command) -> None:  # type: ignore[no-untyped-def]
    need_command("g++", "make")
    code, shown = run_quietly(settings(tmp_path, runtimes=("keras", "litert", "host")))
    report = json.loads((tmp_path / "report.json").read_text())
    assert synthetic.NOTICE in shown
    assert report["notice"] == synthetic.NOTICE
    assert synthetic.NOTICE in (tmp_path / "report.html").read_text()

    runtimes = {runtime["name"]: runtime for runtime in report["runtimes"]}
    assert list(runtimes) == ["keras", "litert", "host"]
    for name in ("litert", "host"):
        assert runtimes[name]["status"] == "ran", runtimes[name]["reason"]
        assert runtimes[name]["losses_compared"] == 6
        assert runtimes[name]["max_loss_difference"] <= 2e-5
        assert runtimes[name]["max_weight_difference"] <= 1e-4
        for when in ("accuracy_before", "accuracy_after"):
            assert runtimes[name][when] == runtimes["keras"][when]
    disagreements = [problem for problem in report["problems"] if "fall" not in problem]
    assert not disagreements
    assert code == (0 if report["passed"] else 1)

    for path in report["artefacts"].values():
        assert Path(path).exists(), path
    assert (tmp_path / "model.tflite").read_bytes() == (
        tmp_path / "micro" / "model.tflite"
    ).read_bytes()
    with np.load(tmp_path / "calibration.npz") as stored:
        assert stored["X"].shape == (24, 15, 128, 1)
        assert stored["X_test"].shape == (8, 15, 128, 1)
    assert report["memory_map"]
    assert report["data"]["pretrained_on"] == ["SYN01", "SYN02"]
    assert report["data"]["scaling"]["estimated_on"] == ["SYN01", "SYN02"]


def test_a_runtime_that_breaks_is_reported_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object) -> RuntimeResult:
        raise RuntimeError("no such op\nsecond line")

    monkeypatch.setattr(run.litert, "fine_tune", broken)
    code, shown = run_quietly(settings(tmp_path, runtimes=("keras", "litert"), steps=2))
    assert code == 1
    assert "PROBLEM litert failed: RuntimeError: no such op" in shown
    assert "second line" not in shown
    assert json.loads((tmp_path / "report.json").read_text())["passed"] is False


def test_missing_compat_environment_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tflite_compat.ENVIRONMENT, str(tmp_path / "python"))
    result = tflite_compat.fine_tune(tmp_path, tmp_path, settings(tmp_path))
    assert (result.status, result.name) == ("not run", "tflite-runtime")
    assert "make demo" in result.reason


def test_auto_never_downloads(tmp_path: Path) -> None:
    assert choose_source("auto", tmp_path) == "synthetic"
    (tmp_path / "eeg_mi_openbci").mkdir()
    assert choose_source("auto", tmp_path) == "openbci"
    assert choose_source("eegbci", tmp_path) == "eegbci"
    with pytest.raises(BiotrainError, match="unknown data 'ecg'"):
        choose_source("ecg", tmp_path)
