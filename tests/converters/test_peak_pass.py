# SPDX-License-Identifier: Apache-2.0
"""A maximum pool before its norm, on norms in parts: where the pass acts, and where not.

That a step stays the same is shown where it runs: tests/end_to_end/test_ram.py.
"""

from __future__ import annotations

import pytest

from converters.graph import Graph
from converters.passes.pool_before_norm import pool_before_norm
from converters.passes.relu_behind_pool import relu_behind_pool
from converters.passes.split_norms import split_norms
from tests.converters.test_pool_passes import _Step, check_order, kinds, names


def parts(step: _Step, *, leaves: str = "", reader: str = "") -> Graph:
    graph = relu_behind_pool(step.build(leaves=leaves, reader=reader))
    graph = Graph(graph.subgraphs, {**graph.signatures, "infer": graph.signatures["train"]})
    return split_norms(graph)


def big(graph: Graph) -> list[str]:
    """Ops on activations, without the sums of statistics."""
    kept = ("Biotrain", "RELU")
    return [kind for kind in kinds(graph) if kind.startswith(kept)]


@pytest.mark.parametrize("relu", [False, True])
def test_the_pool_reads_the_input_of_the_norm(relu: bool) -> None:
    before = parts(_Step(relu=relu))
    graph = pool_before_norm(before)
    assert big(before)[:2] == ["BiotrainMoments", "BiotrainNormalise"]
    wanted = ["BiotrainMoments", "BiotrainMaxPool2D", "BiotrainNormalise"]
    assert big(graph)[: 3 + relu] == wanted + ["RELU"] * relu
    assert check_order(graph) > 10
    ops = {op.kind: op for op in graph.subgraphs[0].ops}
    assert names(graph, ops["BiotrainMaxPool2D"]) == (["x", "gamma"], ["y/peak"])
    assert ops["BiotrainMaxPool2D"].options["activation"] == "NONE"
    linear = "y/linear" if relu else "y"
    normed = ["y/peak", "gamma", "beta", "mean", "variance"]
    assert names(graph, ops["BiotrainNormalise"]) == (normed, [linear])
    slope = "dy/cut" if relu else "dy"
    assert names(graph, ops["BiotrainMaxPool2DGrad"])[0] == ["x", "y/peak", slope]
    sums = ["y/peak", "mean", "variance", slope]
    assert names(graph, ops["BiotrainNormGradSums"])[0] == sums
    # The gradient still reaches all of x.
    assert names(graph, ops["BiotrainNormGradInput"])[0][0] == "x"
    assert pool_before_norm(graph) == graph


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (_Step(relu=False), {"reader": "normed"}),
        (_Step(relu=False), {"leaves": "normed"}),
        (_Step(relu=False), {"reader": "spread"}),
        (_Step(relu=False, activation="RELU6"), {}),
    ],
)
def test_a_norm_that_others_need_stays(step: _Step, where: dict[str, str]) -> None:
    graph = parts(step, **where)
    assert pool_before_norm(graph) == graph
