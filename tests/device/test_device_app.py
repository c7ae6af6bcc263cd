# SPDX-License-Identifier: Apache-2.0
"""The example of a device app: short, builds on every target, calibrates, outlives power cuts."""

from __future__ import annotations

import re
import struct
import subprocess
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.device.build import build_folder, make
from biotrain_tf.device.model import ModelInfo
from biotrain_tf.device.protocol import Command, Kind
from biotrain_tf.device.qemu import require_qemu
from converters import graph as graphs
from converters.emit.op_table import write_op_table
from converters.targets import TARGETS, TargetProfile
from tests.device.talk import train_command
from tests.device.tiny_model import TinyShape, reference_losses, tiny_data

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "device_app" / "main.cc"
FLASH = "device_app.flash"
MAGIC = int.from_bytes(b"BTS1", "little")
STEPS = 5
CUTS = 12


def write_model_data(folder: Path, model: ModelInfo) -> Path:
    """The files that the converter writes, as far as the app uses them."""
    name = "g_tiny_model_data"
    (folder / "tiny_model_data.h").write_text(
        f"#include <cstddef>\nextern const unsigned char {name}[];\n"
        f"extern const std::size_t {name}_size;\n"
        f"constexpr std::size_t {name}_arena_bytes = {model.arena_bytes};\n"
    )
    values = ", ".join(map(str, model.content))
    source = folder / "tiny_model_data.cc"
    source.write_text(
        f'#include "tiny_model_data.h"\nalignas(16) const unsigned char {name}[] = {{{values}}};\n'
        f"const std::size_t {name}_size = sizeof({name});\n"
    )
    write_op_table(graphs.read(model.content), folder / "tiny_model_ops.cc", comment="tiny")
    return source


def test_it_is_short() -> None:
    assert len(SOURCE.read_text().splitlines()) < 125


@pytest.mark.parametrize("target", TARGETS)
def test_it_calibrates(
    target: str,
    tiny: ModelInfo,
    tiny_shape: TinyShape,
    tmp_path: Path,
    need_target: Callable[[str], TargetProfile],
) -> None:
    profile = need_target(target)
    program = build(profile, tiny, tmp_path)
    x, y = write_batches(tiny_shape, STEPS, tmp_path)
    lines = run(profile, program, tmp_path)
    assert lines[0] == f"ready=1 arena_bytes={tiny.arena_bytes} steps=0"
    losses = [float(loss) for loss in re.findall(r"loss=(\S+)", "\n".join(lines))]
    expected, _ = reference_losses(tiny_shape, x, y, STEPS)
    assert len(losses) == STEPS and np.abs(np.array(losses) - expected).max() <= 1e-5
    assert lines[-2:] == [f"steps={STEPS}", "PASS"]


