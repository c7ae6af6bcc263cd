# SPDX-License-Identifier: Apache-2.0
"""Training on Renode, where it is installed: the losses, weights and counts of QEMU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from biotrain_tf.device.renode import PLATFORMS, find_renode, read_marks
from biotrain_tf.device.run import run_device
from converters.targets import TARGETS, TargetProfile
from scripts.renode.replies import replies_should_match
from tests.device.test_renode_files import ON_RENODE

STEPS = 3
# Where things lie and how long they took.
DIFFERENT = {"link", "emulator", "wall_s", "instructions_per_step", "instructions_of_each_step"}


def renode() -> str:
    path = find_renode()
    if path is None:
        pytest.skip("needs Renode: install it from https://renode.io, or set RENODE to it")
    return path


@pytest.fixture
def on_qemu(
    tiny_path: Path, tiny_npz: Path, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> Callable[[str], dict[str, Any]]:
    """Trains there; leaves `expected.json` and `frames` in the test's folder."""

    def train(target: str) -> dict[str, Any]:
        need_target(target)
        return run_device(
            model=tiny_path,
            target=target,
            data=tiny_npz,
            steps=STEPS,
            json_path=tmp_path / "expected.json",
            commands_path=tmp_path / "frames",
        )

    return train


@pytest.mark.parametrize("target", ON_RENODE)
def test_renode_returns_the_json_of_qemu(
    target: str, tiny_path: Path, tiny_npz: Path, on_qemu: Callable[[str], dict[str, Any]]
) -> None:
    renode()
    here = on_qemu(target)
    there = run_device(
        model=tiny_path, target=target, data=tiny_npz, steps=STEPS, emulator="renode"
    )
    assert there.keys() == here.keys() and len(there["loss"]) == STEPS
    same = here.keys() - DIFFERENT
    assert {key: there[key] for key in same} == {key: here[key] for key in same}
    counts = zip(there["instructions_of_each_step"], here["instructions_of_each_step"], strict=True)
    for found, wanted in counts:
        assert abs(found - wanted) <= 0.01 * wanted, (found, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("target", ON_RENODE)
def test_robot_test_passes(
    target: str, tmp_path: Path, on_qemu: Callable[[str], dict[str, Any]]
) -> None:
    tool = Path(renode()).resolve().with_name("renode-test")
    if not tool.is_file():
        pytest.skip(f"needs {tool}, which comes with Renode's packages")
    variables = {
        "BIN": on_qemu(target)["program"],
        "DATA": tmp_path / "frames",
        "EXPECTED": tmp_path / "expected.json",
    }
    options = [w for name, value in variables.items() for w in ("--variable", f"{name}:{value}")]
    profile_renode = TARGETS[target].renode
    assert profile_renode is not None
    robot = (PLATFORMS / profile_renode.script).with_suffix(".robot")
    done = subprocess.run(
        [str(tool), *options, "-r", str(tmp_path / "results"), str(robot)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        # Where Robot leaves what the firmware said.
        cwd=tmp_path,
        # Its tests run in this Python.
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("target", ["cortex-m7", "riscv32"])
def test_keyword_compares_what_a_firmware_says(
    target: str, tmp_path: Path, on_qemu: Callable[[str], dict[str, Any]]
) -> None:
    """The same frames through QEMU's UART, without Renode: what Robot would be given."""
    expected = on_qemu(target)
    profile = TARGETS[target]
    assert profile.qemu is not None
    command = [profile.qemu.binary, *profile.qemu.arguments, "-display", "none"]
    command += ["-monitor", "none", "-serial", "stdio", "-kernel", expected["program"]]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said = bytearray()
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write((tmp_path / "frames").read_bytes())
        process.stdin.flush()
        while not said.endswith(b"\nPASS\n"):
            byte = process.stdout.read1(4096)  # type: ignore[attr-defined]
            assert byte, said[-200:]
            said += byte
    finally:
        process.kill()
        process.wait()
    marks = [0]
    for count in expected["instructions_of_each_step"]:
        marks += [marks[-1] + count, marks[-1] + count + 7]
    counts = tmp_path / "counts"
    counts.write_text("".join(f"mark instructions={n}\n" for n in marks[:-1]))
    found = [step.total.instructions for step in read_marks(counts)]
    assert found == expected["instructions_of_each_step"]

    def compare(replies: bytes, wanted: dict[str, Any]) -> str:
        (tmp_path / "replies").write_bytes(replies)
        (tmp_path / "wanted.json").write_text(json.dumps(wanted))
        names = ("replies", "counts", "wanted.json")
        return replies_should_match(*(str(tmp_path / name) for name in names))

    assert compare(bytes(said), expected).startswith(f"compared {STEPS} losses, 72 bytes")
    loss = [expected["loss"][0] * 1.0001, *expected["loss"][1:]]
    counted = [expected["instructions_of_each_step"][0] * 1.02] * STEPS
    for key, wrong in (
        ("loss", loss),
        ("loss", loss[1:]),
        ("weights_sha256", "0" * 64),
        ("instructions_of_each_step", counted),
        ("instructions_of_each_step", None),
    ):
        with pytest.raises(AssertionError, match=key.split("_of_")[0]):
            compare(bytes(said), {**expected, key: wrong})
    with pytest.raises(AssertionError, match="loss"):
        compare(b"ready=1\nPASS\n", expected)
