# SPDX-License-Identifier: Apache-2.0
"""Says any commands to a device and keeps every reply, refusals included."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from biotrain_tf.device.interface import Device
from biotrain_tf.device.protocol import Command, Frame, Kind, Line, Reply


@dataclass
class Talk:
    replies: list[Reply] = field(default_factory=list)

    def on_reply(self, command: Command, reply: Reply) -> None:
        self.replies.append(reply)

    @property
    def lines(self) -> list[str]:
        return [reply.text for reply in self.replies if isinstance(reply, Line)]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.lines if line.startswith("error=")]

    def frames(self, kind: Kind) -> list[bytes]:
        return [r.payload for r in self.replies if isinstance(r, Frame) and r.kind is kind]


def talk_to(device: Device, commands: list[Command], *, timeout_s: float = 30.0) -> Talk:
    talk = Talk()
    device.run(commands, talk.on_reply, timeout_s=timeout_s)
    return talk


def train_command(x: np.ndarray, y: np.ndarray) -> Command:
    return Command(Kind.TRAIN, x.astype("<f4").tobytes() + y.astype("<i4").tobytes())


@dataclass(frozen=True)
class BrokenCommand(Command):
    """A frame whose checksum is wrong."""

    def encode(self) -> bytes:
        frame = super().encode()
        (crc,) = struct.unpack("<I", frame[-4:])
        return frame[:-4] + struct.pack("<I", crc ^ 1)


@dataclass(frozen=True)
class RawCommand(Command):
    """Bytes before a proper frame, as noise on a line leaves them."""

    noise: bytes = b""

    def encode(self) -> bytes:
        return self.noise + super().encode()
