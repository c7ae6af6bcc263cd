# SPDX-License-Identifier: Apache-2.0
"""The memory plan of a whole graph: where every tensor of every signature lies in one arena."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from converters.graph import Graph, Subgraph
from converters.planner.lifetimes import Lifetime, lifetimes
from converters.planner.minimalloc import NamedProblem
from converters.planner.problem import Buffer, Problem, Solution, aligned
from converters.planner.solver import ROUNDS, solve
from converters.planner.storage import Storage, assign_storage

METADATA_NAME = "biotrain_plan"
VERSION = 3
NOWHERE = -1
_FIRST_SLICE = -2
MAX_LOOPS = 2


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
class Place:
    """Where a tensor lies: ``offset``, and in a body the bytes from one iteration's to the next
    one's, by loop, the outermost first.
    """

    offset: int
    strides: tuple[int, ...] = (0,) * MAX_LOOPS

    def in_iteration(self, *iterations: int) -> int:
        return self.offset + sum(s * i for s, i in zip(self.strides, iterations, strict=False))


@dataclass(frozen=True)
class SubgraphPlan:
    """``places[i]`` is where tensor i lies, if it is in the arena. ``commit_op`` is the first op
    that may write a variable.
    """

    places: tuple[Place | None, ...]
    commit_op: int
    peak: int = 0
    lower_bound: int = 0
    spans: tuple[Span, ...] = ()

    @property
    def offsets(self) -> tuple[int, ...]:
        """Of every tensor in the first iteration of all loops, or NOWHERE."""
        return tuple(p.offset if p else NOWHERE for p in self.places)

    def words(self) -> list[int]:
        offsets: list[int] = []
        slices: list[int] = []
        for place in self.places:
            if place is None:
                offsets.append(NOWHERE)
            elif not any(place.strides):
                offsets.append(place.offset)
            else:
                offsets.append(_FIRST_SLICE - len(slices) // (1 + MAX_LOOPS))
                slices += [place.offset, *place.strides]
        n_slices = len(slices) // (1 + MAX_LOOPS)
        return [len(offsets), self.commit_op, n_slices, *offsets, *slices]


@dataclass(frozen=True)
class Plan:
    """Variables occupy [0, variable_bytes), each signature's tensors the rest of [0,
    arena_bytes). Those from ``accumulator_begin`` on are written before the loss is known.
    """

    arena_bytes: int
    variable_bytes: int
    accumulator_begin: int
    variables: dict[str, tuple[int, int]]
    subgraphs: tuple[SubgraphPlan, ...]

    @property
    def lower_bound(self) -> int:
        return self.variable_bytes + max(s.lower_bound for s in self.subgraphs)

    def to_metadata(self) -> bytes:
        """Little-endian int32 words: version, arena, variables, first accumulator, n; per
        subgraph n_tensors, commit_op, n_slices, offsets, slices.
        """
        words = [VERSION, self.arena_bytes, self.variable_bytes, self.accumulator_begin]
        words.append(len(self.subgraphs))
        for s in self.subgraphs:
            words += s.words()
        return struct.pack(f"<{len(words)}i", *words)


def make_plan(graph: Graph, *, enough: int = 0, rounds: int = ROUNDS) -> Plan:
    """Plan variables and all signatures into one arena; they never run at the same time.

    ``enough``: an arena that is small enough; ``rounds``: how long the solver tries to get there.
    """
    variables: dict[str, tuple[int, int]] = {}
    offset = 0
    early = written_early(graph)
    sizes = variable_sizes(graph)
    accumulator_begin = 0
    for name in sorted(sizes, key=lambda name: (name in early, name)):
        variables[name] = (offset, sizes[name])
        offset += aligned(sizes[name])
        if name not in early:
            accumulator_begin = offset
    init = graph.init_subgraph()
    restore = graph.signatures["restore"].subgraph if "restore" in graph.signatures else None
    bodies = graph.bodies()
    plans: dict[int, SubgraphPlan] = {}
    for i in range(len(graph.subgraphs)):
        if i not in bodies:
            plans |= _plan_signature(
                graph,
                i,
                variables,
                base=offset,
                is_init=i == init,
                restores=i == restore,
                solver=partial(solve, wanted=enough - offset, rounds=rounds),
            )
    ordered = tuple(plans[i] for i in range(len(graph.subgraphs)))
    arena = offset + max(p.peak for p in ordered)
    return Plan(arena, offset, accumulator_begin, variables, ordered)


def written_early(graph: Graph) -> frozenset[str]:
    """Variables in which a training step sums up gradients, before its loss is known: those it
    assigns more than once.
    """
    if "train" not in graph.signatures:
        return frozenset()
    subgraph = graph.subgraph_of("train")
    handles = subgraph.variable_of_handle()
    names = [handles[op.inputs[0]] for op in subgraph.ops if op.kind == "ASSIGN_VARIABLE"]
    return frozenset(name for name in names if names.count(name) > 1)


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


def _plan_signature(
    graph: Graph,
    index: int,
    variables: dict[str, tuple[int, int]],
    *,
    base: int,
    is_init: bool,
    restores: bool,
    solver: Callable[[Problem], Solution],
) -> dict[int, SubgraphPlan]:
    """The plans of a subgraph and of the bodies of its loops, in one packing."""
    subgraph = graph.subgraphs[index]
    storage = assign_storage(subgraph, restores=restores, bodies=graph.subgraphs)
    packed = lifetimes(graph, subgraph, storage)
    problem = _problem(packed)
    solution = solver(problem) if packed else None
    start = {}
    spans = []
    for n, p in enumerate(packed):
        assert solution is not None
        offset = base + solution.offsets[n]
        start[id(p.group)] = offset
        name = p.subgraph.tensors[p.group.tensors[0]].name
        spans.append(Span(name, offset, p.group.size, p.first, p.last))
    plans: dict[int, SubgraphPlan] = {}
    commit = NOWHERE if is_init else _commit_op(subgraph, storage, written_early(graph))

    def place(index: int, storage: Storage, ends: list[Place | None], depth: int) -> None:
        subgraph = graph.subgraphs[index]
        places: list[Place | None] = [None] * len(subgraph.tensors)
        for group in storage.groups:
            if group.variable is not None:
                found: Place | None = Place(variables[group.variable][0])
            elif group.end is not None:
                found = ends[group.end]
            elif group.elsewhere:
                found = None
            else:
                found = Place(start[id(group)])
            for t in group.tensors:
                places[t] = found
        for handle, variable in subgraph.variable_of_handle().items():
            places[handle] = Place(variables[variable][0])
        plans[index] = SubgraphPlan(tuple(places), NOWHERE)
        for i, body in storage.bodies.items():
            op = subgraph.ops[i]
            inner = graph.subgraphs[op.options["subgraph"]]
            pairs = zip((*op.inputs, *op.outputs), (*inner.inputs, *inner.outputs), strict=True)
            places_of_ends = [
                _slice(places[t], subgraph.tensors[t].bytes, inner.tensors[u].bytes, depth)
                for t, u in pairs
            ]
            place(op.options["subgraph"], body, places_of_ends, depth + 1)

    place(index, storage, [], 0)
    plans[index] = replace(
        plans[index],
        commit_op=commit,
        peak=solution.height if solution else 0,
        lower_bound=problem.lower_bound(),
        spans=tuple(spans),
    )
    return plans


def _problem(packed: list[Lifetime]) -> Problem:
    return Problem(
        tuple(Buffer(n, aligned(p.group.size), p.first, p.last) for n, p in enumerate(packed))
    )


def problem_of(graph: Graph, key: str) -> NamedProblem:
    """What is packed for a signature: all but variables. Buffers are called
    ``<subgraph>:<tensor>`` after the first of their tensors.
    """
    subgraph = graph.subgraph_of(key)
    storage = assign_storage(subgraph, restores=key == "restore", bodies=graph.subgraphs)
    packed = lifetimes(graph, subgraph, storage)
    number = {id(s): n for n, s in enumerate(graph.subgraphs)}
    names = tuple(f"{number[id(p.subgraph)]}:{p.group.tensors[0]}" for p in packed)
    return NamedProblem(_problem(packed), names)


def _slice(outer: Place | None, outer_bytes: int, bytes_: int, depth: int) -> Place | None:
    """Where a body finds its slice of a tensor; all of it, if it has the same size."""
    if outer is None or outer_bytes == bytes_:
        return outer
    strides = list(outer.strides)
    strides[depth] = bytes_
    return Place(outer.offset, tuple(strides))


def _commit_op(subgraph: Subgraph, storage: Storage, early: frozenset[str]) -> int:
    arrived = [storage.group_of[t] for t in subgraph.inputs if t in storage.group_of]
    if any(group.variable is not None for group in arrived):
        # A state that is given in the memory of the variables is there before any op.
        idle = ("CALL_ONCE", "VAR_HANDLE")
        return next(i for i, op in enumerate(subgraph.ops) if op.kind not in idle)
    handles = subgraph.variable_of_handle()
    for i, op in enumerate(subgraph.ops):
        if op.kind in ("VAR_HANDLE", "READ_VARIABLE", "RESHAPE", "EXPAND_DIMS", "SQUEEZE"):
            continue
        groups = [storage.group_of.get(t) for t in op.outputs]
        written = {g.variable for g in groups if g is not None and g.variable is not None}
        if op.kind == "ASSIGN_VARIABLE":
            written.add(handles[op.inputs[0]])
        if written - early:
            return i
    return NOWHERE
