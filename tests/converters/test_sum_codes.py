# SPDX-License-Identifier: Apache-2.0
"""Sums over the rows of a sample of codes become convolutions that read codes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from converters.graph import FETCH, Graph, Op, Signature, Subgraph, Tensor
from converters.passes.read_codes import read_codes
from tests.compare import assert_close

ROWS, COLUMNS, SCALE = 5, 12, 0.25
DEQUANTISE, OF_CODES = "BiotrainDequantise", "BiotrainConv2DOfCodes"


def body(kind: str, shape: tuple[int, ...], axes: list[int]) -> Graph:
    """A sample of ``shape``, and a sum over ``axes`` of it."""
    kept = tuple(n for axis, n in enumerate(shape) if axis not in axes)
    tensors = (
        Tensor("x/codes", shape, "INT16"),
        Tensor("x", shape, "FLOAT32"),
        Tensor("axes", (len(axes),), "INT32", np.array(axes, np.int32)),
        Tensor("sum", kept, "FLOAT32"),
    )
    ops = (
        Op(FETCH, (), (0,), {"loop": 0, "in_place": False}),
        Op(DEQUANTISE, (0,), (1,), {"scale": SCALE}),
        Op(kind, (1, 2), (3,), None),
    )
    subgraph = Subgraph("samples_0", tensors, ops, (), (3,))
    return Graph((subgraph,), {"train": Signature("train", 0, {}, {})})


def rewritten(graph: Graph) -> Subgraph:
    return read_codes(graph, (0,)).subgraphs[0]


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((1, ROWS, COLUMNS, 1), [0, 1, 3]), ((1, ROWS, COLUMNS, 1), [1]), ((ROWS, COLUMNS), [0])],
)
@pytest.mark.parametrize("kind", ["SUM", "MEAN"])
def test_rows_are_summed_as_codes(kind: str, shape: tuple[int, ...], axes: list[int]) -> None:
    graph = body(kind, shape, axes)
    found = rewritten(graph)
    assert [op.kind for op in found.ops] == [FETCH, OF_CODES, "RESHAPE"]
    fetch, convolution, view = found.ops
    codes, w = (found.tensors[t] for t in convolution.inputs)
    assert convolution.inputs[0] in fetch.outputs and codes.shape == (1, 1, ROWS, COLUMNS)
    assert codes.type == "INT16" and convolution.options["scale"] == SCALE
    assert view.outputs == graph.subgraphs[0].outputs == found.outputs
    x = np.random.default_rng(0).integers(-99, 99, (ROWS, COLUMNS)).astype(np.float32)
    assert w.data is not None and w.data.shape == (1, 1, ROWS, 1)
    result = (SCALE * x * w.data[0, 0]).sum(axis=0)
    wanted = SCALE * (x.sum(axis=0) if kind == "SUM" else x.mean(axis=0))
    assert_close(result, wanted, "forward", what=kind)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1, ROWS, COLUMNS, 1), [2]),
        ((1, ROWS, COLUMNS, 1), [1, 2]),
        ((1, ROWS, COLUMNS, 2), [1]),
        ((1, ROWS, 7, 1), [1]),
    ],
)
def test_other_sums_stay(shape: tuple[int, ...], axes: list[int]) -> None:
    graph = body("SUM", shape, axes)
    assert rewritten(graph) == graph.subgraphs[0]


def test_floats_stay_for_others_that_read_them() -> None:
    shape = (1, 1, ROWS, COLUMNS)
    graph = body("MEAN", shape, [2])
    (subgraph,) = graph.subgraphs
    tensors = (*subgraph.tensors, Tensor("y", shape, "FLOAT32"))
    ops = (*subgraph.ops, Op("RELU", (1,), (4,), None))
    both = replace(subgraph, tensors=tensors, ops=ops, outputs=(3, 4))
    found = rewritten(replace(graph, subgraphs=(both,)))
    assert [op.kind for op in found.ops] == [FETCH, DEQUANTISE, OF_CODES, "RESHAPE", "RELU"]
    assert len(found.ops[0].outputs) == 1, "the sample is there twice in one shape"
