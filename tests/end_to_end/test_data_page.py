# SPDX-License-Identifier: Apache-2.0
"""The code of docs/data.md: the Python runs in order, the C++ filters as the Python did."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.data.batches import Calibration
from biotrain_tf.data.recipe import Recipe

PROGRAM = r"""
#include <cstdio>
int main() {
  float x[15];
  if (!Begin()) return 1;
  while (std::fread(x, sizeof(float), 15, stdin) == 15) {
    OnSample(x);
    std::fwrite(x, sizeof(float), 15, stdout);
  }
  return 0;
}
"""


def blocks(repo: Path, language: str) -> list[str]:
    text = (repo / "docs" / "data.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_page(
    repo: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIOTRAIN_DATA", str(shared_data))
    names: dict[str, object] = {}
    python = blocks(repo, "python")
    assert len(python) >= 5
    for block in python:
        exec(block, names)
    calibration = names["calibration"]
    assert isinstance(calibration, Calibration) and calibration.X.shape == (40, 15, 625, 1)
    with np.load("calibration.npz") as saved:
        assert saved["X_test"].shape[1:] == (15, 625, 1)

    (cpp,) = blocks(repo, "cpp")
    (tmp_path / "main.cc").write_text(cpp + PROGRAM)
    sources = [str(p) for p in sorted((repo / "tflm_train" / "signal").glob("*.cc"))]
    command = ["g++", "-std=c++17", "-O1", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    command += [f"-I{repo}", f"-I{tmp_path}", "main.cc", "-o", "filter"]
    subprocess.run(
        [*command, *(s for s in sources if not s.endswith("_test.cc"))], check=True, timeout=120
    )
    signal = np.random.default_rng(0).standard_normal((15, 400)).astype(np.float32) * 20 + 100
    done = subprocess.run(
        ["./filter"],
        input=np.ascontiguousarray(signal.T).tobytes(),
        capture_output=True,
        check=True,
    )
    recipe = names["recipe"]
    assert isinstance(recipe, Recipe)
    wanted = recipe.stream(sfreq=125.0, n_chans=15).process(signal)
    got = np.frombuffer(done.stdout, np.float32).reshape(400, 15).T
    print(f"compared={wanted.size}")
    assert got.shape == wanted.shape and np.abs(wanted).max() > 1
    assert got.tobytes() == wanted.tobytes()
