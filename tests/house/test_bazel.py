# SPDX-License-Identifier: Apache-2.0
"""The Bazel build: host tests and one cross-built firmware, with nothing downloaded."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.house.tree import REPO, project_files

FOLDERS = {
    Path(name)
    for name in (
        "adapt",
        "app",
        "cluster",
        "kernels",
        "micro",
        "micro/ops",
        "signal",
        "store",
        "testing",
    )
}
DEVICE_TESTS = 1


def bazel(*arguments: str, timeout: int) -> subprocess.CompletedProcess[str]:
    # A server that idles for hours would outlive the tests. HOME may be missing or read-only in CI.
    output_root = REPO / "build" / "bazel"
    startup = [f"--output_user_root={output_root}", "--max_idle_secs=15"]
    return subprocess.run(
        ["bazel", *startup, *arguments],
        cwd=REPO,
        env={**os.environ, "HOME": os.environ.get("HOME", str(output_root))},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def expected_tests() -> int:
    """One test for every foo_test.cc, and the firmware."""
    sources = [
        path
        for path in project_files(".cc", under="tflm_train")
        if path.stem.endswith("_test") and path.parent.relative_to("tflm_train") in FOLDERS
    ]
    assert len(sources) >= 5, f"only {len(sources)} C++ tests found"
    return len(sources) + DEVICE_TESTS


def test_bazel_builds_and_tests_everything(
    expected_tests: int, need_command: Callable[..., None]
) -> None:
    need_command("bazel", "arm-none-eabi-g++", "qemu-system-arm")
    done = bazel("test", "//...", "--noshow_progress", "--color=no", timeout=900)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-8000:]
    passed = re.findall(r"^(//\S+)\s+(?:\(cached\) )?PASSED", output, re.MULTILINE)
    print(f"passed={len(passed)} expected={expected_tests}")
    assert len(passed) == expected_tests, "\n".join(passed)
    assert "//tflm_train/kernels:conv_device_test" in passed


def test_stand_ins_are_named_in_the_workspace() -> None:
    workspace = (REPO / "WORKSPACE").read_text()
    stubs = sorted(
        path.name for path in (REPO / "third_party/bazel_stubs").iterdir() if path.is_dir()
    )
    assert len(stubs) == 3
    for name in stubs:
        assert f'"{name}"' in workspace
    downloads = re.findall(r"http_archive|git_repository|https?://", workspace)
    assert not downloads, "the Bazel build works offline"
    assert not Path(REPO / ".bazelversion").exists(), "breaks the wrapper of Debian's bazel"
