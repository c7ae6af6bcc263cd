# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for. Nothing here imports the project."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# Read by TensorFlow when it is first imported, after this file. Two workers share the cores.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

hypothesis.settings.register_profile("house", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("house")

REPO = Path(__file__).resolve().parents[1]

CURES = {
    "arm-none-eabi-g++": "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    "riscv64-unknown-elf-g++": "gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv32": "qemu-system-misc",
    "bazel": "bazel-bootstrap",
}


@pytest.fixture(scope="session")
def repo() -> Path:
    """The root of the checkout."""
    return REPO


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The recordings in $BIOTRAIN_DATA, else beside the checkout, where they are."""
    folder = Path(os.environ.get("BIOTRAIN_DATA") or REPO.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"needs the recordings in ../shared/data or $BIOTRAIN_DATA, and there is no {folder}"
        )
    return folder


@pytest.fixture(scope="session")
def compat_python() -> Path:
    """The interpreter of .venv-compat, which has tflite-runtime and numpy 1."""
    python = REPO / ".venv-compat" / "bin" / "python"
    if not python.exists():
        pytest.skip(
            "needs .venv-compat (tflite-runtime, Python 3.11 at most); scripts/bootstrap makes it"
        )
    return python


@pytest.fixture(scope="session")
def need_command() -> Callable[..., None]:
    """`need_command("qemu-system-arm")` skips where that is missing and says what to install."""

    def need(*commands: str) -> None:
        for command in commands:
            if shutil.which(command) is None:
                package = CURES.get(command, command)
                pytest.skip(f"needs {command}: sudo apt-get install {package}")

    return need
