# SPDX-License-Identifier: Apache-2.0
"""In the body of a loop, add a gradient to its sum as soon as it can be computed.

What it is computed from then dies early. Values do not change: only ops that lead to nothing but a
sum that the loop hands on move, towards the beginning.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from converters.graph import FOR_EACH, Graph, Op, Subgraph
from converters.passes.users import Users


def sums_early(graph: Graph) -> Graph:
    """The graph with the sums of all bodies early."""
    for index in sorted(graph.bodies()):
        body = graph.subgraphs[index]
        graph = graph.with_subgraph(index, body.once(sums_early, partial(_reordered, body)))
    return graph


def _reordered(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    early: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        if op.kind != "ADD" or not set(op.outputs) <= set(subgraph.outputs):
            continue
        terms = [t for t in op.inputs if t not in subgraph.inputs]
        if len(terms) != 1 or users.of(op.outputs[0]):
            continue
        made = [j for j, other in enumerate(subgraph.ops) if terms[0] in other.outputs]
        alone = users.only(terms[0], "ADD") == i
        if alone and made and subgraph.ops[made[0]].kind != FOR_EACH:
            early |= {made[0], i}
    ready = set(subgraph.inputs) | {
        t for t, tensor in enumerate(subgraph.tensors) if tensor.data is not None
    }
    waiting = sorted(early)
    order: list[Op] = []

    def add(op: Op) -> None:
        order.append(op)
        ready.update(op.outputs)

    for i, op in enumerate(subgraph.ops):
        if i not in early:
            add(op)
        for j in list(waiting):
            if {t for t in subgraph.ops[j].inputs if t >= 0} <= ready:
                waiting.remove(j)
                add(subgraph.ops[j])
    return replace(subgraph, ops=tuple(order))
