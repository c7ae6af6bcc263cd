# SPDX-License-Identifier: Apache-2.0
"""When each group of tensors lives, on one clock for a subgraph and the bodies of its loops.

A loop takes one tick to begin, its body's ticks, and one to end. What is its own in a body lives
within an iteration; its ends live as long as the loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from converters.graph import Graph, Subgraph
from converters.planner.storage import Group, Storage


@dataclass(frozen=True)
class Lifetime:
    """``group`` of ``subgraph`` takes memory during ticks first..last, both included."""

    subgraph: Subgraph
    group: Group
    first: int
    last: int


def lifetimes(graph: Graph, subgraph: Subgraph, storage: Storage) -> list[Lifetime]:
    """Of all groups that are to be packed: those of variables and ends have their places."""
    found: list[Lifetime] = []
    _walk(graph, subgraph, storage, 0, found)
    return found


def _walk(
    graph: Graph, subgraph: Subgraph, storage: Storage, tick: int, found: list[Lifetime]
) -> int:
    begin, end = [tick], [tick]
    for i, op in enumerate(subgraph.ops):
        tick += 1
        begin.append(tick)
        if i in storage.bodies:
            body = graph.subgraphs[op.options["subgraph"]]
            tick = _walk(graph, body, storage.bodies[i], tick, found) + 1
        end.append(tick)
    tick += 1
    begin.append(tick)
    end.append(tick)
    found += [
        Lifetime(subgraph, group, begin[group.first + 1], end[group.last + 1])
        for group in storage.groups
        if group.variable is None and group.end is None and not group.elsewhere
    ]
    return tick
