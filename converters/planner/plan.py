# SPDX-License-Identifier: Apache-2.0
"""The memory plan of a whole graph: where every tensor of every signature lies in one arena."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from converters.graph import Graph, Subgraph
from converters.planner.problem import Buffer, Problem, aligned
from converters.planner.solver import solve
from converters.planner.storage import Storage, assign_storage

METADATA_NAME = "biotrain_plan"
VERSION = 2
NOWHERE = -1


@dataclass(frozen=True)
class Span:
    """One line of the memory map: bytes [offset, offset + size) hold ``name`` while ops
    first..last run.
    """

    name: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class SubgraphPlan:
    """``offsets[i]`` is where tensor i lies, or NOWHERE. ``commit_op`` is the first op that may
    write a variable.
    """

    offsets: tuple[int, ...]
    commit_op: int
    peak: int
    lower_bound: int
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Plan:
    """Variables occupy [0, variable_bytes), each signature's tensors the rest of [0,
    arena_bytes).
    """

    arena_bytes: int
    variable_bytes: int
    variables: dict[str, tuple[int, int]]
    subgraphs: tuple[SubgraphPlan, ...]

    @property
    def lower_bound(self) -> int:
        return self.variable_bytes + max(s.lower_bound for s in self.subgraphs)

    def to_metadata(self) -> bytes:
        """Little-endian int32 words: version, arena, variables, n; per subgraph n_tensors,
        commit_op, offsets.
        """
        words = [VERSION, self.arena_bytes, self.variable_bytes, len(self.subgraphs)]
        for s in self.subgraphs:
            words += [len(s.offsets), s.commit_op, *s.offsets]
        return struct.pack(f"<{len(words)}i", *words)


def make_plan(graph: Graph) -> Plan:
    """Plan variables and all signatures into one arena; they never run at the same time."""
    variables: dict[str, tuple[int, int]] = {}
    offset = 0
    for name, size in sorted(variable_sizes(graph).items()):
        variables[name] = (offset, size)
        offset += aligned(size)
    init = graph.init_subgraph()
    restore = graph.signatures["restore"].subgraph if "restore" in graph.signatures else None
    plans = tuple(
        _plan_subgraph(s, variables, base=offset, is_init=i == init, restores=i == restore)
        for i, s in enumerate(graph.subgraphs)
    )
    return Plan(offset + max(p.peak for p in plans), offset, variables, plans)


def variable_sizes(graph: Graph) -> dict[str, int]:
    """Bytes of each variable, from the tensors read from it or assigned to it."""
    sizes: dict[str, int] = {}
    for subgraph in graph.subgraphs:
        handles = subgraph.variable_of_handle()
        for op in subgraph.ops:
            if op.kind == "READ_VARIABLE":
                sizes[handles[op.inputs[0]]] = subgraph.tensors[op.outputs[0]].bytes
            elif op.kind == "ASSIGN_VARIABLE":
                sizes[handles[op.inputs[0]]] = subgraph.tensors[op.inputs[1]].bytes
    return sizes


def _plan_subgraph(
    subgraph: Subgraph,
    variables: dict[str, tuple[int, int]],
    *,
    base: int,
    is_init: bool,
    restores: bool,
) -> SubgraphPlan:
    storage = assign_storage(subgraph, restores=restores)
    packed = [g for g in storage.groups if g.variable is None]
    problem = Problem(
        tuple(Buffer(i, aligned(g.size), g.first, g.last) for i, g in enumerate(packed))
    )
    solution = solve(problem) if packed else None
    offsets = [NOWHERE] * len(subgraph.tensors)
    spans = []
    for group in storage.groups:
        if group.variable is not None:
            start = variables[group.variable][0]
        else:
            assert solution is not None
            start = base + solution.offsets[next(i for i, g in enumerate(packed) if g is group)]
            name = subgraph.tensors[group.tensors[0]].name
            spans.append(Span(name, start, group.size, group.first, group.last))
        for t in group.tensors:
            offsets[t] = start
    for handle, variable in subgraph.variable_of_handle().items():
        offsets[handle] = variables[variable][0]
    commit = NOWHERE if is_init else _commit_op(subgraph, storage)
    peak = solution.height if solution else 0
    return SubgraphPlan(tuple(offsets), commit, peak, problem.lower_bound(), tuple(spans))


def _commit_op(subgraph: Subgraph, storage: Storage) -> int:
    arrived = [storage.group_of[t] for t in subgraph.inputs if t in storage.group_of]
    if any(group.variable is not None for group in arrived):
        # A state that is given in the memory of the variables is there before any op.
        idle = ("CALL_ONCE", "VAR_HANDLE")
        return next(i for i, op in enumerate(subgraph.ops) if op.kind not in idle)
    for i, op in enumerate(subgraph.ops):
        if op.kind in ("VAR_HANDLE", "READ_VARIABLE", "RESHAPE", "EXPAND_DIMS", "SQUEEZE"):
            continue
        groups = [storage.group_of.get(t) for t in op.outputs]
        if op.kind == "ASSIGN_VARIABLE" or any(
            g is not None and g.variable is not None for g in groups
        ):
            return i
    return NOWHERE
