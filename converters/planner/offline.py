# SPDX-License-Identifier: Apache-2.0
"""A memory plan that stock TFLM honours: metadata ``OfflineMemoryAllocation``.

TFLM gives every tensor of every subgraph a place of its own in the head of its arena, and copies
what an IF hands to its branches and back. Its clock ticks once an op and enters the branches in the
middle of their IF. It ignores the first two words, and takes the offsets of all subgraphs in a row;
-1 is for what it places itself: handles of variables, and workspace of its kernels.
See tensorflow/lite/micro/docs/memory_management.md of tflite-micro.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from converters.graph import Graph, Op
from converters.planner.problem import Buffer, Problem, aligned
from converters.planner.solver import solve

METADATA_NAME = "OfflineMemoryAllocation"
VERSION = 1
AT_RUNTIME = -1


@dataclass(frozen=True)
class OfflinePlan:
    """``offsets[s][t]`` of tensor t of subgraph s; ``head_bytes``: what they take together."""

    offsets: tuple[tuple[int, ...], ...]
    head_bytes: int
    lower_bound: int

    def to_metadata(self) -> bytes:
        """Little-endian int32 words: version, subgraphs, offsets that follow, the offsets."""
        flat = [offset for part in self.offsets for offset in part]
        words = [VERSION, len(self.offsets), len(flat), *flat]
        return struct.pack(f"<{len(words)}i", *words)


def offline_plan(graph: Graph) -> OfflinePlan:
    """Subgraph 0 with all that it calls; others, which TFLM cannot enter, each for itself."""
    offsets = [[AT_RUNTIME] * len(subgraph.tensors) for subgraph in graph.subgraphs]
    seen: set[int] = set()
    head = bound = 0
    for root in range(len(graph.subgraphs)):
        if root in seen:
            continue
        clock = _Clock(graph, frozenset(seen))
        clock.run(root)
        seen |= clock.entered
        keys = sorted(clock.first)
        sizes = [graph.subgraphs[s].tensors[t].bytes for s, t in keys]
        buffers = [
            Buffer(n, aligned(size), clock.first[key], clock.last[key])
            for n, (key, size) in enumerate(zip(keys, sizes, strict=True))
        ]
        if not buffers:
            continue
        problem = Problem(tuple(buffers))
        solution = solve(problem)
        for n, (s, t) in enumerate(keys):
            offsets[s][t] = solution.offsets[n]
        head, bound = max(head, solution.height), max(bound, problem.lower_bound())
    return OfflinePlan(tuple(map(tuple, offsets)), head, bound)


@dataclass
class _Clock:
    """When tensors live, (subgraph, tensor) by tick, both ends included. ``planned``: subgraphs
    that have their places.
    """

    graph: Graph
    planned: frozenset[int]
    tick: int = 0
    first: dict[tuple[int, int], int] = field(default_factory=dict)
    last: dict[tuple[int, int], int] = field(default_factory=dict)
    entered: set[int] = field(default_factory=set)

    def run(self, index: int) -> None:
        if index in self.planned:
            return
        self.entered.add(index)
        subgraph = self.graph.subgraphs[index]
        self._touch(index, subgraph.inputs)
        for op in subgraph.ops:
            self.tick += 1
            self._touch(index, op.outputs)
            for inner in _called(op):
                self.tick += 1
                self.run(inner)
            self._touch(index, (*op.inputs, *op.outputs))
        self._touch(index, subgraph.outputs)

    def _touch(self, index: int, tensors: tuple[int, ...]) -> None:
        for t in tensors:
            if t < 0:
                continue
            tensor = self.graph.subgraphs[index].tensors[t]
            if tensor.data is None and tensor.bytes > 0:
                self.first.setdefault((index, t), self.tick)
                self.last[index, t] = self.tick


def _called(op: Op) -> Iterator[int]:
    if op.kind == "IF":
        yield from (op.options.thenSubgraphIndex, op.options.elseSubgraphIndex)
    elif op.kind == "WHILE":
        yield from (op.options.condSubgraphIndex, op.options.bodySubgraphIndex)
    elif op.kind == "CALL_ONCE":
        yield op.options.initSubgraphIndex
