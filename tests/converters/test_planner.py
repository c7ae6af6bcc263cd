# SPDX-License-Identifier: Apache-2.0
"""Memory plans, against a verifier and a run on real bytes; every planted fault is found."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import graph as graphs
from converters.graph import Graph, Op
from converters.passes.commit_last import commit_last
from converters.planner.places import Place, SubgraphPlan
from converters.planner.plan import METADATA_NAME, Plan, make_plan
from converters.planner.storage import IN_PLACE
from converters.planner.verify import PlanError, verify
from tests.converters.plan_simulator import Arena, WrongRun, simulate
from tests.converters.random_graphs import random_graph


def arena_of(plan: Plan, index: int) -> Arena:
    part = plan.subgraphs[index]
    size = -(-plan.arena_bytes // 16) * 16
    return Arena(
        bytearray(size), part.offsets, dict(plan.variables), plan.variable_bytes, part.commit_op
    )


def run_all(graph: Graph, plan: Plan) -> int:
    """Simulate every subgraph on the plan."""
    init = graph.init_subgraph()
    return sum(
        simulate(graph, i, arena_of(plan, i), IN_PLACE, is_init=i == init)
        for i in range(len(graph.subgraphs))
    )


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6))
def test_random_steps_plan_verify_and_run(seed: int, ops: int, variables: int) -> None:
    graph = commit_last(random_graph(seed, ops=ops, variables=variables))
    plan = make_plan(graph)
    assert verify(graph, plan, IN_PLACE) > 0
    assert run_all(graph, plan) > 0
    assert plan.arena_bytes >= plan.lower_bound
    assert make_plan(graph) == plan
    commit = plan.subgraphs[0].commit_op
    loss = next(
        i
        for i, op in enumerate(graph.subgraphs[0].ops)
        if op.outputs[:1] == graph.subgraphs[0].outputs
    )
    assert commit > loss
    assert [p.commit_op for p in plan.subgraphs[1:3]] == [-1, -1]


def mutated(plan: Plan, index: int, generator: np.random.Generator) -> Plan:
    """One offset of one subgraph, or its commit_op, changed."""
    part = plan.subgraphs[index]
    if generator.random() < 0.1:
        commit = int(generator.integers(-1, 60))
        return with_part(plan, index, replace(part, commit_op=commit))
    placed = [t for t, o in enumerate(part.offsets) if o >= 0]
    t = int(generator.choice(placed))
    places = list(part.places)
    choices = [
        int(generator.choice(part.offsets)),
        16 * int(generator.integers(0, plan.arena_bytes // 16)),
    ]
    offset = choices[int(generator.integers(2))]
    places[t] = Place(offset) if offset >= 0 else None
    return with_part(plan, index, replace(part, places=tuple(places)))


def with_part(plan: Plan, index: int, part: SubgraphPlan) -> Plan:
    parts = list(plan.subgraphs)
    parts[index] = part
    return replace(plan, subgraphs=tuple(parts))


def runs_right(graph: Graph, plan: Plan) -> bool:
    try:
        run_all(graph, plan)
    except WrongRun:
        return False
    return True


def verifies(graph: Graph, plan: Plan) -> bool:
    try:
        verify(graph, plan, IN_PLACE)
    except PlanError:
        return False
    return True


def test_the_verifier_refuses_whatever_runs_wrong() -> None:
    generator = np.random.default_rng(11)
    counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
    for seed in range(25):
        graph = commit_last(random_graph(seed, ops=15, variables=3))
        plan = make_plan(graph)
        for _ in range(12):
            bad = mutated(plan, int(generator.integers(0, 4)), generator)
            right, verified = runs_right(graph, bad), verifies(graph, bad)
            counts[right, verified] += 1
            assert right or not verified, f"seed {seed}: the verifier passes a plan that runs wrong"
    print(
        f"mutations={sum(counts.values())} wrong_and_refused={counts[False, False]} "
        f"harmless_and_passed={counts[True, True]} harmless_and_refused={counts[True, False]}"
    )
    assert counts[False, False] > 100


@pytest.fixture(scope="module")
def eegnet(converted: Callable[..., Any]) -> tuple[Graph, Plan]:
    graph = graphs.read(converted("eegnet_dropout").model_path.read_bytes())
    return graph, make_plan(graph)


def test_eegnet_verifies_and_runs(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    reads, run = verify(graph, plan, IN_PLACE), run_all(graph, plan)
    ratio = plan.arena_bytes / plan.lower_bound
    print(f"verified={reads} run={run} arena={plan.arena_bytes} ratio={ratio:.4f}")
    assert reads > 300 and run > 300
    assert 1 <= ratio <= 1.1


def test_metadata_says_the_plan(eegnet: tuple[Graph, Plan], converted: Callable[..., Any]) -> None:
    graph, plan = eegnet
    data = graph.metadata[METADATA_NAME]
    assert data == plan.to_metadata()
    words = list(struct.unpack(f"<{len(data) // 4}i", data))
    variables = plan.variable_bytes
    assert words[:5] == [3, plan.arena_bytes, variables, variables, len(graph.subgraphs)]
    assert converted("eegnet_dropout").arena_bytes == plan.arena_bytes
    at = 5
    for subgraph, part in zip(graph.subgraphs, plan.subgraphs, strict=True):
        assert words[at : at + 3] == [len(subgraph.tensors), part.commit_op, 0]
        assert tuple(words[at + 3 : at + 3 + len(subgraph.tensors)]) == part.offsets
        at += 3 + len(subgraph.tensors)
    assert at == len(words)


def test_variables_lie_first_and_apart(eegnet: tuple[Graph, Plan]) -> None:
    _, plan = eegnet
    spans = sorted(plan.variables.values())
    assert len(spans) == 32
    for (start, size), (following, _) in itertools.pairwise([*spans, (plan.variable_bytes, 0)]):
        assert start % 16 == 0 and start + size <= following
    for part in plan.subgraphs:
        for span in part.spans:
            assert plan.variable_bytes <= span.offset <= plan.arena_bytes - span.size


def tensor_index(graph: Graph, kind: str, *, output: int = 0) -> tuple[int, int]:
    """(op index, tensor) of the first op of a kind in train."""
    ops = graph.subgraph_of("train").ops
    i = next(i for i, op in enumerate(ops) if op.kind == kind)
    return i, ops[i].outputs[output]


def with_offset(graph: Graph, plan: Plan, t: int, offset: int) -> Plan:
    index = graph.signatures["train"].subgraph
    part = plan.subgraphs[index]
    places = (*part.places[:t], Place(offset), *part.places[t + 1 :])
    return with_part(plan, index, replace(part, places=places))


def test_planted_an_output_over_an_input_that_the_kernel_still_reads(
    eegnet: tuple[Graph, Plan],
) -> None:
    graph, plan = eegnet
    ops = graph.subgraph_of("train").ops
    i, out = tensor_index(graph, "BiotrainConv2D")
    offsets = plan.subgraphs[graph.signatures["train"].subgraph].offsets
    x = next(t for t in ops[i].inputs if offsets[t] >= plan.variable_bytes)
    for shift in (0, 16):
        bad = with_offset(graph, plan, out, offsets[x] + shift)
        with pytest.raises(PlanError):
            verify(graph, bad, IN_PLACE)
        assert not runs_right(graph, bad)


def test_planted_in_place_that_is_not_allowed(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    train = graph.signatures["train"].subgraph
    offsets = plan.subgraphs[train].offsets
    used = {
        op.kind
        for op in graph.subgraphs[train].ops
        for position, k in IN_PLACE.get(op.kind, ())
        if offsets[op.outputs[position]] == offsets[op.inputs[k]] >= 0
    }
    print(f"in place: {sorted(used)}")
    assert {"BiotrainSgdMomentum", "BiotrainBatchNormGrad", "BiotrainEluGrad"} <= used
    for kind in sorted(used):
        without = {k: v for k, v in IN_PLACE.items() if k != kind}
        with pytest.raises(PlanError, match=kind):
            verify(graph, plan, without)


def test_planted_a_tensor_over_a_live_one_and_out_of_the_arena(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    _, out = tensor_index(graph, "BiotrainDepthwiseConv2D")
    offset = plan.subgraphs[graph.signatures["train"].subgraph].offsets[out]
    y = graph.signatures["train"].inputs["y"]
    tensors = graph.subgraph_of("train").tensors
    faults = {
        "over the labels": with_offset(graph, plan, y, offset),
        "out of the arena": with_offset(
            graph, plan, out, plan.arena_bytes - tensors[out].bytes + 16
        ),
        "misaligned": with_offset(graph, plan, out, offset + 4),
        "nowhere": with_offset(graph, plan, out, -1),
        "too small an arena": replace(plan, arena_bytes=plan.arena_bytes - 16),
    }
    for what, bad in faults.items():
        with pytest.raises(PlanError):
            verify(graph, bad, IN_PLACE)
        assert not runs_right(graph, bad), what


def test_planted_a_late_commit(eegnet: tuple[Graph, Plan]) -> None:
    """A commit_op after the first write means: the runner would look at the loss too late."""
    graph, plan = eegnet
    index = graph.signatures["train"].subgraph
    part = plan.subgraphs[index]
    for commit in (part.commit_op + 1, len(graph.subgraphs[index].ops), -1):
        bad = with_part(plan, index, replace(part, commit_op=commit))
        with pytest.raises(PlanError, match="commit_op"):
            verify(graph, bad, IN_PLACE)
        assert not runs_right(graph, bad)


def test_planted_a_scratch_tensor_in_a_variable(eegnet: tuple[Graph, Plan]) -> None:
    graph, plan = eegnet
    _, out = tensor_index(graph, "BiotrainConv2D")
    bad = with_offset(graph, plan, out, 0)
    with pytest.raises(PlanError):
        verify(graph, bad, IN_PLACE)
    assert not runs_right(graph, bad)


def test_planted_a_variable_overwritten_before_its_last_reader(eegnet: tuple[Graph, Plan]) -> None:
    """An op that still wants the old weight after the update in place."""
    graph, plan = eegnet
    index = graph.signatures["train"].subgraph
    subgraph = graph.subgraphs[index]
    offsets = plan.subgraphs[index].offsets
    found = 0
    for i, op in enumerate(subgraph.ops):
        weight = op.inputs[0] if op.kind.startswith("BiotrainSgd") else -1
        if weight < 0 or not offsets[weight] == offsets[op.outputs[0]] < plan.variable_bytes:
            continue
        found += 1
        reader = Op("NEG", (weight,), ())
        ops = (*subgraph.ops[: i + 1], reader, *subgraph.ops[i + 1 :])
        bad = graph.with_subgraph(index, replace(subgraph, ops=ops))
        with pytest.raises(PlanError, match="overwritten"):
            verify(bad, plan, IN_PLACE)
        assert not runs_right(bad, plan)
    print(f"updates in place={found}")
    assert found >= 8


def test_planted_a_read_after_the_overwrite(eegnet: tuple[Graph, Plan]) -> None:
    """A READ_VARIABLE that comes after the value's place was overwritten, before it is assigned."""
    graph, plan = eegnet
    index = graph.signatures["train"].subgraph
    subgraph = graph.subgraphs[index]
    offsets = plan.subgraphs[index].offsets
    ops = list(subgraph.ops)
    i = next(
        i
        for i, op in enumerate(ops)
        if op.kind == "BiotrainSgdMomentum" and offsets[op.outputs[0]] < plan.variable_bytes
    )
    name = next(
        n for n, (start, _) in plan.variables.items() if start == offsets[ops[i].outputs[0]]
    )
    handles = subgraph.variable_of_handle()
    read = next(op for op in ops if op.kind == "READ_VARIABLE" and handles[op.inputs[0]] == name)
    late = graph.with_subgraph(index, replace(subgraph, ops=(*ops[: i + 1], read, *ops[i + 1 :])))
    with pytest.raises(PlanError):
        verify(late, plan, IN_PLACE)


