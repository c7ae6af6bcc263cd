# SPDX-License-Identifier: Apache-2.0
"""Bits and indices instead of tensors: the same gradients to the last bit, for less RAM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters import convert
from converters import graph as graphs
from converters.graph import Graph, Op, Signature, Subgraph
from converters.passes import sign_bits as signs
from converters.passes.commit_last import NOTES
from converters.passes.pool_indices import pool_indices
from converters.passes.without_notes import notes, without_notes
from converters.planner.plan import make_plan
from converters.search import dial, refine, resident
from converters.search.budget import Budget
from converters.search.dial import choose
from converters.search.recipe import finish, noted
from tests.converters.numpy_ops import run
from tests.converters.test_small_passes import _Ops
from tests.end_to_end.host_run import train_on

L = keras.layers
Trained = tuple[dict[str, np.ndarray], set[str]]
BATCH, STEPS = 4, 3
MASKS = {
    *("BiotrainReluBits", "BiotrainRelu6Bits", "BiotrainReluGradOfBits"),
    *("BiotrainLeakyReluGradOfBits", "BiotrainMaxPool2DIndices", "BiotrainMaxPool2DGradOfIndices"),
}
POOLS: tuple[tuple[tuple[int, int], tuple[int, int], str], ...] = (
    ((1, 4), (1, 4), "valid"),
    ((2, 2), (2, 2), "valid"),
    ((2, 3), (1, 2), "same"),
)


def drawn_network(seed: int) -> keras.Model:
    """Convolutions with all three activations in drawn order, maximum pools of all kinds, average
    pools and dropout.
    """
    keras.utils.clear_session()  # the same names each time
    keras.utils.set_random_seed(seed)
    draw = np.random.default_rng(seed)

    def block(x: Any, activation: Any, pool: Any) -> Any:
        filters, taps = int(draw.integers(2, 6)), int(draw.integers(1, 6))
        x = L.Conv2D(filters, (int(draw.integers(1, 3)), taps), padding="same")(x)
        return pool(activation(x))

    def average(x: Any) -> Any:
        return L.Dropout(0.25)(L.AveragePooling2D((1, int(draw.integers(1, 3))))(x))

    x = inputs = keras.Input((4, 61, int(draw.integers(1, 3))))
    activations = [L.ReLU(), L.ReLU(max_value=6.0), L.LeakyReLU(negative_slope=0.25)]
    for i in draw.permutation(3):
        size, strides, padding = POOLS[int(draw.integers(3))]
        largest = L.MaxPooling2D(size, strides, padding)
        x = block(x, activations[i], draw.choice(np.array([largest, average], object)))
    size, strides, padding = POOLS[seed % 3]
    x = block(x, L.ReLU(), L.MaxPooling2D(size, strides, padding))
    x = block(x, L.ReLU(max_value=6.0), average)
    return keras.Model(inputs, L.Dense(3)(L.Flatten()(x)))


def trained(folder: Path, seed: int, **options: Any) -> Trained:
    """Every variable after training, and the kinds of ops."""
    model = drawn_network(seed)
    conversion = convert(model, output_dir=folder, batch_size=BATCH, learning_rate=0.05, **options)
    rng = np.random.default_rng(seed)
    x = 4 * rng.standard_normal((STEPS, BATCH, *model.input_shape[1:])).astype(np.float32)
    y = rng.integers(0, 3, (STEPS, BATCH)).astype(np.int32)
    result = train_on("host", conversion, x, y, folder)
    assert np.isfinite(result.losses).all() and len(set(result.losses)) == STEPS
    kinds = graphs.read(conversion.model_path.read_bytes()).op_kinds()
    return result.variables | {"losses": result.losses}, set(kinds)


def assert_same_bits(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    compared = 0
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(found[name], value, name)
        compared += value.size
    print(f"compared={compared}")
    assert compared > 200


def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bits and indices, where the whole batch is in memory."""
    fused = resident.norm_into_pool
    monkeypatch.setattr(resident, "norm_into_pool", lambda graph: noted(fused(graph)))


