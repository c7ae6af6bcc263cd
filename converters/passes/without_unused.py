# SPDX-License-Identifier: Apache-2.0
"""Subgraphs that nothing runs: they hold the numbers of others until a schedule is chosen.

Of two schedules one may run a chain in a loop whose body the other does not have. With a subgraph
in its place all later ones have the same numbers, so that what is known of them holds for both.
"""

from __future__ import annotations

from dataclasses import replace

from converters.graph import FOR_EACH, Graph, Op, Subgraph

UNUSED = Subgraph("unused", (), (), (), ())


def without_unused(graph: Graph) -> Graph:
    """They come after all that signatures call."""
    used = [n for n, subgraph in enumerate(graph.subgraphs) if subgraph != UNUSED]
    if len(used) == len(graph.subgraphs):
        return graph
    number = {before: after for after, before in enumerate(used)}

    def renumbered(op: Op) -> Op:
        if op.kind != FOR_EACH:
            return op
        return replace(op, options={**op.options, "subgraph": number[op.options["subgraph"]]})

    subgraphs = (graph.subgraphs[n] for n in used)
    return replace(
        graph, subgraphs=tuple(replace(s, ops=tuple(map(renumbered, s.ops))) for s in subgraphs)
    )
