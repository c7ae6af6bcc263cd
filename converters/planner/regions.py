# SPDX-License-Identifier: Apache-2.0
"""Several memories of a device as one address space: its variables, then the tensors, cut into
pieces that each lie in one region.

In a region lie variables, then accumulators, then tensors. In the address space come all variables,
then all accumulators, then all tensors, so that the plan means what it means in one arena.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from converters.planner.problem import Buffer, Problem, Solution, aligned
from converters.planner.solver import solve


@dataclass(frozen=True)
class Region:
    """``bytes`` of memory, of which the plan may take all."""

    name: str
    bytes: int


@dataclass(frozen=True)
class RegionUse:
    """What a plan takes of a region that has ``capacity`` bytes."""

    name: str
    capacity: int
    bytes: int

    @property
    def missing(self) -> int:
        return max(0, self.bytes - self.capacity)


@dataclass(frozen=True)
class Piece:
    """The address space up to ``end``, from the end of the piece before, lies in region number
    ``region``, ``shift`` bytes higher there.
    """

    end: int
    region: int
    shift: int


@dataclass(frozen=True)
class Divided:
    """Where each region's share of something begins, by region, and how much that is."""

    sizes: tuple[int, ...]

    def begin(self, region: int) -> int:
        return sum(self.sizes[:region])

    @property
    def total(self) -> int:
        return sum(self.sizes)


def usable(regions: Sequence[Region], reserved: int) -> tuple[Region, ...]:
    """What is left of them for a plan, if ``reserved`` bytes of the first are taken."""
    left = [regions[0].bytes - reserved, *(r.bytes for r in regions[1:])]
    return tuple(replace(r, bytes=max(0, n) // 16 * 16) for r, n in zip(regions, left, strict=True))


@dataclass(frozen=True)
class InRegions:
    """A packing: by buffer its region and its offset there; the height in each region."""

    places: dict[int, tuple[int, int]]
    heights: tuple[int, ...]


def pack(problem: Problem, capacities: Sequence[int], *, rounds: int) -> InRegions:
    """Hot buffers first, each in the first region that holds it; what fits nowhere is too much for
    the last one.
    """
    starts = [sum(capacities[:n]) for n in range(len(capacities))]
    if not problem.buffers:
        return InRegions({}, tuple(0 for _ in starts))
    cut = replace(problem, boundaries=tuple(start for start in starts[1:] if start > 0))
    solution = solve(cut, wanted=sum(capacities), rounds=rounds)
    places = {}
    heights = [0] * len(starts)
    for b in problem.buffers:
        offset = solution.offsets[b.id]
        region = max(n for n, start in enumerate(starts) if start <= offset)
        places[b.id] = (region, offset - starts[region])
        heights[region] = max(heights[region], offset - starts[region] + b.size)
    return InRegions(places, tuple(heights))


def without_variables(packed: InRegions, variables: Sequence[Buffer], kept: int) -> InRegions:
    """What is above a variable, which lives always, comes down by its size; the first ``kept``
    buffers are left.
    """
    below = [(packed.places[v.id], v.size) for v in variables]
    places = {}
    for n in range(kept):
        region, offset = packed.places[n]
        lower = sum(size for (r, at), size in below if r == region and at < offset)
        places[n] = (region, offset - lower)
    taken = [sum(size for (r, _), size in below if r == n) for n in range(len(packed.heights))]
    heights = tuple(h - t for h, t in zip(packed.heights, taken, strict=True))
    return InRegions(places, heights)


def on_one_line(packed: InRegions, tensors: Divided) -> Solution:
    """As offsets in the address space of the tensors."""
    offsets = {n: tensors.begin(region) + at for n, (region, at) in packed.places.items()}
    return Solution(offsets, sum(packed.heights))


def pieces_of(plain: Divided, accumulators: Divided, tensors: Divided) -> tuple[Piece, ...]:
    """The lowest first; what follows itself in its region, too, is one piece."""
    pieces: list[Piece] = []
    begin = 0
    filled = [0] * len(plain.sizes)
    for part in (plain, accumulators, tensors):
        for region, size in enumerate(part.sizes):
            if size == 0:
                continue
            shift = filled[region] - begin
            if pieces and (pieces[-1].region, pieces[-1].shift) == (region, shift):
                pieces.pop()
            pieces.append(Piece(begin + size, region, shift))
            begin += size
            filled[region] += size
    return tuple(pieces)


def as_buffers(
    sizes: dict[str, int], heats: dict[str, float], first: int, last: int
) -> list[Buffer]:
    """Variables, which live as long as anything else; numbered from ``first`` on."""
    return [
        Buffer(first + n, aligned(size), -1, last, heat=heats.get(name, 0.0))
        for n, (name, size) in enumerate(sorted(sizes.items()))
    ]
