# SPDX-License-Identifier: Apache-2.0
"""Plans of several memories: nothing overlaps, nothing lies across two, every planted fault is
found, and what does not fit says which region misses how much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import graph as graphs
from converters.errors import ConversionError
from converters.graph import Graph
from converters.passes.commit_last import commit_last
from converters.planner.heat import accesses
from converters.planner.places import Place
from converters.planner.plan import Plan, make_plan
from converters.planner.problem import Buffer, Problem
from converters.planner.regions import Piece, Region, pack, usable
from converters.planner.storage import IN_PLACE
from converters.planner.verify import PlanError, verify
from converters.search.budget import read_budget
from tests.converters.random_graphs import random_graph

BUFFERS = st.lists(
    st.tuples(
        st.integers(1, 12), st.integers(0, 15), st.integers(0, 6), st.floats(0, 9, allow_nan=False)
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=120)
@given(BUFFERS, st.lists(st.integers(0, 20), min_size=2, max_size=4))
def test_buffers_in_regions(rows: list[tuple[int, int, int, float]], sizes: list[int]) -> None:
    buffers = tuple(
        Buffer(n, 16 * size, first, first + longer, heat=heat)
        for n, (size, first, longer, heat) in enumerate(rows)
    )
    capacities = [16 * size for size in sizes]
    packed = pack(Problem(buffers), capacities, rounds=20)
    assert packed == pack(Problem(buffers), capacities, rounds=20)
    compared = 0
    for b in buffers:
        region, offset = packed.places[b.id]
        assert 0 <= offset <= packed.heights[region] - b.size and offset % 16 == 0
        # Only the last region may be too small.
        assert region == len(sizes) - 1 or offset + b.size <= capacities[region]
        for other in buffers[: b.id]:
            at, low = packed.places[other.id]
            if at == region and b.overlaps_in_time(other):
                assert offset + b.size <= low or low + other.size <= offset
                compared += 1
    if max(packed.heights[-1] - capacities[-1], 0) == 0:
        assert sum(capacities) >= Problem(buffers).lower_bound()
    assert compared >= 0 and len(packed.places) == len(buffers)


def test_what_is_hot_gets_the_first_region() -> None:
    buffers = (
        Buffer(0, 64, 0, 3, heat=1.0),
        Buffer(1, 32, 0, 3, heat=50.0),
        Buffer(2, 48, 0, 3, heat=20.0),
    )
    packed = pack(Problem(buffers), [64, 128], rounds=20)
    assert [packed.places[n][0] for n in range(3)] == [1, 0, 1]
    # Unless nothing else would fit.
    packed = pack(Problem(buffers), [64, 80], rounds=20)
    assert [packed.places[n][0] for n in range(3)] == [0, 1, 1]
    assert packed.heights == (64, 80)


def test_a_weight_is_hotter_than_an_activation() -> None:
    graph = random_graph(3, ops=12, variables=2)
    touched = accesses(graph, 0)
    train = graph.subgraphs[0]
    compared = 0
    for op in train.ops:
        tensors = [t for t in (*op.inputs, *op.outputs) if t >= 0]
        for t in tensors:
            assert touched[0, t] >= max(train.tensors[u].elements for u in tensors)
            compared += 1
    assert compared > 20


def halves(graph: Graph, share: float, slack: float = 1.0) -> tuple[Region, ...]:
    """Two memories that hold the plan of one arena, or a little more."""
    size = make_plan(graph).arena_bytes
    fast = int(size * share) // 16 * 16
    return (
        Region("tcm", fast),
        Region("sram", int((size - fast) * slack) // 16 * 16 + (1 << 10)),
    )


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6), st.floats(0.05, 0.9))
def test_random_steps_in_regions(seed: int, ops: int, variables: int, share: float) -> None:
    graph = commit_last(random_graph(seed, ops=ops, variables=variables))
    regions = halves(graph, share)
    plan = make_plan(graph, regions=regions)
    assert make_plan(graph, regions=regions) == plan
    assert plan.missing == 0 and plan.arena_bytes >= plan.lower_bound
    assert verify(graph, plan, IN_PLACE) > 0
    assert [use.capacity for use in plan.regions] == [region.bytes for region in regions]
    assert sum(use.bytes for use in plan.regions) == plan.arena_bytes


@pytest.fixture(scope="module")
def eegnet(converted: Callable[..., Any]) -> tuple[Graph, Plan]:
    graph = graphs.read(converted("eegnet_dropout").model_path.read_bytes())
    return graph, make_plan(graph, regions=halves(graph, 0.2, 1.15))


def test_variables_and_tensors_in_two_regions(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    checked = verify(graph, plan, IN_PLACE)
    fast, large = plan.regions
    one = make_plan(graph)
    print(f"checked={checked} tcm={fast.bytes} sram={large.bytes} one={one.arena_bytes}")
    assert checked > 500 and fast.bytes > 0.9 * fast.capacity and large.bytes > 0
    assert {piece.region for piece in plan.pieces} == {0, 1}
    assert one.regions == () and one.pieces == ()
    assert plan.to_metadata()[:4] == b"\4\0\0\0" and one.to_metadata()[:4] == b"\3\0\0\0"


def test_planted_faults_are_found(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    first, *others = plan.pieces
    border = next(piece.end for piece in plan.pieces if piece.end > plan.variable_bytes)
    name = next(iter(plan.variables))
    train = plan.subgraphs[0]
    t = next(
        t
        for t, place in enumerate(train.places)
        if place is not None and graph.subgraphs[0].tensors[t].bytes > 64
    )
    across = list(train.places)
    across[t] = Place(border - 16)
    tight = [replace(use, capacity=use.bytes - 16) for use in plan.regions]
    faults = {
        "lies across": replace(
            plan, subgraphs=(replace(train, places=tuple(across)), *plan.subgraphs[1:])
        ),
        f"variable {name}": replace(
            plan,
            variables=plan.variables | {name: (first.end - 16, 32)},
        ),
        "of the arena|pieces end": replace(plan, pieces=plan.pieces[:-1]),
        "two pieces share": replace(
            plan,
            regions=(replace(plan.regions[0], capacity=1 << 20, bytes=1 << 20), plan.regions[1]),
            pieces=(first, *(replace(p, region=0, shift=-first.end) for p in others)),
        ),
        "region tcm: bytes": replace(plan, pieces=(replace(first, shift=8), *others)),
        "region tcm: the plan takes": replace(plan, regions=(tight[0], plan.regions[1])),
        "region sram: the plan takes": replace(plan, regions=(plan.regions[0], tight[1])),
    }
    for message, bad in faults.items():
        with pytest.raises(PlanError, match=message):
            verify(graph, bad, IN_PLACE)
    assert len(faults) == 7 and verify(graph, plan, IN_PLACE) > 0


def test_too_small_regions_say_what_they_miss(eegnet: tuple[Graph, Plan]) -> None:
    graph, _ = eegnet
    fast, large = halves(graph, 0.2)
    plan = make_plan(graph, regions=(fast, replace(large, bytes=large.bytes // 2)))
    assert plan.missing > 0
    assert [use.name for use in plan.regions if use.missing] == ["sram"]
    assert plan.missing == plan.regions[1].bytes - large.bytes // 2
    with pytest.raises(PlanError, match="region sram"):
        verify(graph, plan, IN_PLACE)


def test_the_stack_is_in_the_first_region() -> None:
    given_ = (Region("tcm", 1000), Region("sram", 2000))
    assert [r.bytes for r in usable(given_, 100)] == [896, 2000]
    assert [r.bytes for r in usable(given_, 1200)] == [0, 2000]


def test_pieces_are_as_few_as_can_be(eegnet: tuple[Graph, Plan]) -> None:
    _, plan = eegnet
    assert plan.pieces[-1].end == plan.arena_bytes
    compared = 0
    for a, b in zip(plan.pieces, plan.pieces[1:], strict=False):
        assert (a.region, a.shift) != (b.region, b.shift)
        compared += 1
    assert 1 <= compared <= 5 and isinstance(plan.pieces[0], Piece)


def test_regions_are_read() -> None:
    budget = read_budget("tcm=64K, sram=320K")
    assert budget.ram_bytes == 384 << 10
    assert budget.regions == (Region("tcm", 64 << 10), Region("sram", 320 << 10))
    assert read_budget("sram=1M").regions == () and read_budget("sram=1M").ram_bytes == 1 << 20
    wrong = (
        "tcm=64K,tcm=1K",
        "=64K,a=1K",
        "a=64K,b",
        "a=64Q,b=1",
        "a=0,b=1",
        "a=1,b=1,c=1,d=1,e=1",
    )
    for text in wrong:
        with pytest.raises(ConversionError, match="ram") as caught:
            read_budget(text)
        assert "\n" not in str(caught.value)