def test_nothing_to_verify_is_a_failure() -> None:
    empty = Graph((), {})
    with pytest.raises(PlanError, match="nothing to verify"):
        verify(empty, Plan(0, 0, 0, {}, ()), IN_PLACE)


def test_what_may_work_in_place_is_what_reads_an_element_before_it_writes_it() -> None:
    """A kind more in this table would let a convolution overwrite its own input."""
    two = {"ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE"}
    one = {"NEG", "ABS", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "FLOOR"}
    one |= {"RELU", "RELU6", "ELU", "LEAKY_RELU", "TANH", "LOGISTIC"}
    one |= {"BiotrainGelu", "BiotrainGeluTanh"}
    sloped = "Relu Relu6 Elu Tanh Sigmoid LeakyRelu Gelu GeluTanh Square"
    slopes = {f"Biotrain{k}Grad" for k in sloped.split()}
    others = {
        "BiotrainDropout": ((0, 0),),
        "BiotrainSgd": ((0, 0),),
        "BiotrainSgdMomentum": ((0, 0), (1, 1)),
        "BiotrainSgdOfStep": ((0, 0),),
        "BiotrainSgdMomentumOfStep": ((0, 0), (1, 1)),
        "BiotrainAdam": ((0, 0), (1, 1), (2, 2)),
        "BiotrainBatchNormGrad": ((0, 4),),
        "BiotrainBatchNormMaxPoolGrad": ((0, 5),),
        "BiotrainNormalise": ((0, 0),),
        "BiotrainAttentionGrad": ((0, 5),),
        "BiotrainNormPoolGradInput": ((0, 7),),
        "BiotrainNormGradInput": ((0, 6),),
        # A row of slopes is written as its bits are read.
        "BiotrainReluGradOfBits": ((0, 1),),
        "BiotrainLeakyReluGradOfBits": ((0, 1),),
    }
    assert set(IN_PLACE) == two | one | slopes | set(others)
    for kind, pairs in IN_PLACE.items():
        allowed = others.get(kind, ((0, 0),) if kind in one else ((0, 0), (0, 1)))
        assert set(pairs) == set(allowed), kind
