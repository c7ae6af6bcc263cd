# SPDX-License-Identifier: Apache-2.0
"""Each pass keeps what the graph computes and gives it the form that its users want."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converters import graph as graphs
from converters.errors import ConversionError
from converters.graph import Graph, Op, Signature, Subgraph, Tensor
from converters.passes.builder import SubgraphBuilder
from converters.passes.commit_last import commit_last, order_step
from converters.passes.drop_names import drop_names
from converters.passes.name_variables import name_variables
from converters.passes.selector import RESTORE, add_selector
from converters.passes.zero_states import zero_states
from tests.converters.plan_simulator import result_of
from tests.converters.random_graphs import random_graph
from tests.converters.runtimes import Selector


def run_in_order(subgraph: Subgraph) -> tuple[list[bytes], dict[str, bytes]]:
    """Outputs and final variables, every op a hash of what it reads, without any plan."""
    handles = subgraph.variable_of_handle()
    variables = {name: name.encode() for name in handles.values()}
    values = {t: b"input%d" % t for t in subgraph.inputs}

    def value(t: int) -> bytes:
        tensor = subgraph.tensors[t]
        if tensor.type == "RESOURCE":
            return handles[t].encode()
        return tensor.data.tobytes() if tensor.data is not None else values[t]

    for op in subgraph.ops:
        if op.kind == "READ_VARIABLE":
            values[op.outputs[0]] = variables[handles[op.inputs[0]]]
        elif op.kind == "ASSIGN_VARIABLE":
            variables[handles[op.inputs[0]]] = value(op.inputs[1])
        elif op.kind not in ("VAR_HANDLE", "CALL_ONCE"):
            inputs = [value(t) for t in op.inputs if t >= 0]
            for position, t in enumerate(op.outputs):
                values[t] = result_of(op, position, inputs, 16)
    return [value(t) for t in subgraph.outputs], variables


def assert_no_write_before_the_loss(subgraph: Subgraph, loss: int) -> None:
    kinds = [op.kind for op in subgraph.ops]
    made = next(i for i, op in enumerate(subgraph.ops) if loss in op.outputs)
    writes = [
        i for i, k in enumerate(kinds) if k == "ASSIGN_VARIABLE" or k.startswith("BiotrainSgd")
    ]
    assert writes and min(writes) > made


def assert_readers_come_before_updates(subgraph: Subgraph) -> int:
    """Of each weight, so that it may be updated in place; returns how many reads were seen."""
    handles = subgraph.variable_of_handle()
    variable_of = {
        op.outputs[0]: handles[op.inputs[0]] for op in subgraph.ops if op.kind == "READ_VARIABLE"
    }
    updated: set[str] = set()
    readers = 0
    for op in subgraph.ops:
        read = {variable_of[t] for t in op.inputs if t in variable_of}
        readers += len(read)
        assert not read & updated, f"{op.kind} reads {read & updated} after the update"
        if op.kind.startswith("BiotrainSgd"):
            updated |= read
        elif op.kind == "ASSIGN_VARIABLE":
            updated.add(handles[op.inputs[0]])
    return readers


def same_ops(a: Subgraph, b: Subgraph) -> bool:
    def key(op: Op) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
        return op.kind, op.inputs, op.outputs

    return Counter(map(key, a.ops)) == Counter(map(key, b.ops))


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_commit_last_reorders_only(seed: int, ops: int) -> None:
    before = random_graph(seed, ops=ops)
    after = commit_last(before)
    loss = before.signatures["train"].outputs["loss"]
    assert same_ops(before.subgraphs[0], after.subgraphs[0])
    assert run_in_order(before.subgraphs[0]) == run_in_order(after.subgraphs[0])
    assert_no_write_before_the_loss(after.subgraphs[0], loss)
    assert assert_readers_come_before_updates(after.subgraphs[0]) > 0
    assert before.subgraphs[1:] == after.subgraphs[1:]
    assert commit_last(after) == after


def test_commit_last_on_eegnet(converted: Callable[..., Any]) -> None:
    graph = graphs.read(converted("eegnet_dropout").model_path.read_bytes())
    signature = graph.signatures["train"]
    subgraph = graph.subgraphs[signature.subgraph]
    assert_no_write_before_the_loss(subgraph, signature.outputs["loss"])
    assert assert_readers_come_before_updates(subgraph) > 20
    shuffled = replace(subgraph, ops=tuple(reversed(subgraph.ops)))
    # Handles first, or nothing is known of the variables.
    assert same_ops(order_step(subgraph, signature.outputs["loss"]), shuffled)


def step_of_one_variable(*, early: bool = False, reread: bool = False) -> tuple[Subgraph, int]:
    b = SubgraphBuilder("train")
    x = b.tensor("x", (4,))
    handle = b.handle("w")
    w = b.op("READ_VARIABLE", [handle], [b.tensor("w", (4,))])
    gradient = b.op("MUL", [x, w], [b.tensor("gradient", (4,))])
    updated = b.op("BiotrainSgd", [w, gradient], [b.tensor("updated", (4,))])
    if early or reread:
        b.op("ASSIGN_VARIABLE", [handle, updated], [])
    if reread:
        w = b.op("READ_VARIABLE", [handle], [b.tensor("again", (4,))])
    loss = b.op("SUM", [b.op("MUL", [x, w], [b.tensor("product", (4,))])], [b.tensor("loss", ())])
    if not (early or reread):
        b.op("ASSIGN_VARIABLE", [handle, updated], [])
    return b.build([x], [loss]), loss


def test_an_early_write_moves_behind_the_loss() -> None:
    subgraph, loss = step_of_one_variable(early=True)
    ordered = order_step(subgraph, loss)
    assert_no_write_before_the_loss(ordered, loss)
    assert run_in_order(ordered) == run_in_order(subgraph)


def test_a_read_after_a_write_is_refused() -> None:
    subgraph, loss = step_of_one_variable(reread=True)
    with pytest.raises(ConversionError, match="variable w is read again"):
        order_step(subgraph, loss)


def nameless(graph: Graph) -> tuple[Graph, list[str]]:
    """As the converter leaves it: v0, v1, … in the signatures, other names in the handles."""
    names = list(graph.signatures["save"].outputs)
    save, restore = graph.signatures["save"], graph.signatures["restore"]
    signatures = dict(graph.signatures)
    signatures["save"] = replace(
        save, outputs={f"v{i}": t for i, t in enumerate(save.outputs.values())}
    )
    signatures["restore"] = replace(
        restore, inputs={f"v{i}": t for i, t in enumerate(restore.inputs.values())}
    )
    return replace(graph, signatures=signatures), names


def test_name_variables_everywhere() -> None:
    graph, shared = nameless(random_graph(3, variables=5))
    names = [f"layer_{9 - i}/kernel" for i in range(len(shared))]
    named = name_variables(graph, names)
    expected = dict(zip(shared, names, strict=True))
    handles = 0
    for before, after in zip(graph.subgraphs, named.subgraphs, strict=True):
        old, new = before.variable_of_handle(), after.variable_of_handle()
        assert new == {t: expected[name] for t, name in old.items()}
        for t, name in new.items():
            assert after.tensors[t].name == f"{name}/handle"
            handles += 1
        for op in after.ops:
            if op.kind == "READ_VARIABLE":
                assert after.tensors[op.outputs[0]].name == new[op.inputs[0]]
        assert not any("custom" in t.name for t in after.tensors)
    assert handles > 20
    save, restore = named.signatures["save"], named.signatures["restore"]
    assert list(save.outputs) == list(restore.inputs) == sorted(names)
    values = {v: k for k, v in save.outputs.items()}
    body = named.subgraph_of("save")
    for op in body.ops:
        if op.kind == "READ_VARIABLE":
            assert values[op.outputs[0]] == body.variable_of_handle()[op.inputs[0]]
    body = named.subgraph_of("restore")
    given_names = {v: k for k, v in restore.inputs.items()}
    for op in body.ops:
        if op.kind == "ASSIGN_VARIABLE":
            assert given_names[op.inputs[1]] == body.variable_of_handle()[op.inputs[0]]


def test_selector_structure(converted: Callable[..., Any]) -> None:
    graph = graphs.read(converted("eegnet", ops="builtin").model_path.read_bytes())
    assert set(graph.signatures) == {"select", "train", "infer", "save", "restore"}
    first = graph.subgraphs[0]
    assert graph.signatures["select"].subgraph == 0
    kinds = {first.tensors[t].name: first.tensors[t].type for t in first.inputs}
    assert kinds == {"mode": "INT32", "x": "FLOAT32", "y": "INT32", "variables_in": "FLOAT32"}
    outputs = [first.tensors[t].name for t in first.outputs]
    assert outputs == ["loss", "output", "logits", "variables"]
    assert Counter(op.kind for op in first.ops) == {"CALL_ONCE": 1, "LESS": 1, "IF": 1}
    init = graph.init_subgraph()
    reached = reachable(graph, 0)
    # TFLM plans no memory where subgraph 0 does not lead: what is there must be small.
    big = [s.name for i, s in enumerate(graph.subgraphs) if i not in reached and len(s.ops) > 70]
    assert not big, big
    for i in sorted(reached - {0}):
        assert all(op.kind != "CALL_ONCE" for op in graph.subgraphs[i].ops), graph.subgraphs[i].name
    for key in ("train", "infer", "save", "restore"):
        called = [op for op in graph.subgraph_of(key).ops if op.kind == "CALL_ONCE"]
        assert [op.options.initSubgraphIndex for op in called] == [init], key
    assert not [k for k in graph.op_kinds() if k.startswith("Biotrain")]


def reachable(graph: Graph, index: int) -> set[int]:
    found, waiting = {index}, [index]
    while waiting:
        for op in graph.subgraphs[waiting.pop()].ops:
            if op.kind == "IF":
                following = {op.options.thenSubgraphIndex, op.options.elseSubgraphIndex} - found
                found |= following
                waiting += sorted(following)
    return found


def test_selector_keeps_a_graph_without_variables() -> None:
    b = SubgraphBuilder("infer")
    x = b.tensor("x", (2,))
    y = b.op("RELU", [x], [b.tensor("y", (2,))])
    graph = Graph((b.build([x], [y]),), {"infer": Signature("infer", 0, {"x": x}, {"y": y})})
    assert add_selector(graph) is graph


def test_selector_saves_and_restores_every_variable(converted: Callable[..., Any]) -> None:
    """On TFLM, which runs nothing but subgraph 0: what is restored is what is saved."""
    pytest.importorskip("tflite_micro", reason="needs tflite-micro: requirements-test.txt")
    conversion = converted("eegnet", ops="builtin")
    selector = Selector(conversion)
    state = selector.save()
    assert RESTORE == 3 and state.size > 500
    replaced = np.arange(state.size, dtype=np.float32)
    selector.restore(replaced)
    assert np.array_equal(selector.save(), replaced)
    print(f"variables restored: compared={state.size}")


def test_builder_refuses_options_that_do_not_exist() -> None:
    b = SubgraphBuilder("s")
    t = b.tensor("x", (1,))
    with pytest.raises(AttributeError, match="AddOptions has no field axis"):
        b.op("ADD", [t, t], [t], "AddOptions", axis=1)
    assert b.build([t], [t]).tensors == (Tensor("x", (1,), "FLOAT32"),)


def initialised(values: dict[str, np.ndarray]) -> Graph:
    """A graph whose CALL_ONCE assigns each value to a variable of its name."""
    main, init = SubgraphBuilder("main"), SubgraphBuilder("init")
    main.call_once(1)
    for name, value in values.items():
        handle, constant = init.handle(name), init.constant(f"{name}/value", value)
        init.op("ASSIGN_VARIABLE", [handle, constant], [])
    return Graph((main.build([], []), init.build([], [])), {})


def test_zeros_are_made_where_another_constant_has_their_shape() -> None:
    shape = (4, 8)
    values: dict[str, np.ndarray] = {
        "kernel": np.ones(shape, np.float32),
        "kernel/momentum": np.zeros(shape, np.float32),
        "alone": np.zeros((5, 8), np.float32),
        "negative": np.full(shape, -0.0, np.float32),
        "short": np.zeros(2, np.float32),
        "pair": np.ones(2, np.float32),
    }
    graph = initialised(values)
    done = zero_states(graph)
    init = done.subgraphs[1]
    made = [op for op in init.ops if op.kind == "ZEROS_LIKE"]
    assert [init.tensors[op.outputs[0]].name for op in made] == ["kernel/momentum/value"]
    assert init.tensors[made[0].inputs[0]].name == "kernel/value"
    assert init.tensors[made[0].outputs[0]].data is None
    kinds = [op.kind for op in init.ops]
    at = kinds.index("ZEROS_LIKE")
    assert init.ops[at + 1].inputs[1] == made[0].outputs[0]
    assert len(graphs.write(graph)) - len(graphs.write(done)) > 32


def test_only_ends_of_signatures_keep_their_names() -> None:
    b = SubgraphBuilder("main")
    x, y = b.tensor("x", (2,)), b.tensor("y", (2,))
    middle = b.op("NEG", [x], [b.tensor("a/long/name", (2,))])
    b.op("NEG", [middle], [y])
    b.op("READ_VARIABLE", [b.handle("layer/kernel")], [b.tensor("layer/kernel", (2,))])
    graph = Graph((b.build([x], [y]),), {"run": Signature("run", 0, {"x": x}, {"out": y})})
    dropped = drop_names(graph)
    assert [t.name for t in dropped.subgraphs[0].tensors] == ["x", "y", "", "", ""]
    back = graphs.read(graphs.write(dropped))
    assert back.signatures == graph.signatures
    assert list(back.subgraphs[0].variable_of_handle().values()) == ["layer/kernel"]
    assert back.subgraphs[0].ops[0].inputs == graph.subgraphs[0].ops[0].inputs
