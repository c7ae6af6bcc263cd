# SPDX-License-Identifier: Apache-2.0
"""Which source file takes how much of a firmware's flash, as the linker wrote it down."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from biotrain_tf.device.interface import DeviceError

FLATBUFFER, MERGED, PADDING = "flatbuffer", "strings of all files", "padding"
KERNELS = "kernels/"

_MEMORY_MAP = "Linker script and memory map"
# A section's name, if long, stands on a line of its own.
_OUTPUT = re.compile(r"^(\.[\w.]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)", re.MULTILINE)
_INPUT = re.compile(
    r"^ (\.\S+|\*fill\*)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)(?: +([^\n]*))?$", re.MULTILINE
)
_MERGED = re.compile(r"\.(?:str1\.|cst)\d")
_MEMBER = re.compile(r".*?lib(\w+)\.a\((\S+)\.o\)")
# Of every program's own folder; what the library has no file for.
_OWN = {"model": FLATBUFFER, "model_ops": "op table", "arena": "arena"}


@dataclass(frozen=True)
class FlashPart:
    """A source file, or what belongs to none. ``text`` is code, ``rodata`` whatever else lies in
    flash: constants, the flatbuffer, initial values.
    """

    name: str
    text: int
    rodata: int

    @property
    def bytes(self) -> int:
        return self.text + self.rodata


def read_flash(program: Path) -> list[FlashPart]:
    """The parts of a firmware, largest first. DeviceError: they are not the whole of it."""
    sections = _sections_in_flash(program)
    map_path = program.with_suffix(".map")
    if not map_path.is_file():
        raise DeviceError(f"flash: wanted the linker's map {map_path}; found none; build again")
    found: dict[str, Counter[str]] = {name: Counter() for name in sections}
    for section, part, size in _contributions(map_path.read_text()):
        if section in found:
            found[section][part] += size
    for name, (size, _) in sections.items():
        if (listed := sum(found[name].values())) != size:
            raise DeviceError(
                f"flash: wanted all {size} bytes of section {name} in {map_path}; found {listed}"
            )
    text: Counter[str] = Counter()
    rodata: Counter[str] = Counter()
    for name, (_, executable) in sections.items():
        (text if executable else rodata).update(found[name])
    parts = [FlashPart(name, text[name], rodata[name]) for name in {*text, *rodata}]
    return sorted((p for p in parts if p.bytes), key=lambda part: (-part.bytes, part.name))


def _sections_in_flash(program: Path) -> dict[str, tuple[int, bool]]:
    """Size of each section that is loaded, and whether it is code."""
    with program.open("rb") as file:
        return {
            section.name: (section["sh_size"], bool(section["sh_flags"] & SH_FLAGS.SHF_EXECINSTR))
            for section in ELFFile(file).iter_sections()
            if section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] != "SHT_NOBITS"
        }


def _contributions(text: str) -> Iterator[tuple[str, str, int]]:
    """Section, part and size of everything that was linked."""
    text = text[text.index(_MEMORY_MAP) :]
    starts = [*_OUTPUT.finditer(text)]
    ends = [match.start() for match in starts[1:]] + [len(text)]
    for output, end in zip(starts, ends, strict=True):
        inputs = [*_INPUT.finditer(text, output.end(), end)]
        addresses = [int(match[2], 16) for match in inputs]
        addresses.append(int(output[2], 16) + int(output[3], 16))
        for match, here, following in zip(inputs, addresses, addresses[1:], strict=False):
            section, _, size, file = match.groups()
            if _MERGED.search(section):
                # Equal ones of all files are one: the size in the map is that before.
                yield output[1], MERGED, following - here
            else:
                yield output[1], _part(section, file or ""), int(size, 16)


def _part(section: str, file: str) -> str:
    if section == "*fill*":
        return PADDING
    member = _MEMBER.fullmatch(file)
    if member is not None:
        return f"lib{member[1]}/{member[2]}"
    path = Path(file)
    if "tflm_train" in path.parts:
        inside = path.parts[path.parts.index("tflm_train") + 1 :]
        return Path(*inside).with_suffix("").as_posix()
    return _OWN.get(path.stem, path.name)
