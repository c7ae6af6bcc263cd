# SPDX-License-Identifier: Apache-2.0
"""Memory that an op works in while it runs: an output more, that nobody reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from converters.graph import Graph, Op, Subgraph, Tensor


def add_workspaces(graph: Graph, floats_of: Callable[[Op, list[Tensor]], int]) -> Graph:
    """The graph with an output of ``floats_of(op, tensors)`` floats on every op that wants any.
    ``floats_of``: the same function for the same floats.
    """
    return replace(
        graph,
        subgraphs=tuple(s.once(floats_of, partial(_add, s, floats_of)) for s in graph.subgraphs),
    )


def _add(subgraph: Subgraph, floats_of: Callable[[Op, list[Tensor]], int]) -> Subgraph:
    tensors = list(subgraph.tensors)
    ops = []
    for op in subgraph.ops:
        floats = floats_of(op, tensors)
        if floats:
            name = f"{tensors[op.outputs[0]].name}/workspace"
            tensors.append(Tensor(name, (floats,), "FLOAT32"))
            op = replace(op, outputs=(*op.outputs, len(tensors) - 1))
        ops.append(op)
    return replace(subgraph, tensors=tuple(tensors), ops=tuple(ops))
