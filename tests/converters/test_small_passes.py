# SPDX-License-Identifier: Apache-2.0
"""RESHAPEs behind what does not look at shapes, and RELUs in additions and convolutions."""

from __future__ import annotations

from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from converters.graph import Graph, Op, Signature, Subgraph, Tensor
from converters.passes.fused_relu import join_relu, part_relu
from converters.passes.through_views import through_views
from tests.converters.test_pool_passes import check_order, kinds

WIDE, FLAT = (2, 3, 4, 5), (2, 3, 20)


class _Ops:
    """Tensors and ops, one after the other."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.ops: list[Op] = []

    def given(self, *shape: int) -> int:
        self.tensors.append(Tensor(f"t{len(self.tensors)}", shape, "FLOAT32"))
        return len(self.tensors) - 1

    def add(self, kind: str, inputs: list[int], shape: tuple[int, ...], options: Any = None) -> int:
        y = self.given(*shape)
        self.ops.append(Op(kind, tuple(inputs), (y,), options))
        return y

    def graph(self, outputs: list[int]) -> Graph:
        made = {t for op in self.ops for t in op.outputs}
        inputs = tuple(t for t in range(len(self.tensors)) if t not in made)
        subgraph = Subgraph("s", tuple(self.tensors), tuple(self.ops), inputs, tuple(outputs))
        return Graph((subgraph,), {"train": Signature("train", 0, {}, {})})


def shapes(graph: Graph) -> list[tuple[int, ...]]:
    subgraph = graph.subgraphs[0]
    return [subgraph.tensors[op.outputs[0]].shape for op in subgraph.ops]


def test_views_that_undo_one_another_are_gone() -> None:
    g = _Ops()
    flat = g.add("RESHAPE", [g.given(*WIDE)], FLAT)
    rectified = g.add("RELU", [flat], FLAT)
    back = g.add("RESHAPE", [rectified], WIDE)
    graph = through_views(g.graph([g.add("TANH", [back], WIDE)]))
    assert kinds(graph) == ["RELU", "TANH"]
    assert shapes(graph) == [WIDE, WIDE]
    assert check_order(graph) == 2


def test_a_view_that_is_a_result_stays_one() -> None:
    g = _Ops()
    flat = g.add("RESHAPE", [g.given(*WIDE)], FLAT)
    graph = through_views(g.graph([g.add("RELU", [flat], FLAT)]))
    assert kinds(graph) == ["RELU", "RESHAPE"]
    assert shapes(graph) == [WIDE, FLAT]
    assert check_order(graph) == 2


def test_a_gradient_needs_both_of_its_tensors_as_views() -> None:
    g = _Ops()
    y, dy = (g.add("RESHAPE", [g.given(*WIDE)], FLAT) for _ in range(2))
    graph = through_views(g.graph([g.add("BiotrainReluGrad", [y, dy], FLAT)]))
    assert kinds(graph) == ["BiotrainReluGrad", "RESHAPE"]
    one = _Ops()
    y, dy = one.add("RESHAPE", [one.given(*WIDE)], FLAT), one.given(*FLAT)
    alone = one.graph([one.add("BiotrainReluGrad", [y, dy], FLAT)])
    assert through_views(alone) == alone


@pytest.mark.parametrize("shape", [(6, 20), (3, 2, 20), (1, 6, 20)])
def test_other_channels_are_another_norm(shape: tuple[int, ...]) -> None:
    g = _Ops()
    flat = g.add("RESHAPE", [g.given(*WIDE)], shape)
    graph = g.graph([g.add("RELU", [flat], shape)])
    assert through_views(graph) == graph


def _sum(activation: int) -> Any:
    options = schema.AddOptionsT()
    options.fusedActivationFunction = activation
    return options


@pytest.mark.parametrize(("activation", "parted"), [(0, False), (1, True), (3, False)])
def test_only_a_relu_is_parted_from_an_addition(activation: int, parted: bool) -> None:
    g = _Ops()
    y = g.add("ADD", [g.given(*WIDE), g.given(*WIDE)], WIDE, _sum(activation))
    graph = part_relu(g.graph([y]))
    assert kinds(graph) == ["ADD", "RELU"] if parted else ["ADD"]
    assert graph.subgraphs[0].ops[-1].outputs == (y,)
    assert graph.subgraphs[0].ops[0].options.fusedActivationFunction == (
        0 if parted else activation
    )
    assert g.ops[0].options.fusedActivationFunction == activation, "the graph given has changed"
    assert check_order(graph) > 1


def _convolution(activation: str, *, reader: bool) -> Graph:
    g = _Ops()
    x, w = g.given(*WIDE), g.given(3, 3, 1, 1)
    y = g.add("BiotrainConv2D", [x, w], WIDE, {"activation": activation})
    results = [g.add("RELU", [y], WIDE)]
    results += [g.add("TANH", [y], WIDE)] if reader else []
    return g.graph(results)


def test_a_relu_joins_the_convolution_it_alone_reads() -> None:
    graph = join_relu(_convolution("NONE", reader=False))
    assert kinds(graph) == ["BiotrainConv2D"]
    assert graph.subgraphs[0].ops[0].options == {"activation": "RELU"}
    assert check_order(graph) == 2


@pytest.mark.parametrize(("activation", "reader"), [("NONE", True), ("RELU6", False)])
def test_other_relus_stay(activation: str, reader: bool) -> None:
    graph = _convolution(activation, reader=reader)
    assert join_relu(graph) == graph
