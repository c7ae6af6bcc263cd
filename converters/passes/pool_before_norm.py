# SPDX-License-Identifier: Apache-2.0
"""Take the maximum of a window before it is normalised.

A normalisation keeps the order of a channel, or turns it round where gamma is negative: the largest
normalised element of a window is the normalised largest, or smallest, one. The pool then waits for
no statistic: one loop over the input gives it and the moments. Backward, only the chosen elements
have a slope, so that the sums of the gradient need them alone. For normalisations in parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from converters.graph import Graph, Op, Subgraph, Tensor
from converters.passes.users import Users

_NORM, _POOL, _SPREAD = "BiotrainNormalise", "BiotrainMaxPool2D", "BiotrainMaxPool2DGrad"
_SUMS, _INPUT = "BiotrainNormGradSums", "BiotrainNormGradInput"


def pool_before_norm(graph: Graph) -> Graph:
    """Training and inference with every maximum pool that can be before its normalisation."""
    for key in ("train", "infer"):
        index = graph.signatures[key].subgraph
        graph = graph.with_subgraph(index, _rewrite(graph.subgraphs[index]))
    return graph


@dataclass(frozen=True)
class _Match:
    """Indices of ops; without gradients where nothing trains."""

    pool: int
    spread: int | None = None
    sums: int | None = None


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    tensors = list(subgraph.tensors)
    ops: dict[int, list[Op]] = {i: [op] for i, op in enumerate(subgraph.ops)}
    for i, op in enumerate(subgraph.ops):
        match = _match(subgraph, users, i) if op.kind == _NORM else None
        if match is None:
            continue
        pool = subgraph.ops[match.pool]
        x, gamma, *_ = op.inputs
        (y,) = pool.outputs
        peak = _add(tensors, replace(tensors[y], name=f"{tensors[y].name}/peak"))
        plain = {**pool.options, "activation": "NONE"}
        chosen = Op(_POOL, (x, gamma), (peak,), plain)
        normed = replace(op, inputs=(peak, *op.inputs[1:]), outputs=(y,))
        ops[i] = []
        ops[match.pool] = [chosen, normed]
        if pool.options["activation"] == "RELU":
            linear = _add(tensors, replace(tensors[y], name=f"{tensors[y].name}/linear"))
            ops[match.pool] = [
                chosen,
                replace(normed, outputs=(linear,)),
                Op("RELU", (linear,), (y,)),
            ]
        if match.spread is None or match.sums is None:
            continue
        spread, sums = subgraph.ops[match.spread], subgraph.ops[match.sums]
        slope = spread.inputs[2]
        ops[match.spread] = [replace(spread, inputs=(x, peak, slope))]
        _, mean, variance, _ = sums.inputs
        ops[match.sums] = [replace(sums, inputs=(peak, mean, variance, slope))]
    flat = tuple(op for i in range(len(subgraph.ops)) for op in ops[i])
    return replace(subgraph, tensors=tuple(tensors), ops=flat)


def _add(tensors: list[Tensor], tensor: Tensor) -> int:
    tensors.append(tensor)
    return len(tensors) - 1


def _match(subgraph: Subgraph, users: Users, norm: int) -> _Match | None:
    ops = subgraph.ops
    (normed,) = ops[norm].outputs
    readers = sorted(users.of(normed), key=lambda i: ops[i].kind)
    kinds = [ops[i].kind for i in readers]
    if users.leaves(normed) or kinds not in ([_POOL], [_POOL, _SPREAD]):
        return None
    if ops[readers[0]].options["activation"] not in ("NONE", "RELU"):
        return None
    if len(readers) == 1:
        return _Match(readers[0])
    pool, spread = readers
    slopes = ops[spread].outputs[0]
    by_kind = {ops[i].kind: i for i in users.of(slopes)}
    x = ops[norm].inputs[0]
    if set(by_kind) != {_SUMS, _INPUT} or len(users.of(slopes)) != 2:
        return None
    if ops[by_kind[_SUMS]].inputs[0] != x or ops[by_kind[_INPUT]].inputs[0] != x:
        return None
    return _Match(pool, spread, by_kind[_SUMS])
