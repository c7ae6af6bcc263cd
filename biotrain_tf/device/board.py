# SPDX-License-Identifier: Apache-2.0
"""A device at a serial port: a real board, or whatever else speaks the protocol there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import serial

from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import Counts, Device, DeviceError, OnReply
from biotrain_tf.device.protocol import Command, Line, Reply
from biotrain_tf.device.stream import ByteStream, converse
from biotrain_tf.errors import BiotrainError
from converters.targets import TargetProfile

DEFAULT_BAUD = 115200
# A board that has been reset is ready in much less.
READY_S = 20.0


@dataclass(frozen=True)
class SerialPort:
    """``name`` is a device file or what pyserial takes for one, as ``socket://host:port``."""

    name: str
    baud: int = DEFAULT_BAUD


class SerialDevice(Device):
    link = "serial"

    def __init__(
        self, *, profile: TargetProfile, program: Path, model: str, port: SerialPort
    ) -> None:
        """``program`` is what runs at the port: its sizes are reported, its functions named."""
        if port.baud < 1:
            raise BiotrainError(f"baud: wanted at least 1; found {port.baud}")
        self.name = f"{profile.name} on {port.name}"
        self.profile = profile
        self.program = program
        self.model = model
        self.sizes = read_sizes(program, profile)
        self.port = port

    def run(self, commands: Sequence[Command], on_reply: OnReply, *, timeout_s: float) -> Counts:
        """Nobody resets the board: a session that it has begun is gone on with."""
        ready_by = time.monotonic() + min(READY_S, timeout_s)

        def still_there() -> None:
            if time.monotonic() > ready_by:
                raise DeviceError(
                    f"{self.name}: no ready line at {self.port.baud} baud; "
                    "reset the board, and check --port, --baud and what is in its flash"
                )

        def check(command: Command, reply: Reply) -> None:
            if isinstance(reply, Line) and reply.is_ready and self.model != reply.values["model"]:
                raise DeviceError(
                    f"{self.name}: wanted model {self.model}; found {reply.values['model']}; "
                    f"write {self.program} into its flash"
                )
            on_reply(command, reply)

        with open_port(self.port) as line:
            fd = line.fileno()
            stream = ByteStream(self.name, read_fd=fd, write_fd=fd, timeout_s=timeout_s)
            converse(stream, commands, check, say_hello=True, still_there=still_there)
        return Counts()


def open_port(port: SerialPort) -> serial.SerialBase:
    """The port, raw, 8N1; BiotrainError if it cannot be had."""
    try:
        line = serial.serial_for_url(port.name, baudrate=port.baud, timeout=0)
        line.fileno()
    except (serial.SerialException, OSError, ValueError) as error:
        raise BiotrainError(
            f"port: wanted a serial port; {port.name} cannot be opened ({_reason(error)}); "
            "name another with --port, as /dev/ttyACM0"
        ) from None
    line.reset_input_buffer()
    return line


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