@dataclass
class Saved:
    """The newest state in the file that stands in for the flash."""

    sequence: int
    state: bytes

    @classmethod
    def read(cls, path: Path) -> Saved:
        content = path.read_bytes()
        slots = [content[: len(content) // 2], content[len(content) // 2 :]]
        found = []
        for slot in slots:
            magic, sequence, state, extra, _, crc, check = struct.unpack("<IIIIQII", slot[-32:])
            payload = slot[: state + extra]
            if magic == MAGIC and check == zlib.crc32(slot[-32:-4]) and crc == zlib.crc32(payload):
                found.append(cls(sequence, payload))
        assert found, f"{path} holds no state that is whole"
        return max(found, key=lambda saved: saved.sequence)


@pytest.mark.parametrize(
    ("target", "steps"), [("host", 3000), ("cortex-m7", 480), ("riscv32", 480)]
)
def test_it_goes_on_after_power_cuts(
    target: str,
    steps: int,
    tiny: ModelInfo,
    tiny_shape: TinyShape,
    tmp_path: Path,
    need_target: Callable[[str], TargetProfile],
) -> None:
    profile = need_target(target)
    program = build(profile, tiny, tmp_path)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        folder.mkdir()
        write_batches(tiny_shape, steps, folder)
    expected = losses_of(run(profile, program, whole))
    assert sorted(expected) == list(range(1, steps + 1))

    generator = np.random.default_rng(1)
    cuts = last = compared = 0
    for until in range(steps // 25, steps, steps // CUTS):
        lines = run_until(profile, program, cut, until, float(generator.uniform(0, 0.002)))
        cuts += lines[-1:] != ["PASS"]
        begun = int(lines[0].rpartition("=")[2])
        # The line of a step may be lost although the step was saved, never the other way round.
        assert last <= begun <= steps
        seen = losses_of(lines)
        assert min(seen, default=begun + 1) == begun + 1
        assert seen.items() <= expected.items()
        compared += len(seen)
        last = max(seen, default=begun)
    lines = run(profile, program, cut)
    seen = losses_of(lines)
    assert seen.items() <= expected.items()
    compared += len(seen)
    assert lines[-2:] == [f"steps={steps}", "PASS"]
    assert Saved.read(cut / FLASH) == Saved.read(whole / FLASH)
    assert Saved.read(cut / FLASH).sequence == steps
    print(f"target={target} cuts={cuts} steps={steps} compared={compared}")
    # Some runs may be through before the cut comes.
    assert cuts >= 3 and compared >= steps - cuts


def test_a_damaged_state_is_not_restored(
    tiny: ModelInfo,
    tmp_path: Path,
    tiny_shape: TinyShape,
    need_target: Callable[[str], TargetProfile],
) -> None:
    profile = need_target("host")
    program = build(profile, tiny, tmp_path)
    write_batches(tiny_shape, 1, tmp_path)
    run(profile, program, tmp_path)
    flash = bytearray((tmp_path / FLASH).read_bytes())
    # In the record of the only slot: the app begins with the weights of the model.
    flash[len(flash) // 2 - 32 + 16] ^= 1
    (tmp_path / FLASH).write_bytes(bytes(flash))
    lines = run(profile, program, tmp_path)
    assert lines[0].endswith("steps=0") and lines[-1] == "PASS"


def losses_of(lines: list[str]) -> dict[int, str]:
    """Bits of the loss by step; a line that was cut off does not count."""
    text = "".join(f"{line}\n" for line in lines)
    found = re.findall(r"^step=(\d+) loss=\S+ loss_bits=(\w{8})$", text, re.MULTILINE)
    return {int(step): bits for step, bits in found}


def build(profile: TargetProfile, model: ModelInfo, folder: Path) -> Path:
    data = write_model_data(folder, model)
    out = build_folder(profile) / "example"
    make(profile, "example", variables={"MODEL_DATA": str(data), "OUT": str(out)})
    return out / "example.elf"


def write_batches(shape: TinyShape, steps: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    x, y = tiny_data(shape, steps * shape.batch)
    rows = np.arange(len(x)).reshape(steps, shape.batch)
    commands = [train_command(x[batch], y[batch]) for batch in rows]
    commands.append(Command(Kind.QUIT))
    (folder / "in").write_bytes(b"".join(command.encode() for command in commands))
    return x, y


def run(profile: TargetProfile, program: Path, folder: Path) -> list[str]:
    with start(profile, program, folder) as process:
        assert process.wait(timeout=60) == 0
    return (folder / "out").read_text().splitlines()


def run_until(
    profile: TargetProfile, program: Path, folder: Path, step: int, delay_s: float
) -> list[str]:
    """Kills the program, as a power cut does, a moment after it has reported `step`."""
    (folder / "out").write_bytes(b"")
    with start(profile, program, folder) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and f"\nstep={step} " not in (folder / "out").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.0005)
        time.sleep(delay_s)
        process.kill()
    return (folder / "out").read_text().splitlines()


def start(profile: TargetProfile, program: Path, folder: Path) -> subprocess.Popen[bytes]:
    if profile.qemu is None:
        with (folder / "in").open("rb") as stdin, (folder / "out").open("wb") as stdout:
            return subprocess.Popen([program], stdin=stdin, stdout=stdout, cwd=folder)
    command = [require_qemu(profile), *profile.qemu.arguments, "-display", "none"]
    command += ["-monitor", "none", "-serial", "null", "-semihosting-config"]
    command += ["enable=on,target=native,arg=biotrain,arg=in,arg=out", "-kernel", str(program)]
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL)
