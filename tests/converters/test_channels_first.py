# SPDX-License-Identifier: Apache-2.0
"""A graph computes the same channels first: by NumPy on random networks, and op by op on EEGNet."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import convert
from converters import graph as graphs
from converters.graph import Graph
from converters.passes import channels_first as channels_first_module
from converters.passes import matmul_rules, window_rules
from converters.passes.channels_first import channels_first
from converters.passes.commit_last import commit_last
from converters.passes.layout import Layout, axis_order, layout_of, rearrange
from converters.planner.plan import make_plan
from converters.planner.problem import aligned
from converters.planner.storage import IN_PLACE
from converters.planner.verify import verify
from tests.converters.numpy_ops import initial, run
from tests.converters.random_networks import random_network

SIZES = st.lists(st.sampled_from([1, 2, 3, 4, 6]), max_size=5)
BUILTIN_WINDOWS = {"CONV_2D", "DEPTHWISE_CONV_2D", "AVERAGE_POOL_2D", "MAX_POOL_2D"}
MODELS = {
    "eegnet": {"n_chans": 4, "n_outputs": 3, "n_times": 128},
    "mi_bminet": {"n_chans": 8, "n_outputs": 2, "n_times": 480},
    "epidenet": {"n_chans": 4, "n_outputs": 2, "n_times": 1000},
}


@st.composite
def layouts(draw: st.DrawFn, sizes: list[int] | None = None) -> tuple[list[int], list[int]]:
    drawn = draw(SIZES) if sizes is None else sizes
    return drawn, draw(st.permutations(range(len(drawn))))


def positions(layout: Layout, count: int) -> np.ndarray:
    """The logical index of each element in memory."""
    return rearrange(np.arange(count), layout)


def factors(draw: st.DataObject, count: int) -> list[int]:
    """A shape of ``count`` elements."""
    found = []
    while count > 1:
        divisors = [d for d in range(2, count + 1) if count % d == 0]
        found.append(draw.draw(st.sampled_from(divisors)))
        count //= found[-1]
    return found


@given(layouts(), st.data())
@settings(max_examples=300)
def test_layouts_are_permutations(made: tuple[list[int], list[int]], data: st.DataObject) -> None:
    sizes, order = made
    count = prod(sizes)
    layout = Layout.of(sizes, order)
    placed = positions(layout, count)
    expected = np.arange(count).reshape(sizes).transpose(order).reshape(-1)
    np.testing.assert_array_equal(placed, expected)
    np.testing.assert_array_equal(placed[positions(layout.inverse(), count)], np.arange(count))
    assert layout.then(layout.inverse()) == Layout.of((count,))
    assert layout.is_logical == bool((placed == np.arange(count)).all())

    other = data.draw(layouts(factors(data, count)))
    move = Layout.of(*other)
    if (both := layout.then(move)) is not None:
        np.testing.assert_array_equal(positions(both, count), placed[positions(move, count)])
    shape = factors(data, count)
    if (digits := layout.digits(shape)) is not None:
        assert layout_of(digits) == layout
        if (axes := axis_order(layout, shape)) is not None:
            assert Layout.of(shape, axes) == layout
        # A coarser layout has the same neighbours.
        assert all(a.axis != b.axis or a.rank + 1 != b.rank for a, b in pairwise(digits)) or len(
            digits
        ) > len(layout.order)


def compare(before: Graph, after: Graph, seed: int) -> int:
    """Two steps, what they leave, and a state restored; returns how many values were compared."""
    generator = np.random.default_rng(seed)
    shape = before.subgraph_of("train").tensors[before.signatures["train"].inputs["x"]].shape
    x = generator.standard_normal(shape)
    kept = {n: generator.standard_normal(v.shape) for n, v in initial(before).items()}
    results: list[dict[str, np.ndarray]] = []
    for graph, first in ((before, False), (after, True)):
        variables = initial(graph)
        found = {}
        for step in range(2):
            ends = run(graph, "train", {"x": x}, variables, first=first)
            found.update({f"{step} {name}": value for name, value in ends.items()})
        found.update(run(graph, "save", {}, variables, first=first))
        run(graph, "restore", kept, variables, first=first)
        again = run(graph, "save", {}, variables, first=first)
        found.update({f"restored {name}": value for name, value in again.items()})
        results.append(found)
    compared = 0
    assert results[0].keys() == results[1].keys()
    for name, wanted in results[0].items():
        found_value = results[1][name]
        assert wanted.shape == found_value.shape, name
        difference = np.abs(wanted - found_value).max(initial=0.0)
        assert difference <= 1e-9 * max(1.0, np.abs(wanted).max(initial=0.0)), name
        compared += wanted.size
    assert compared > 0
    return compared


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_random_networks_compute_the_same(start: int) -> None:
    compared = sum(
        compare(graph, checked(channels_first(graph)), seed)
        for seed in range(start, start + 20)
        for graph in [random_network(seed)]
    )
    print(f"compared={compared}")
    assert compared > 10_000


def checked(graph: Graph) -> Graph:
    """With no op left that the runner does not have, and a plan that holds."""
    assert not BUILTIN_WINDOWS & set(graph.op_kinds())
    ordered = commit_last(graph)
    plan = make_plan(ordered)
    assert verify(ordered, plan, IN_PLACE) > 0
    # A state arrives where the variables live, and is put in their order one by one.
    restore = plan.subgraphs[graph.signatures["restore"].subgraph]
    assert restore.peak <= max(aligned(size) for _, size in plan.variables.values())
    return graph


FAULTS = {
    "height and width": (window_rules, "NCHW", (0, 3, 2, 1)),
    "dense rows": (matmul_rules, "_with_summed", lambda matrix, layout, rows: matrix),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_permutation_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    graphs_seen = [random_network(seed) for seed in range(5)]
    with pytest.raises(AssertionError):
        for seed, graph in enumerate(graphs_seen):
            compare(graph, channels_first(graph), seed)


def test_without_the_rounds_filters_stay_where_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are right in any case; that no TRANSPOSE is left is what the rounds are for."""
    graph = random_network(3)
    monkeypatch.setattr(channels_first_module, "_MOST_ROUNDS", 1)
    once = channels_first(graph)
    assert compare(graph, once, 3) > 0
    monkeypatch.undo()
    assert transposes(once, "train") > transposes(channels_first(graph), "train")


def transposes(graph: Graph, key: str) -> int:
    return sum(op.kind == "TRANSPOSE" for op in graph.subgraph_of(key).ops)


@pytest.mark.parametrize("norm", ["keep", "group", "frozen"])
@pytest.mark.parametrize("name", MODELS)
def test_a_step_executes_no_transpose(name: str, norm: str, tmp_path: Path) -> None:
    try:
        module: Any = import_module(f"biotrain_tf.models.{name}")
    except ModuleNotFoundError:
        pytest.skip(f"needs biotrain_tf/models/{name}.py")
    if norm != "keep" and name != "eegnet":
        pytest.skip("one model shows it for the other norms")
    model = getattr(module, name)(**MODELS[name])
    result = convert(model, output_dir=tmp_path, batch_size=2, norm=norm)
    graph = graphs.read(result.model_path.read_bytes())
    assert not BUILTIN_WINDOWS & set(graph.op_kinds())
    assert transposes(graph, "train") == 0
    assert transposes(graph, "infer") == 0
    # Keras's shapes come out all the same.
    save = graph.signatures["save"]
    shapes = {n: graph.subgraph_of("save").tensors[t].shape for n, t in save.outputs.items()}
    assert {n: list(s) for n, s in shapes.items()} == result.report["variables"]
    assert transposes(graph, "save") > 0
