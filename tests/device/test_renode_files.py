# SPDX-License-Identifier: Apache-2.0
"""Renode's platforms, scripts and tests beside linker scripts, drivers and keywords; no Renode."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from robot.api import get_model
from robot.parsing.model.statements import Error, KeywordCall

from biotrain_tf.device.renode import PLATFORMS
from converters.targets import TARGETS
from scripts.renode import replies
from tests.device.test_platforms import PORTS, script_regions

ON_RENODE = [name for name, profile in TARGETS.items() if profile.renode is not None]
# Renode's model of each driver's UART, and the words of it that the driver uses.
RENODE_UARTS = {"cmsdk_apb_uart": "UART.CMSDK_APB_UART", "ns16550": "UART.NS16550"}
RENODE_CORES = {
    "cortex-m4f": ("CPU.CortexM", "cortex-m4f"),
    "cortex-m7": ("CPU.CortexM", "cortex-m7"),
    "cortex-m33": ("CPU.CortexM", "cortex-m33"),
    "riscv32": ("CPU.RiscV32", "rv32imafc_zicsr_zifencei"),
}
MONITOR_WORDS = {"using", "mach", "machine", "cpu", "sysbus", "include"}
# Of Renode's own robot library and of Robot's.
KEYWORDS = {
    "Create Terminal Tester",
    "Execute Command",
    "Log",
    "Remove File",
    "Replies Should Match",
    "Set Variable",
    "Start Emulation",
    "Train As QEMU Does",
    "Wait For Line On Uart",
}


@dataclass(frozen=True)
class Platform:
    """What a .repl says: memories by name, and the type and address of everything."""

    memories: dict[str, tuple[int, int]]
    types: dict[str, str]
    addresses: dict[str, int]
    attributes: dict[str, dict[str, str]]


def read_platform(text: str) -> Platform:
    memories, types, addresses = {}, {}, {}
    attributes: dict[str, dict[str, str]] = {}
    blocks = re.split(r"\n\s*\n", re.sub(r"//.*\n", "", text).strip())
    for block in blocks:
        head, *rest = block.splitlines()
        found = re.fullmatch(r"(\w+): ([\w.]+) @ sysbus ?(0x[0-9A-Fa-f]+)?", head)
        assert found is not None, f"not an entry of a platform: {head!r}"
        name, kind, address = found.groups()
        types[name] = kind
        if address is not None:
            addresses[name] = int(address, 16)
        pairs = [re.fullmatch(r"    ([\w\[\], ]+?) ?(?::|->) ?(.+)", line) for line in rest]
        assert all(pairs), f"not an attribute: {rest}"
        attributes[name] = {pair[1]: pair[2].strip('"') for pair in pairs if pair}
        if kind == "Memory.MappedMemory":
            memories[name.upper()] = (addresses[name], int(attributes[name]["size"], 16))
    return Platform(memories, types, addresses, attributes)


def platform_of(target: str) -> str:
    renode = TARGETS[target].renode
    assert renode is not None
    return (PLATFORMS / renode.platform).read_text()


def disagreements(target: str, text: str) -> list[str]:
    """Everything in which a platform and what the firmware is linked from differ."""
    profile = TARGETS[target]
    assert profile.renode is not None and profile.uart is not None
    found = read_platform(text)
    linker_script = (PORTS / profile.linker_script).read_text()
    (base,) = re.findall(r"biotrain_uart_base = (\w+);", linker_script)
    uart = profile.renode.uart
    kind, core = RENODE_CORES[target]
    pairs = {
        "memories": (found.memories, script_regions(linker_script)),
        "uart type": (found.types.get(uart), RENODE_UARTS[profile.uart.driver]),
        "uart base": (found.addresses.get(uart), int(base, 0)),
        "core": (found.types.get("cpu"), kind),
        "core type": (found.attributes.get("cpu", {}).get("cpuType"), core),
    }
    return [name for name, (one, other) in pairs.items() if one != other]


def test_every_target_of_renode_has_all_files_and_no_file_is_left_over() -> None:
    assert ON_RENODE == ["cortex-m4f", "cortex-m7", "cortex-m33", "riscv32"]
    wanted = {
        f"{name.replace('-', '_')}{suffix}"
        for name in ON_RENODE
        for suffix in (".repl", ".resc", ".robot")
    }
    assert {
        path.name for path in PLATFORMS.iterdir() if path.suffix in (".repl", ".resc", ".robot")
    } == wanted


@pytest.mark.parametrize("target", ON_RENODE)
def test_platform_linker_script_and_driver_agree(target: str) -> None:
    profile = TARGETS[target]
    assert profile.uart is not None
    assert len(read_platform(platform_of(target)).memories) == 3
    assert disagreements(target, platform_of(target)) == []
    assert (PORTS / "uart" / f"{profile.uart.driver}.cc").is_file()


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("size: 0x400000\n", "size: 0x200000\n", "memories"),
        ("sysbus 0x20000000", "sysbus 0x20400000", "memories"),
        ("sysbus 0x40004000", "sysbus 0x40005000", "uart base"),
        ("UART.CMSDK_APB_UART", "UART.STM32_UART", "uart type"),
        ('"cortex-m7"', '"cortex-m3"', "core type"),
    ],
)
def test_a_wrong_platform_is_noticed(old: str, new: str, what: str) -> None:
    text = platform_of("cortex-m7")
    assert old in text
    assert disagreements("cortex-m7", text.replace(old, new, 1)) == [what]


@pytest.mark.parametrize("target", ON_RENODE)
def test_script_names_files_variables_and_commands_that_exist(target: str) -> None:
    renode = TARGETS[target].renode
    assert renode is not None
    text = (PLATFORMS / renode.script).read_text()
    lines = [line for line in text.splitlines() if line and line[0] not in ":#"]
    assert set(re.findall(r"\$(\w+)", "\n".join(lines))) == {"bin", "data", "counts", "ORIGIN"}
    named = re.findall(r"\$ORIGIN/(\S+)", text)
    assert named == [renode.platform, "commands.py"]
    assert all((PLATFORMS / name).is_file() for name in named)
    tree = ast.parse((PLATFORMS / "commands.py").read_text())
    own = {n.name.removeprefix("mc_") for n in tree.body if isinstance(n, ast.FunctionDef)}
    assert own == {"count_steps", "send_file"}
    words = {line.split()[0] for line in lines if not line.startswith("$")}
    assert own < words and words - own <= MONITOR_WORDS
    on_arm = TARGETS[target].port == "cortex_m"
    assert ("cpu FpuEnabled true" in lines) == on_arm


def test_commands_name_the_uart_and_the_mark_of_the_firmware() -> None:
    text = (PLATFORMS / "commands.py").read_text()
    uarts = {profile.renode.uart for profile in TARGETS.values() if profile.renode}
    assert re.findall(r'"sysbus\.(uart\w*)"', text) == list(uarts) == ["uart0"]
    assert 'MARK = "biotrain_mark"' in text


def keyword_calls(path: Path) -> list[str]:
    """Every keyword that a file for Robot calls; no line of it may be an error."""
    calls = []
    for section in get_model(path).sections:
        for item in section.body:
            for statement in getattr(item, "body", [item]):
                assert not isinstance(statement, Error), f"{path.name}: {statement.errors}"
                if isinstance(statement, KeywordCall):
                    assert statement.keyword, f"{path.name}:{statement.lineno}"
                    calls.append(statement.keyword)
    return calls


@pytest.mark.parametrize("target", ON_RENODE)
def test_robot_test_runs_its_own_script(target: str) -> None:
    renode = TARGETS[target].renode
    assert renode is not None
    path = (PLATFORMS / renode.script).with_suffix(".robot")
    assert keyword_calls(path) == ["Train As QEMU Does"]
    text = path.read_text()
    assert f"${{CURDIR}}/{renode.script}" in text and "${CURDIR}/training.resource" in text


def test_robot_keywords_exist_and_wait_for_pass() -> None:
    resource = PLATFORMS / "training.resource"
    calls = keyword_calls(resource)
    assert len(calls) > 10 and set(calls) <= KEYWORDS
    assert re.search(r"^    Wait For Line On Uart +PASS$", resource.read_text(), re.MULTILINE)
    assert callable(replies.replies_should_match)
