# SPDX-License-Identifier: Apache-2.0
"""What runs of a plan: the parts of the operator, and where buffers lie in L1."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from converters.gap9.machine import Machine
from converters.gap9.port import ALIGNMENT, Tiling
from converters.gap9.works import TilePlan, Work


@dataclass(frozen=True)
class Buffer:
    """Of the operand at that place among the operator's, its copy of that number."""

    operand: int
    copy: int
    offset: int
    bytes: int


def parts(work: Work, plan: TilePlan) -> list[dict[str, tuple[int, int]]]:
    """Ranges of the loops, first to last plus one, of every tile in the order they run."""
    return _parts(work, {loop: plan.tile(loop) for loop in plan.order})


def _parts(work: Work, tiles: dict[str, int]) -> list[dict[str, tuple[int, int]]]:
    sizes = work.sizes
    starts = [range(0, sizes[loop], tile) for loop, tile in tiles.items()]
    return [
        {
            loop: (first, min(first + tile, sizes[loop]))
            for (loop, tile), first in zip(tiles.items(), corner, strict=True)
        }
        for corner in itertools.product(*starts)
    ]


def port_parts(work: Work, plan: TilePlan, tiles: Tiling) -> list[dict[str, tuple[int, int]]]:
    """Of every tile of every core."""
    return _parts(work, {loop: plan.tile(loop) for loop in plan.order} | {tiles.by: tiles.units})


def port_buffers(work: Work, plan: TilePlan, tiles: Tiling) -> list[Buffer]:
    """As tflm_train/cluster lays them out: what all cores see, then core by core."""
    turns = {loop: plan.tile(loop) for loop in plan.order} | {tiles.by: tiles.units}
    sizes = [
        operand.item
        * math.prod(i.extent(1 if i.loop is None else turns[i.loop]) for i in operand.indices)
        for operand in work.operands
    ]
    cut = [tiles.by in operand.loops() for operand in work.operands]
    shared = [at for at, o in enumerate(work.operands) if not o.own and not cut[at]]
    shared = [] if tiles.far else shared
    own = [at for at, o in enumerate(work.operands) if o.own]
    slot = [at for at, _ in enumerate(work.operands) if cut[at]]
    found: list[Buffer] = []
    offset = 0
    for copy, at in [
        *((0, at) for at in shared),
        *(
            (core * tiles.slots + copy, at)
            for core in range(tiles.cores)
            for copy, held in enumerate([own + slot] + [slot] * (tiles.slots - 1))
            for at in held
        ),
    ]:
        found.append(Buffer(at, copy, offset, sizes[at]))
        offset += -(-sizes[at] // ALIGNMENT) * ALIGNMENT
    return found


def buffers(work: Work, plan: TilePlan, machine: Machine) -> list[Buffer]:
    """One behind the other; none where the operator runs in L2."""
    found: list[Buffer] = []
    offset = 0
    for at, operand in enumerate(work.operands if plan.in_l1 else ()):
        size = operand.item * math.prod(
            index.extent(1 if index.loop is None else plan.tile(index.loop))
            for index in operand.indices
        )
        for copy in range(plan.buffers):
            found.append(Buffer(at, copy, offset, size))
            offset += -(-size // machine.alignment) * machine.alignment
    return found
