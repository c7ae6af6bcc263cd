# SPDX-License-Identifier: Apache-2.0
"""Subgraphs that nothing runs: they hold the numbers of others until a schedule is chosen.

Of two schedules one may run a chain in a loop whose body the other does not have. With a subgraph
in its place all later ones have the same numbers, so that what is known of them holds for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from converters.graph import FOR_EACH, Graph, Op, Subgraph

UNUSED = Subgraph("unused", (), (), (), ())


def without_unused(graph: Graph) -> Graph:
    """They come after all that signatures call."""
    used = [n for n, subgraph in enumerate(graph.subgraphs) if subgraph != UNUSED]
    if len(used) == len(graph.subgraphs):
        return graph
    number = {before: after for after, before in enumerate(used)}
    subgraphs = (with_bodies_numbered(graph.subgraphs[n], number.__getitem__) for n in used)
    return replace(graph, subgraphs=tuple(subgraphs))


def with_bodies_numbered(subgraph: Subgraph, number: Callable[[int], int]) -> Subgraph:
    """With other numbers of the bodies of its loops; ``number``: from the one to the other."""

    def numbered(op: Op) -> Op:
        if op.kind != FOR_EACH:
            return op
        return replace(op, options={**op.options, "subgraph": number(op.options["subgraph"])})

    return replace(subgraph, ops=tuple(map(numbered, subgraph.ops)))
