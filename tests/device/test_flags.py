# SPDX-License-Identifier: Apache-2.0
"""Flags are named once, in flags.bzl; make sees all of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from converters.targets import TARGETS
from tflm_train.flags import host_has_fma, make_variables, newest, read_flags

REPO = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("target", TARGETS)
def test_make_gets_the_flags_of_the_target(target: str) -> None:
    flags, variables = read_flags(), make_variables(target)
    arch = variables["ARCH"].split()
    named = [newest(flag) for flag in flags["ARCH"][target]]
    assert arch[: len(named)] == named
    assert set(flags["COPTS"]) <= set(variables["COPTS"].split())
    printed = subprocess.run(
        [sys.executable, "tflm_train/flags.py", target],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    assert dict(line.split(" := ") for line in printed.stdout.splitlines() if line[-1] != " ") == {
        name: value for name, value in variables.items() if value
    }


def test_the_contract_of_bits_is_in_the_flags() -> None:
    flags = read_flags()["COPTS"]
    assert {"-O3", "-ffp-contract=off", "-fno-math-errno"} <= set(flags)
    assert not {"-ffast-math", "-Ofast", "-funsafe-math-optimizations"} & set(flags)


def test_makefile_names_no_flag_of_code_generation() -> None:
    # The plugin of QEMU is no code of ours that runs on a device.
    lines = [
        line
        for line in (REPO / "tflm_train" / "Makefile").read_text().splitlines()
        if "$(PREFIX)gcc" not in line
    ]
    flag = r"(?<!\S)-(?:O\d|f[a-z-]+|m[a-z-]+=?\S*|W(?:all|extra|error)|std=\S+)"
    found = re.findall(flag, "\n".join(lines))
    assert found == []


@pytest.mark.parametrize(
    ("text", "expected"), [("flags : sse fma avx2\n", True), ("flags : sse fma4 avx\n", False)]
)
def test_fma_is_looked_for_as_a_word(text: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert host_has_fma(tmp_path / "cpuinfo") is expected
    assert host_has_fma(tmp_path / "none") is False


def test_newest_compares_versions_as_numbers(tmp_path: Path) -> None:
    for version in ("9.3.1", "12.2.1", "13.2.1"):
        (tmp_path / version).mkdir()
    assert newest(f"{tmp_path}/NEWEST/include") == f"{tmp_path}/13.2.1/include"
    assert newest("-mthumb") == "-mthumb"
