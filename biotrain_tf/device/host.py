# SPDX-License-Identifier: Apache-2.0
"""This machine: the same runner, kernels and protocol as an ordinary program."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

from biotrain_tf.device import build
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import Counts, Device, DeviceError, OnReply
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.process import running, with_last_words
from biotrain_tf.device.protocol import Command
from biotrain_tf.device.stream import ByteStream, converse
from converters.targets import TargetProfile


class HostDevice(Device):
    link = "pipe"

    def __init__(
        self,
        *,
        profile: TargetProfile,
        model: ModelInfo,
        sanitize: bool = False,
        arena_bytes: int | None = None,
        program: Path | None = None,
    ) -> None:
        self.name = profile.name
        self.model = model
        self.program = program or build.build_host_runner(profile=profile, sanitize=sanitize)
        self.sizes = read_sizes(self.program, profile)
        self._arena_bytes = arena_bytes

    def run(self, commands: Sequence[Command], on_reply: OnReply, *, timeout_s: float) -> Counts:
        command = [str(self.program), str(self.model.path.resolve())]
        if self._arena_bytes is not None:
            command.append(str(self._arena_bytes))
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="biotrain-"))
            if self.model.stored:
                samples = Path(folder) / "samples.bin"
                samples.write_bytes(self.model.stored)
                command = [*command[:2], *(command[2:] or [""]), str(samples)]
            process = stack.enter_context(running(command, folder=Path(folder), stdio=True))
            assert process.stdin is not None and process.stdout is not None
            stream = ByteStream(
                self.name,
                read_fd=process.stdout.fileno(),
                write_fd=process.stdin.fileno(),
                timeout_s=timeout_s,
            )
            try:
                converse(stream, commands, on_reply)
            except DeviceError as error:
                raise with_last_words(error, Path(folder)) from None
        return Counts()
