# SPDX-License-Identifier: Apache-2.0
"""An ordinary wheel works like a checkout: it carries the C++ that `biotrain run` compiles."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.tree import REPO, project_files

PACKAGES = ("biotrain_tf", "converters", "tflm_train")
NOT_PACKAGED = {"BUILD"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    # From a copy: setuptools leaves its build folder where the sources are.
    source = tmp_path_factory.mktemp("source")
    for path in project_files():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPO / path, source / path)
    target = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", str(target), str(source)]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = target.glob("*.whl")
    return zipfile.ZipFile(file)


def test_wheel_has_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    wanted = {str(path) for path in project_files() if path.parts[0] in PACKAGES}
    wanted = {name for name in wanted if Path(name).name not in NOT_PACKAGED}
    found = set(wheel.namelist())
    print(f"compared={len(wanted)}")
    assert len(wanted) >= 50
    assert not wanted - found, f"missing from the wheel: {sorted(wanted - found)}"


def test_wheel_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)


def test_wheel_names_its_commands_and_licence(wheel: zipfile.ZipFile) -> None:
    texts = {name.split("/", 1)[1]: name for name in wheel.namelist() if ".dist-info/" in name}
    commands = wheel.read(texts["entry_points.txt"]).decode()
    assert "biotrain = biotrain_tf.cli.main:main" in commands
    assert "convert_trainable.py = converters.convert_trainable:main" in commands
    assert "License-Expression: Apache-2.0" in wheel.read(texts["METADATA"]).decode()
    assert "licenses/LICENSE" in texts
