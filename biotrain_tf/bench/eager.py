# SPDX-License-Identifier: Apache-2.0
"""What a training step takes if every tensor has memory of its own until its end.

That is what a framework does that plans nothing: no two tensors share bytes, none is written over.
"""

from __future__ import annotations

from converters.graph import Graph

_VIEWS = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "READ_VARIABLE", "VAR_HANDLE"})
_ALIGNMENT = 16


def eager_bytes(graph: Graph) -> int:
    """Variables, inputs and every tensor that an operator of ``train`` makes."""
    subgraph = graph.subgraph_of("train")
    made = {t for op in subgraph.ops if op.kind not in _VIEWS for t in op.outputs if t >= 0}
    made |= set(subgraph.inputs)
    variables = {
        op.inputs[0]: subgraph.tensors[op.outputs[0]].bytes
        for op in subgraph.ops
        if op.kind == "READ_VARIABLE"
    }
    sizes = [subgraph.tensors[t].bytes for t in made] + list(variables.values())
    return sum(-(-size // _ALIGNMENT) * _ALIGNMENT for size in sizes)
