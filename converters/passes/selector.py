# SPDX-License-Identifier: Apache-2.0
"""One file for LiteRT, tflite-runtime and stock TFLM, whose interpreter runs subgraph 0 and knows
no signatures.

Subgraph 0 becomes ``select(mode, x, y, variables) -> (loss, output…, variables)`` with mode 0
infer, 1 train, 2 save, 3 restore; ``variables`` is the whole state as one flat float vector. The
signatures stay. Their bodies hold no CALL_ONCE: TFLM keeps one "has run" flag per op, so a second
one would reset trained weights. What the signatures name are thin wrappers that initialise and
then enter the body.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from converters.graph import Graph, Signature, Subgraph, Tensor
from converters.passes.builder import SubgraphBuilder

INFER, TRAIN, SAVE, RESTORE = range(4)
_CONCAT_LIMIT = 10
"""TFLM's CONCATENATION takes ten inputs at most."""


@dataclass(frozen=True)
class _Interface:
    """What train and infer bodies have in common: (x, y) -> (loss, *outputs)."""

    x: Tensor
    y: Tensor
    loss: Tensor
    outputs: dict[str, Tensor]


def add_selector(graph: Graph) -> Graph:
    """Prepend the selector; signatures keep their names, inputs and outputs."""
    init = graph.init_subgraph()
    if init is None:
        return graph
    interface = _interface(graph)
    # New order: select, step, state, train body, infer body, save flat, restore flat, wrappers,
    # save, restore, init.
    (
        select,
        step,
        state,
        train,
        infer,
        save_flat,
        restore_flat,
        train_entry,
        infer_entry,
        save,
        restore,
        first,
    ) = range(12)
    variables = _variables(graph)
    size = sum(t.elements for t in variables.values())
    subgraphs = (
        _select(interface, size, step=step, state=state, init=first),
        _step(interface, size, train=train, infer=infer),
        _state(interface, size, save=save_flat, restore=restore_flat),
        _body(graph, "train", interface),
        _body(graph, "infer", interface),
        _save_flat(variables, size),
        _restore_flat(variables, size),
        _entry("train", interface, train, init=first),
        _entry("infer", interface, infer, init=first),
        _redirect_init(graph.subgraph_of("save"), first),
        _redirect_init(graph.subgraph_of("restore"), first),
        graph.subgraphs[init],
    )
    names = {name: i + 1 for i, name in enumerate(interface.outputs)}
    signatures = {
        "select": Signature(
            "select",
            select,
            {"mode": 0, "x": 1, "y": 2, "variables": 3},
            dict(zip(("loss", *names, "variables"), subgraphs[0].outputs, strict=True)),
        ),
        "train": _entry_signature(
            "train", train_entry, subgraphs[train_entry], ("x", "y"), ("loss", *names)
        ),
        "infer": _entry_signature(
            "infer", infer_entry, subgraphs[infer_entry], ("x",), tuple(names)
        ),
        "save": replace(graph.signatures["save"], subgraph=save),
        "restore": replace(graph.signatures["restore"], subgraph=restore),
    }
    return replace(graph, subgraphs=subgraphs, signatures=signatures)


def _interface(graph: Graph) -> _Interface:
    train, infer = graph.signatures["train"], graph.signatures["infer"]
    body, forward = graph.subgraph_of("train"), graph.subgraph_of("infer")
    outputs = {
        name: forward.tensors[t]
        for name, t in sorted(infer.outputs.items(), key=lambda item: item[0] != "output")
    }
    return _Interface(
        body.tensors[train.inputs["x"]],
        body.tensors[train.inputs["y"]],
        body.tensors[train.outputs["loss"]],
        outputs,
    )


def _variables(graph: Graph) -> dict[str, Tensor]:
    """Value tensors by name, in the order of the save signature."""
    save = graph.signatures["save"]
    return {name: graph.subgraph_of("save").tensors[t] for name, t in save.outputs.items()}


def _select(interface: _Interface, size: int, *, step: int, state: int, init: int) -> Subgraph:
    b = SubgraphBuilder("select")
    inputs = [b.tensor("mode", (), "INT32"), b.like(interface.x, "x"), b.like(interface.y, "y")]
    inputs.append(b.tensor("variables_in", (size,)))
    b.call_once(init)
    is_step = b.op(
        "LESS",
        [inputs[0], b.constant("two", np.int32(SAVE))],
        [b.tensor("is_step", (), "BOOL")],
        "LessOptions",
    )
    outputs = _outputs(b, interface)
    outputs.append(b.tensor("variables", (size,)))
    b.branch(is_step, inputs, outputs, then=step, otherwise=state)
    return b.build(inputs, outputs)


def _outputs(b: SubgraphBuilder, interface: _Interface) -> list[int]:
    return [
        b.like(interface.loss, "loss"),
        *(b.like(t, name) for name, t in interface.outputs.items()),
    ]


def _step(interface: _Interface, size: int, *, train: int, infer: int) -> Subgraph:
    b = SubgraphBuilder("step")
    inputs = [b.tensor("mode", (), "INT32"), b.like(interface.x, "x"), b.like(interface.y, "y")]
    inputs.append(b.tensor("variables", (size,)))
    is_train = b.op(
        "EQUAL",
        [inputs[0], b.constant("one", np.int32(TRAIN))],
        [b.tensor("is_train", (), "BOOL")],
        "EqualOptions",
    )
    outputs = _outputs(b, interface)
    b.branch(is_train, inputs[1:3], outputs, then=train, otherwise=infer)
    return b.build(inputs, [*outputs, inputs[3]])


