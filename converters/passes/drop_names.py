# SPDX-License-Identifier: Apache-2.0
"""Names that only people read are left out of the file."""

from __future__ import annotations

from dataclasses import replace

from converters.graph import Graph, Subgraph


def drop_names(graph: Graph) -> Graph:
    """Tensors lose their names, but those that a signature names: no runner looks for another, and
    variables are known by the shared name in their VAR_HANDLE. What the file computes is the same,
    and tensors of one shape become equal in it. The memory map of the report is made before.
    """
    ends: dict[int, set[int]] = {}
    for signature in graph.signatures.values():
        kept = ends.setdefault(signature.subgraph, set())
        kept |= {*signature.inputs.values(), *signature.outputs.values()}
    subgraphs = (_drop(s, ends.get(i, set())) for i, s in enumerate(graph.subgraphs))
    return replace(graph, subgraphs=tuple(subgraphs))


def _drop(subgraph: Subgraph, kept: set[int]) -> Subgraph:
    tensors = (t if i in kept else replace(t, name="") for i, t in enumerate(subgraph.tensors))
    return replace(subgraph, tensors=tuple(tensors))
