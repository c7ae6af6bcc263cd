# SPDX-License-Identifier: Apache-2.0
"""The tiler finds what trying everything finds; the verifier finds what is wrong with a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.gap9.cost import cycles, footprint
from converters.gap9.kernels import (
    Conv,
    convolution,
    convolution_grad_filter,
    convolution_grad_input,
    elementwise,
    product,
)
from converters.gap9.layout import Buffer, buffers, parts
from converters.gap9.machine import Costs, Machine
from converters.gap9.tiler import (
    annealed,
    best_plan,
    exhaustive,
    fastest,
    ladder,
    largest_plan,
)
from converters.gap9.verify import fault, fault_of_buffers, fault_of_parts
from converters.gap9.works import TilePlan, Work

COSTS = Costs()
TIGHT = Machine(l1_bytes=12 * 1024, l1_reserved=4 * 1024)

sizes = st.integers(1, 9)
small_convs = st.builds(
    Conv,
    channels=sizes,
    height=st.integers(3, 8),
    width=st.integers(3, 8),
    filters=st.integers(1, 12),
    kernel=st.sampled_from(((1, 1), (3, 3), (1, 3))),
    stride=st.sampled_from(((1, 1), (2, 2))),
)


def works_of(conv: Conv) -> list[Work]:
    return [
        convolution("f", conv, "x", "y", "w"),
        convolution_grad_input("i", conv, "dy", "dx", "w"),
        convolution_grad_filter("g", conv, "x", "dy", "dw"),
        product("p", conv.height, conv.channels, conv.filters, "a", "b", "c"),
        elementwise("e", "relu", ("x",), "y", conv.height * conv.width),
    ]


@settings(max_examples=3, deadline=None)
@given(conv=small_convs)
def test_annealing_is_as_good_as_trying_everything(conv: Conv) -> None:
    compared = 0
    for work in works_of(conv):
        objective = fastest(work, TIGHT, COSTS)
        best, found = exhaustive(work, TIGHT, objective), annealed(work, TIGHT, objective)
        if best is None or found is None:
            assert best is found
            continue
        assert objective(found) <= objective(best) * (1 + 1e-9), work.name
        compared += 1
    assert compared >= 3


@settings(max_examples=15, deadline=None)
@given(conv=small_convs, kilobytes=st.integers(5, 20))
def test_plans_pass_the_verifier(conv: Conv, kilobytes: int) -> None:
    machine = Machine(l1_bytes=kilobytes * 1024, l1_reserved=4 * 1024)
    for work in works_of(conv):
        for plan in (best_plan(work, machine, COSTS), largest_plan(work, machine)):
            assert fault(work, plan, machine) is None
            assert (
                fault_of_parts(work, parts(work, plan)[:200]) is None
                or len(parts(work, plan)) > 200
            )
            assert fault_of_buffers(buffers(work, plan, machine), machine) is None


WORK = convolution("f", Conv(8, 32, 32, 64, (3, 3), padding=(1, 1)), "x", "y", "w")
PLAN = best_plan(WORK, TIGHT, COSTS)


def test_a_planted_fault_is_found() -> None:
    whole = TilePlan(PLAN.order, tuple(WORK.sizes[loop] for loop in PLAN.order), 1)
    assert fault(WORK, PLAN, TIGHT) is None
    assert "bytes of L1" in (fault(WORK, whole, TIGHT) or "")
    split = TilePlan((*PLAN.order, "channels"), (*PLAN.tiles, 1), 1)
    assert "wanted the loops" in (fault(WORK, split, TIGHT) or "")
    nothing = TilePlan(PLAN.order, (0, *PLAN.tiles[1:]), 1)
    assert "wanted 1 to" in (fault(WORK, nothing, TIGHT) or "")
    assert "buffers" in (fault(WORK, replace(PLAN, buffers=3), TIGHT) or "")


def test_planted_faults_of_parts_are_found() -> None:
    whole = parts(WORK, PLAN)
    assert len(whole) > 2 and fault_of_parts(WORK, whole) is None
    assert "cover" in (fault_of_parts(WORK, whole[:-1]) or "")
    assert "overlap" in (fault_of_parts(WORK, [*whole, whole[0]]) or "")
    summed = [{**part, "channels": (0, 4)} for part in whole]
    assert "splits the sum" in (fault_of_parts(WORK, summed) or "")


def test_planted_faults_of_buffers_are_found() -> None:
    placed = buffers(WORK, PLAN, TIGHT)
    assert len(placed) == 3 * PLAN.buffers and fault_of_buffers(placed, TIGHT) is None
    crooked = [replace(placed[0], offset=placed[0].offset + 4), *placed[1:]]
    assert "multiple of 8" in (fault_of_buffers(crooked, TIGHT) or "")
    twice = [placed[0], replace(placed[1], offset=placed[0].offset)]
    assert "overlap" in (fault_of_buffers(twice, TIGHT) or "")
    assert "wanted within" in (fault_of_buffers([Buffer(0, 0, 8192, 8)], TIGHT) or "")


def test_annealing_is_the_same_for_the_same_seed() -> None:
    objective = fastest(WORK, TIGHT, COSTS)
    assert annealed(WORK, TIGHT, objective, seed=3) == annealed(WORK, TIGHT, objective, seed=3)


@pytest.mark.parametrize("work", works_of(Conv(16, 24, 24, 32, (3, 3), padding=(1, 1))))
def test_more_cores_and_more_memory_are_never_slower(work: Work) -> None:
    times = []
    for cores in (1, 2, 4, 8):
        machine = replace(TIGHT, cores=cores, fpus=cores)
        times.append(cycles(work, best_plan(work, machine, COSTS), machine, COSTS).total)
    for slower, faster in zip(times, times[1:], strict=False):
        assert faster <= slower * 1.001, times
    roomy = replace(TIGHT, l1_bytes=64 * 1024)
    machines = (replace(TIGHT, fpus=4), TIGHT, roomy)
    by_machine = [cycles(work, best_plan(work, m, COSTS), m, COSTS).total for m in machines]
    assert by_machine[1] <= by_machine[0] * 1.001
    assert by_machine[2] <= by_machine[1] * 1.02, by_machine


def test_sizes_that_make_the_same_number_of_tiles_are_listed_once() -> None:
    assert ladder(10) == [1, 2, 3, 4, 5, 10]
    counts = [-(-1900 // tile) for tile in ladder(1900)]
    assert len(set(counts)) == len(counts)


def test_a_footprint_counts_every_copy() -> None:
    one, two = (footprint(WORK, replace(PLAN, buffers=b), TIGHT) for b in (1, 2))
    assert two == 2 * one
