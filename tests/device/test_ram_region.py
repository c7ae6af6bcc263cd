# SPDX-License-Identifier: Apache-2.0
"""A model that is made for so much RAM gets no more, and what lies behind it stays untouched."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.paint import BEYOND_SYMBOLS
from biotrain_tf.device.protocol import Command, Kind, Line, Reply
from biotrain_tf.device.qemu import QemuDevice
from biotrain_tf.errors import BiotrainError
from converters.targets import TargetProfile

BUDGET = 16 << 10
# Runs before main; the last word of what lies behind the RAM.
PLANTED = """
#include <stdint.h>
extern "C" uint32_t biotrain_beyond_end[];
__attribute__((constructor)) static void Write() {
  uint32_t* word = biotrain_beyond_end;
  asm("" : "+r"(word));
  word[-1] = 0;
}
"""


def made_for(tiny: ModelInfo, profile: TargetProfile, size: int = BUDGET) -> ModelInfo:
    return replace(tiny, ram=(profile.name, size))


def figures(device: QemuDevice) -> dict[str, int]:
    """Of a run that trains nothing; DeviceError carries the first refusal."""
    found: dict[str, int] = {}

    def on_reply(command: Command, reply: Reply) -> None:
        assert isinstance(reply, Line)
        if reply.text.startswith("error="):
            raise DeviceError(reply.text)
        if command.kind is Kind.QUIT:
            found.update((key, int(value)) for key, value in reply.values.items())

    device.run([Command(Kind.QUIT)], on_reply, timeout_s=60)
    return found


@pytest.mark.parametrize("target", ["cortex-m4f", "riscv32"])
def test_the_ram_ends_where_the_budget_does(
    target: str, tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target(target)
    firmware = build_firmware(profile=profile, model=made_for(tiny, profile), cut=True)
    sizes = read_sizes(firmware.program, profile)
    sram = profile.ram[0]
    begin, end = (sizes.symbols[name] for name in BEYOND_SYMBOLS)
    assert (begin, end) == (sram.origin + BUDGET, sram.origin + sram.length)
    stack = sizes.symbols["biotrain_stack_top"] - sizes.symbols["biotrain_stack_limit"]
    assert 0 <= BUDGET - (stack + sizes.static_bytes + sizes.arena_bytes) < 64
    device = QemuDevice(profile=profile, program=firmware.program, count=False)
    found = figures(device)
    assert found["beyond_bytes"] == sram.length - BUDGET
    assert 0 < found["stack_bytes"] < stack


def test_a_write_behind_the_ram_is_found(
    tiny: ModelInfo, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m4f")
    source, planted = tmp_path / "planted.cc", tmp_path / "planted.o"
    source.write_text(PLANTED)
    compiler = f"{profile.compiler_prefix}g++"
    options = ["-mthumb", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", "-O1"]
    command = [compiler, *options, "-c", str(source), "-o", str(planted)]
    subprocess.run(command, check=True, timeout=60)
    firmware = build_firmware(
        profile=profile, model=made_for(tiny, profile), cut=True, more_objects=[planted]
    )
    device = QemuDevice(profile=profile, program=firmware.program, count=False)
    with pytest.raises(DeviceError, match="what=memory_beyond_ram"):
        figures(device)


def test_a_budget_below_the_arena(
    tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m4f")
    small = made_for(tiny, profile, tiny.arena_bytes // 16 * 16)
    with pytest.raises(BiotrainError, match="ram: the model is made for") as caught:
        build_firmware(profile=profile, model=small, cut=True)
    assert "\n" not in str(caught.value)


def test_models_without_a_budget_have_all_the_ram(
    tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m4f")
    other = replace(tiny, ram=("cortex-m7", BUDGET))
    compared = 0
    for model in (tiny, other):
        program = build_firmware(profile=profile, model=model, cut=True).program
        symbols = read_sizes(program, profile).symbols
        begin, end = (symbols[name] for name in BEYOND_SYMBOLS)
        assert begin == end == profile.ram[0].origin + profile.ram[0].length
        compared += 1
    assert compared == 2
