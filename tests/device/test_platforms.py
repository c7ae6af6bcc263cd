# SPDX-License-Identifier: Apache-2.0
"""One memory map, written down in profiles, linker scripts and Renode platforms, that agree."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_firmware, build_tests
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.protocol import Command, Kind
from biotrain_tf.device.qemu import QemuDevice
from biotrain_tf.device.renode import PLATFORMS, RenodeDevice, find_renode
from converters.targets import TARGETS, TargetProfile
from tests.device.conftest import EMULATED
from tests.device.talk import talk_to, train_command
from tests.device.tiny_model import TinyShape, tiny_data

REPO = Path(__file__).resolve().parents[2]
PORTS = REPO / "tflm_train" / "ports"
ON_RENODE = [name for name, profile in TARGETS.items() if profile.renode is not None]
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}
# Renode's model of each driver's UART.
RENODE_UARTS = {"cmsdk_apb_uart": "UART.CMSDK_APB_UART", "ns16550": "UART.NS16550"}


def script_regions(text: str) -> dict[str, tuple[int, int]]:
    """Origin and length of each region of a linker script."""
    # One of them may be cut to a budget.
    length = r"LENGTH = (?:DEFINED\(\w+\) \? \w+ : )?(\d+)([KM]?)"
    found = re.findall(rf"(\w+) \(\w+\)\s*: ORIGIN = (\w+), {length}", text)
    return {name: (int(o, 0), int(n) * UNITS[unit]) for name, o, n, unit in found}


def platform_memories(text: str) -> dict[str, tuple[int, int]]:
    """Address and size of each memory of a Renode platform."""
    found = re.findall(r"(\w+): Memory\.MappedMemory @ sysbus (\w+)\n\s+size: (\w+)", text)
    return {name.upper(): (int(address, 0), int(size, 0)) for name, address, size in found}


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


@pytest.mark.parametrize("target", ON_RENODE)
def test_renode_platform_and_profile_agree(target: str) -> None:
    profile = TARGETS[target]
    assert profile.renode is not None and profile.uart is not None
    text = (PLATFORMS / profile.renode.platform).read_text()
    regions = {r.name: (r.origin, r.length) for r in profile.regions}
    assert platform_memories(text) == regions and len(regions) == 3
    (uart,) = re.findall(r"(\w+): (UART\.\w+) @ sysbus (\w+)", text)
    assert (uart[0], uart[1], int(uart[2], 0)) == (
        profile.renode.uart,
        RENODE_UARTS[profile.uart.driver],
        profile.uart.base,
    )


@pytest.mark.parametrize("target", ON_RENODE)
def test_renode_scripts_name_files_and_uarts_that_exist(target: str) -> None:
    profile = TARGETS[target]
    assert profile.renode is not None
    script = (PLATFORMS / profile.renode.script).read_text()
    assert f"LoadPlatformDescription $ORIGIN/{profile.renode.platform}" in script
    robot = (PLATFORMS / profile.renode.script).with_suffix(".robot").read_text()
    assert f"sysbus.{profile.renode.uart}" in robot
    assert f"${{CURDIR}}/{profile.renode.script}" in robot


def test_m7_and_rv32_have_renode_files() -> None:
    assert ON_RENODE == ["cortex-m7", "riscv32"]
    for name in ("cortex_m7", "riscv32"):
        for suffix in (".repl", ".resc", ".robot"):
            assert (PLATFORMS / f"{name}{suffix}").is_file()


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


def renode() -> str:
    path = find_renode()
    if path is None:
        pytest.skip("needs Renode: install it from https://renode.io, or set RENODE_PATH to it")
    return path


@pytest.mark.parametrize("target", ON_RENODE)
def test_training_on_renode_gives_the_bits_of_qemu(
    target: str, tiny: ModelInfo, tiny_shape: TinyShape, need_target: Callable[[str], TargetProfile]
) -> None:
    renode()
    profile = need_target(target)
    program = build_firmware(profile=profile, model=tiny).program
    x, y = tiny_data(tiny_shape, tiny_shape.batch)
    commands = [*[train_command(x, y)] * 3, Command(Kind.SAVE), Command(Kind.QUIT)]
    there = talk_to(RenodeDevice(profile=profile, program=program), commands, timeout_s=120)
    here = talk_to(QemuDevice(profile=profile, program=program, count=False), commands)
    assert there.frames(Kind.WEIGHTS) == here.frames(Kind.WEIGHTS) and len(there.replies) > 5


@pytest.mark.parametrize("target", ON_RENODE)
def test_robot_file_passes(target: str, need_target: Callable[[str], TargetProfile]) -> None:
    tool = Path(renode()).with_name("renode-test")
    if not tool.is_file():
        pytest.skip(f"needs {tool}, which comes with Renode's packages")
    profile = need_target(target)
    assert profile.renode is not None
    (program,) = [path for path in build_tests(profile) if path.name == "update_test"]
    robot = (PLATFORMS / profile.renode.script).with_suffix(".robot")
    done = subprocess.run(
        [str(tool), "--variable", f"ELF:{program}", str(robot)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stdout[-3000:]
