# SPDX-License-Identifier: Apache-2.0
"""A target emulated by Renode. The UART, on a TCP port, carries the protocol."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from biotrain_tf.device.build import SOURCES
from biotrain_tf.device.counting import Executed, Interval
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import Counts, Device, DeviceError, OnReply
from biotrain_tf.device.paint import write_paint
from biotrain_tf.device.process import running, with_last_words
from biotrain_tf.device.protocol import Command, Line
from biotrain_tf.device.stream import ByteStream, converse
from biotrain_tf.errors import BiotrainError
from converters.targets import TargetProfile

PLATFORMS = SOURCES / "scripts" / "renode"
_CURE = "install it from https://renode.io and put it on the PATH, or set RENODE to it"
_COUNTS, _PAINT = "counts", "paint"
_ILLEGAL = 2  # mcause of an illegal instruction
_MARK = re.compile(r"^mark instructions=(\d+)$", re.MULTILINE)
# From the start of its process until its UART can be reached; a runtime is compiled meanwhile.
_START_S = 120.0


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
            with running(self._arguments(folder, port), folder=folder) as process:
                connection = self._connect(port, process)
                with connection:
                    fd = connection.fileno()
                    stream = ByteStream(self.name, read_fd=fd, write_fd=fd, timeout_s=timeout_s)
                    try:
                        converse(stream, commands, on_reply, say_hello=True)
                    except DeviceError as error:
                        raise with_last_words(error, folder) from None
            return Counts(read_marks(folder / _COUNTS))

    def describe_fault(self, line: Line) -> str:
        words = super().describe_fault(line)
        if self.profile.port != "riscv32" or int(line.values.get("cause", "0"), 0) != _ILLEGAL:
            return words
        return f"{words}; Renode before 1.16 refuses compressed loads of floats: take a newer one"

    def _arguments(self, folder: Path, port: int) -> list[str]:
        return [
            *(self._binary, "--plain", "--disable-xwt", "--hide-log", "-P", str(_free_port())),
            *("-e", "; ".join(self.monitor_commands(folder, port))),
        ]

    def monitor_commands(self, folder: Path, port: int) -> list[str]:
        """What makes the machine and connects its UART to a TCP port of this computer."""
        assert self.profile.renode is not None
        commands = [
            f"$bin={path_token(self.program)}",
            f"$counts={path_token(folder / _COUNTS)}",
            f"include {path_token(PLATFORMS / self.profile.renode.script)}",
        ]
        address = write_paint(self.sizes, folder / _PAINT)
        if address is not None:
            commands.append(f"sysbus LoadBinary {path_token(folder / _PAINT)} {address:#x}")
        return [
            *commands,
            f'emulation CreateServerSocketTerminal {port} "biotrain" false',
            f"connector Connect sysbus.{self.profile.renode.uart} biotrain",
            "start",
        ]

    def _connect(self, port: int, process: subprocess.Popen[bytes]) -> socket.socket:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise DeviceError(f"{self.name}: ended with code {process.returncode} at its start")
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=1.0)
            except OSError:
                time.sleep(0.1)
        assert self.profile.renode is not None
        raise DeviceError(
            f"{self.name}: its UART did not open within {_START_S:g} s; to see why, type "
            f"`renode --console -e '$bin={path_token(self.program)}; "
            f"include {path_token(PLATFORMS / self.profile.renode.script)}'`"
        )


def path_token(path: Path) -> str:
    """A path as Renode's monitor reads it."""
    return "@" + str(path.resolve()).replace(" ", "\\ ")


def read_marks(path: Path) -> tuple[Interval, ...]:
    """The 1st and 2nd mark enclose a step, the 3rd and 4th ..; see scripts/renode/commands.py."""
    marks = [int(count) for count in _MARK.findall(path.read_text() if path.exists() else "")]
    pairs = zip(marks[::2], marks[1::2], strict=False)
    steps = (Executed(instructions=after - before) for before, after in pairs)
    return tuple(Interval(total=step, before=Executed(), ops=()) for step in steps)


def find_renode() -> str | None:
    """$RENODE, the program or the folder it is in, before the PATH."""
    chosen = os.environ.get("RENODE")
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
    script = PLATFORMS / profile.renode.script
    if not script.is_file():
        raise BiotrainError(
            f"emulator: wanted {script}; found none; install with `pip install -e` from a checkout"
        )
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
