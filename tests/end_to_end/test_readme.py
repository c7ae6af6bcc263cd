# SPDX-License-Identifier: Apache-2.0
"""The code of the README: the Python runs, the C++ compiles against what it made."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.models import eegnet

# What the C++ of the README takes as given.
GIVEN = """
void Example(biotrain::Span<const float> x, biotrain::Span<const int32_t> labels,
             biotrain::Span<const float> sample, biotrain::Span<float> output) {
  float loss;
"""


def _block(repo: Path, language: str, holding: str = "") -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (repo / "README.md").read_text(), re.DOTALL)
    found = [block for block in found if holding in block]
    assert len(found) == 1, f"{len(found)} blocks of {language} with {holding!r}"
    return str(found[0])


def test_readme_runs(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    eegnet().save("model.keras")
    names: dict[str, object] = {}
    exec(_block(repo, "python", "biotrain_tf.convert"), names)
    folder = tmp_path / "build" / "model"
    assert (folder / "model.tflite").is_file()

    lines = _block(repo, "cpp").splitlines()
    includes = [line for line in lines if line.startswith("#include")]
    body = [line for line in lines if not line.startswith("#include")]
    source = tmp_path / "snippet.cc"
    source.write_text("\n".join([*includes, GIVEN, *body, "}"]))
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    done = subprocess.run(
        [*command, f"-I{repo}", f"-I{folder}", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_pipeline_of_the_readme_runs(repo: Path) -> None:
    generator = np.random.default_rng(0)
    names: dict[str, object] = {
        "X": generator.normal(size=(16, 4, 128)) * 1e-5,
        "y": np.arange(16) % 2,
    }
    exec(_block(repo, "python", "OnDeviceClassifier"), names)
    assert 0 <= float(names["pipeline"].score(names["X"], names["y"])) <= 1  # type: ignore[attr-defined]
