# SPDX-License-Identifier: Apache-2.0
"""The example of a device app: under 100 lines, builds on every target, calibrates a model."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
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
STEPS = 5


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
    assert len(SOURCE.read_text().splitlines()) < 100


@pytest.mark.parametrize("target", TARGETS)
def test_it_calibrates(
    target: str,
    tiny: ModelInfo,
    tiny_shape: TinyShape,
    tmp_path: Path,
    need_target: Callable[[str], TargetProfile],
) -> None:
    profile = need_target(target)
    data = write_model_data(tmp_path, tiny)
    out = build_folder(profile) / "example"
    make(profile, "example", variables={"MODEL_DATA": str(data), "OUT": str(out)})
    x, y = tiny_data(tiny_shape, STEPS * tiny_shape.batch)
    rows = np.arange(len(x)).reshape(STEPS, tiny_shape.batch)
    commands = [train_command(x[batch], y[batch]) for batch in rows]
    commands.append(Command(Kind.QUIT))
    (tmp_path / "in").write_bytes(b"".join(command.encode() for command in commands))
    lines = run(profile, out / "example.elf", tmp_path)
    assert lines[0] == f"ready=1 arena_bytes={tiny.arena_bytes}"
    losses = [float(line.split("loss=")[1]) for line in lines if line.startswith("step=")]
    expected, _ = reference_losses(tiny_shape, x, y, STEPS)
    assert len(losses) == STEPS and np.abs(np.array(losses) - expected).max() <= 1e-5
    assert lines[-2:] == [f"steps={STEPS}", "PASS"]


def run(profile: TargetProfile, program: Path, folder: Path) -> list[str]:
    if profile.qemu is None:
        with (folder / "in").open("rb") as stdin:
            done = subprocess.run(
                [program], stdin=stdin, capture_output=True, timeout=60, check=True
            )
        return done.stdout.decode().splitlines()
    command = [require_qemu(profile), *profile.qemu.arguments, "-display", "none"]
    command += ["-monitor", "none", "-serial", "null", "-semihosting-config"]
    command += ["enable=on,target=native,arg=biotrain,arg=in,arg=out", "-kernel", str(program)]
    subprocess.run(command, cwd=folder, timeout=60, check=True)
    return (folder / "out").read_text().splitlines()
