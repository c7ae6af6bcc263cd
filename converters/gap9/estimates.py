# SPDX-License-Identifier: Apache-2.0
"""What a conversion says of GAP9: the estimate of a training step at both operating points."""

from __future__ import annotations

from typing import Any

from converters.gap9.machine import POINTS, Machine, read_costs
from converters.gap9.profile import profile_graph
from converters.graph import Graph


def estimates(graph: Graph, name: str, counts: Any) -> dict[str, Any]:
    """By frequency, as ``biotrain profile --json`` has it. ``counts``: of an op."""
    return {
        frequency: profile_graph(
            graph, name, counts, machine=Machine(), costs=read_costs(), point=point
        ).to_json()
        for frequency, point in POINTS.items()
    }
