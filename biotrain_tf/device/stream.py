# SPDX-License-Identifier: Apache-2.0
"""Talking to a device over a byte stream: one command, its reply, the next command."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence

from biotrain_tf.device.interface import DeviceError, OnReply
from biotrain_tf.device.protocol import (
    Command,
    Kind,
    Line,
    ProtocolError,
    Reply,
    ReplyParser,
)

_PIECE = 1 << 16
_HELLO_EVERY_S = 1.0


class ByteStream:
    """A pair of file descriptors, pipes or one socket or port, that never blocks for ever."""

    def __init__(self, name: str, *, read_fd: int, write_fd: int, timeout_s: float) -> None:
        self.name = name
        self._read_fd, self._write_fd = read_fd, write_fd
        self._timeout_s = timeout_s
        self._parser = ReplyParser()
        self._replies: list[Reply] = []
        for fd in {read_fd, write_fd}:
            os.set_blocking(fd, False)

    def send(self, data: bytes) -> None:
        """Writes all of it, collecting what arrives meanwhile."""
        rest = memoryview(data)
        while rest:
            readable, writable, _ = select.select(
                [self._read_fd], [self._write_fd], [], self._timeout_s
            )
            if not readable and not writable:
                raise self._silent()
            if readable and not self._collect():
                raise self.ended()
            if writable:
                try:
                    rest = rest[os.write(self._write_fd, rest[:_PIECE]) :]
                except BlockingIOError:
                    continue
                except OSError:
                    # What it said last explains more than the broken pipe.
                    return

    def receive(self, *, wait_s: float | None = None) -> Reply | None:
        """The next reply; None after ``wait_s`` without one. DeviceError at the end."""
        deadline = time.monotonic() + (self._timeout_s if wait_s is None else wait_s)
        while not self._replies:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self._read_fd], [], [], max(left, 0.0))
            if not readable:
                if wait_s is not None:
                    return None
                raise self._silent()
            if not self._collect() and not self._replies:
                raise self.ended()
            if wait_s is None:
                deadline = time.monotonic() + self._timeout_s
        return self._replies.pop(0)

    def _collect(self) -> bool:
        try:
            data = os.read(self._read_fd, _PIECE)
        except BlockingIOError:
            return True
        except OSError:
            # A pipe or connection that broke, a terminal whose other side is closed.
            return False
        try:
            self._replies.extend(self._parser.feed(data))
        except ProtocolError as error:
            raise DeviceError(f"{self.name}: {error}") from None
        return bool(data)

    def _silent(self) -> DeviceError:
        return silent_error(self.name, self._timeout_s)

    def ended(self) -> DeviceError:
        return DeviceError(f"{self.name}: ended in the middle of the conversation")


def silent_error(name: str, timeout_s: float) -> DeviceError:
    return DeviceError(
        f"{name}: no reply for {timeout_s:g} s; stopped it; allow more with --timeout"
    )


def converse(
    stream: ByteStream,
    commands: Sequence[Command],
    on_reply: OnReply,
    *,
    say_hello: bool = False,
    still_there: Callable[[], None] = lambda: None,
) -> None:
    """Waits for the ready line, then sends each command and waits for its reply.

    ``say_hello`` asks for the ready line: over a link that may have been opened after it was sent.
    """
    _wait_until_ready(stream, on_reply, say_hello=say_hello, still_there=still_there)
    for command in commands:
        stream.send(command.encode())
        while True:
            reply = stream.receive()
            assert reply is not None
            on_reply(command, reply)
            if command.is_answered_by(reply):
                break


def _wait_until_ready(
    stream: ByteStream, on_reply: OnReply, *, say_hello: bool, still_there: Callable[[], None]
) -> None:
    hello = Command(Kind.HELLO)
    while True:
        if say_hello:
            still_there()
            stream.send(hello.encode())
        reply = stream.receive(wait_s=_HELLO_EVERY_S if say_hello else None)
        if reply is None:
            continue
        on_reply(hello, reply)
        if isinstance(reply, Line) and reply.is_ready:
            return
