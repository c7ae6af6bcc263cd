# SPDX-License-Identifier: Apache-2.0
"""Normalise only what a maximum pool lets through.

Where a maximum pool alone reads the output of a batch normalisation, the largest normalised
element of a window is the normalised largest one (smallest, where gamma is negative): the same
bits, because rounding keeps order. Backward, the slopes of all other elements are zero, so that the
sums have a term for each window. Neither the normalised elements nor their slopes are in memory;
what is kept instead is the chosen input of every window. The sums of the gradient add their terms
in another order; all else keeps its bits. (Where rounding alone makes two normalised elements
equal, the slope goes to the larger input, not to the first.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.users import Users, with_ops

_NORM, _POOL = "BiotrainBatchNorm", "BiotrainMaxPool2D"
_FUSED = "BiotrainBatchNormMaxPool"


def norm_into_pool(graph: Graph) -> Graph:
    """The graph with every batch normalisation and maximum pool that can be one in one op."""
    return replace(graph, subgraphs=tuple(_rewrite(s) for s in graph.subgraphs))


@dataclass(frozen=True)
class _Match:
    """Indices of ops."""

    norm: int
    pool: int
    pool_grad: int
    norm_grad: int


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    tensors = list(subgraph.tensors)
    changed: dict[int, Op] = {}
    gone: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        match = _match(subgraph, users, i) if op.kind == _NORM else None
        if match is None:
            continue
        pool, spread = subgraph.ops[match.pool], subgraph.ops[match.pool_grad]
        grad = subgraph.ops[match.norm_grad]
        y = pool.outputs[0]
        tensors.append(replace(tensors[y], name=f"{tensors[y].name}/peak"))
        peak = len(tensors) - 1
        x, gamma, mean, variance, _ = grad.inputs
        options = {**pool.options, **op.options}
        # The statistics may be read before the pool: where the normalisation was.
        changed[match.norm] = Op(_FUSED, op.inputs, (y, *op.outputs[1:], peak), options)
        changed[match.norm_grad] = Op(
            f"{_FUSED}Grad",
            (gamma, mean, variance, peak, spread.inputs[2], x),
            grad.outputs,
            {**spread.options, **grad.options},
        )
        gone |= {match.pool, match.pool_grad}
    return with_ops(replace(subgraph, tensors=tuple(tensors)), changed, gone)


def _match(subgraph: Subgraph, users: Users, norm: int) -> _Match | None:
    ops = subgraph.ops
    normed, mean, variance = ops[norm].outputs
    readers = sorted(users.of(normed), key=lambda i: ops[i].kind)
    if users.leaves(normed) or [ops[i].kind for i in readers] != [_POOL, f"{_POOL}Grad"]:
        return None
    pool, spread = readers
    if not _side_by_side(subgraph, ops[pool]):
        return None
    slopes = ops[spread].outputs[0]
    norm_grad = users.only(slopes, f"{_NORM}Grad")
    x, gamma, _ = ops[norm].inputs
    if (
        norm_grad is None
        or ops[norm_grad].inputs != (x, gamma, mean, variance, slopes)
        or ops[spread].inputs[:2] != (normed, ops[pool].outputs[0])
    ):
        return None
    return _Match(norm, pool, spread, norm_grad)


def _side_by_side(subgraph: Subgraph, pool: Op) -> bool:
    """Windows in one row each that neither overlap nor leave the input."""
    o = pool.options
    x, y = (subgraph.tensors[t].shape for t in (pool.inputs[0], pool.outputs[0]))
    one_row = o["filter_h"] == o["stride_h"] == 1 and o["filter_w"] == o["stride_w"]
    return len(x) == 4 and one_row and y[3] * o["filter_w"] <= x[3]
