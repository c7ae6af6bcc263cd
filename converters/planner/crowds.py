# SPDX-License-Identifier: Apache-2.0
"""Where in a graph more is live than there is room for: which of its loops no packing can save."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from converters.graph import FOR_EACH, Graph, Subgraph
from converters.planner.placement import Packed


@dataclass(frozen=True)
class Stretch:
    """Ticks first..last of a subgraph's clock (see ``lifetimes``), both included, in which the
    body ``name`` runs.
    """

    name: str
    first: int
    last: int


def crowded(graph: Graph, index: int, part: Packed, room: int) -> frozenset[str]:
    """Names of the outermost loops' bodies of subgraph ``index`` in which more than ``room`` bytes
    live at one time; its own name, if that is between them.
    """
    if part.lower_bound <= room:
        return frozenset()
    subgraph = graph.subgraphs[index]
    stretches = list(_stretches(graph, subgraph))
    found = set()
    for tick in (tick for tick, live in part.problem.live() if live > room):
        at = bisect_left(stretches, tick, key=lambda stretch: stretch.last)
        inside = at < len(stretches) and stretches[at].first <= tick
        found.add(stretches[at].name if inside else subgraph.name)
    return frozenset(found)


def _stretches(graph: Graph, subgraph: Subgraph) -> Iterator[Stretch]:
    """Of its loops, in their order."""
    tick = 0
    for op in subgraph.ops:
        tick += 1
        if op.kind == FOR_EACH:
            body = graph.subgraphs[op.options["subgraph"]]
            end = tick + _ticks(graph, body) + 1
            yield Stretch(body.name, tick, end)
            tick = end


def _ticks(graph: Graph, subgraph: Subgraph) -> int:
    """How long a body takes, with the tick after its last op."""
    inner = [graph.subgraphs[op.options["subgraph"]] for op in subgraph.ops if op.kind == FOR_EACH]
    return len(subgraph.ops) + 1 + sum(_ticks(graph, body) + 1 for body in inner)
