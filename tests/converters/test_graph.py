# SPDX-License-Identifier: Apache-2.0
"""A flatbuffer read and written keeps everything that the graph type holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import graph as graphs
from converters.graph import Graph, Op, Signature, Subgraph, Tensor
from converters.passes.builder import SubgraphBuilder


def small_graph() -> Graph:
    """One subgraph with a constant, builtin options, a custom op, a variable and an empty shape."""
    b = SubgraphBuilder("main")
    x = b.tensor("x", (2, 3))
    w = b.constant("w", np.arange(6, dtype=np.float32).reshape(2, 3))
    total = b.op("ADD", [x, w], [b.tensor("sum", (2, 3))], "AddOptions", fusedActivationFunction=1)
    scalar = b.constant("scalar", np.int32(7))
    value = b.op("READ_VARIABLE", [b.handle("layer/kernel")], [b.tensor("k", (2, 3))])
    y = b.tensor("y", (2, 3))
    subgraph = b.build([x], [y, scalar])
    options = {"rate": 0.25, "layer": 3, "spatial": True, "padding": "SAME", "negative": -4}
    custom = Op("BiotrainThing", (total, -1, value), (y,), options)
    subgraph = replace(subgraph, ops=(*subgraph.ops, custom))
    signature = Signature("train", 0, {"x": x}, {"loss": y, "count": scalar})
    return Graph((subgraph,), {"train": signature}, "described", {"plan": b"\x01\x02\x00\xff"})


def same_options(a: Any, b: Any) -> bool:
    """Tables of the schema compare by their fields; strings come back as bytes."""
    if isinstance(a, dict) or a is None or b is None:
        return bool(a == b)
    return type(a) is type(b) and vars(a) == vars(b)


def assert_same(a: Graph, b: Graph) -> int:
    """Compare field by field; returns how many tensors and ops were compared."""
    assert (a.description, a.metadata, a.signatures) == (b.description, b.metadata, b.signatures)
    compared = 0
    for s, t in zip(a.subgraphs, b.subgraphs, strict=True):
        assert (s.name, s.inputs, s.outputs) == (t.name, t.inputs, t.outputs)
        for p, q in zip(s.tensors, t.tensors, strict=True):
            assert replace(p, data=None) == replace(q, data=None)
            assert (p.data is None) == (q.data is None), p.name
            if p.data is not None and q.data is not None:
                assert p.data.dtype == q.data.dtype and p.data.shape == q.data.shape
                assert p.data.tobytes() == q.data.tobytes(), p.name
            compared += 1
        for o, r in zip(s.ops, t.ops, strict=True):
            assert replace(o, options=None) == replace(r, options=None)
            assert same_options(o.options, r.options), o.kind
            compared += 1
    assert compared > 0
    return compared


def test_small_graph_round_trip() -> None:
    graph = small_graph()
    back = graphs.read(graphs.write(graph))
    assert assert_same(graph, back) == 11
    custom = back.subgraphs[0].ops[-1]
    assert custom.custom and custom.inputs[1] == -1
    assert custom.options["spatial"] is True and custom.options["padding"] == "SAME"
    assert back.subgraphs[0].variable_of_handle() == {4: "layer/kernel"}
    assert back.op_kinds() == ["ADD", "BiotrainThing", "READ_VARIABLE", "VAR_HANDLE"]


def test_file_is_a_tflite_file_and_constants_are_shared() -> None:
    graph = small_graph()
    tensors = graph.subgraphs[0].tensors
    twice = replace(
        graph.subgraphs[0], tensors=(*tensors, replace(tensors[1], name="the same again"))
    )
    data = graphs.write(graph.with_subgraph(0, twice))
    assert data[4:8] == b"TFL3"
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    assert model.version == 3
    # The empty buffer, w, the scalar and the metadata.
    assert len(model.buffers) == 4
    assert model.subgraphs[0].tensors[1].buffer == model.subgraphs[0].tensors[-1].buffer


def test_equal_tables_are_written_once() -> None:
    b = SubgraphBuilder("main")
    x = b.tensor("", (2, 3))
    for _ in range(100):
        b.op("ADD", [x, x], [b.tensor("", (2, 3))], "AddOptions", fusedActivationFunction=1)
    chain = Graph((b.build([x], [x]),), {})
    short = replace(chain.subgraphs[0], ops=chain.subgraphs[0].ops[:1])
    data = graphs.write(chain)
    assert assert_same(chain, graphs.read(data)) == 201
    # An operator more costs its table, its list of outputs and its place in the list.
    per_op = (len(data) - len(graphs.write(chain.with_subgraph(0, short)))) / 99
    print(f"bytes of one operator: {per_op:.1f}")
    assert per_op <= 36
    other = replace(chain.subgraphs[0].tensors[0], shape=(2, 4))
    changed = replace(chain.subgraphs[0], tensors=(other, *chain.subgraphs[0].tensors[1:]))
    back = graphs.read(graphs.write(chain.with_subgraph(0, changed)))
    assert [t.shape for t in back.subgraphs[0].tensors[:2]] == [(2, 4), (2, 3)]


def test_writing_is_deterministic() -> None:
    assert graphs.write(small_graph()) == graphs.write(small_graph())


@pytest.mark.parametrize(("ops", "model"), [("micro", "eegnet_dropout"), ("builtin", "eegnet")])
def test_converted_model_round_trip(ops: str, model: str, converted: Callable[..., Any]) -> None:
    data = converted(model, ops=ops).model_path.read_bytes()
    graph = graphs.read(data)
    again = graphs.write(graph)
    compared = assert_same(graph, graphs.read(again))
    print(f"{model} {ops}: compared={compared} tensors and ops")
    assert compared > 300
    assert again == data
    assert {"train", "infer", "save", "restore"} <= set(graph.signatures)
    init = graph.init_subgraph()
    assert init is not None and graph.subgraphs[init].outputs == ()


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["float32", "int32", "int64", "bool", "int8", "uint8"]),
            st.lists(st.integers(0, 4), max_size=4),
        ),
        min_size=1,
        max_size=6,
    ),
    st.dictionaries(
        st.text("abcdefgh_", min_size=1, max_size=8),
        st.one_of(
            st.integers(-(2**31), 2**31 - 1),
            st.booleans(),
            st.text("SAMEVALID", min_size=1),
            st.floats(width=32, allow_nan=False),
        ),
        max_size=6,
    ),
)
def test_any_constants_and_options_survive(
    constants: list[tuple[str, list[int]]], options: dict[str, Any]
) -> None:
    generator = np.random.default_rng(0)
    tensors = []
    for n, (dtype, shape) in enumerate(constants):
        data: np.ndarray = generator.integers(0, 2, shape).astype(dtype)
        tensors.append(Tensor(f"c{n}", tuple(shape), dtype.upper(), data))
    op = Op("BiotrainAny", tuple(range(len(tensors))), (), options)
    graph = Graph((Subgraph("s", tuple(tensors), (op,), (), ()),), {})
    assert_same(graph, graphs.read(graphs.write(graph)))
