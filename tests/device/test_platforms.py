# SPDX-License-Identifier: Apache-2.0
"""One memory map, written down in profiles and linker scripts, that agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.protocol import Command, Kind
from biotrain_tf.device.qemu import QemuDevice
from converters.targets import TARGETS, TargetProfile
from tests.device.conftest import EMULATED
from tests.device.talk import talk_to

REPO = Path(__file__).resolve().parents[2]
PORTS = REPO / "tflm_train" / "ports"
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


def script_regions(text: str) -> dict[str, tuple[int, int]]:
    """Origin and length of each region of a linker script."""
    # One of them may be cut to a budget.
    length = r"LENGTH = (?:DEFINED\(\w+\) \? \w+ : )?(\d+)([KM]?)"
    found = re.findall(rf"(\w+) \(\w+\)\s*: ORIGIN = (\w+), {length}", text)
    return {name: (int(o, 0), int(n) * UNITS[unit]) for name, o, n, unit in found}


@pytest.mark.parametrize("target", EMULATED)
def test_profile_and_linker_script_agree(target: str) -> None:
    profile = TARGETS[target]
    text = (PORTS / profile.linker_script).read_text()
    regions = {r.name: (r.origin, r.length) for r in profile.regions}
    assert script_regions(text) == regions and len(regions) == 3
    (base,) = re.findall(r"biotrain_uart_base = (\w+);", text)
    assert profile.uart is not None and int(base, 0) == profile.uart.base
    assert (PORTS / "uart" / f"{profile.uart.driver}.cc").is_file()
    assert (PORTS / profile.port).is_dir()


@pytest.mark.parametrize("target", EMULATED)
def test_firmware_lies_where_the_profile_says(
    target: str, tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target(target)
    sizes = read_sizes(build_firmware(profile=profile, model=tiny).program, profile)
    flash, sram = profile.flash, profile.ram[0]
    assert flash is not None and profile.uart is not None

    def lies_in(symbol: str, origin: int, length: int) -> bool:
        return origin <= sizes.symbols[symbol] < origin + length

    assert lies_in("biotrain_start", flash.origin, flash.length)
    assert lies_in("biotrain_model", flash.origin, flash.length)
    assert lies_in("biotrain_arena", sram.origin, sram.length)
    # The stack is the first thing in RAM: one that runs over leaves the RAM.
    assert sizes.symbols["biotrain_stack_limit"] == sram.origin
    assert sizes.symbols["biotrain_uart_base"] == profile.uart.base
    assert sizes.symbols["biotrain_model"] % 16 == sizes.symbols["biotrain_arena"] % 16 == 0
    assert sizes.arena_bytes == tiny.arena_bytes
    assert sizes.function_at(sizes.symbols["biotrain_mark"] & ~1) == "biotrain_mark"


@pytest.mark.parametrize("target", EMULATED)
def test_a_core_without_semihosting_falls_back_to_its_uart(
    target: str, tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    """As on Renode and on a board: the breakpoint that nobody answers is not the end."""
    profile = need_target(target)

    class Bare(QemuDevice):
        def _arguments(self, folder: Path, semihosting: str, serial: str) -> list[str]:
            arguments = super()._arguments(folder, semihosting, serial)
            at = arguments.index("-semihosting-config")
            return arguments[:at] + arguments[at + 2 :]

    program = build_firmware(profile=profile, model=tiny).program
    device = Bare(profile=profile, program=program, link="uart", count=False)
    talk = talk_to(device, [Command(Kind.SAVE), Command(Kind.QUIT)])
    assert talk.errors == [] and talk.lines[-1] == "PASS"
    assert len(talk.frames(Kind.WEIGHTS)) == 1
