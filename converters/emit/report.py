# SPDX-License-Identifier: Apache-2.0
"""report.json: what a conversion made, what it will cost, and where the files are."""

from __future__ import annotations

from collections import Counter
from typing import Any

from converters.graph import Graph
from converters.planner.plan import Plan


def memory_map(graph: Graph, plan: Plan, key: str) -> list[dict[str, Any]]:
    """Rectangles of one signature's plan, variables first: {name, offset, bytes, first_op,
    last_op}.
    """
    part = plan.subgraphs[graph.signatures[key].subgraph]
    last = len(graph.subgraph_of(key).ops)
    rows = [
        {"name": name, "offset": offset, "bytes": size, "first_op": 0, "last_op": last}
        for name, (offset, size) in plan.variables.items()
    ]
    rows += [
        {
            "name": s.name,
            "offset": s.offset,
            "bytes": s.size,
            "first_op": s.first,
            "last_op": s.last,
        }
        for s in sorted(part.spans, key=lambda s: (s.offset, s.first))
    ]
    return rows


def op_counts(graph: Graph) -> dict[str, dict[str, int]]:
    """How often each kind of op runs, for each signature."""
    counts = {}
    for key in graph.signatures:
        index = graph.signatures[key].subgraph
        counter: Counter[str] = Counter()
        for at, place, times in graph.runs(index):
            counter[graph.subgraphs[at].ops[place].kind] += times
        counts[key] = dict(sorted(counter.items()))
    return counts


def ram_by_region(graph: Graph, plan: Plan) -> dict[str, int]:
    """Bytes of the arena by use; activations are the largest signature's."""
    return {
        "weights_and_optimizer": plan.variable_bytes,
        "activations_and_gradients": plan.arena_bytes - plan.variable_bytes,
        "arena": plan.arena_bytes,
        "lower_bound": plan.lower_bound,
    }
