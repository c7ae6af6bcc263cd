# SPDX-License-Identifier: Apache-2.0
"""Arenas that do not fit the first RAM, and models that fit nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.device.build import arena_region, build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.model import ModelInfo, read_model
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS, TargetProfile
from tests.device.tiny_model import TinyShape, tiny_data, write_tiny_model


@pytest.mark.parametrize("target", ["cortex-m7", "riscv32"])
def test_a_large_arena_goes_to_the_next_ram(
    target: str, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target(target)
    shape = TinyShape(batch=16000, features=64, learning_rate=0.1)
    model = write_tiny_model(tmp_path, shape)
    info = read_model(model)
    sram, psram = profile.ram
    assert sram.length < info.arena_bytes <= psram.length
    sizes = read_sizes(build_firmware(profile=profile, model=info).program, profile)
    assert sizes.symbols["biotrain_arena"] == psram.origin
    assert sizes.arena_bytes == info.arena_bytes and sizes.static_bytes < 8 << 10
    x, y = tiny_data(shape, 8)
    np.savez(tmp_path / "d.npz", X=x, y=y)
    there, here = (
        run_device(model=model, target=name, data=tmp_path / "d.npz", steps=2)
        for name in (target, "host")
    )
    assert there["weights_sha256"] == here["weights_sha256"]
    assert there["ram_bytes"]["arena"] == info.arena_bytes


def test_an_arena_that_fits_no_ram(tiny: ModelInfo) -> None:
    with pytest.raises(BiotrainError, match=r"wants 17000000 bytes; target cortex-m7 has 16777216"):
        arena_region(TARGETS["cortex-m7"], 17_000_000)
    assert arena_region(TARGETS["cortex-m7"], tiny.arena_bytes).name == "SRAM"


def test_a_model_that_fits_no_flash(
    tiny: ModelInfo, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m7")
    path = tmp_path / "huge.tflite"
    path.write_bytes(tiny.content + bytes(5 << 20))
    huge = replace(tiny, path=path, content=path.read_bytes())
    with pytest.raises(BiotrainError, match="FLASH: target cortex-m7 has 4194304 bytes") as caught:
        build_firmware(profile=profile, model=huge)
    assert "\n" not in str(caught.value)
