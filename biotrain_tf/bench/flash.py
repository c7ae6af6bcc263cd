# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench flash`: the bytes of each kernel in a firmware with a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from biotrain_tf.bench.bench_models import BenchModel
from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.flash import FLATBUFFER, KERNELS, FlashPart, read_flash
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS


@dataclass(frozen=True)
class FlashUse:
    """A firmware's flash; ``whole`` is what the sections of the ELF file have."""

    model: BenchModel
    target: str
    parts: tuple[FlashPart, ...]
    whole: int

    @property
    def flatbuffer(self) -> int:
        return sum(part.bytes for part in self.parts if part.name == FLATBUFFER)

    @property
    def program(self) -> int:
        """Code and constants, without the flatbuffer."""
        return sum(part.bytes for part in self.parts) - self.flatbuffer

    @property
    def kernels(self) -> int:
        return sum(part.bytes for part in self.parts if part.name.startswith(KERNELS))

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "model": self.model.name,
                "plan": self.model.plan,
                "target": self.target,
                "kernel": part.name,
                "text_bytes": part.text,
                "rodata_bytes": part.rodata,
            }
            for part in self.parts
        ]


def bench_flash(model: BenchModel, target: str) -> FlashUse:
    profile = TARGETS.get(target)
    if profile is None or profile.is_host:
        known = ", ".join(name for name, other in TARGETS.items() if not other.is_host)
        raise BiotrainError(f"target: wanted one with flash, {known}; found {target!r}")
    program = build_firmware(profile=profile, model=model.info).program
    whole = read_sizes(program, profile).flash_bytes
    return FlashUse(model, target, tuple(read_flash(program)), whole)


def print_flash(console: Console, use: FlashUse) -> None:
    """A line a source file, then what they are together."""
    title = f"{use.model.name} on {use.target}: bytes of flash ({use.model.plan})"
    table = Table(title=title, title_justify="left")
    table.add_column("kernel or file")
    for heading in ("text", "rodata", "share"):
        table.add_column(heading, justify="right")
    for part in use.parts:
        share = f"{part.bytes / use.whole:.1%}"
        table.add_row(part.name, f"{part.text:,}", f"{part.rodata:,}", share)
    table.add_section()
    text = sum(part.text for part in use.parts)
    rodata = sum(part.rodata for part in use.parts)
    table.add_row("whole firmware", f"{text:,}", f"{rodata:,}", "100%")
    console.print(table)
    console.print(
        f"kernels {use.kernels:,}, the rest of the program {use.program - use.kernels:,}, "
        f"flatbuffer {use.flatbuffer:,} bytes; the sections of the ELF file {use.whole:,}",
        highlight=False,
    )
