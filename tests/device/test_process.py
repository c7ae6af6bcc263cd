# SPDX-License-Identifier: Apache-2.0
"""Nothing that an emulator's program has started is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from biotrain_tf.device.process import running

# Shells that wait for another program, as launch scripts do; the second ignores being asked.
WAITS = "sleep 60; true"
STUBBORN = "trap '' TERM; echo ready; sleep 60 & wait; wait"


def group_is_gone(group: int) -> bool:
    """Zombies that init has not collected yet count for a moment."""
    for _ in range(50):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_the_child_of_a_script_is_ended(tmp_path: Path) -> None:
    with running(["sh", "-c", WAITS], folder=tmp_path) as process:
        time.sleep(0.2)
        os.killpg(process.pid, 0)
    assert group_is_gone(process.pid)


def test_one_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("biotrain_tf.device.process._GRACE_S", 0.2)
    with running(["sh", "-c", STUBBORN], folder=tmp_path, stdio=True) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    assert group_is_gone(process.pid)


def test_one_that_has_ended_is_no_error(tmp_path: Path) -> None:
    with running(["true"], folder=tmp_path) as process:
        process.wait()
    assert process.returncode == 0 and group_is_gone(process.pid)
