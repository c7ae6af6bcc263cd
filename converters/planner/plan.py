# SPDX-License-Identifier: Apache-2.0
"""The memory plan of a whole graph: where every tensor of every signature lies in one arena."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from converters.graph import Graph
from converters.planner.crowds import crowded
from converters.planner.heat import heated, variable_heats
from converters.planner.minimalloc import NamedProblem
from converters.planner.placement import Packed, placed, to_pack, variable_sizes, written_early
from converters.planner.places import SubgraphPlan
from converters.planner.problem import Problem, aligned
from converters.planner.regions import (
    Divided,
    Piece,
    Region,
    RegionUse,
    as_buffers,
    on_one_line,
    pack,
    pieces_of,
    without_variables,
)
from converters.planner.solver import ROUNDS

METADATA_NAME = "biotrain_plan"
VERSION = 3
VERSION_OF_REGIONS = 4


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
    regions: tuple[RegionUse, ...] = ()
    """None: the arena is in one place."""
    pieces: tuple[Piece, ...] = ()

    @property
    def missing(self) -> int:
        """Bytes that regions are too small by."""
        return sum(region.missing for region in self.regions)

    @property
    def lower_bound(self) -> int:
        return self.variable_bytes + max(s.lower_bound for s in self.subgraphs)

    def to_metadata(self) -> bytes:
        """Little-endian int32 words: version, arena, variables, first accumulator, n; of several
        regions how many, how many pieces, bytes of each region, and (end, region, shift) of each
        piece; per subgraph n_tensors, commit_op, n_slices, offsets, slices.
        """
        version = VERSION_OF_REGIONS if self.regions else VERSION
        words = [version, self.arena_bytes, self.variable_bytes, self.accumulator_begin]
        words.append(len(self.subgraphs))
        if self.regions:
            words += [len(self.regions), len(self.pieces), *(r.bytes for r in self.regions)]
            words += [w for p in self.pieces for w in (p.end, p.region, p.shift)]
        for s in self.subgraphs:
            words += s.words()
        return struct.pack(f"<{len(words)}i", *words)


@dataclass(frozen=True)
class Needs:
    """What a plan takes, without the places of its tensors: arena and bound as in ``Plan``."""

    arena_bytes: int
    lower_bound: int
    regions: tuple[RegionUse, ...] = ()

    @property
    def missing(self) -> int:
        """Bytes that regions are too small by."""
        return sum(region.missing for region in self.regions)


def needs(
    graph: Graph, *, enough: int = 0, rounds: int = ROUNDS, regions: Sequence[Region] = ()
) -> Needs:
    """Of ``make_plan`` with the same arguments."""
    if regions:
        plan = make_plan(graph, rounds=rounds, regions=regions)
        return Needs(plan.arena_bytes, plan.lower_bound, plan.regions)
    packed = _to_pack(graph).values()
    variables = _variable_bytes(graph)
    found = [part.solution(wanted=max(0, enough - variables), rounds=rounds) for part in packed]
    peak = max(0 if solution is None else solution.height for solution in found)
    return Needs(variables + peak, least_arena(graph))


def _variable_bytes(graph: Graph) -> int:
    return sum(aligned(size) for size in variable_sizes(graph).values())


def make_plan(
    graph: Graph, *, enough: int = 0, rounds: int = ROUNDS, regions: Sequence[Region] = ()
) -> Plan:
    """Variables and all signatures in one arena; they never run at the same time.

    ``enough``: an arena that is small enough; ``rounds``: how long the solver tries to get there.
    ``regions``: several memories instead, the fastest first; ``enough`` is what they hold.
    """
    packed = _to_pack(graph)
    if regions:
        return _plan_in_regions(graph, packed, regions, rounds)
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
    solutions = {
        i: part.solution(wanted=max(0, enough - offset), rounds=rounds)
        for i, part in packed.items()
    }
    ordered = placed(graph, packed, variables, offset, solutions)
    arena = offset + max(p.peak for p in ordered)
    return Plan(arena, offset, accumulator_begin, variables, ordered)


def crowded_bodies(graph: Graph, arena_bytes: int) -> frozenset[str]:
    """In which bodies of loops (see ``crowded``) more lives at one time than such an arena holds;
    none, if ``least_arena`` is not above it.
    """
    room = arena_bytes - _variable_bytes(graph)
    found = (crowded(graph, index, part, room) for index, part in _to_pack(graph).items())
    return frozenset().union(*found)


def least_arena(graph: Graph) -> int:
    """Bytes that no plan into one arena can be below."""
    parts = _to_pack(graph).values()
    return _variable_bytes(graph) + max(part.lower_bound for part in parts)


def _to_pack(graph: Graph) -> dict[int, Packed]:
    """By subgraph; those of loops belong to the signature they run in."""
    restore = graph.signatures["restore"].subgraph if "restore" in graph.signatures else None
    bodies = graph.bodies()
    return {
        i: to_pack(graph, i, restores=i == restore)
        for i in range(len(graph.subgraphs))
        if i not in bodies
    }


def _plan_in_regions(
    graph: Graph, packed: Mapping[int, Packed], regions: Sequence[Region], rounds: int
) -> Plan:
    """Variables share the regions with the tensors of the training step, each by what it is read;
    the other signatures take what is left.
    """
    capacities = [region.bytes for region in regions]
    sizes, early = variable_sizes(graph), written_early(graph)
    first = graph.signatures["train"].subgraph if "train" in graph.signatures else min(packed)
    parts = {i: heated(graph, i, part) for i, part in packed.items()}
    own = parts[first].problem.buffers
    last = max((b.last for b in own), default=0)
    heats = variable_heats(graph, first, sizes)
    variables = as_buffers(sizes, heats, len(own), last)
    together = pack(Problem((*own, *variables)), capacities, rounds=rounds)
    found = {first: without_variables(together, variables, len(own))}
    region_of = {
        name: together.places[b.id][0] for name, b in zip(sorted(sizes), variables, strict=True)
    }
    in_region = [
        [name for name in sorted(sizes) if region_of[name] == n] for n in range(len(regions))
    ]
    taken = [sum(aligned(sizes[name]) for name in names) for names in in_region]
    left = [max(0, c - t) for c, t in zip(capacities, taken, strict=True)]
    for i, part in parts.items():
        if i != first:
            found[i] = pack(part.problem, left, rounds=rounds)

    def share(accumulates: bool) -> Divided:
        return Divided(
            tuple(
                sum(aligned(sizes[name]) for name in names if (name in early) == accumulates)
                for names in in_region
            )
        )

    plain, accumulators = share(False), share(True)
    tensors = Divided(tuple(max(p.heights[n] for p in found.values()) for n in range(len(regions))))
    places: dict[str, tuple[int, int]] = {}
    offset = 0
    for accumulates in (False, True):
        for name in (name for names in in_region for name in names):
            if (name in early) == accumulates:
                places[name] = (offset, sizes[name])
                offset += aligned(sizes[name])
    solutions = {
        i: on_one_line(found[i], tensors) if part.lifetimes else None for i, part in packed.items()
    }
    uses = tuple(
        RegionUse(region.name, region.bytes, taken[n] + tensors.sizes[n])
        for n, region in enumerate(regions)
    )
    return Plan(
        offset + tensors.total,
        offset,
        plain.total,
        places,
        placed(graph, packed, places, offset, solutions),
        uses,
        pieces_of(plain, accumulators, tensors),
    )


def problem_of(graph: Graph, key: str) -> NamedProblem:
    """What is packed for a signature: all but variables. Buffers are called
    ``<subgraph>:<tensor>`` after the first of their tensors.
    """
    part = to_pack(graph, graph.signatures[key].subgraph, restores=key == "restore")
    number = {id(s): n for n, s in enumerate(graph.subgraphs)}
    names = tuple(f"{number[id(p.subgraph)]}:{p.group.tensors[0]}" for p in part.lifetimes)
    return NamedProblem(part.problem, names)
