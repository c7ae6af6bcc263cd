# SPDX-License-Identifier: Apache-2.0
"""How often a byte of each tensor is read or written in one call of a signature, roughly.

An op touches each of its tensors as often as the largest of them has elements: a weight, a bias or
a statistic is read again for every element of an activation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from converters.graph import FOR_EACH, Graph, Subgraph
from converters.planner.placement import Packed
from converters.planner.problem import Problem
from converters.planner.storage import Group

Touched = dict[tuple[int, int], float]
"""Accesses by (subgraph, tensor)."""


def accesses(graph: Graph, index: int) -> Touched:
    """Of a subgraph and the bodies of its loops. What a body does with its ends counts for the
    tensors of the loop.
    """
    found: Touched = defaultdict(float)
    loops: list[tuple[int, int]] = []
    for at, place, times in graph.runs(index):
        subgraph = graph.subgraphs[at]
        op = subgraph.ops[place]
        if op.kind == FOR_EACH:
            loops.append((at, place))
            continue
        tensors = [t for t in (*op.inputs, *op.outputs) if t >= 0]
        largest = max((subgraph.tensors[t].elements for t in tensors), default=0)
        for t in tensors:
            found[at, t] += times * largest
    for at, place in reversed(loops):
        op = graph.subgraphs[at].ops[place]
        inner = op.options["subgraph"]
        body = graph.subgraphs[inner]
        ends = (*body.inputs, *body.outputs)
        for t, u in zip((*op.inputs, *op.outputs), ends, strict=True):
            found[at, t] += found.get((inner, u), 0.0)
    return dict(found)


def heated(graph: Graph, index: int, part: Packed) -> Packed:
    """With the heat of every buffer."""
    touched = accesses(graph, index)
    number = {id(s): n for n, s in enumerate(graph.subgraphs)}

    def heat(subgraph: Subgraph, group: Group) -> float:
        at = number[id(subgraph)]
        return sum(touched.get((at, t), 0.0) for t in group.tensors) / max(1, group.size)

    buffers = tuple(
        replace(b, heat=heat(p.subgraph, p.group))
        for b, p in zip(part.problem.buffers, part.lifetimes, strict=True)
    )
    return replace(part, problem=Problem(buffers))


def variable_heats(graph: Graph, index: int, sizes: Mapping[str, int]) -> dict[str, float]:
    """Of all tensors in the place of a variable, in one call of a subgraph."""
    touched = accesses(graph, index)
    heats = dict.fromkeys(sizes, 0.0)
    for at in graph.loops_around(index):
        subgraph = graph.subgraphs[at]
        handles = subgraph.variable_of_handle()
        for op in subgraph.ops:
            if op.kind == "READ_VARIABLE":
                heats[handles[op.inputs[0]]] += touched.get((at, op.outputs[0]), 0.0)
            elif op.kind == "ASSIGN_VARIABLE":
                heats[handles[op.inputs[0]]] += touched.get((at, op.inputs[1]), 0.0)
    return {name: heat / max(1, sizes[name]) for name, heat in heats.items()}
