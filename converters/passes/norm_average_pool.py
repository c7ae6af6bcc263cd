# SPDX-License-Identifier: Apache-2.0
"""Normalise, activate and average in one pass over the input, where only the means are read.

For normalisations in parts: a loop that needs the forward half once more reads nothing else of
these three. The same bits, and tensors of the input's size less.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from converters.graph import Graph, Op, Subgraph
from converters.passes.users import Users, with_ops

NORM, POOL, FUSED = "BiotrainNormalise", "BiotrainAveragePool2D", "BiotrainNormAveragePool"
ACTIVATIONS = frozenset({"RELU", "RELU6", "ELU"})


def norm_average_pool(graph: Graph) -> Graph:
    """The graph with every normalisation, activation and average pool that can be one in one op."""
    return replace(
        graph,
        subgraphs=tuple(s.once(norm_average_pool, partial(_rewrite, s)) for s in graph.subgraphs),
    )


def side_by_side(subgraph: Subgraph, x: int, y: int, pool: dict[str, Any]) -> bool:
    """Windows in one row each that neither overlap nor leave the input."""
    wide, narrow = subgraph.tensors[x].shape, subgraph.tensors[y].shape
    one_row = pool["filter_h"] == pool["stride_h"] == 1 and pool["filter_w"] == pool["stride_w"]
    return len(wide) == 4 and one_row and narrow[3] * pool["filter_w"] <= wide[3]


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    changed: dict[int, Op] = {}
    gone: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        if op.kind != NORM:
            continue
        (y,) = op.outputs
        activation, last = "NONE", i
        for kind in sorted(ACTIVATIONS):
            found = users.only(y, kind)
            if found is not None:
                activation, last = kind, found
        pooled = users.only(subgraph.ops[last].outputs[0], POOL)
        if pooled is None:
            continue
        pool = subgraph.ops[pooled]
        plain = pool.options["activation"] == "NONE"
        if not plain or not side_by_side(subgraph, op.inputs[0], pool.outputs[0], pool.options):
            continue
        options = {**pool.options, **op.options, "activation": activation}
        changed[pooled] = Op(FUSED, op.inputs, pool.outputs, options)
        gone |= {i, last}
    return with_ops(subgraph, changed, gone)