@pytest.fixture(scope="module")
def plainly(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Of seed 2, without masks."""
    return trained(tmp_path_factory.mktemp("plain"), 2)


@pytest.mark.parametrize("seed", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_drawn_networks_train_to_the_same_bits(
    seed: int, plainly: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, plain = plainly if seed == 2 else trained(tmp_path / "plain", seed)
    assert not plain & MASKS
    # Samples one by one, where the order of sums does not depend on what is kept.
    monkeypatch.setattr(dial, "thresholds", lambda prepared: [])
    monkeypatch.setattr(refine, "moves", lambda *recipe: iter(()))
    one_by_one, without = trained(tmp_path / "samples", seed, ram="min", sample="flash")
    monkeypatch.setattr(dial, "VARIANTS", (False,))
    monkeypatch.setattr(dial, "MASKS", (True,))
    of_samples, with_masks = trained(tmp_path / "noted_samples", seed, ram="min", sample="flash")
    everywhere(monkeypatch)
    whole_batch, kinds = trained(tmp_path / "noted", seed)
    for found in (kinds, with_masks, without):
        print(sorted(found & MASKS))
    assert {"BiotrainMaxPool2DIndices", "BiotrainReluBits"} <= kinds
    assert kinds & MASKS == with_masks & MASKS
    assert_same_bits(whole_batch, wanted)
    assert_same_bits(of_samples, one_by_one)


def test_planted_bits_of_another_activation_are_found(
    plainly: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, _ = plainly
    everywhere(monkeypatch)
    wrong = signs.Bits("BiotrainReluBits", signs.GRAD)
    monkeypatch.setitem(signs.OF_GRAD, "BiotrainLeakyReluGrad", wrong)
    found, _ = trained(tmp_path / "wrong", 2)
    with pytest.raises(AssertionError):
        assert_same_bits(found, wanted)


POOL = "BiotrainMaxPool2D"
VALID = {"padding": "VALID"}


def pools(height: int, width: int) -> dict[str, Any]:
    sizes = {"filter_h": height, "filter_w": width, "stride_h": height, "stride_w": width}
    return {**sizes, **VALID}


def step(
    *, window: tuple[int, int] = (2, 3), filter_gradient: bool = False, view: bool = False
) -> Graph:
    """A maximum pool behind a ReLU6, a leaky ReLU, a pool with a ReLU, and their gradients.
    ``filter_gradient``: something else behind the loss reads what the pools read; ``view``: by
    another name.
    """
    g = _Ops()
    wide, y = (2, 3, 4, 15), (2, 3, 4 // window[0], 15 // window[1])
    x = g.given(*wide)
    leaky = g.add("TANH", [x], wide)
    first = g.add("RELU6", [g.add("MUL", [leaky, g.given(1)], wide)], wide)
    pooled = g.add(POOL, [first], y, {**pools(*window), "activation": "NONE"})
    rectified = g.add(POOL, [leaky], y, {**pools(*window), "activation": "RELU"})
    loss = g.add("ADD", [pooled, rectified], y)
    slope = g.add("TANH", [loss], y)
    cut = g.add("BiotrainReluGrad", [rectified, slope], y)
    spread = g.add(f"{POOL}Grad", [leaky, rectified, cut], wide, pools(*window))
    other = g.add(f"{POOL}Grad", [first, pooled, slope], wide, pools(*window))
    other = g.add("BiotrainRelu6Grad", [first, other], wide)
    results = [
        g.add("BiotrainLeakyReluGrad", [leaky, spread], wide, {"alpha": 0.25}),
        g.add("ADD", [other, spread], wide),
    ]
    if filter_gradient:
        for t in (first, leaky):
            seen = g.add("RESHAPE", [t], (2, 3, 60)) if view else t
            results.append(g.add("MUL", [seen, seen], (2, 3, 60) if view else wide))
    # Gradients end in variables, not among the results of a step.
    subgraph = g.graph([loss]).subgraphs[0]
    sinks = tuple(Op("ASSIGN_VARIABLE", (t, t), ()) for t in results)
    subgraph = Subgraph(
        "s", subgraph.tensors, (*subgraph.ops, *sinks), subgraph.inputs, subgraph.outputs
    )
    return Graph((subgraph,), {"train": Signature("train", 0, {}, {"loss": loss})})


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.subgraphs[0].ops]


def test_what_gradients_read_is_noted_where_it_is_made() -> None:
    found = kinds(noted(step()))
    assert found.count(f"{POOL}Indices") == found.count(f"{POOL}GradOfIndices") == 2
    bits = sorted(kind for kind in found if kind in NOTES and "Relu" in kind)
    assert bits == ["BiotrainRelu6Bits", "BiotrainReluBits", "BiotrainReluBits"]
    made = [i for i, kind in enumerate(found) if kind in NOTES]
    assert max(made) < found.index("BiotrainReluGradOfBits")
    assert not {f"{POOL}Grad", "BiotrainReluGrad", "BiotrainRelu6Grad"} & set(found)


@pytest.mark.parametrize("view", [False, True])
def test_what_something_else_reads_behind_the_loss_stays(view: bool) -> None:
    graph = step(filter_gradient=True, view=view)
    assert noted(graph) is graph


def test_a_window_of_256_has_no_index() -> None:
    graph = step(window=(4, 15))
    assert f"{POOL}Indices" in kinds(pool_indices(graph))
    options = {**pools(4, 15), "filter_h": 16, "filter_w": 16}
    ops = [
        Op(op.kind, op.inputs, op.outputs, options) if op.kind == f"{POOL}Grad" else op
        for op in graph.subgraphs[0].ops
    ]
    s = graph.subgraphs[0]
    large = Graph((Subgraph("s", s.tensors, tuple(ops), s.inputs, s.outputs),), graph.signatures)
    assert pool_indices(large) is large


def test_notes_are_taken_back() -> None:
    graph = step()
    masked = noted(graph)
    places = {("s", t) for _, t in notes(masked.subgraphs[0])}
    assert len(places) == 5
    assert kinds(without_notes(masked, places)) == kinds(graph)
    assert without_notes(masked, {("another", t) for _, t in places}) == masked
    some = without_notes(masked, set(list(places)[:2]))
    assert len(list(notes(some.subgraphs[0]))) == 3


def test_masks_are_what_numpy_makes_of_their_definitions() -> None:
    """Every tensor of the step that both graphs have."""
    generator = np.random.default_rng(3)
    given = 3 * generator.standard_normal((2, 3, 4, 15))
    given[0, 0] = 1.0  # ties

    def gradients(graph: Graph) -> list[np.ndarray]:
        s = graph.subgraphs[0]
        ends = {f"g{op.inputs[0]}": op.inputs[0] for op in s.ops if op.kind == "ASSIGN_VARIABLE"}
        ops = tuple(op for op in s.ops if op.kind != "ASSIGN_VARIABLE")
        whole = Subgraph("s", s.tensors, ops, s.inputs, s.outputs)
        inputs = {f"x{t}": t for t in s.inputs}
        plain = Graph((whole,), {"train": Signature("train", 0, inputs, ends)})
        values = {f"x{t}": given if n == 0 else np.array([5.0]) for n, t in enumerate(s.inputs)}
        return list(run(plain, "train", values, {}, first=True).values())

    wanted, found = gradients(step()), gradients(noted(step()))
    assert len(wanted) == len(found) == 2
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.count_nonzero(b) > 20


def test_a_budget_decides_whether_masks_are_used(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((8, 16, 2))
    for filters in (8, 12):
        x = L.MaxPooling2D(2)(L.Conv2D(filters, 3, padding="same", activation="relu")(x))
    x = L.GlobalAveragePooling2D()(L.Conv2D(4, 1, activation="relu")(x))
    model = keras.Model(inputs, x)
    conversion = convert(
        model, output_dir=tmp_path, batch_size=BATCH, tensor_names=True, loss="mse"
    )
    graph = graphs.read(conversion.model_path.read_bytes())
    assert not set(graph.op_kinds()) & MASKS, "the fastest step has masks"

    def chosen(ram: int) -> Any:
        return choose(
            graph,
            batch=BATCH,
            budget=Budget(ram),
            sample=dial.Sample.FLOAT32,
            scale=1.0,
            cost=_elements_written,
            overhead=lambda graph: 0,
        )

    plain = make_plan(graph).arena_bytes
    less = make_plan(finish(noted(graph))).arena_bytes
    print(f"resident {plain}, with masks {less}")
    assert less < plain
    assert chosen(plain).recipe.masks is False
    taken = chosen(plain - 1)
    assert taken.level == "resident" and taken.recipe.masks
    assert len(taken.considered) > 3
    # The fewer bits and indices the more RAM.
    all_of_them = chosen(less)
    assert all_of_them.recipe.masks and taken.recipe.whole >= all_of_them.recipe.whole


def _elements_written(graph: Graph) -> float:
    return float(
        sum(
            times * sum(graph.subgraphs[s].tensors[t].elements for t in op.outputs)
            for s, place, times in graph.runs(graph.signatures["train"].subgraph)
            for op in [graph.subgraphs[s].ops[place]]
        )
    )
