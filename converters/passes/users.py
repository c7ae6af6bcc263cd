# SPDX-License-Identifier: Apache-2.0
"""Who reads and who makes the tensors of a subgraph, for passes that replace a few ops."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from converters.graph import Op, Subgraph

_VIEWS = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE"})


class Users:
    """Of one subgraph, as it is before a rewrite; ops are their indices."""

    def __init__(self, subgraph: Subgraph) -> None:
        self._outputs = frozenset(subgraph.outputs)
        self._readers: dict[int, list[int]] = {}
        self._ops = subgraph.ops
        for i, op in enumerate(subgraph.ops):
            for t in op.inputs:
                self._readers.setdefault(t, []).append(i)

    def of(self, tensor: int) -> list[int]:
        """Ops that read the tensor, once for every time they do."""
        return self._readers.get(tensor, [])

    def leaves(self, tensor: int) -> bool:
        """Whether the tensor is a result of the subgraph."""
        return tensor in self._outputs

    def only(self, tensor: int, kind: str) -> int | None:
        """The one op that reads the tensor, if it is of that kind and nothing else does."""
        readers = self.of(tensor)
        alone = len(readers) == 1 and not self.leaves(tensor)
        return readers[0] if alone and self._ops[readers[0]].kind == kind else None


def waits_for(subgraph: Subgraph, users: Users, forward: Collection[int], tensor: int) -> set[int]:
    """The ops besides those of ``forward`` that read a tensor, or a view of it."""
    found: set[int] = set()
    for i in users.of(tensor):
        if i not in forward:
            found.add(i)
        if subgraph.ops[i].kind in _VIEWS:
            for view in subgraph.ops[i].outputs:
                found |= waits_for(subgraph, users, forward, view)
    return found


def with_ops(subgraph: Subgraph, changed: Mapping[int, Op], gone: Collection[int]) -> Subgraph:
    """The subgraph with some ops changed, in their places, and some gone."""
    ops = tuple(changed.get(i, op) for i, op in enumerate(subgraph.ops) if i not in gone)
    return replace(subgraph, ops=ops)
