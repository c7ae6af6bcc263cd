# SPDX-License-Identifier: Apache-2.0
"""From a subgraph to what is to be packed, and from a packing back to places of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from converters.graph import Graph, Same, Subgraph, bodies_under
from converters.planner.lifetimes import Lifetime, lifetimes
from converters.planner.places import NOWHERE, Place, Span, SubgraphPlan
from converters.planner.problem import Buffer, Problem, Solution, aligned
from converters.planner.solver import solve
from converters.planner.storage import Storage, assign_storage


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
        sizes |= subgraph.once(variable_sizes, partial(_variable_sizes, subgraph))
    return sizes


def _variable_sizes(subgraph: Subgraph) -> dict[str, int]:
    sizes: dict[str, int] = {}
    handles = subgraph.variable_of_handle()
    for op in subgraph.ops:
        if op.kind == "READ_VARIABLE":
            sizes[handles[op.inputs[0]]] = subgraph.tensors[op.outputs[0]].bytes
        elif op.kind == "ASSIGN_VARIABLE":
            sizes[handles[op.inputs[0]]] = subgraph.tensors[op.inputs[1]].bytes
    return sizes


@dataclass(frozen=True)
class Packed:
    """What is to be packed of a signature and the bodies of its loops."""

    storage: Storage
    lifetimes: list[Lifetime]
    problem: Problem
    solutions: dict[tuple[int, int], Solution] = field(default_factory=dict, compare=False)
    """Those that are known, by ``wanted`` and ``rounds``."""

    @cached_property
    def lower_bound(self) -> int:
        return self.problem.lower_bound()

    def solution(self, *, wanted: int, rounds: int) -> Solution | None:
        """As ``solve``; None, if there is nothing to pack."""
        if not self.lifetimes:
            return None
        if (wanted, rounds) not in self.solutions:
            self.solutions[wanted, rounds] = solve(self.problem, wanted=wanted, rounds=rounds)
        return self.solutions[wanted, rounds]


def to_pack(graph: Graph, index: int, *, restores: bool) -> Packed:
    subgraph = graph.subgraphs[index]

    def made() -> Packed:
        storage = assign_storage(subgraph, restores=restores, bodies=graph.subgraphs)
        packed = lifetimes(graph, subgraph, storage)
        return Packed(storage, packed, _problem(packed))

    return subgraph.once((to_pack, restores, Same(bodies_under(subgraph, graph.subgraphs))), made)


def _problem(packed: list[Lifetime]) -> Problem:
    return Problem(
        tuple(Buffer(n, aligned(p.group.size), p.first, p.last) for n, p in enumerate(packed))
    )


def placed(
    graph: Graph,
    packed: Mapping[int, Packed],
    variables: Mapping[str, tuple[int, int]],
    base: int,
    solutions: Mapping[int, Solution | None],
) -> tuple[SubgraphPlan, ...]:
    """Every tensor of every subgraph where its group is; ``base``: where those of signatures
    begin.
    """
    init, early = graph.init_subgraph(), written_early(graph)
    plans: dict[int, SubgraphPlan] = {}
    for i, part in packed.items():
        plans |= _plan_signature(
            graph,
            i,
            part,
            variables,
            base=base,
            is_init=i == init,
            early=early,
            solution=solutions[i],
        )
    return tuple(plans[i] for i in range(len(graph.subgraphs)))


def _plan_signature(
    graph: Graph,
    index: int,
    part: Packed,
    variables: Mapping[str, tuple[int, int]],
    *,
    base: int,
    is_init: bool,
    early: frozenset[str],
    solution: Solution | None,
) -> dict[int, SubgraphPlan]:
    """The plans of a subgraph and of the bodies of its loops, in one packing."""
    subgraph = graph.subgraphs[index]
    start = {}
    spans = []
    for n, p in enumerate(part.lifetimes):
        assert solution is not None
        offset = base + solution.offsets[n]
        start[id(p.group)] = offset
        name = p.subgraph.tensors[p.group.tensors[0]].name
        spans.append(Span(name, offset, p.group.size, p.first, p.last))
    plans: dict[int, SubgraphPlan] = {}
    commit = NOWHERE if is_init else _commit_op(subgraph, part.storage, early)

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

    place(index, part.storage, [], 0)
    plans[index] = replace(
        plans[index],
        commit_op=commit,
        peak=solution.height if solution else 0,
        lower_bound=part.lower_bound,
        spans=tuple(spans),
    )
    return plans


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
