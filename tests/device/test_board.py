# SPDX-License-Identifier: Apache-2.0
"""A serial port: QEMU's UART at a pseudo-terminal stands for a board."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from biotrain_tf.device import board
from biotrain_tf.device.board import SerialDevice, SerialPort
from biotrain_tf.device.build import build_firmware, name_in_program
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.protocol import Command, Kind
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS, TargetProfile
from tests.device.talk import talk_to, train_command
from tests.device.tiny_model import TinyShape, tiny_data

STEPS = 3
# Where it ran, what nobody could count or look at there, and how long it took.
DIFFERENT = {
    *("link", "emulator", "wall_s", "ram_bytes"),
    *("instructions_per_step", "instructions_of_each_step"),
}


@contextlib.contextmanager
def board_at_a_terminal(profile: TargetProfile, program: Path) -> Iterator[str]:
    """Starts the program on QEMU; the name of the terminal its UART is at."""
    assert profile.qemu is not None
    command = [profile.qemu.binary, *profile.qemu.arguments, "-display", "none"]
    command += ["-monitor", "none", "-serial", "pty", "-kernel", str(program)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"redirected to (/dev/\S+)", process.stdout.readline())
        assert found is not None
        yield found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["cortex-m7", "riscv32"])
def target(request: pytest.FixtureRequest, need_target: Callable[[str], TargetProfile]) -> str:
    need_target(request.param)
    return str(request.param)


def test_a_board_returns_the_json_of_qemu(
    target: str, tiny_path: Path, tiny_npz: Path, tiny: ModelInfo
) -> None:
    here = run_device(model=tiny_path, target=target, data=tiny_npz, steps=STEPS)
    program = build_firmware(profile=TARGETS[target], model=tiny).program
    with board_at_a_terminal(TARGETS[target], program) as terminal:
        there = run_device(
            model=tiny_path,
            target=target,
            data=tiny_npz,
            steps=STEPS,
            emulator="serial",
            port=SerialPort(terminal),
        )
    assert there.keys() == here.keys() and len(there["loss"]) == STEPS
    same = here.keys() - DIFFERENT
    assert len(same) > 8
    assert {key: there[key] for key in same} == {key: here[key] for key in same}
    assert there["link"] == "serial" and there["instructions_per_step"] is None
    assert there["ram_bytes"]["total"] == here["ram_bytes"]["total"]


@pytest.fixture
def device(tiny: ModelInfo, need_target: Callable[[str], TargetProfile]) -> Iterator[SerialDevice]:
    profile = need_target("cortex-m7")
    program = build_firmware(profile=profile, model=tiny).program
    with board_at_a_terminal(profile, program) as terminal:
        yield SerialDevice(
            profile=profile,
            program=program,
            model=name_in_program(tiny),
            port=SerialPort(terminal),
        )


def test_a_second_host_goes_on_with_the_session(
    device: SerialDevice, tiny_shape: TinyShape
) -> None:
    """Nothing is sent but hellos until the ready line comes, so that no session is spoilt."""
    step = train_command(*tiny_data(tiny_shape, tiny_shape.batch))
    first = talk_to(device, [step, Command(Kind.SAVE)])
    second = talk_to(device, [Command(Kind.SAVE), step, Command(Kind.QUIT)])
    assert first.frames(Kind.WEIGHTS) == second.frames(Kind.WEIGHTS)
    assert len(first.frames(Kind.WEIGHTS)) == 1
    assert "steps=2" in second.lines and second.lines[-1] == "PASS"


def test_another_model_in_its_flash_is_refused(device: SerialDevice) -> None:
    device.model = "eegnet"
    with pytest.raises(DeviceError, match="wanted model eegnet; found tiny; write .*firmware.elf"):
        talk_to(device, [Command(Kind.QUIT)])


def test_a_port_at_which_nobody_answers(
    device: SerialDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "READY_S", 1.0)
    master, slave = os.openpty()
    device.port = SerialPort(os.ttyname(slave), 9600)
    started = time.monotonic()
    with pytest.raises(DeviceError, match="no ready line at 9600 baud; reset the board"):
        talk_to(device, [Command(Kind.QUIT)])
    assert time.monotonic() - started < 10
    os.close(master)
    os.close(slave)


def test_a_board_that_is_unplugged(device: SerialDevice) -> None:
    """The other side of a terminal is closed in the middle of a session."""
    master, slave = os.openpty()
    device.port = SerialPort(os.ttyname(slave))

    def answer_and_leave() -> None:
        os.read(master, 1)  # A hello.
        os.write(master, f"ready=1 model={device.model}\n".encode())
        os.read(master, 1 << 10)
        os.close(master)

    other_side = threading.Thread(target=answer_and_leave)
    other_side.start()
    with pytest.raises(DeviceError, match="ended in the middle of the conversation"):
        talk_to(device, [Command(Kind.SAVE)], timeout_s=10)
    other_side.join()
    os.close(slave)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "port: --emulator serial wants one; name it with --port"),
        ({"port": SerialPort("/dev/nobody")}, r"/dev/nobody cannot be opened \(.*No such file"),
        ({"port": SerialPort("socket://127.0.0.1:1")}, "cannot be opened"),
        ({"port": SerialPort("/dev/null", 0)}, "cannot be opened|baud: wanted"),
        ({"link": "uart"}, "link: a serial port is one; found 'uart'"),
    ],
)
def test_a_port_that_cannot_be_had_is_one_line(
    changes: dict[str, object], message: str, tiny_path: Path, tiny_npz: Path
) -> None:
    with pytest.raises(BiotrainError, match=message) as caught:
        run_device(
            model=tiny_path,
            target="cortex-m7",
            data=tiny_npz,
            steps=1,
            emulator="serial",
            **changes,  # type: ignore[arg-type]
        )
    assert "\n" not in str(caught.value)
