# SPDX-License-Identifier: Apache-2.0
"""Where a firmware's flash goes: listed to the byte, nothing linked that the model cannot use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from biotrain_tf.bench.bench_models import prepare
from biotrain_tf.bench.flash import bench_flash
from biotrain_tf.cli.main import main
from biotrain_tf.device.build import Firmware, build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.flash import FLATBUFFER, KERNELS, PADDING, FlashPart, read_flash
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import ModelInfo
from converters.graph import Graph
from converters.targets import TargetProfile
from tests.device.conftest import EMULATED
from tests.limits import FLASH_LIMITS

NeedTarget = Callable[[str], TargetProfile]


def parts_of(firmware: Firmware) -> dict[str, FlashPart]:
    return {part.name: part for part in read_flash(firmware.program)}


@pytest.mark.parametrize("target", EMULATED)
def test_the_parts_are_the_whole(target: str, tiny: ModelInfo, need_target: NeedTarget) -> None:
    profile = need_target(target)
    firmware = build_firmware(profile=profile, model=tiny)
    parts = parts_of(firmware)
    sizes = read_sizes(firmware.program, profile)
    assert sum(part.bytes for part in parts.values()) == sizes.flash_bytes
    with firmware.program.open("rb") as file:
        text = ELFFile(file).get_section_by_name(".text")["sh_size"]
    assert 0 <= sum(part.text for part in parts.values()) - text <= 256, "start-up code is small"
    assert 0 <= parts[FLATBUFFER].rodata - len(tiny.content) <= len(tiny.name) + 16
    assert parts[PADDING].bytes < sizes.flash_bytes / 100
    print(f"{target}: {len(parts)} parts are {sizes.flash_bytes} bytes")


def test_only_ops_of_the_model_are_linked(
    tiny: ModelInfo, need_target: NeedTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Softmax regression needs no window; with a table that names a pooling it has one."""
    profile = need_target("cortex-m7")
    small = parts_of(build_firmware(profile=profile, model=tiny))
    assert not {f"{KERNELS}{name}" for name in ("conv", "pool", "batch_norm", "dropout")} & {*small}

    kinds = Graph.op_kinds
    monkeypatch.setattr(Graph, "op_kinds", lambda graph: [*kinds(graph), "BiotrainMaxPool2D"])
    large = parts_of(build_firmware(profile=profile, model=tiny))
    assert large[f"{KERNELS}pool"].text > 500
    assert sum(p.bytes for p in large.values()) > sum(p.bytes for p in small.values()) + 500
    # A model may name an op that the runner does not have: it is refused on the device.
    monkeypatch.setattr(Graph, "op_kinds", lambda graph: [*kinds(graph), "NOTHING_KNOWN"])
    unknown = parts_of(build_firmware(profile=profile, model=tiny))
    assert {*unknown} == {*small}


def test_a_map_of_another_program_is_refused(
    tiny: ModelInfo, need_target: NeedTarget, tmp_path: Path
) -> None:
    program = build_firmware(profile=need_target("cortex-m7"), model=tiny).program
    copy = tmp_path / "firmware.elf"
    shutil.copy(program, copy)
    with pytest.raises(DeviceError, match="found none"):
        read_flash(copy)
    text = program.with_suffix(".map").read_text()
    lost = next(line for line in text.splitlines() if "*fill*" in line and "0x0" in line)
    copy.with_suffix(".map").write_text(text.replace(lost + "\n", "", 1))
    with pytest.raises(DeviceError, match=r"wanted all \d+ bytes of section"):
        read_flash(copy)


def test_the_command_lists_a_model(
    tiny_path: Path, need_target: NeedTarget, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = need_target("cortex-m7")
    out = tmp_path / "flash.json"
    arguments = ["bench", "flash", "--model", str(tiny_path), "--json", str(out)]
    assert main(arguments) == 0
    rows = json.loads(out.read_text())
    program = next(row for row in rows if row["kernel"] == "micro/trainer")
    assert program["target"] == profile.name and program["text_bytes"] > 0
    total = sum(row["text_bytes"] + row["rodata_bytes"] for row in rows)
    assert f"the sections of the ELF file {total:,}" in capsys.readouterr().out


@pytest.mark.parametrize(("model", "target"), FLASH_LIMITS)
def test_it_stays_below_the_limit(
    model: str, target: str, need_target: NeedTarget, tmp_path: Path
) -> None:
    need_target(target)
    use = bench_flash(prepare(model, tmp_path, batch_size=8), target)
    found = {"program": use.program, "flatbuffer": use.flatbuffer}
    limits = FLASH_LIMITS[model, target]
    print(f"{model} on {target}: {found} of {limits}")
    assert use.program + use.flatbuffer == use.whole
    assert {name for name, size in found.items() if size > limits[name]} == set()
