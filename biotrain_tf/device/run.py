# SPDX-License-Identifier: Apache-2.0
"""One model, one target, some samples: trains there and says how it went."""

from __future__ import annotations

import hashlib
import json
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.device import build
from biotrain_tf.device.board import SerialDevice, SerialPort, open_port
from biotrain_tf.device.data import Calibration, Samples, as_stored, read_data
from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, Device, DeviceError
from biotrain_tf.device.model import ModelInfo, read_model
from biotrain_tf.device.protocol import Command, Frame, Kind, Line, Reply
from biotrain_tf.device.qemu import QemuDevice, require_qemu
from biotrain_tf.device.renode import RenodeDevice, require_renode
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS, TargetProfile

EMULATORS = ("qemu", "renode", "serial")
# What is going on, in a few words, whenever there is something new.
OnProgress = Callable[[str], None]


def make_device(
    profile: TargetProfile,
    model: ModelInfo,
    *,
    emulator: str,
    link: str | None,
    port: SerialPort | None = None,
    program: Path | None = None,
    cluster: bool = False,
) -> Device:
    """Builds the program for the target and gives it a place to run.

    ``port`` and ``program`` are for a serial port: where it is, and what runs there if that is
    not what would be built.
    """
    if profile.is_host:
        if link is not None:
            raise BiotrainError(f"link: target {profile.name} has only its pipe; leave --link out")
        host_program = None
        if cluster:
            tiles = build.tiles_of(model.path)
            host_program = program or build.build_cluster_runner(profile=profile, tiles=tiles)
        return HostDevice(profile=profile, model=model, program=host_program)
    if emulator == "serial":
        return _serial_device(profile, model, link=link, port=port, program=program)
    if link not in (None, "uart") and emulator == "renode":
        raise BiotrainError(f"link: Renode has only uart; found {link!r}; leave --link out")
    # Before the compiler works for nothing.
    require = require_renode if emulator == "renode" else require_qemu
    require(profile)
    firmware = build.build_firmware(profile=profile, model=model, cut=True, cluster=cluster)
    if emulator == "renode":
        return RenodeDevice(profile=profile, program=firmware.program)
    return QemuDevice(profile=profile, program=firmware.program, link=link or "semihosting")


def _serial_device(
    profile: TargetProfile,
    model: ModelInfo,
    *,
    link: str | None,
    port: SerialPort | None,
    program: Path | None,
) -> Device:
    if link is not None:
        raise BiotrainError(f"link: a serial port is one; found {link!r}; leave --link out")
    if port is None:
        raise BiotrainError("port: --emulator serial wants one; name it with --port /dev/ttyACM0")
    open_port(port).close()
    if program is None:
        program = build.build_firmware(profile=profile, model=model).program
    return SerialDevice(
        profile=profile, program=program, model=build.name_in_program(model), port=port
    )


@dataclass
class _Conversation:
    """The commands of a run, and what their replies add up to."""

    device: Device
    model: ModelInfo
    data: Calibration
    steps: int
    on_progress: OnProgress
    losses: list[float] = field(default_factory=list)
    outputs: list[np.ndarray[Any, Any]] = field(default_factory=list)
    weights: bytes = b""
    figures: dict[str, int] = field(default_factory=dict)
    verdict: str = ""

    def commands(self) -> list[Command]:
        size, train = self.model.batch_size, self.data.train
        if self.model.fetches_samples:
            first = len(train.x)
            evaluate = [
                Command(Kind.INFER_STORED, np.int32(first + i).tobytes())
                for i in range(len(self.data.test.x))
            ]
            steps = [
                Command(
                    Kind.TRAIN_STORED,
                    rows.astype("<i4").tobytes() + train.y[rows].tobytes(),
                )
                for rows in train.rows(size=size, count=self.steps)
            ]
        else:
            evaluate = [Command(Kind.INFER, sample.tobytes()) for sample in self.data.test.x]
            steps = [
                Command(Kind.TRAIN, _payload(batch))
                for batch in train.batches(size=size, count=self.steps)
            ]
        return [*evaluate, *steps, *evaluate, Command(Kind.SAVE), Command(Kind.QUIT)]

    def on_reply(self, command: Command, reply: Reply) -> None:
        if isinstance(reply, Frame):
            self._on_frame(command, reply)
        elif reply.text.startswith("error="):
            raise self._refusal(reply)
        elif reply.is_verdict:
            self.verdict = reply.text
        elif command.kind is Kind.HELLO:
            return  # The ready line, or what an earlier host did not wait for.
        elif "loss_bits" in reply.values:
            (loss,) = struct.unpack(">f", bytes.fromhex(reply.values["loss_bits"]))
            self.losses.append(loss)
            self.on_progress(f"step {len(self.losses)} of {self.steps}, loss {loss:.4f}")
        elif command.kind is Kind.QUIT:
            self.figures.update((key, int(value)) for key, value in reply.values.items())

    def _on_frame(self, command: Command, frame: Frame) -> None:
        if command.kind in (Kind.INFER, Kind.INFER_STORED) and frame.kind is Kind.OUTPUT:
            self.outputs.append(np.frombuffer(frame.payload, "<f4"))
            count = len(self.data.test.x)
            which = "before" if len(self.outputs) <= count else "after"
            done = (len(self.outputs) - 1) % count + 1
            self.on_progress(f"accuracy {which}: sample {done} of {count}")
        elif command.kind is Kind.SAVE and frame.kind is Kind.WEIGHTS:
            self.weights = frame.payload
        else:
            raise DeviceError(f"{self.device.name}: sent {frame.kind.name}, which nobody asked for")

    def _refusal(self, line: Line) -> DeviceError:
        values = line.values
        if values["error"] == "fault":
            return DeviceError(self.device.describe_fault(line))
        where = f"step {len(self.losses)}: " if self.outputs and not self.weights else ""
        parts = [f"{key} {values[key]}" for key in ("what", "wanted", "found") if key in values]
        reason = ", ".join([values["error"], *parts])
        return DeviceError(f"{self.device.name}: {where}refused with {reason}")

    def check(self) -> None:
        if self.verdict != "PASS" or len(self.losses) != self.steps or not self.weights:
            raise DeviceError(
                f"{self.device.name}: wanted PASS after {self.steps} steps; found "
                f"{self.verdict or 'no verdict'} after {len(self.losses)}"
            )

    def accuracy(self, outputs: list[np.ndarray[Any, Any]]) -> float | None:
        labels = self.data.test.labels(self.model.classes)
        if labels is None:
            return None
        table = np.stack(outputs)
        found = table.argmax(axis=1) if table.shape[1] > 1 else (table[:, 0] > 0.5).astype(int)
        return float(np.mean(found == labels))


