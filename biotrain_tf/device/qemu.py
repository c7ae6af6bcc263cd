# SPDX-License-Identifier: Apache-2.0
"""A target emulated by QEMU: commands by files (semihosting, fast) or over its UART."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from biotrain_tf.device import build
from biotrain_tf.device.counting import (
    BEGIN_SYMBOL,
    MARK_SYMBOL,
    OP_MARK_SYMBOL,
    STACK_SYMBOLS,
    Interval,
    read_intervals,
    write_weights,
)
from biotrain_tf.device.elf import ProgramSizes, read_sizes
from biotrain_tf.device.interface import Counts, Device, DeviceError, OnReply
from biotrain_tf.device.paint import write_paint
from biotrain_tf.device.process import running, with_last_words
from biotrain_tf.device.protocol import Command, Kind, Line, ProtocolError, ReplyParser
from biotrain_tf.device.stream import ByteStream, converse, silent_error
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS, TargetProfile

LINKS = ("semihosting", "uart")
_COMMANDS, _REPLIES = "commands", "replies"
_COUNTS, _WEIGHTS = "counts", "weights"
_PAINT = "paint"
_POLL_S = 0.01


class QemuDevice(Device):
    def __init__(
        self,
        *,
        profile: TargetProfile,
        program: Path,
        link: str = "semihosting",
        count: bool = True,
        by_op: bool = False,
        stack: bool = False,
    ) -> None:
        """``by_op`` counts each operator apart, and loads and multiply-adds too; ``stack`` sees how
        much of the stack it uses, which takes several times as long.
        """
        if link not in LINKS:
            raise BiotrainError(f"link: wanted one of {', '.join(LINKS)}; found {link!r}")
        self.name = f"{profile.name} on QEMU"
        self.link = link
        self.profile = profile
        self.program = program
        self.sizes: ProgramSizes = read_sizes(program, profile)
        require_qemu(profile)
        self._plugin = build.build_plugin(TARGETS["host"]) if count else None
        self._by_op = by_op
        self._stack = stack

    def run(self, commands: Sequence[Command], on_reply: OnReply, *, timeout_s: float) -> Counts:
        with tempfile.TemporaryDirectory(prefix="biotrain-") as name:
            folder = Path(name)
            if self._by_op:
                write_weights(self.program, self.profile, folder / _WEIGHTS)
            if self.link == "semihosting":
                self._run_on_files(commands, on_reply, folder, timeout_s)
            else:
                self._run_on_uart(commands, on_reply, folder, timeout_s)
            return Counts(self._read_steps(folder))

    def _paint(self, folder: Path) -> list[str]:
        """Fills the memory beyond the program's RAM, if the program looks there in the end."""
        address = write_paint(self.sizes, folder / _PAINT)
        if address is None:
            return []
        return ["-device", f"loader,file={_PAINT},addr={address:#x},force-raw=on"]

    def _arguments(self, folder: Path, semihosting: str, serial: str) -> list[str]:
        symbols = self.sizes.symbols
        arguments = qemu_arguments(
            self.profile,
            self.program,
            semihosting=semihosting,
            serial=serial,
            plugin=self._plugin,
            mark=symbols.get(MARK_SYMBOL),
            op_mark=symbols.get(OP_MARK_SYMBOL) if self._by_op else None,
            weights=self._by_op,
            stack=[symbols[n] for n in (*STACK_SYMBOLS, BEGIN_SYMBOL)] if self._stack else (),
        )
        return [*arguments, *self._paint(folder)]

    def _run_on_uart(
        self, commands: Sequence[Command], on_reply: OnReply, folder: Path, timeout_s: float
    ) -> None:
        with running(self._arguments(folder, "", "stdio"), folder=folder, stdio=True) as process:
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
                raise with_last_words(error, folder) from None

    def _run_on_files(
        self, commands: Sequence[Command], on_reply: OnReply, folder: Path, timeout_s: float
    ) -> None:
        with (folder / _COMMANDS).open("wb") as file:
            for command in commands:
                file.write(command.encode())
        (folder / _REPLIES).touch()
        arguments = self._arguments(folder, f",arg=biotrain,arg={_COMMANDS},arg={_REPLIES}", "null")
        with (
            running(arguments, folder=folder) as process,
            (folder / _REPLIES).open("rb", buffering=0) as replies,
        ):
            waiting = [Command(Kind.HELLO), *commands]
            parser = ReplyParser()
            last_heard = time.monotonic()
            while waiting:
                # Asked before reading: what it wrote before it ended is there to be read.
                has_ended = process.poll() is not None
                data = replies.read()
                if data:
                    last_heard = time.monotonic()
                try:
                    for reply in parser.feed(data or b""):
                        if not waiting:
                            break
                        on_reply(waiting[0], reply)
                        is_hello = waiting[0].kind is Kind.HELLO
                        is_ready = isinstance(reply, Line) and reply.is_ready
                        if is_ready if is_hello else waiting[0].is_answered_by(reply):
                            waiting.pop(0)
                except ProtocolError as error:
                    raise DeviceError(f"{self.name}: {error}") from None
                if not waiting or data:
                    continue
                if has_ended:
                    code = process.returncode
                    ended = f"{self.name}: ended with code {code} before its last reply"
                    raise with_last_words(DeviceError(ended), folder)
                if time.monotonic() - last_heard > timeout_s:
                    raise silent_error(self.name, timeout_s)
                time.sleep(_POLL_S)
            # It leaves by itself after its verdict, having written the counts.
            try:
                process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise silent_error(self.name, timeout_s) from None

    def _read_steps(self, folder: Path) -> tuple[Interval, ...] | None:
        if self._plugin is None:
            return None
        return tuple(read_intervals((folder / _COUNTS).read_text()))


def qemu_arguments(
    profile: TargetProfile,
    program: Path,
    *,
    semihosting: str,
    serial: str,
    plugin: Path | None,
    mark: int | None,
    op_mark: int | None = None,
    weights: bool = False,
    stack: Sequence[int] = (),
) -> list[str]:
    """The command; ``mark`` and ``op_mark`` are symbols' values, files lie where it is started.
    ``stack``: its ends, and where the program begins.
    """
    assert profile.qemu is not None
    arguments = [require_qemu(profile), *profile.qemu.arguments]
    arguments += ["-display", "none", "-monitor", "none", "-serial", serial]
    arguments += ["-semihosting-config", f"enable=on,target=native{semihosting}"]
    if plugin is not None and mark is not None:
        # A comma ends a path there, two stand for one. Bit 0 of a symbol says Thumb.
        options = [str(plugin).replace(",", ",,"), f"mark={mark & ~1:#x}", f"out={_COUNTS}"]
        if op_mark is not None:
            options.append(f"op={op_mark & ~1:#x}")
        if weights:
            options.append(f"weights={_WEIGHTS}")
        if stack:
            low, high, begin = stack
            options += [f"low={low:#x}", f"high={high:#x}", f"begin={begin & ~1:#x}"]
        arguments += ["-plugin", ",".join(options)]
    return [*arguments, "-kernel", str(program)]


def require_qemu(profile: TargetProfile) -> str:
    if profile.qemu is None:
        raise BiotrainError(f"emulator: target {profile.name} is not one that QEMU runs")
    path = shutil.which(profile.qemu.binary)
    if path is None:
        raise BiotrainError(
            f"emulator: target {profile.name} wants {profile.qemu.binary}; found none; "
            f"install it with: sudo apt-get install {profile.qemu.apt_package}"
        )
    return path
