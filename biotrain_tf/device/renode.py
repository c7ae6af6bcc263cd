# SPDX-License-Identifier: Apache-2.0
"""A target emulated by Renode. The UART, on a TCP port, carries the protocol."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from biotrain_tf.device.build import SOURCES
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import Counts, Device, DeviceError, OnReply
from biotrain_tf.device.process import running, with_last_words
from biotrain_tf.device.protocol import Command
from biotrain_tf.device.stream import ByteStream, converse, silent_error
from biotrain_tf.errors import BiotrainError
from converters.targets import TargetProfile

PLATFORMS = SOURCES / "scripts" / "renode"
_CURE = "install it from https://renode.io and put it on the PATH, or set RENODE_PATH to it"


class RenodeDevice(Device):
    link = "uart"

    def __init__(self, *, profile: TargetProfile, program: Path) -> None:
        self.name = f"{profile.name} on Renode"
        self.profile = profile
        self.program = program
        self.sizes = read_sizes(program, profile)
        self._binary = require_renode(profile)

    def run(self, commands: Sequence[Command], on_reply: OnReply, *, timeout_s: float) -> Counts:
        with tempfile.TemporaryDirectory(prefix="biotrain-") as name:
            folder = Path(name)
            port = _free_port()
            with running(self._arguments(port), folder=folder) as process:
                connection = self._connect(port, process, timeout_s)
                with connection:
                    fd = connection.fileno()
                    stream = ByteStream(self.name, read_fd=fd, write_fd=fd, timeout_s=timeout_s)
                    try:
                        converse(stream, commands, on_reply, say_hello=True)
                    except DeviceError as error:
                        raise with_last_words(error, folder) from None
        return Counts()

    def _arguments(self, port: int) -> list[str]:
        assert self.profile.renode is not None
        script = PLATFORMS / self.profile.renode.script
        start = (
            f"$elf=@{self.program}; $port={port}; include @{script}; "
            'emulation CreateServerSocketTerminal $port "biotrain" false; '
            f"connector Connect sysbus.{self.profile.renode.uart} biotrain; start"
        )
        monitor = ["-P", str(_free_port())]
        return [self._binary, "--plain", "--disable-xwt", "--hide-log", *monitor, "-e", start]

    def _connect(
        self, port: int, process: subprocess.Popen[bytes], timeout_s: float
    ) -> socket.socket:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DeviceError(f"{self.name}: ended with code {process.returncode} at its start")
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1.0)
            except OSError:
                time.sleep(0.1)
        raise silent_error(self.name, timeout_s)


def find_renode() -> str | None:
    """RENODE_PATH, the program or the folder it is in, before the PATH."""
    chosen = os.environ.get("RENODE_PATH")
    if chosen:
        path = Path(chosen)
        return shutil.which(path / "renode" if path.is_dir() else path)
    return shutil.which("renode")


def require_renode(profile: TargetProfile) -> str:
    if profile.renode is None:
        raise BiotrainError(f"emulator: target {profile.name} has no platform for Renode; use QEMU")
    path = find_renode()
    if path is None:
        raise BiotrainError(f"emulator: wanted renode; found none; {_CURE}")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
