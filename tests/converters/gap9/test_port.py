# SPDX-License-Identifier: Apache-2.0
"""What is planned for the port is what it cuts: the same rules, no sum split, within L1."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.gap9.cost import cycles, footprint
from converters.gap9.layout import port_buffers, port_parts
from converters.gap9.machine import Costs, Machine
from converters.gap9.port import tiling, traffic
from converters.gap9.port_nests import (
    AXES,
    ELEMENTWISE,
    MOST_INPUTS,
    MOST_OUTPUTS,
    RULES,
    STAGED,
    PortNest,
    port_nest,
)
from converters.gap9.tiler import best_plan, largest_plan
from converters.gap9.verify import fault, fault_of_buffers, fault_of_parts
from converters.gap9.works import TilePlan, Work
from converters.graph import Op, Tensor

CLUSTER = Path(__file__).parents[3] / "tflm_train" / "cluster"
COSTS, MACHINE = Costs(), Machine()


def tensor(*shape: int) -> Tensor:
    return Tensor("", shape, "FLOAT32", None)


def nest(kind: str, inputs: list[Tensor], outputs: list[Tensor]) -> PortNest | None:
    return port_nest(Op(kind, (), ()), list(enumerate(inputs)), list(enumerate(outputs)))


def work_of(kind: str, inputs: list[Tensor], outputs: list[Tensor]) -> Work:
    found = nest(kind, inputs, outputs)
    assert found is not None, kind
    loops = tuple(loop for loop, _ in found.loops)
    return Work(
        kind, kind, "step", found.loops, loops, found.operands, instructions=1e6, ported=True
    )


def test_the_rules_are_those_of_the_port() -> None:
    text = re.sub(r"//.*", "", (CLUSTER / "slicing.cc").read_text())
    table = text.split("kRules[] = {")[1].split("\n};")[0]
    entry = r'\{"(\w+)",\s*\{([\w,\s]*)\},\s*\{([\w,\s]*)\}(,\s*kMultiples)?\}'
    theirs = {
        name: (tuple(re.findall(r"\w+", ins)), tuple(re.findall(r"\w+", outs)), bool(multiples))
        for name, ins, outs, multiples in re.findall(entry, table)
    }
    ours = {name: (r.inputs, r.outputs, r.multiples) for name, r in RULES.items()}
    assert theirs == ours and len(theirs) == table.count('{"')
    names = text.split("kElementwiseOps[] = {")[1].split("};")[0]
    assert sorted(re.findall(r'"(\w+)"', names)) == sorted(ELEMENTWISE)
    staged = (CLUSTER / "staged_op.cc").read_text().split("kStagedOps[] = {")[1].split("};")[0]
    assert sorted(re.findall(r'"(\w+)"', staged)) == sorted(STAGED)
    most = dict(re.findall(r"int kMost(\w+) = (\d+);", (CLUSTER / "slicing.h").read_text()))
    assert most == {"Inputs": str(MOST_INPUTS), "Outputs": str(MOST_OUTPUTS)}
    constants = {"kWhole": -1, "kOwn": "own", "kStatistic": "statistic", "kLast": "last"}
    for name, samples, units in re.findall(r"constexpr Axes (\w+) = \{(\w+), (\w+)\};", text):
        found = tuple(constants[x] if x in constants else int(x) for x in (samples, units))
        assert found == AXES[name], name


def works() -> list[Work]:
    x, y, w = tensor(8, 4, 2, 500), tensor(8, 12, 2, 500), tensor(12, 4, 1, 9)
    lines, stats = tensor(8, 12, 2, 500), tensor(8, 3)
    return [
        work_of("BiotrainConv2D", [x, w, tensor(12)], [y, tensor(64)]),
        work_of("BiotrainConv2DGradInput", [w, y], [x]),
        work_of("BiotrainConv2DGradFilter", [tensor(1, 4, 2, 500), tensor(1, 12, 2, 500)], [w]),
        work_of("BiotrainDepthwiseConv2D", [x, tensor(4, 3, 1, 9)], [y, tensor(64)]),
        work_of("BiotrainBatchNorm", [tensor(2, 12, 500), *[tensor(12)] * 2],
                [tensor(2, 12, 500), tensor(12), tensor(12)]),
        work_of("BiotrainNormalise", [lines, tensor(12), tensor(12), stats, stats], [lines]),
        work_of("BiotrainGroupNorm", [tensor(8, 4, 300), *[tensor(4)] * 2],
                [tensor(8, 4, 300), tensor(8, 2), tensor(8, 2)]),
        work_of("BiotrainMaxPool2D", [lines], [tensor(8, 12, 2, 125)]),
        work_of("FULLY_CONNECTED", [tensor(8, 40), tensor(10, 40)], [tensor(8, 10)]),
        work_of("MUL", [lines, tensor(1)], [lines]),
    ]  # fmt: skip


def test_no_plan_splits_a_sum_or_leaves_l1() -> None:
    checked = 0
    for work in works():
        for plan in (best_plan(work, MACHINE, COSTS), largest_plan(work, MACHINE)):
            assert plan.in_l1 and fault(work, plan, MACHINE) is None, work.name
            tiles = tiling(work, plan, MACHINE)
            parts = port_parts(work, plan, tiles)
            if len(parts) <= 600:
                assert fault_of_parts(work, parts) is None, work.name
                checked += 1
            placed = port_buffers(work, plan, tiles)
            assert fault_of_buffers(placed, MACHINE) is None, work.name
            last = placed[-1]
            assert (
                tiles.bytes
                == last.offset + -(-last.bytes // 16) * 16
                == footprint(work, plan, MACHINE)
            )
    print(f"checked={checked}")
    assert checked >= 16


@settings(max_examples=20, deadline=None)
@given(units=st.integers(2, 300), length=st.integers(1, 900), kilobytes=st.integers(9, 60))
def test_plans_fit_machines_of_any_size(units: int, length: int, kilobytes: int) -> None:
    machine = replace(MACHINE, l1_bytes=kilobytes * 1024)
    lines = tensor(1, units, 1, length)
    work = work_of("BiotrainReluGrad", [lines, lines], [lines])
    plan = best_plan(work, machine, COSTS)
    assert plan.in_l1 and fault(work, plan, machine) is None
    whole = TilePlan(plan.order, tuple(work.sizes.values()), 2)
    if footprint(work, whole, machine) > machine.l1_budget:
        assert "bytes of L1" in (fault(work, whole, machine) or "")


def test_planted_faults_are_found() -> None:
    conv = works()[0]
    # Some, but not all, of the samples at a time is nothing the port can do.
    assert "tile of sample" in (fault(conv, TilePlan(("sample", "unit"), (3, 8), 1), MACHINE) or "")
    gradient = works()[2]
    samples = replace(gradient, loops=(("unit", 12), ("sample", 8)), parallel=("unit", "sample"))
    plan = TilePlan(("unit", "sample"), (12, 8), 1)
    assert "every tile would write" in (fault(samples, plan, MACHINE) or "")
    plan = best_plan(conv, MACHINE, COSTS)
    parts = port_parts(conv, plan, tiling(conv, plan, MACHINE))
    assert "cover" in (fault_of_parts(conv, parts[1:]) or "")


def test_what_is_in_no_rule_is_not_cut() -> None:
    cube = tensor(8, 8, 8)
    assert nest("BiotrainOfTomorrow", [cube], [cube]) is None
    assert nest("TRANSPOSE", [cube], [cube]) is None
    assert nest("ADD", [cube, tensor(8)], [cube]) is None
    # Channels of a statistic for several of them are not apart.
    group = nest("BiotrainNormalise", [cube, *[tensor(8)] * 2, *[tensor(8, 2)] * 2], [cube])
    assert group is not None and dict(group.loops) == {"sample": 8, "unit": 2}
    # Filters of each sample's own.
    assert nest("BiotrainConv2DGradInput", [tensor(16, 3, 1, 1), tensor(2, 8, 1, 9)],
                [tensor(2, 3, 1, 9)]) is None  # fmt: skip


def test_traffic_counts_what_is_fetched_again() -> None:
    conv = works()[0]
    x, w, bias, y = (operand.bytes for operand in conv.operands[:4])
    one_by_one = tiling(conv, TilePlan(("sample", "unit"), (1, 8), 1), MACHINE)
    assert one_by_one.forks == 8 and one_by_one.tiles == 12 and one_by_one.cores == 8
    moved = traffic(conv, one_by_one)
    assert moved.hidden == (8 * (w + bias), 8 * 12 * 2) and moved.waited == (x + y, 8 + 8 * 12)
    stays = traffic(conv, tiling(conv, TilePlan(("sample", "unit"), (1, 12), 1), MACHINE))
    assert stays.hidden == (w + bias, 6 * 2)
    samples = tiling(conv, TilePlan(("unit", "sample"), (12, 8), 1), MACHINE)
    assert samples.forks == 1 and samples.cores == 8
    assert sum(traffic(conv, samples).waited) == w + bias + y + 2 + 8


@pytest.mark.parametrize("work", works(), ids=lambda work: work.name)
def test_more_cores_are_not_slower(work: Work) -> None:
    times = []
    for cores in (1, 2, 4, 8):
        machine = replace(MACHINE, cores=cores, fpus=cores)
        times.append(cycles(work, best_plan(work, machine, COSTS), machine, COSTS).total)
    assert times == sorted(times, reverse=True), times