def _state(interface: _Interface, size: int, *, save: int, restore: int) -> Subgraph:
    b = SubgraphBuilder("state")
    inputs = [b.tensor("mode", (), "INT32"), b.like(interface.x, "x"), b.like(interface.y, "y")]
    inputs.append(b.tensor("variables_in", (size,)))
    is_save = b.op(
        "EQUAL",
        [inputs[0], b.constant("two", np.int32(SAVE))],
        [b.tensor("is_save", (), "BOOL")],
        "EqualOptions",
    )
    variables = b.tensor("variables", (size,))
    b.branch(is_save, inputs[3:], [variables], then=save, otherwise=restore)
    zeros = [b.constant("no_loss", np.zeros(interface.loss.shape, np.float32))]
    zeros += [
        b.constant(f"no_{name}", np.zeros(t.shape, np.float32))
        for name, t in interface.outputs.items()
    ]
    return b.build(inputs, [*zeros, variables])


def _body(graph: Graph, key: str, interface: _Interface) -> Subgraph:
    """The signature's subgraph without CALL_ONCE, brought to inputs (x, y) and outputs (loss,
    *outputs).
    """
    signature, subgraph = graph.signatures[key], graph.subgraph_of(key)
    tensors = list(subgraph.tensors)

    def extra(tensor: Tensor) -> int:
        tensors.append(tensor)
        return len(tensors) - 1

    y = (
        signature.inputs["y"]
        if key == "train"
        else extra(replace(interface.y, name="y", data=None))
    )
    no_loss = Tensor(
        "no_loss", interface.loss.shape, "FLOAT32", np.zeros(interface.loss.shape, np.float32)
    )
    loss = signature.outputs["loss"] if key == "train" else extra(no_loss)
    return replace(
        subgraph,
        name=key,
        tensors=tuple(tensors),
        ops=tuple(op for op in subgraph.ops if op.kind != "CALL_ONCE"),
        inputs=(signature.inputs["x"], y),
        outputs=(loss, *(signature.outputs[name] for name in interface.outputs)),
    )


def _entry(key: str, interface: _Interface, body: int, *, init: int) -> Subgraph:
    """What LiteRT's signature runs: initialise once, then the body. IF is TFLite's only call to a
    subgraph.
    """
    b = SubgraphBuilder(f"{key}_entry")
    x = b.like(interface.x, "x")
    zeros = np.zeros(interface.y.shape, np.int32 if interface.y.type == "INT32" else np.float32)
    y = b.like(interface.y, "y") if key == "train" else b.constant("no_y", zeros)
    b.call_once(init)
    outputs = _outputs(b, interface)
    b.branch(b.constant("always", np.bool_(True)), [x, y], outputs, then=body, otherwise=body)
    return b.build([x, y] if key == "train" else [x], outputs if key == "train" else outputs[1:])


def _entry_signature(
    key: str, index: int, subgraph: Subgraph, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Signature:
    return Signature(
        key,
        index,
        dict(zip(inputs, subgraph.inputs, strict=True)),
        dict(zip(outputs, subgraph.outputs, strict=True)),
    )


def _redirect_init(subgraph: Subgraph, init: int) -> Subgraph:
    ops = []
    for op in subgraph.ops:
        if op.kind == "CALL_ONCE":
            options = type(op.options)()
            options.initSubgraphIndex = init
            op = replace(op, options=options)
        ops.append(op)
    return replace(subgraph, ops=tuple(ops))


def _save_flat(variables: dict[str, Tensor], size: int) -> Subgraph:
    b = SubgraphBuilder("save_flat")
    given = b.tensor("variables_in", (size,))
    parts = []
    for name, like in variables.items():
        value = b.op("READ_VARIABLE", [b.handle(name)], [b.like(like, name)], "ReadVariableOptions")
        if like.type == "INT32":
            value = b.op(
                "CAST",
                [value],
                [b.tensor(f"{name}/float", like.shape)],
                "CastOptions",
                inDataType=2,
            )
        flat = b.tensor(f"{name}/flat", (like.elements,))
        parts.append(
            (
                b.op(
                    "RESHAPE",
                    [value, b.constant("flat", np.array([-1], np.int32))],
                    [flat],
                    "ReshapeOptions",
                ),
                like.elements,
            )
        )
    while len(parts) > 1:
        parts = [
            _concatenate(b, parts[i : i + _CONCAT_LIMIT])
            for i in range(0, len(parts), _CONCAT_LIMIT)
        ]
    return b.build([given], [parts[0][0]])


def _concatenate(b: SubgraphBuilder, parts: list[tuple[int, int]]) -> tuple[int, int]:
    if len(parts) == 1:
        return parts[0]
    total = sum(n for _, n in parts)
    out = b.tensor("variables", (total,))
    return b.op(
        "CONCATENATION", [t for t, _ in parts], [out], "ConcatenationOptions", axis=0
    ), total


def _restore_flat(variables: dict[str, Tensor], size: int) -> Subgraph:
    b = SubgraphBuilder("restore_flat")
    given = b.tensor("variables_in", (size,))
    start = 0
    for name, like in variables.items():
        begin = b.constant("begin", np.array([start], np.int32))
        extent = b.constant("size", np.array([like.elements], np.int32))
        part = b.op(
            "SLICE",
            [given, begin, extent],
            [b.tensor(f"{name}/flat", (like.elements,))],
            "SliceOptions",
        )
        shape = b.constant("shape", np.array(like.shape, np.int32))
        value = b.op(
            "RESHAPE", [part, shape], [b.tensor(f"{name}/float", like.shape)], "ReshapeOptions"
        )
        if like.type == "INT32":
            value = b.op("CAST", [value], [b.like(like, name)], "CastOptions", outDataType=2)
        b.op("ASSIGN_VARIABLE", [b.handle(name), value], [], "AssignVariableOptions")
        start += like.elements
    return b.build([given], [given])
