# SPDX-License-Identifier: Apache-2.0
"""Rectifying behind a maximum pool, and normalising inside it: where the passes act, and where not.

That the step stays the same is shown where it runs: tests/end_to_end/test_pool_fusion.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from converters.graph import Graph, Op, Signature, Subgraph, Tensor
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.relu_behind_pool import relu_behind_pool

FUSED = "BiotrainBatchNormMaxPool"
POOL: dict[str, Any] = {
    "filter_h": 1,
    "filter_w": 4,
    "stride_h": 1,
    "stride_w": 4,
    "padding": "VALID",
}


@dataclass
class _Step:
    """Norm, ReLU, maximum pool and their gradients; ``pool`` and ``relu`` change what they say."""

    pool: dict[str, Any] = field(default_factory=dict)
    relu: bool = True
    width: int = 10
    activation: str = "NONE"
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)

    def tensor(self, name: str, *shape: int) -> int:
        self.tensors.append(Tensor(name, shape, "FLOAT32"))
        return len(self.tensors) - 1

    def op(self, kind: str, inputs: list[int], outputs: list[int], **options: Any) -> int:
        self.ops.append(Op(kind, tuple(inputs), tuple(outputs), options))
        return outputs[0]

    def build(self, *, leaves: str = "", reader: str = "") -> Graph:
        """``leaves`` and ``reader`` name a tensor that is a result, or that one more op reads."""
        options = POOL | self.pool
        wide = (2, 3, 1, self.width)
        narrow = (2, 3, 1, (self.width - options["filter_w"]) // options["stride_w"] + 1)
        x, gamma, beta = self.tensor("x", *wide), self.tensor("gamma", 3), self.tensor("beta", 3)
        dy = self.tensor("dy", *narrow)
        mean, variance = self.tensor("mean", 3), self.tensor("variance", 3)
        outputs = [self.tensor("normed", *wide), mean, variance]
        read = self.op("BiotrainBatchNorm", [x, gamma, beta], outputs, epsilon=0.5)
        if self.relu:
            read = self.op("RELU", [read], [self.tensor("rectified", *wide)])
        y = self.op(
            "BiotrainMaxPool2D",
            [read],
            [self.tensor("y", *narrow)],
            activation=self.activation,
            **options,
        )
        slopes = self.op(
            "BiotrainMaxPool2DGrad", [read, y, dy], [self.tensor("spread", *wide)], **options
        )
        if self.relu:
            slopes = self.op("BiotrainReluGrad", [read, slopes], [self.tensor("cut", *wide)])
        dx, dgamma, dbeta = self.tensor("dx", *wide), self.tensor("dg", 3), self.tensor("db", 3)
        inputs = [x, gamma, mean, variance, slopes]
        self.op("BiotrainBatchNormGrad", inputs, [dx, dgamma, dbeta], epsilon=0.5)
        results = [y, dx, dgamma, dbeta, mean, variance]
        names = {t.name: i for i, t in enumerate(self.tensors)}
        if reader:
            again = self.tensors[names[reader]]
            results.append(self.op("TANH", [names[reader]], [self.tensor("tanh", *again.shape)]))
        results += [names[leaves]] if leaves else []
        given = (x, gamma, beta, dy)
        subgraph = Subgraph("train", tuple(self.tensors), tuple(self.ops), given, tuple(results))
        return Graph((subgraph,), {"train": Signature("train", 0, {"x": x}, {"y": y})})


def kinds(graph: Graph) -> list[str]:
    return [op.kind for op in graph.subgraphs[0].ops]


def names(graph: Graph, op: Op) -> tuple[list[str], list[str]]:
    tensors = graph.subgraphs[0].tensors
    return [tensors[t].name for t in op.inputs], [tensors[t].name for t in op.outputs]


def check_order(graph: Graph) -> int:
    """Everything is made before it is read, and every result is made; how many were looked at."""
    subgraph = graph.subgraphs[0]
    constants = {i for i, t in enumerate(subgraph.tensors) if t.data is not None}
    made = set(subgraph.inputs) | constants
    seen = 0
    for op in subgraph.ops:
        assert set(op.inputs) <= made, op
        assert not set(op.outputs) & made, op
        made |= set(op.outputs)
        seen += len(op.inputs)
    assert set(subgraph.outputs) <= made
    return seen


def test_both_passes_leave_one_op_each_way() -> None:
    graph = norm_into_pool(relu_behind_pool(_Step().build()))
    assert kinds(graph) == [FUSED, "BiotrainReluGrad", f"{FUSED}Grad"]
    assert check_order(graph) > 5
    forward, cut, backward = graph.subgraphs[0].ops
    assert names(graph, forward) == (["x", "gamma", "beta"], ["y", "mean", "variance", "y/peak"])
    assert names(graph, cut) == (["y", "dy"], ["dy/cut"])
    assert names(graph, backward) == (
        ["gamma", "mean", "variance", "y/peak", "dy/cut", "x"],
        ["dx", "dg", "db"],
    )
    assert forward.options == POOL | {"epsilon": 0.5, "activation": "RELU"}
    assert backward.options == POOL | {"epsilon": 0.5}
    assert relu_behind_pool(graph) == norm_into_pool(graph) == graph


def test_without_a_relu_the_norm_still_goes_into_the_pool() -> None:
    graph = _Step(relu=False).build()
    assert relu_behind_pool(graph) == graph
    assert kinds(norm_into_pool(graph)) == [FUSED, f"{FUSED}Grad"]
    assert norm_into_pool(graph).subgraphs[0].ops[0].options["activation"] == "NONE"


def test_a_relu_goes_behind_a_pool_of_any_shape() -> None:
    graph = relu_behind_pool(_Step(pool={"stride_w": 2}).build())
    pool, grad = "BiotrainMaxPool2D", "BiotrainMaxPool2DGrad"
    norm = "BiotrainBatchNorm"
    assert kinds(graph) == [norm, pool, "BiotrainReluGrad", grad, f"{norm}Grad"]
    assert check_order(graph) > 5
    spread = graph.subgraphs[0].ops[3]
    assert names(graph, spread) == (["normed", "y", "dy/cut"], ["cut"])
    # Windows overlap: an input may be the largest of several.
    assert norm_into_pool(graph) == graph


def test_where_nothing_trains_the_pool_rectifies() -> None:
    step = _Step().build()
    subgraph = replace(step.subgraphs[0], ops=step.subgraphs[0].ops[:3], outputs=())
    graph = relu_behind_pool(step.with_subgraph(0, subgraph))
    assert kinds(graph) == ["BiotrainBatchNorm", "BiotrainMaxPool2D"]
    assert graph.subgraphs[0].ops[1].options["activation"] == "RELU"


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (_Step(), {"reader": "rectified"}),
        (_Step(), {"leaves": "rectified"}),
        (_Step(), {"reader": "spread"}),
        (_Step(), {"leaves": "spread"}),
        (_Step(activation="RELU6"), {}),
    ],
)
def test_a_relu_that_others_need_stays(step: _Step, where: dict[str, str]) -> None:
    graph = step.build(**where)
    assert relu_behind_pool(graph) == graph


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (_Step(relu=False), {"reader": "normed"}),
        (_Step(relu=False), {"leaves": "normed"}),
        (_Step(relu=False), {"reader": "spread"}),
        (_Step(relu=False), {"leaves": "spread"}),
        (_Step(relu=False, pool={"stride_w": 2}), {}),
        (_Step(relu=False, pool={"filter_w": 3}), {}),
        (_Step(relu=False, pool={"stride_h": 2}), {}),
        (_Step(), {}),
    ],
)
def test_a_norm_that_others_need_stays(step: _Step, where: dict[str, str]) -> None:
    graph = step.build(**where)
    assert norm_into_pool(graph) == graph
