# SPDX-License-Identifier: Apache-2.0
"""Memory behind a program's RAM, filled by the emulator: it must come out as it went in."""

from __future__ import annotations

import struct
from pathlib import Path

from biotrain_tf.device.elf import ProgramSizes

PAINT = struct.pack("<I", 0xA5C3965A)
"""A word of what start-up code fills memory with, to see later how much of it was used."""
BEYOND_SYMBOLS = ("biotrain_ram_end", "biotrain_beyond_end")


def write_paint(sizes: ProgramSizes, path: Path) -> int | None:
    """Writes to ``path`` what belongs behind the RAM; its address, or None if nothing does."""
    begin, end = (sizes.symbols.get(name, 0) for name in BEYOND_SYMBOLS)
    if begin >= end:
        return None
    path.write_bytes(PAINT * ((end - begin) // len(PAINT)))
    return begin
