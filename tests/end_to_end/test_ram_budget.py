# SPDX-License-Identifier: Apache-2.0
"""The RAM that a converter predicts is what a firmware takes, and it stays within its region."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.bench.memory import CASES, SCALE, TARGET, Case, measured
from converters import convert
from converters.search.budget import TOLERANCE_BYTES
from converters.targets.stacks import GUARD_BYTES, StackTable, read_stacks

EEGNET, LONG_EEGNET, BMINET, LIVE_BMINET, EPIDENET = CASES
FAST = ((EPIDENET, "int16", None), (EPIDENET, "flash", "min"), (BMINET, "int16", None))
SLOW = ((EEGNET, "int16", None), (LONG_EEGNET, "int16", None), (LIVE_BMINET, "int16", None))


def check(case: Case, sample: str, ram: str | None, folder: Path) -> None:
    """``ram``: None is the limit of the case."""
    limit = case.codes_limit_kib if sample == "int16" else case.limit_kib
    conversion = convert(
        case.model.build(),
        output_dir=folder,
        norm=case.norm,
        batch_size=8,
        ram=ram or f"{limit}K",
        sample=sample,
        sample_scale=SCALE if sample == "int16" else None,
        target=TARGET,
    )
    result = measured(case, conversion.model_path, folder)
    assert result is not None and np.isfinite(result["loss"]).all()
    found = result["ram_bytes"]
    predicted, needed = conversion.report["ram_total_bytes"], found["total"] + GUARD_BYTES
    print(
        f"{case.name} {sample}: predicted={predicted} measured={needed} with the stack's free end"
    )
    assert abs(predicted - needed) <= TOLERANCE_BYTES
    assert found["beyond_untouched"] is True
    assert found["total"] <= found["region"] <= limit << 10


@pytest.mark.parametrize(("case", "sample", "ram"), FAST)
def test_predicted_ram_is_measured(
    case: Case, sample: str, ram: str | None, tmp_path: Path, need_command: Callable[..., None]
) -> None:
    need_command("arm-none-eabi-g++", "make", "qemu-system-arm")
    check(case, sample, ram, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "sample", "ram"), SLOW)
def test_predicted_ram_of_large_models_is_measured(
    case: Case, sample: str, ram: str | None, tmp_path: Path, need_command: Callable[..., None]
) -> None:
    need_command("arm-none-eabi-g++", "make", "qemu-system-arm")
    check(case, sample, ram, tmp_path)


def test_the_deepest_operator_decides() -> None:
    table = StackTable("t", 1000, 1400, 400, (2000, 2100, 2500), {"conv": 900, "add": 300})
    assert table.deepest([("conv", 0), ("add", 1)], fetched=False) == 2100
    assert table.deepest([("conv", 1), ("add", 2)], fetched=True) == 1400 + 400 + 900
    assert table.deepest([("add", 2)], fetched=True) == 1400 + 800 + 300
    # The checks before the first step.
    assert table.deepest([("add", 2)], fetched=False) == 2500


def test_the_end_of_a_stack_stays_free(repo: Path) -> None:
    start = (repo / "tflm_train" / "ports" / "bare_metal" / "start.cc").read_text()
    assert f"constexpr size_t kLittle = {GUARD_BYTES};" in start


def test_every_target_has_a_table() -> None:
    table = read_stacks(TARGET)
    assert table.loop > 0 and len(table.start) == 3 and len(table.families) > 50
    assert read_stacks("riscv32").loop > 0
