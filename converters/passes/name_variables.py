# SPDX-License-Identifier: Apache-2.0
"""Give variables, signature entries and tensors the names a reader expects."""

from __future__ import annotations

import copy
from dataclasses import replace

from converters.graph import Graph, Op, Signature, Subgraph, Tensor


def name_variables(graph: Graph, names: list[str]) -> Graph:
    """Rename variable ``v<i>`` of the save and restore signatures to ``names[i]``, sorted by name,
    everywhere.

    The order of the save signature is the order of the bytes in a saved state.
    """
    save = graph.signatures["save"]
    shared = _shared_name_by_output(graph.subgraph_of("save"))
    pretty = {shared[save.outputs[f"v{i}"]]: name for i, name in enumerate(names)}
    subgraphs = tuple(_rename(subgraph, pretty) for subgraph in graph.subgraphs)
    signatures = dict(graph.signatures)
    signatures["save"] = _sorted_names(save, names, outputs=True)
    signatures["restore"] = _sorted_names(graph.signatures["restore"], names, outputs=False)
    return replace(graph, subgraphs=subgraphs, signatures=signatures)


def _shared_name_by_output(subgraph: Subgraph) -> dict[int, str]:
    handles = subgraph.variable_of_handle()
    return {
        op.outputs[0]: handles[op.inputs[0]] for op in subgraph.ops if op.kind == "READ_VARIABLE"
    }


def _rename(subgraph: Subgraph, pretty: dict[str, str]) -> Subgraph:
    tensors = list(subgraph.tensors)
    handles = subgraph.variable_of_handle()
    ops = []
    for op in subgraph.ops:
        if op.kind == "VAR_HANDLE":
            name = pretty.get(handles[op.outputs[0]], handles[op.outputs[0]])
            options = copy.copy(op.options)
            options.sharedName = name.encode()
            options.container = b""
            op = replace(op, options=options)
            tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], name=f"{name}/handle")
        elif op.kind == "READ_VARIABLE":
            name = pretty.get(handles[op.inputs[0]], handles[op.inputs[0]])
            tensors[op.outputs[0]] = replace(tensors[op.outputs[0]], name=name)
        ops.append(op)
    return replace(subgraph, ops=tuple(ops), tensors=tuple(_name_custom_outputs(tensors, ops)))


def _name_custom_outputs(tensors: list[Tensor], ops: list[Op]) -> list[Tensor]:
    """Composites leave their outputs as "tfl.custom…": name them after the op."""
    counts: dict[str, int] = {}
    for op in ops:
        if not op.custom:
            continue
        number = counts.setdefault(op.kind, 0)
        counts[op.kind] += 1
        for i, output in enumerate(op.outputs):
            suffix = f":{i}" if i else ""
            tensors[output] = replace(
                tensors[output], name=f"{op.kind.removeprefix('Biotrain')}_{number}{suffix}"
            )
    return tensors


def _sorted_names(signature: Signature, names: list[str], *, outputs: bool) -> Signature:
    side = signature.outputs if outputs else signature.inputs
    renamed = {name: side[f"v{i}"] for i, name in enumerate(names)}
    ordered = dict(sorted(renamed.items()))
    return replace(signature, outputs=ordered) if outputs else replace(signature, inputs=ordered)
