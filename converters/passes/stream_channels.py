# SPDX-License-Identifier: Apache-2.0
"""Run chains of large tensors depth first: a few channels go through all of a chain before the
next ones.

A chain is a set of ops that are joined by tensors they can take slice by slice. Its largest tensors
then exist a few lines at a time; what other ops need whole is stored, and what the backward half
needs of the forward half is computed again (see ``loops``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import gcd

from converters.graph import FETCH, Graph, Subgraph
from converters.passes.commit_last import UPDATES
from converters.passes.loops import Loop, split, with_bodies
from converters.passes.slicing import Pattern, Result, first_axis, pattern
from converters.passes.without_unused import UNUSED, with_bodies_numbered


@dataclass(frozen=True)
class Chain:
    """``outputs``: the first output of each of its ops; tensors keep their numbers when other
    chains are split. ``channels``: how many slices it can have at most.
    """

    outputs: tuple[int, ...]
    channels: int


@dataclass(frozen=True)
class Sliced:
    """A chain that runs in loops of ``count``; in none, if that is 1. ``kept``: tensors to be
    stored whole instead of computed again.
    """

    chain: Chain
    count: int
    kept: frozenset[int] = frozenset()


def stream_channels(graph: Graph, index: int, chosen: Sequence[Sliced], *, depth: int) -> Graph:
    """Subgraph ``index``, itself inside ``depth`` loops, with some of its chains in loops. Bodies
    have the same numbers whatever the counts: one that there is not is ``UNUSED``.
    """
    subgraph, first_body = graph.subgraphs[index], len(graph.subgraphs)
    key = (stream_channels, tuple(chosen), depth)
    looped, bodies = subgraph.once(key, lambda: _looped(subgraph, chosen, depth))
    outer = looped.once(
        (stream_channels, first_body), lambda: _numbered(looped, first_body - _FIRST_BODY)
    )
    return with_bodies(graph, index, outer, bodies)


_FIRST_BODY = 1 << 20
"""Number of a subgraph's first body, until it is known where in a graph it comes."""


def _looped(
    outer: Subgraph, chosen: Sequence[Sliced], depth: int
) -> tuple[Subgraph, list[Subgraph]]:
    bodies: list[Subgraph] = []
    for sliced in chosen:
        if sliced.count == 1:
            whole = Sliced(sliced.chain, sliced.chain.channels)
            bodies += [UNUSED] * len(_split(outer, whole, len(bodies), depth)[1])
        else:
            outer, made = _split(outer, sliced, len(bodies), depth)
            bodies += made
    return outer, bodies


def _split(
    subgraph: Subgraph, sliced: Sliced, before: int, depth: int
) -> tuple[Subgraph, list[Subgraph]]:
    def made() -> tuple[Subgraph, list[Subgraph]]:
        loop = _loop(subgraph, sliced.chain, sliced.count, depth=depth, kept=sliced.kept)
        return split(subgraph, loop, first_body=_FIRST_BODY + before)

    return subgraph.once((_split, sliced, before, depth), made)


def _numbered(subgraph: Subgraph, by: int) -> Subgraph:
    """With the bodies of new loops ``by`` numbers on."""
    return with_bodies_numbered(subgraph, lambda n: n if n < _FIRST_BODY else n + by)


def _loop(
    subgraph: Subgraph, chain: Chain, count: int, *, depth: int, kept: Collection[int]
) -> Loop:
    members = set(chain.outputs)
    patterns = {}
    for i, op in enumerate(subgraph.ops):
        found = pattern(op, subgraph.tensors, count) if members & set(op.outputs[:1]) else None
        if found is not None:
            patterns[i] = found
    name = f"{subgraph.name}_channels"
    return Loop(patterns, count, name, depth=depth, channels=True, kept=kept)


def chains(subgraph: Subgraph, at_least: int) -> list[Chain]:
    """The chains through tensors of ``at_least`` bytes, in the order of their first ops."""
    possible = subgraph.once(chains, lambda: _possible(subgraph))
    members = {i: found for i, (found, largest) in possible.items() if largest >= at_least}
    return _joined(subgraph, members)


def _possible(subgraph: Subgraph) -> dict[int, tuple[Pattern, int]]:
    """Ops that can run slice by slice, and the bytes of their largest tensor that is cut."""
    members: dict[int, tuple[Pattern, int]] = {}
    # A sample is there as a whole, in its buffer or where the application has it.
    fetched = {t for op in subgraph.ops if op.kind == FETCH for t in op.outputs}
    updated = _updated(subgraph)
    for i in range(len(subgraph.ops)):
        # Two slices or more; how many is seen when all members are known.
        found = _widest(subgraph, i)
        if found is None or found.result is Result.SUM and not _shrinks(subgraph, i):
            continue
        cut = set(_cut(subgraph, i, found)) - fetched
        if _computed(subgraph, i) and not updated & set(cut):
            members[i] = found, max((subgraph.tensors[t].bytes for t in cut), default=0)
    return members


def _updated(subgraph: Subgraph) -> set[int]:
    """New weights, and what is made of them: they lie in the variables."""
    found: set[int] = set()
    for op in subgraph.ops:
        if op.kind.startswith(UPDATES) or found & set(op.inputs):
            found |= set(op.outputs)
    return found


def _widest(subgraph: Subgraph, i: int) -> Pattern | None:
    op = subgraph.ops[i]
    sizes = {_lines(subgraph, t) for t in (*op.inputs, *op.outputs) if t >= 0}
    for count in sorted((n for n in sizes if n > 1), reverse=True):
        found = pattern(op, subgraph.tensors, count)
        if found is not None:
            return found
    return None


def _lines(subgraph: Subgraph, t: int) -> int:
    shape = subgraph.tensors[t].shape
    axis = first_axis(shape)
    return 1 if axis is None else shape[axis]


def _shrinks(subgraph: Subgraph, i: int) -> bool:
    """Whether what it sums up is small beside what it reads."""
    op = subgraph.ops[i]
    read = max(subgraph.tensors[t].bytes for t in op.inputs)
    return 4 * sum(subgraph.tensors[t].bytes for t in op.outputs) <= read


def _computed(subgraph: Subgraph, i: int) -> bool:
    """Not a view of an input: that costs nothing and has to stay whole for others."""
    op = subgraph.ops[i]
    return not (op.kind == "RESHAPE" and op.inputs[0] in subgraph.inputs)


def _cut(subgraph: Subgraph, i: int, found: Pattern) -> list[int]:
    op = subgraph.ops[i]
    cut = [t for t, sliced in zip(op.inputs, found.sliced, strict=True) if sliced]
    return cut + (list(op.outputs) if found.result is Result.MAP else [])


def _joined(subgraph: Subgraph, members: dict[int, Pattern]) -> list[Chain]:
    group = {i: i for i in members}

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    toucher: dict[int, int] = {}
    for i, found in members.items():
        for t in _cut(subgraph, i, found):
            if t in toucher:
                a, b = sorted((root(toucher[t]), root(i)))
                group[b] = a
            toucher[t] = i
    result = []
    for first in sorted({root(i) for i in members}):
        inside = [i for i in members if root(i) == first]
        channels = 0
        for i in inside:
            for t in _cut(subgraph, i, members[i]):
                channels = gcd(channels, _lines(subgraph, t))
        if channels > 1:
            result.append(Chain(tuple(subgraph.ops[i].outputs[0] for i in inside), channels))
    return result
