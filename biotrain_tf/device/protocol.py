# SPDX-License-Identifier: Apache-2.0
"""What is said to a device and what it answers: framed packets, and lines of key=value.

The other end is tflm_train/app/session.h.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"\xb7\x7b"
_HEADER = struct.Struct("<cI")
_CRC = struct.Struct("<I")
MAX_FRAME_BYTES = 64 << 20


class Kind(enum.Enum):
    """The type byte of a frame."""

    TRAIN = b"T"
    TRAIN_STORED = b"B"
    INFER = b"I"
    INFER_STORED = b"P"
    SAVE = b"S"
    RESTORE = b"R"
    HELLO = b"H"
    QUIT = b"Q"
    OUTPUT = b"O"
    WEIGHTS = b"W"


@dataclass(frozen=True)
class Command:
    """One frame for the device."""

    kind: Kind
    payload: bytes = b""

    def encode(self) -> bytes:
        body = _HEADER.pack(self.kind.value, len(self.payload)) + self.payload
        return MAGIC + body + _CRC.pack(zlib.crc32(body))

    def is_answered_by(self, reply: Reply) -> bool:
        """Whether the device is done with this command."""
        if self.kind is Kind.QUIT:
            return isinstance(reply, Line) and reply.is_verdict
        return not (isinstance(reply, Line) and reply.is_ready)


@dataclass(frozen=True)
class Line:
    """`step=3 loss=0.5` or one word."""

    text: str

    @property
    def values(self) -> dict[str, str]:
        pairs = (word.partition("=") for word in self.text.split())
        return {key: value for key, equals, value in pairs if equals}

    @property
    def is_ready(self) -> bool:
        return self.text.startswith("ready=")

    @property
    def is_verdict(self) -> bool:
        return self.text in ("PASS", "FAIL")


@dataclass(frozen=True)
class Frame:
    """A packet of the device, its checksum already compared."""

    kind: Kind
    payload: bytes


Reply = Line | Frame


class ProtocolError(Exception):
    """What arrived is neither a line nor a whole frame."""


class ReplyParser:
    """Bytes in, in pieces of any size; lines and frames out."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Reply]:
        self._pending += data
        while True:
            found = self._next()
            if found is None:
                return
            reply, size = found
            del self._pending[:size]
            if reply is not None:
                yield reply

    def _next(self) -> tuple[Reply | None, int] | None:
        pending = self._pending
        if not pending:
            return None
        if pending[0] != MAGIC[0]:
            end = pending.find(b"\n")
            if end < 0:
                return None
            text = pending[:end].decode("ascii", "replace").strip()
            return (Line(text) if text else None), end + 1
        start = len(MAGIC) + _HEADER.size
        if len(pending) < start:
            return None
        kind_byte, length = _HEADER.unpack_from(pending, len(MAGIC))
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"a frame of {length} bytes; at most {MAX_FRAME_BYTES} make sense")
        size = start + length + _CRC.size
        if len(pending) < size:
            return None
        (crc,) = _CRC.unpack_from(pending, start + length)
        found = zlib.crc32(memoryview(pending)[len(MAGIC) : start + length])
        if crc != found:
            raise ProtocolError(f"a frame's checksum is {found:#010x}; it says {crc:#010x}")
        try:
            kind = Kind(kind_byte)
        except ValueError:
            raise ProtocolError(f"a frame of unknown type {kind_byte!r}") from None
        return Frame(kind, bytes(pending[start : start + length])), size
