# SPDX-License-Identifier: Apache-2.0
"""Let a maximum pool do the rectifying of its input.

max(relu(x)) is relu(max(x)), the same bits, for a fraction of the elements. Backward the slope is
cut before it is spread over the windows instead of after: what relu cuts is zero either way, and
where it does not cut, the first maximum of relu(x) is that of x. The graph keeps x instead of
relu(x) for the gradient, which is as much memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.users import Users, with_ops

_POOL, _POOL_GRAD, _RELU_GRAD = "BiotrainMaxPool2D", "BiotrainMaxPool2DGrad", "BiotrainReluGrad"


def relu_behind_pool(graph: Graph) -> Graph:
    """The graph in which no RELU stands before a maximum pool that alone reads it."""
    return replace(graph, subgraphs=tuple(_rewrite(s) for s in graph.subgraphs))


@dataclass(frozen=True)
class _Match:
    """Indices of ops; without gradients in a subgraph that does not train."""

    relu: int
    pool: int
    pool_grad: int | None = None
    relu_grad: int | None = None


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    tensors = list(subgraph.tensors)
    changed: dict[int, Op] = {}
    gone: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        match = _match(subgraph, users, i) if op.kind == "RELU" else None
        if match is None:
            continue
        gone.add(match.relu)
        x = op.inputs[0]
        pool = subgraph.ops[match.pool]
        options = {**pool.options, "activation": "RELU"}
        changed[match.pool] = replace(pool, inputs=(x,), options=options)
        if match.pool_grad is None or match.relu_grad is None:
            continue
        spread, cut = subgraph.ops[match.pool_grad], subgraph.ops[match.relu_grad]
        y, dy = spread.inputs[1:]
        tensors.append(replace(tensors[dy], name=f"{tensors[dy].name}/cut", data=None))
        slope = len(tensors) - 1
        # In the places of the two, in the other order.
        changed[match.pool_grad] = replace(cut, inputs=(y, dy), outputs=(slope,))
        changed[match.relu_grad] = replace(spread, inputs=(x, y, slope), outputs=cut.outputs)
    return with_ops(replace(subgraph, tensors=tuple(tensors)), changed, gone)


def _match(subgraph: Subgraph, users: Users, relu: int) -> _Match | None:
    rectified = subgraph.ops[relu].outputs[0]
    by_kind: dict[str, list[int]] = {}
    for i in users.of(rectified):
        by_kind.setdefault(subgraph.ops[i].kind, []).append(i)
    if users.leaves(rectified) or any(len(found) > 1 for found in by_kind.values()):
        return None
    pool = by_kind.get(_POOL, [None])[0]
    if pool is None or subgraph.ops[pool].options["activation"] != "NONE":
        return None
    if set(by_kind) == {_POOL}:
        return _Match(relu, pool)
    if set(by_kind) != {_POOL, _POOL_GRAD, _RELU_GRAD}:
        return None
    spread, cut = by_kind[_POOL_GRAD][0], by_kind[_RELU_GRAD][0]
    x, y, _ = subgraph.ops[spread].inputs
    slope = subgraph.ops[spread].outputs[0]
    same = (
        x == rectified
        and y == subgraph.ops[pool].outputs[0]
        and subgraph.ops[cut].inputs == (rectified, slope)
        and users.only(slope, _RELU_GRAD) == cut
    )
    return _Match(relu, pool, spread, cut) if same else None
