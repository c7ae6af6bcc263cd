# SPDX-License-Identifier: Apache-2.0
"""How many instructions a training step will execute, from the graph and a target's cost table."""

from __future__ import annotations

from converters.emit.op_features import features
from converters.graph import Graph
from converters.targets import TARGETS
from converters.targets.costs import CostTable, read_costs


def predict_step(graph: Graph, table: CostTable) -> int:
    """Instructions of one call of ``train``."""
    subgraph = graph.subgraph_of("train")
    ops = (features(subgraph, op) for op in subgraph.ops)
    fed = sum(subgraph.tensors[i].elements for i in subgraph.inputs)
    constant, by_element = table.step
    total = sum(table.instructions(op.family, op.terms) for op in ops)
    return round(total + constant + by_element * fed)


def predict_steps(graph: Graph) -> dict[str, int]:
    """Of each target that has a cost table."""
    tables = {target: read_costs(target) for target in TARGETS}
    return {
        target: predict_step(graph, table) for target, table in tables.items() if table is not None
    }
