# SPDX-License-Identifier: Apache-2.0
"""Schedules with loops: their plans, what a budget chooses, and every planted fault found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from converters import convert
from converters import graph as graphs
from converters.errors import ConversionError
from converters.graph import FETCH, FOR_EACH, Graph, Op, Tensor
from converters.passes import slicing
from converters.passes.fetch_again import loops_over_codes
from converters.passes.fetch_samples import Sample
from converters.passes.slicing import Pattern
from converters.planner.places import Place
from converters.planner.plan import Plan, make_plan
from converters.planner.storage import IN_PLACE
from converters.planner.verify import PlanError, verify
from converters.search.budget import Budget, read_budget
from converters.search.dial import choose
from converters.search.recipe import Recipe, build, in_loops, prepare
from converters.search.schedule import NothingFits, Schedule
from tests.compare import assert_all_close
from tests.end_to_end.host_run import train_on

L = keras.layers
BATCH = 4


def network() -> keras.Model:
    """Two norms with live statistics, a depthwise chain, dropout."""
    keras.backend.clear_session()  # layers of every copy have the same names
    keras.utils.set_random_seed(3)
    x = i = keras.Input((6, 64, 1))
    x = L.Conv2D(8, (6, 1), use_bias=False)(x)
    x = L.DepthwiseConv2D((1, 9), padding="same", use_bias=False)(x)
    x = L.Activation("elu")(L.BatchNormalization()(x))
    x = L.Dropout(0.25)(L.AveragePooling2D((1, 4))(x))
    x = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(6, 1)(x)))
    x = L.Flatten()(L.AveragePooling2D((1, 4))(x))
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


OVERHEAD = 6000
"""Bytes of RAM beside the arena."""


def step(folder: Path, **options: object) -> Graph:
    """The graph that schedules are made of: as converted, resident."""
    result = convert(network(), output_dir=folder, batch_size=BATCH, tensor_names=True, **options)
    return graphs.read(result.model_path.read_bytes())


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return step(tmp_path_factory.mktemp("dial"))


def schedule(graph: Graph, budget: Budget, sample: Sample = Sample.FLASH) -> Schedule:
    return choose(
        graph,
        batch=BATCH,
        budget=budget,
        sample=sample,
        scale=1.0,
        cost=_ops_run,
        overhead=lambda graph: OVERHEAD,
    )


def _ops_run(graph: Graph) -> float:
    return sum(times for *_, times in graph.runs(graph.signatures["train"].subgraph))


@pytest.fixture(scope="module")
def least(resident: Graph) -> Schedule:
    return schedule(resident, Budget(least=True))


def test_least_has_loops_in_loops_and_verifies(resident: Graph, least: Schedule) -> None:
    assert verify(least.graph, least.plan, IN_PLACE) > 100
    assert least.plan.arena_bytes >= least.plan.lower_bound
    assert least.plan.arena_bytes < make_plan(resident).arena_bytes / 3
    index = least.graph.signatures["train"].subgraph
    loops = [op for op in least.graph.subgraphs[index].ops if op.kind == FOR_EACH]
    # Moments of the input, of the second norm, gradient sums of it, the rest: the first norm is in
    # its convolution's filter.
    assert [op.options["count"] for op in loops] == [BATCH] * 4
    inner = [
        op.options["count"]
        for s in least.graph.subgraphs
        if s.name.startswith("samples")
        for op in s.ops
        if op.kind == FOR_EACH
    ]
    assert inner and max(inner) > 1, "no chain runs depth first"


def test_loops_that_read_codes_whole_fetch_them_inside(resident: Graph) -> None:
    prepared = prepare(
        resident,
        batch=BATCH,
        sample=Sample.INT16,
        scale=1.0,
        overhead=lambda graph: OVERHEAD,
    )
    recipe = Recipe(Sample.INT16, 1.0, at_least=1024, fast_fir=frozenset())
    looped = in_loops(prepared, recipe)
    names = {index: looped.subgraphs[index].name for index in prepared.streamed}
    places = {(name, n) for i, name in names.items() for n in loops_over_codes(looped, i)}
    assert places, "no loop reads codes whole"
    inside = build(prepared, recipe)
    around = build(prepared, replace(recipe, around=frozenset(places)))

    def fetching(graph: Graph) -> int:
        return sum(
            any(op.kind == FETCH for op in subgraph.ops)
            for subgraph in graph.subgraphs
            if "_channels_" in subgraph.name
        )

    assert fetching(inside) == len(places) and not fetching(around)
    plans = [make_plan(graph) for graph in (inside, around)]
    for graph, plan in zip((inside, around), plans, strict=True):
        verify(graph, plan, IN_PLACE)
    assert plans[0].arena_bytes <= plans[1].arena_bytes


def test_a_schedule_is_deterministic_and_quick(resident: Graph, least: Schedule) -> None:
    started = time.process_time()
    again = schedule(resident, Budget(least=True))
    assert time.process_time() - started < 5
    assert again.plan == least.plan


def test_more_ram_never_runs_more_ops(resident: Graph, least: Schedule) -> None:
    costs = []
    for factor in (1.0, 1.5, 2.0, 4.0):
        found = schedule(resident, Budget(int(least.ram_bytes * factor)))
        assert found.ram_bytes <= least.ram_bytes * factor
        costs.append(found.cost)
    assert costs == sorted(costs, reverse=True) and costs[-1] < costs[0], costs


def test_too_little_ram_names_the_least(resident: Graph, least: Schedule) -> None:
    with pytest.raises(NothingFits, match=f"in {least.ram_bytes} bytes at least"):
        schedule(resident, Budget(least.ram_bytes - 16))


@pytest.mark.parametrize(
    ("ram", "wanted"),
    [("128K", 131072), ("1.5m", 1572864), ("96 KB", 98304), (1000, 1000), ("77", 77)],
)
def test_sizes_are_read(ram: str | int, wanted: int) -> None:
    assert read_budget(ram).ram_bytes == wanted


@pytest.mark.parametrize("ram", ["", "12Q", "-5", "much", 0])
def test_bad_sizes_are_refused(ram: str | int) -> None:
    with pytest.raises(ConversionError, match="ram must be"):
        read_budget(ram)


def _moved(plan: Plan, subgraph: int, t: int, place: Place) -> Plan:
    part = plan.subgraphs[subgraph]
    places = (*part.places[:t], place, *part.places[t + 1 :])
    parts = list(plan.subgraphs)
    parts[subgraph] = replace(part, places=places)
    return replace(plan, subgraphs=tuple(parts))


def test_planted_tensors_of_a_body_over_others_are_found(least: Schedule) -> None:
    """Whatever an op of a body writes, over whatever another one reads later."""
    planted = found = 0
    for index, subgraph in enumerate(least.graph.subgraphs):
        if "channels" not in subgraph.name:
            continue
        places = least.plan.subgraphs[index].places
        for i, op in enumerate(subgraph.ops[1:], start=1):
            before = {t for other in subgraph.ops[:i] for t in other.outputs}
            after = {t for other in subgraph.ops[i + 1 :] for t in other.inputs}
            for victim in sorted(before & after):
                place = places[victim]
                if place is None or place == places[op.outputs[0]]:
                    continue
                planted += 1
                with pytest.raises(PlanError):
                    verify(least.graph, _moved(least.plan, index, op.outputs[0], place), IN_PLACE)
                found += 1
    print(f"planted={planted} found={found}")
    assert planted > 10


def test_planted_a_wrong_stride_is_found(least: Schedule) -> None:
    planted = 0
    for index, part in enumerate(least.plan.subgraphs):
        subgraph = least.graph.subgraphs[index]
        for t in {*subgraph.inputs, *subgraph.outputs}:
            place = part.places[t]
            if place is None or not any(place.strides):
                continue
            planted += 1
            strides = tuple(s + 16 if s else 0 for s in place.strides)
            with pytest.raises(PlanError):
                verify(
                    least.graph,
                    _moved(least.plan, index, t, replace(place, strides=strides)),
                    IN_PLACE,
                )
    print(f"planted={planted}")
    assert planted > 10


def _after_training(folder: Path, **options: object) -> dict[str, np.ndarray]:
    conversion = convert(
        network(), output_dir=folder, batch_size=BATCH, learning_rate=0.05, **options
    )
    generator = np.random.default_rng(5)
    x = generator.standard_normal((3, BATCH, 6, 64, 1)).astype(np.float32)
    y = generator.integers(0, 3, (3, BATCH)).astype(np.int32)
    run = train_on("host", conversion, x, y, folder)
    return {n: v for n, v in run.variables.items() if n not in ("step", "seed")}


def test_planted_a_pass_that_changes_a_gradient_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _after_training(tmp_path / "resident")
    same = _after_training(tmp_path / "least", ram="min", sample="flash")
    assert_all_close(same, wanted, "weights", what="least RAM")
    monkeypatch.setitem(slicing._RULES, "BiotrainDepthwiseConv2DGradFilter", _scaled)
    with pytest.raises(AssertionError):
        changed = _after_training(tmp_path / "wrong", ram="min", sample="flash")
        assert_all_close(changed, wanted, "weights", what="planted")


def _scaled(op: Op, tensors: Sequence[Tensor], count: int) -> Pattern | None:
    found = slicing._depthwise_grad_filter(op, tensors, count)
    return found and replace(found, scale=1.01)


@pytest.mark.parametrize(
    ("x", "y", "transposed", "sliced", "result"),
    [
        ((8, 6), (6, 4), False, (True, False), slicing.Result.MAP),
        ((1, 6), (6, 4), False, (True, True), slicing.Result.SUM),
        ((6, 8), (6, 4), True, (True, True), slicing.Result.SUM),
        ((1, 8), (1, 4), True, (True, False), slicing.Result.MAP),
    ],
)
def test_slices_of_a_product(
    x: tuple[int, int],
    y: tuple[int, int],
    transposed: bool,
    sliced: tuple[bool, bool],
    result: slicing.Result,
) -> None:
    """A matrix of one row is cut along its columns, whatever they are in the product."""
    options = schema.BatchMatMulOptionsT()
    options.adjX = transposed
    rows = x[1] if transposed else x[0]
    tensors = [
        Tensor(name, shape, "FLOAT32") for name, shape in zip("xyz", (x, y, (rows, 4)), strict=True)
    ]
    found = slicing.pattern(Op("BATCH_MATMUL", (0, 1), (2,), options), tensors, 2)
    assert found == Pattern(sliced, result)
