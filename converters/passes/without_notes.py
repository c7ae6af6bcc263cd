# SPDX-License-Identifier: Apache-2.0
"""Take bits and indices back: the gradients read the tensors themselves again.

The inverse of ``sign_bits`` and ``pool_indices``, for single ones, where there is memory to let the
tensors wait.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.commit_last import NOTES
from converters.passes.pool_indices import GRAD as INDEXED
from converters.passes.pool_indices import INDICES, SPREAD
from converters.passes.sign_bits import OF_GRAD
from converters.passes.users import Users, with_ops

_BACK = {(made.bits, made.grad): kind for kind, made in OF_GRAD.items()}
_BACK[INDICES, INDEXED] = SPREAD


def without_notes(graph: Graph, places: Collection[tuple[str, int]]) -> Graph:
    """The graph without the bits and indices in ``places``, by subgraph and tensor."""
    if not places:
        return graph
    return replace(graph, subgraphs=tuple(_rewrite(s, places) for s in graph.subgraphs))


def notes(subgraph: Subgraph) -> Iterator[tuple[Op, int]]:
    """The ops whose results can be taken back, and these."""
    users = Users(subgraph)
    for op in subgraph.ops:
        if op.kind in NOTES and _readers(subgraph, users, op):
            yield op, op.outputs[0]


def _readers(subgraph: Subgraph, users: Users, note: Op) -> list[int]:
    """The gradients that read it, if nothing else does."""
    t = note.outputs[0]
    readers = users.of(t)
    known = all((note.kind, subgraph.ops[i].kind) in _BACK for i in readers)
    return readers if known and not users.leaves(t) else []


def _rewrite(subgraph: Subgraph, places: Collection[tuple[str, int]]) -> Subgraph:
    users = Users(subgraph)
    changed: dict[int, Op] = {}
    gone: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        if op.kind not in NOTES or (subgraph.name, op.outputs[0]) not in places:
            continue
        for reader in _readers(subgraph, users, op):
            grad = subgraph.ops[reader]
            kind = _BACK[op.kind, grad.kind]
            changed[reader] = replace(grad, kind=kind, inputs=(*op.inputs, *grad.inputs[1:]))
            gone.add(i)
    return with_ops(subgraph, changed, gone) if gone else subgraph
