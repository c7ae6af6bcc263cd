# SPDX-License-Identifier: Apache-2.0
"""Every foo_test.cc, from the same source, on the host (sanitized) and on each emulated core."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_tests
from biotrain_tf.device.qemu import require_qemu
from converters.targets import TARGETS, TargetProfile
from tests.device.conftest import EMULATED

REPO = Path(__file__).resolve().parents[2]
FOLDERS = ("kernels", "signal", "store", "adapt")
SOURCES = [path for f in FOLDERS for path in sorted((REPO / "tflm_train" / f).glob("*_test.cc"))]
NAMES = [path.stem for path in SOURCES]
TIMEOUT_S = 300
REPORT = re.compile(r"^name=(\S+) compared=(\d+) max_diff=(\S+) result=ok$", re.MULTILINE)


@cache
def programs(target: str, sanitize: bool) -> dict[str, Path]:
    return {path.name: path for path in build_tests(TARGETS[target], sanitize=sanitize)}


def check(output: str, name: str) -> None:
    """PASS, and every test has compared something."""
    reports = REPORT.findall(output)
    compared = sum(int(count) for _, count, _ in reports)
    print(f"{name}: tests={len(reports)} compared={compared}")
    assert output.rstrip().endswith("\nPASS"), output[-3000:]
    assert len(reports) == len(re.findall(r"^name=", output, re.MULTILINE)) > 0
    assert all(int(count) > 0 for _, count, _ in reports)


def test_tests_are_found() -> None:
    assert len(NAMES) >= 10, NAMES


@pytest.mark.parametrize("name", NAMES)
def test_on_the_host_with_sanitizers(
    name: str, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    done = subprocess.run(
        [programs("host", True)[name]],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.stderr == ""
    check(done.stdout, name)
    assert done.returncode == 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", EMULATED)
def test_on_the_target(target: str, name: str, need_target: Callable[[str], TargetProfile]) -> None:
    profile = need_target(target)
    assert profile.qemu is not None
    command = [require_qemu(profile), *profile.qemu.arguments, "-display", "none"]
    command += ["-monitor", "none", "-serial", "stdio"]
    command += ["-semihosting-config", "enable=on,target=native"]
    done = subprocess.run(
        [*command, "-kernel", str(programs(target, False)[name])],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    check(done.stdout, f"{name} on {target}")
    assert done.returncode == 0, done.stderr
