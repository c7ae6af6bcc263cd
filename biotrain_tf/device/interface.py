# SPDX-License-Identifier: Apache-2.0
"""What all places where a model can run have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from biotrain_tf.device.counting import Interval
from biotrain_tf.device.elf import ProgramSizes
from biotrain_tf.device.protocol import Command, Line, Reply
from biotrain_tf.errors import BiotrainError


class DeviceError(BiotrainError):
    """The device, or its emulator, failed; nothing the user typed is wrong."""


OnReply = Callable[[Command, Reply], None]

# A device that says nothing for so long has hung. A step of a large net on a slow emulator may
# take a minute.
DEFAULT_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Counts:
    """What was executed between the marks around each training step; None: nobody counted."""

    steps: tuple[Interval, ...] | None = None

    @property
    def instructions(self) -> tuple[int, ...] | None:
        return None if self.steps is None else tuple(s.total.instructions for s in self.steps)


class Device(ABC):
    """A program with a model inside, ready to run. ``run`` starts it afresh each time."""

    name: str
    link: str
    program: Path
    sizes: ProgramSizes

    @abstractmethod
    def run(self, commands: Sequence[Command], on_reply: OnReply, *, timeout_s: float) -> Counts:
        """Sends all commands; calls ``on_reply`` for each reply, in order.

        An exception in ``on_reply`` ends the run, and so does the end of ``commands``. DeviceError
        if the device ends early, faults or falls silent for ``timeout_s``.
        """

    def describe_fault(self, line: Line) -> str:
        """One line for a person: what a reply of ``error=fault`` means."""
        values = line.values
        pc = int(values.get("pc", "0"), 0)
        where = self.sizes.function_at(pc) or f"{pc:#010x}"
        if values.get("stack") == "exhausted":
            return f"{self.name}: the stack ran over its room; last seen in {where}"
        return (
            f"{self.name}: the processor faulted in {where} "
            f"(cause {values.get('cause')}, address {values.get('address')})"
        )
