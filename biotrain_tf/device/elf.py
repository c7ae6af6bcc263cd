# SPDX-License-Identifier: Apache-2.0
"""Sizes and symbols of a linked program."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from converters.targets import TargetProfile

STACK_SECTION = ".stack"
ARENA_SYMBOL = "biotrain_arena"


@dataclass(frozen=True)
class ProgramSizes:
    """What a program occupies before it runs.

    ``flash_bytes``: code, constants, the model and the initial values of .data.
    ``static_bytes``: .data and .bss; neither the arena nor the room kept for the stack.
    """

    flash_bytes: int
    static_bytes: int
    arena_bytes: int
    symbols: dict[str, int] = field(repr=False, default_factory=dict)
    functions: tuple[tuple[int, int, str], ...] = field(repr=False, default=())

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _, _ in self.functions]

    def function_at(self, address: int) -> str | None:
        """The name of the function that holds an address, as the linker knows it."""
        i = bisect.bisect_right(self._starts, address) - 1
        if i < 0:
            return None
        start, size, name = self.functions[i]
        return name if address < start + max(size, 1) else None


def read_sizes(path: Path, profile: TargetProfile) -> ProgramSizes:
    def in_ram(address: int) -> bool:
        regions = profile.ram
        return not regions or any(r.origin <= address < r.origin + r.length for r in regions)

    with path.open("rb") as file:
        elf = ELFFile(file)
        flash = static = 0
        for section in elf.iter_sections():
            if not section["sh_flags"] & SH_FLAGS.SHF_ALLOC or section.name == STACK_SECTION:
                continue
            writable = bool(section["sh_flags"] & SH_FLAGS.SHF_WRITE)
            if section["sh_type"] != "SHT_NOBITS":
                flash += section["sh_size"]
            if writable and in_ram(section["sh_addr"]):
                static += section["sh_size"]
        symbols: dict[str, int] = {}
        functions: list[tuple[int, int, str]] = []
        arena = 0
        table = elf.get_section_by_name(".symtab")
        for symbol in table.iter_symbols() if table is not None else ():
            symbols[symbol.name] = symbol["st_value"]
            if symbol.name == ARENA_SYMBOL or symbol.name.startswith(f"{ARENA_SYMBOL}_"):
                arena += symbol["st_size"]
            if symbol["st_info"]["type"] == "STT_FUNC":
                # Bit 0 says Thumb.
                functions.append((symbol["st_value"] & ~1, symbol["st_size"], symbol.name))
    return ProgramSizes(
        flash_bytes=flash,
        static_bytes=static - arena,
        arena_bytes=arena,
        symbols=symbols,
        functions=tuple(sorted(functions)),
    )