def _payload(batch: Samples) -> bytes:
    return bytes(batch.x.tobytes() + batch.y.tobytes())


def run_device(
    *,
    model: Path,
    target: str,
    data: Path,
    steps: int,
    emulator: str = "qemu",
    link: str | None = None,
    port: SerialPort | None = None,
    program: Path | None = None,
    cluster: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    json_path: Path | None = None,
    weights_path: Path | None = None,
    commands_path: Path | None = None,
    on_progress: OnProgress = lambda text: None,
) -> dict[str, Any]:
    """Trains ``steps`` batches of ``data`` on ``target``; returns what ``--json`` writes.
    ``cluster``: in tiles on eight cores, as GAP9 would; the host has a thread for each.
    """
    started = time.monotonic()
    if target not in TARGETS:
        raise BiotrainError(f"target: wanted one of {', '.join(TARGETS)}; found {target!r}")
    if emulator not in EMULATORS:
        raise BiotrainError(f"emulator: wanted one of {', '.join(EMULATORS)}; found {emulator!r}")
    if steps < 1:
        raise BiotrainError(f"steps: wanted at least 1; found {steps}")
    if not timeout_s > 0:
        raise BiotrainError(f"timeout: wanted more than 0 s; found {timeout_s:g}")
    info = read_model(model)
    samples = read_data(data, info)
    if info.fetches_samples:
        x = np.concatenate([samples.train.x, samples.test.x])
        info = replace(info, stored=as_stored(x, info))
    on_progress(f"building for {target}")
    device = make_device(
        TARGETS[target],
        info,
        emulator=emulator,
        link=link,
        port=port,
        program=program,
        cluster=cluster,
    )
    talk = _Conversation(device, info, samples, steps, on_progress)
    if commands_path is not None:
        commands_path.write_bytes(b"".join(command.encode() for command in talk.commands()))
    on_progress(f"starting {device.name}")
    counts = device.run(talk.commands(), talk.on_reply, timeout_s=timeout_s)
    talk.check()
    result = _result(talk, device, counts.instructions)
    result["emulator"] = None if TARGETS[target].is_host else emulator
    result["target"] = target
    result["wall_s"] = round(time.monotonic() - started, 3)
    if weights_path is not None:
        weights_path.write_bytes(talk.weights)
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(result, indent=1) + "\n")
    return result


def _result(
    talk: _Conversation, device: Device, instructions: tuple[int, ...] | None
) -> dict[str, Any]:
    if instructions is not None and len(instructions) != talk.steps:
        raise DeviceError(
            f"{device.name}: wanted {talk.steps} counts, one a step; found {len(instructions)}"
        )
    count = len(talk.data.test.x)
    static, stack = device.sizes.static_bytes, talk.figures["stack_bytes"]
    arena, beyond = talk.figures["arena_bytes"], talk.figures["beyond_bytes"]
    return {
        "model": str(talk.model.path),
        "program": str(device.program),
        "link": device.link,
        "steps": talk.steps,
        "batch_size": talk.model.batch_size,
        "loss": talk.losses,
        "weights_sha256": hashlib.sha256(talk.weights).hexdigest(),
        "accuracy_before": talk.accuracy(talk.outputs[:count]),
        "accuracy_after": talk.accuracy(talk.outputs[count:]),
        # Data-dependent branches let steps differ a little: all are in the list.
        "instructions_per_step": round(sum(instructions) / len(instructions))
        if instructions
        else None,
        "instructions_of_each_step": list(instructions) if instructions else None,
        "textbook_macs_per_step": talk.model.textbook_macs_per_step(),
        "ram_bytes": {
            "static": static,
            "stack": stack,
            "arena": arena,
            "total": static + stack + arena,
            # None: nobody said how much RAM there is, or nobody could look behind it.
            "region": talk.model.ram[1] if beyond and talk.model.ram else None,
            "beyond_untouched": True if beyond else None,
        },
        "flash_bytes": device.sizes.flash_bytes,
    }
