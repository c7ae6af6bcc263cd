# SPDX-License-Identifier: Apache-2.0
"""What the device refuses, and that a refusal changes nothing: on the host and emulated."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.interface import Device, DeviceError
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.protocol import Command, Kind, Line
from biotrain_tf.device.qemu import QemuDevice
from converters.targets import TARGETS, TargetProfile
from tests.device.talk import BrokenCommand, RawCommand, talk_to, train_command
from tests.device.tiny_model import TinyShape, initial_weights, tiny_data

QUIT, SAVE = Command(Kind.QUIT), Command(Kind.SAVE)


@pytest.fixture(params=["host", "host-sanitized", "cortex-m7", "riscv32 uart"])
def device(
    request: pytest.FixtureRequest, tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> Device:
    name, _, link = request.param.partition(" ")
    if name.startswith("host"):
        profile = need_target("host")
        return HostDevice(profile=profile, model=tiny, sanitize=name.endswith("sanitized"))
    profile = need_target(name)
    program = build_firmware(profile=profile, model=tiny).program
    return QemuDevice(profile=profile, program=program, link=link or "semihosting", count=False)


@pytest.fixture
def batch(tiny_shape: TinyShape) -> tuple[np.ndarray, np.ndarray]:
    return tiny_data(tiny_shape, tiny_shape.batch)


def test_refused_commands_change_no_weight(
    device: Device, batch: tuple[np.ndarray, np.ndarray], tiny_shape: TinyShape
) -> None:
    x, y = batch
    nan = x.copy()
    nan[1, 2] = np.nan
    good = train_command(x, y)
    commands = [
        BrokenCommand(Kind.TRAIN, good.payload),
        Command(Kind.TRAIN, good.payload[:-4]),
        train_command(x, np.full_like(y, 3)),
        train_command(x, np.full_like(y, -1)),
        train_command(nan, y),
        Command(Kind.INFER, b"1234"),
        Command(Kind.RESTORE, b"1234"),
        Command(Kind.OUTPUT, b"1234"),
        SAVE,
        RawCommand(Kind.TRAIN, good.payload, noise=b"\xb7\xb7garbage\n"),
        SAVE,
        QUIT,
    ]
    talk = talk_to(device, commands)
    # The runner's own word for a thing (`what=`) is its own affair.
    patterns = [
        "error=crc what=train_frame",
        "error=kBadShape what=train_frame wanted=112 found=108",
        r"error=kLabelOutOfRange what=\w+ wanted=3 found=3",
        r"error=kLabelOutOfRange what=\w+ wanted=3 found=-1",
        r"error=kInputNotFinite what=\w+ wanted=0 found=8",
        "error=kBadShape what=infer_frame wanted=24 found=4",
        "error=kBadShape what=restore_frame wanted=72 found=4",
        "error=kBadArgument what=frame_type wanted=84 found=79",
    ]
    assert len(talk.errors) == len(patterns), talk.errors
    for pattern, line in zip(patterns, talk.errors, strict=True):
        assert re.fullmatch(pattern, line), (pattern, line)
    before, after = talk.frames(Kind.WEIGHTS)
    assert before == initial_weights(tiny_shape).tobytes() and len(before) == 72
    assert after != before
    assert "errors=8" in talk.lines and "steps=1" in talk.lines and talk.lines[-1] == "FAIL"


def test_restore_brings_back_what_was_saved(
    device: Device, batch: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = batch
    sample = Command(Kind.INFER, x[:1].tobytes())
    step = train_command(x, y)
    saved = talk_to(device, [step, step, SAVE, sample, QUIT])
    (weights,) = saved.frames(Kind.WEIGHTS)
    again = talk_to(device, [Command(Kind.RESTORE, weights), sample, SAVE, step, QUIT])
    assert again.frames(Kind.OUTPUT) == saved.frames(Kind.OUTPUT)
    assert again.frames(Kind.WEIGHTS) == [weights]
    assert "restored=72" in again.lines and again.lines[-1] == "PASS"
    # The third step after a restore is the third step.
    through = talk_to(device, [step, step, step, QUIT])
    third = [line.split("loss_bits=")[1] for line in through.lines if "loss_bits" in line][2]
    assert [line.split("loss_bits=")[1] for line in again.lines if "loss_bits" in line] == [third]


def test_hello_repeats_the_ready_line(device: Device) -> None:
    # A hello is answered by the ready line, which ends no command: the quit's lines follow it.
    talk = talk_to(device, [RawCommand(Kind.QUIT, noise=Command(Kind.HELLO).encode())])
    ready = [line for line in talk.lines if line.startswith("ready=")]
    assert len(ready) == 2 and ready[0] == ready[1]
    values = Line(ready[0]).values
    values.pop("model")
    assert values == {
        "ready": "1",
        "x_train": "24",
        "y_train": "4",
        "x_infer": "6",
        "output": "3",
        "save_bytes": "72",
        "y_type": "int32",
    }


def test_arena_one_byte_too_small(
    tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    device = HostDevice(profile=TARGETS["host"], model=tiny, arena_bytes=tiny.arena_bytes - 1)
    with pytest.raises(DeviceError, match="ended"):
        talk_to(device, [QUIT])
    # The device says it itself, before it ends.
    talk: list[str] = []
    with pytest.raises(DeviceError):
        device.run([QUIT], lambda _, reply: talk.append(str(reply)), timeout_s=30)
    size = tiny.arena_bytes
    wanted = f"error=kArenaTooSmall what=arena wanted={size} found={size - 1}"
    assert any(wanted in line for line in talk), talk


def test_input_that_ends_without_quit(
    tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m4f")
    program = build_firmware(profile=profile, model=tiny).program
    device = QemuDevice(profile=profile, program=program, count=False)
    talk = talk_to(device, [SAVE])
    assert talk.errors == []
    assert len(talk.frames(Kind.WEIGHTS)) == 1
