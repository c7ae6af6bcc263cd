# SPDX-License-Identifier: Apache-2.0
"""Training inside upstream TFLM, where its tree and library are; the page docs/tflm.md is built."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from biotrain_tf.device.build import build_root
from converters.emit.tflm_ops import resolver_name
from converters.targets import TARGETS

CURE = "see docs/tflm.md"
MODEL = "eegnet"
PLANNER_TEST = "memory_planner_test"


def named(variable: str) -> Path:
    """What a variable of the environment names; skips where it is not set, fails where it lies."""
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"needs upstream TFLM: set {variable}; {CURE}")
    path = Path(value).resolve()
    assert path.exists(), f"{variable}: wanted a path that exists; found {value}; {CURE}"
    return path


@dataclass(frozen=True)
class Tflm:
    """A TFLM tree, and what it was built into for one target."""

    root: Path
    library: Path
    target: str

    @property
    def options(self) -> list[str]:
        options = [f"-DTFLM_ROOT={self.root}", f"-DTFLM_LIBRARY={self.library}"]
        options += [f"-DBIOTRAIN_TARGET={self.target}"]
        if includes := os.environ.get("TFLM_INCLUDE_DIRS"):
            options.append(f"-DTFLM_INCLUDE_DIRS={includes}")
        return options


def run(command: Sequence[object], timeout: int = 900) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def build(source: Path, tflm: Tflm, model: Path, *options: str) -> Path:
    folder = build_root() / "tflm" / f"{source.name}-{tflm.target}-{model.parent.name}"
    ops = resolver_name(model.name)
    options += (f"-DBIOTRAIN_MODEL={model}", f"-DBIOTRAIN_OPS_CLASS={ops}")
    run(["cmake", "-S", source, "-B", folder, *tflm.options, *options])
    run(["cmake", "--build", folder])
    return folder


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def figures(printed: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in printed.split() if "=" in word)


@pytest.fixture(scope="module")
def host_run(
    repo: Path,
    converted: Callable[..., Any],
    need_command: Callable[..., None],
) -> tuple[str, str, str]:
    """What the tests and the page's program print on the host, built by the page's own lines."""
    tflm = Tflm(named("TFLM_ROOT"), named("TFLM_LIBRARY"), "host")
    need_command("cmake", "g++")
    page = repo / "docs" / "tflm.md"
    # Always the same folder: CMake goes on with a build of no other one.
    project = build_root() / "tflm" / "page"
    project.mkdir(parents=True, exist_ok=True)
    (main,), (cmake,) = blocks(page, "cpp"), blocks(page, "cmake")
    (project / "main.cc").write_text(main)
    first = "cmake_minimum_required(VERSION 3.16)\nproject(page CXX)\nset(CMAKE_CXX_STANDARD 17)\n"
    (project / "CMakeLists.txt").write_text(first + cmake)
    model = converted(MODEL).model_path.with_suffix("")
    folder = build(project, tflm, model, f"-DBIOTRAIN_ROOT={repo}", f"-DMODEL={model.parent}")
    tests = folder / "biotrain_tflm"
    return run([tests / "training_test"]), run([folder / "app"]), run([tests / PLANNER_TEST])


def test_tflm_trains_as_the_runner(host_run: tuple[str, str, str]) -> None:
    print(host_run[0])
    found = figures(host_run[0])
    assert host_run[0].endswith("PASS\n") and int(found["steps"]) == 20
    assert found["plan_bytes"] == found["runner_arena"]
    assert host_run[2].endswith("PASS\n"), host_run[2]


def test_the_program_of_the_tflm_page_trains(host_run: tuple[str, str, str]) -> None:
    print(host_run[1])
    losses = [float(loss) for loss in re.findall(r"^loss=(\S+)$", host_run[1], re.MULTILINE)]
    assert len(losses) == 20 and losses[-1] < 0.5 * losses[0]
    tests, page = figures(host_run[0]), figures(host_run[1])
    assert page["plan_bytes"] == tests["plan_bytes"]
    assert page["arena_used_bytes"] == tests["tflm_arena"]


def test_tflm_on_an_emulated_cortex_m7(
    repo: Path,
    converted: Callable[..., Any],
    host_run: tuple[str, str, str],
    need_command: Callable[..., None],
) -> None:
    profile = TARGETS["cortex-m7"]
    tflm = Tflm(named("TFLM_ROOT"), named("TFLM_LIBRARY_CORTEX_M7"), profile.name)
    need_command(f"{profile.compiler_prefix}g++", "qemu-system-arm")
    folder = build(
        repo / "tflm_train" / "tflm",
        tflm,
        converted(MODEL).model_path.with_suffix(""),
        "-DCMAKE_SYSTEM_NAME=Generic",
        "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
        f"-DCMAKE_CXX_COMPILER={profile.compiler_prefix}g++",
        f"-DCMAKE_ASM_COMPILER={profile.compiler_prefix}gcc",
    )
    assert profile.qemu is not None
    # A short command line: one with the path of the kernel may be too long for the firmware.
    semihosting = "enable=on,target=native,arg=test"
    emulator = [profile.qemu.binary, *profile.qemu.arguments, "-nographic"]
    emulator += ["-semihosting-config", semihosting]
    assert run([*emulator, "-kernel", folder / PLANNER_TEST]).endswith("PASS\n")
    printed = run([*emulator, "-kernel", folder / "training_test"])
    print(printed)
    host, device = figures(host_run[0]), figures(printed)
    assert printed.endswith("PASS\n")
    for same in ("plan_bytes", "steps", "weights_fnv"):
        assert device[same] == host[same], same
