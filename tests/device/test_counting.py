# SPDX-License-Identifier: Apache-2.0
"""What the emulator's plugin counts, operator by operator and kernel by kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from biotrain_tf.bench.bench_models import BenchModel
from biotrain_tf.bench.kernels import bench_kernels
from biotrain_tf.bench.step import bench_step
from biotrain_tf.device.model import ModelInfo
from converters import graph as graphs
from converters.targets import TargetProfile
from tests.device.conftest import EMULATED

STEPS = 2


@pytest.mark.parametrize("target", EMULATED)
def test_operators_add_up_to_the_step(
    target: str, tiny: ModelInfo, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target(target)
    cost = bench_step(BenchModel("tiny", "as it is", tiny, None), target, steps=STEPS)
    ops = graphs.read(tiny.content).subgraph_of("train").ops
    assert [op.features.kind for op in cost.ops[1:]] == [op.kind for op in ops]
    assert len(cost.ops) == len(ops) + 1 > 5
    print(f"{target}: ops={len(ops)} instructions={cost.instructions} apart={cost.difference}")
    assert cost.instructions == cost.whole > 1000
    assert all(op.instructions > 0 for op in cost.ops)
    assert sum(op.loads for op in cost.ops) > 0 and sum(op.fmas for op in cost.ops) > 0


@pytest.mark.parametrize("target", EMULATED)
def test_kernels_are_counted(target: str, need_target: Callable[[str], TargetProfile]) -> None:
    need_target(target)
    rows = bench_kernels([target], only="pointwise")
    assert len(rows) == 6
    wanted = {"kernel", "direction", "shape", "target", "instructions", "macs"}
    for row in rows:
        assert wanted | {"instructions_per_mac", "loads", "fmas", "floor"} <= set(row)
        # Every product is one fused multiply-add, but the first of a sum, of 16 or more; nothing
        # beats the floor by reading operands.
        assert row["fmas"] >= row["macs"] * 15 / 16 > 0 and row["loads"] > 0
        assert row["instructions"] == pytest.approx(row["macs"] * row["instructions_per_mac"], 1e-3)
        assert row["instructions_per_mac"] > row["floor"] * 0.99
    print(f"{target}: kernels={len(rows)}")


def test_each_kernel_has_a_routine_in_the_program(
    need_target: Callable[[str], TargetProfile],
) -> None:
    need_target("cortex-m7")
    rows = bench_kernels(["cortex-m7"])
    assert len(rows) >= 60 and all(row["instructions"] > 100 for row in rows)
