# SPDX-License-Identifier: Apache-2.0
"""A plan of two memories, linked into two memories, trains what it trains in one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.model import read_model
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError
from converters import ConversionResult, convert
from converters.targets import TargetProfile
from tests.models import eegnet

FAST, LARGE = 16 << 10, 64 << 10
STEPS, BATCH = 2, 4


@pytest.fixture(scope="module")
def conversion(tmp_path_factory: pytest.TempPathFactory) -> ConversionResult:
    folder = tmp_path_factory.mktemp("regions")
    return convert(
        eegnet(),
        output_dir=folder,
        batch_size=BATCH,
        ram=f"tcm={FAST},sram={LARGE}",
        target="cortex-m4f",
    )


@pytest.fixture(scope="module")
def noise(conversion: ConversionResult) -> Path:
    info = read_model(conversion.model_path)
    generator = np.random.default_rng(5)
    x = generator.standard_normal((STEPS * BATCH, *info.x.shape[1:])).astype(np.float32)
    path = conversion.model_path.parent / "noise.npz"
    np.savez(path, X=x, y=np.arange(len(x)) % info.classes)
    return path


def test_the_report_names_the_regions(conversion: ConversionResult) -> None:
    regions = conversion.report["schedule"]["regions"]
    assert [region["name"] for region in regions] == ["tcm", "sram"]
    assert [region["bytes"] for region in regions] == [FAST, LARGE]
    assert all(0 < region["taken_bytes"] <= region["bytes"] for region in regions)
    assert sum(r["taken_bytes"] for r in regions) == conversion.report["ram_total_bytes"]
    header = Path(conversion.report["files"]["header"]).read_text()
    sizes = ", ".join(str(region["arena_bytes"]) for region in regions)
    assert f"_region_bytes[] = {{{sizes}}};" in header


OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("cortex-m7", "riscv32")]


@pytest.mark.parametrize("target", ["cortex-m4f", *OTHERS])
def test_two_regions_train_as_one_does(
    target: str,
    conversion: ConversionResult,
    noise: Path,
    need_target: Callable[[str], TargetProfile],
) -> None:
    profile = need_target(target)

    def trained(where: str) -> dict[str, Any]:
        return run_device(model=conversion.model_path, target=where, data=noise, steps=STEPS)

    here, there = trained("host"), trained(target)
    assert there["weights_sha256"] == here["weights_sha256"]
    assert len(there["loss"]) == STEPS and there["loss"] == here["loss"]
    assert there["loss"][0] != there["loss"][1] and np.isfinite(there["loss"]).all()
    regions = conversion.report["schedule"]["regions"]
    model = read_model(conversion.model_path)
    firmware = build_firmware(profile=profile, model=model, cut=True)
    symbols = read_sizes(firmware.program, profile).symbols
    sram, psram = profile.ram
    first, second = symbols["biotrain_arena"], symbols["biotrain_arena_1"]
    assert psram.origin <= second <= psram.origin + LARGE - regions[1]["arena_bytes"]
    limit = FAST if target == "cortex-m4f" else sram.length
    assert sram.origin < first <= sram.origin + limit - regions[0]["arena_bytes"]
    assert there["ram_bytes"]["arena"] == sum(region["arena_bytes"] for region in regions)
    if target == "cortex-m4f":
        assert there["ram_bytes"]["beyond_untouched"] is True


def test_a_region_of_the_target_that_is_too_small(
    conversion: ConversionResult, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target("cortex-m4f")
    model = replace(read_model(conversion.model_path), regions=(FAST, 1 << 30))
    with pytest.raises(BiotrainError, match="PSRAM: the model wants") as caught:
        build_firmware(profile=profile, model=model)
    assert "\n" not in str(caught.value)
