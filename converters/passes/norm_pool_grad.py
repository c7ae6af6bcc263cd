# SPDX-License-Identifier: Apache-2.0
"""Take a normalisation's gradient straight from the slope of its pooled output.

The slopes that come back through an average pool and an activation follow from the input of the
normalisation, which its gradient reads anyway: they are nowhere in memory, and all is one pass. For
normalisations in parts. The gradient keeps its bits; its sums add their terms window by window.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from converters.graph import Graph, Op, Subgraph
from converters.passes.loops import unused_ops_removed
from converters.passes.slope_sums import INPUT, SUMS, PooledSums, pooled
from converters.passes.users import Users

FUSED = {SUMS: "BiotrainNormPoolGradSums", INPUT: "BiotrainNormPoolGradInput"}


def norm_pool_grad(graph: Graph) -> Graph:
    """The graph with every gradient of a normalisation that a pool follows in one op."""
    return replace(
        graph,
        subgraphs=tuple(s.once(norm_pool_grad, partial(_rewrite, s)) for s in graph.subgraphs),
    )


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    producer = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
    found = {
        i: match
        for i, op in enumerate(subgraph.ops)
        if op.kind in FUSED and (match := pooled(subgraph, producer, i)) is not None
    }
    ops = list(subgraph.ops)
    for i, match in found.items():
        if _is_alone(subgraph, users, producer, found, i):
            ops[i] = _fused(subgraph, match)
    if tuple(ops) == subgraph.ops:
        return subgraph
    return unused_ops_removed(replace(subgraph, ops=tuple(ops)))


def _is_alone(
    subgraph: Subgraph,
    users: Users,
    producer: dict[int, int],
    found: dict[int, PooledSums],
    op: int,
) -> bool:
    """Whether nothing else reads the slopes on their way."""
    t = subgraph.ops[op].inputs[-1]
    readers = users.of(t)
    if users.leaves(t) or not all(i in found for i in readers):
        return False
    while True:
        way = producer[t]
        t = subgraph.ops[way].inputs[-1]
        if t == found[op].slope:
            return True
        if users.leaves(t) or users.of(t) != [way]:
            return False


def _fused(subgraph: Subgraph, match: PooledSums) -> Op:
    op, norm = subgraph.ops[match.sums], subgraph.ops[match.norm]
    x, gamma, beta, mean, variance = norm.inputs
    options = {**match.pool, **op.options, "activation": match.activation}
    inputs: tuple[int, ...]
    if op.kind == SUMS:
        inputs = (x, gamma, beta, mean, variance, match.slope)
    else:
        inputs = (gamma, beta, mean, variance, *op.inputs[4:6], match.slope, x)
    return Op(FUSED[op.kind], inputs, op.outputs, options)
