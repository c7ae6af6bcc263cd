# SPDX-License-Identifier: Apache-2.0
"""The main job, started as a newcomer starts it: eight runtimes, one fine-tuning, real EEG."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compare import assert_close

STEPS = 50
OUR_RUNNER = ("host", "cortex-m4f", "cortex-m7", "riscv32")
ALL = {"keras", "litert", "tflite-runtime", "tflm", *OUR_RUNNER}


@pytest.fixture(scope="module")
def report(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory, repo: Path
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "biotrain_tf.demo", "--steps", str(STEPS)]
    done = subprocess.run(
        [*command, "--output-dir", str(folder)],
        cwd=repo,
        capture_output=True,
        text=True,
        check=False,
        timeout=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, Any] = json.loads((folder / "report.json").read_text())
    assert (folder / "report.html").stat().st_size > 10_000
    return content


def _by_name(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {r["name"]: r for r in report["runtimes"] if r["status"] == "ran"}


def test_all_runtimes_follow_keras(report: dict[str, Any]) -> None:
    ran = _by_name(report)
    assert set(ran) == ALL, [r for r in report["runtimes"] if r["status"] != "ran"]
    for name in sorted(ALL - {"keras"}):
        assert len(ran[name]["loss"]) == STEPS
        assert_close(ran[name]["loss"], ran["keras"]["loss"], "device_loss", what=name)


def test_same_weights_on_every_target(report: dict[str, Any]) -> None:
    hashes = {_by_name(report)[name]["weights_sha256"] for name in OUR_RUNNER}
    assert len(hashes) == 1 and None not in hashes, hashes


def test_loss_falls_by_a_fifth(report: dict[str, Any]) -> None:
    losses = _by_name(report)["keras"]["loss"]
    first, last = sum(losses[:10]) / 10, sum(losses[-10:]) / 10
    print(f"first={first:.4f} last={last:.4f}")
    assert last <= 0.8 * first


def test_costs_are_measured(report: dict[str, Any]) -> None:
    ran = _by_name(report)
    for name in ("cortex-m4f", "cortex-m7", "riscv32"):
        figures = ran[name]
        print(name, figures["instructions_per_step"], figures["ram_bytes"], figures["flash_bytes"])
        # Of the textbook's work, commuted convolutions leave a fifth.
        assert figures["instructions_per_step"] > report["model"]["textbook_macs_per_step"] / 5
        ram = figures["ram_bytes"]
        assert ram["total"] == ram["static"] + ram["stack"] + ram["arena"]
        assert 0 < figures["flash_bytes"] < 4 << 20
