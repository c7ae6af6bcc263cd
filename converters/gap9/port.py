# SPDX-License-Identifier: Apache-2.0
"""How ``tflm_train/cluster`` runs an operator of a converted model, and what that costs.

Cores have tiles of their own: units of the last loop of a plan. Of the loop before it each turn is
a fork, or there is one with all turns. What no tile cuts is in L1 once, or stays in L2 where it
would take too much; workspaces are there once a core.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from converters.gap9.machine import Machine
from converters.gap9.port_nests import SAMPLE, UNIT
from converters.gap9.works import Operand, TilePlan, Work

ALIGNMENT = 16
MOST_ROUNDS = 256
"""Tiles of a core, one behind the other."""


@dataclass(frozen=True)
class Tiling:
    """As tiled_op.h has it; ``forks``: how many turns the other loop has. Bytes."""

    by: str
    cores: int
    units: int
    tiles: int
    slots: int
    forks: int
    far: bool
    shared: int
    own: int
    slot: int

    @property
    def rounds(self) -> int:
        """Tiles of the busiest core in a fork."""
        return -(-self.tiles // self.cores)

    @property
    def bytes(self) -> int:
        return self.shared + self.cores * (self.own + self.slots * self.slot)


def tiling(work: Work, plan: TilePlan, machine: Machine) -> Tiling:
    """``plan``: the tile of its last loop is what all cores have at a time."""
    if not plan.order:
        return _staged(work)
    *_, by = plan.order
    size, together = work.sizes[by], plan.tile(by)
    units = -(-together // min(machine.cores, together))
    cores = -(-together // units)
    tiles = -(-size // units)
    held = {"shared": 0, "own": 0, "slot": 0}
    for operand in work.operands:
        turns = {loop: plan.tile(loop) for loop in plan.order} | {by: units}
        size_held = operand.item * math.prod(
            index.extent(1 if index.loop is None else turns[index.loop])
            for index in operand.indices
        )
        where = _where(operand, by)
        if plan.far and where == "shared":
            continue
        held[where] += -(-size_held // ALIGNMENT) * ALIGNMENT
    return Tiling(
        by=by,
        cores=cores,
        units=units,
        tiles=tiles,
        slots=plan.buffers if tiles > cores else 1,
        far=plan.far,
        forks=math.prod(-(-work.sizes[loop] // plan.tile(loop)) for loop in plan.order[:-1]),
        **held,
    )


def _staged(work: Work) -> Tiling:
    """All of it in L1, on one core; a launch, though none to others."""
    held = sum(-(-operand.bytes // ALIGNMENT) * ALIGNMENT for operand in work.operands)
    return Tiling("", 1, 1, 1, 1, 1, far=False, shared=held, own=0, slot=0)


def _where(operand: Operand, by: str) -> str:
    if operand.own:
        return "own"
    return "slot" if by in operand.loops() else "shared"


def port_plans(work: Work, machine: Machine) -> Iterator[TilePlan]:
    """Every plan that the port can obey, but those whose last round is emptier than it could be."""
    sizes = work.sizes
    if not sizes and work.staged:
        yield TilePlan((), (), 1)
    for by in sizes:
        others = [loop for loop in sizes if loop != by]
        if by == SAMPLE and others and not _by_samples(work):
            continue
        # Samples one by one, or their units all together.
        outer = [1 if loop == SAMPLE else sizes[loop] for loop in others]
        for together in _together(sizes[by], machine.cores):
            for buffers in (1, 2):
                for far in (False, True):
                    yield TilePlan((*others, by), (*outer, together), buffers, far=far)


def _by_samples(work: Work) -> bool:
    return all(o.own or SAMPLE in o.loops() for o in work.operands if o.is_output)


def _together(size: int, cores: int) -> list[int]:
    most = min(-(-size // cores), MOST_ROUNDS)
    units = {-(-size // (cores * rounds)) for rounds in range(1, most + 1)} | {1}
    return sorted({min(size, cores * u) for u in units} | set(range(1, min(cores, size) + 1)))


@dataclass(frozen=True)
class Traffic:
    """Bytes and transfers: fetched while cores compute, and while they wait."""

    hidden: tuple[int, int]
    waited: tuple[int, int]


def traffic(work: Work, tiles: Tiling) -> Traffic:
    """What the DMA moves in one run. An operand that all forks share is fetched once, unless cores
    have had other tiles of it meanwhile.
    """
    hidden, waited = [0, 0], [0, 0]
    for operand in work.operands:
        where = _where(operand, tiles.by)
        if where == "own" or (where == "shared" and tiles.far):
            continue
        stays = not operand.is_output and not operand.loops() - {tiles.by}
        if where == "shared" or tiles.tiles <= tiles.cores:
            runs = 1 if stays else tiles.forks
        else:
            runs = tiles.forks
        times = runs if stays else 1
        into = waited if operand.is_output or where == "shared" else hidden
        into[0] += times * operand.bytes
        into[1] += runs * (1 if where == "shared" else tiles.tiles)
    return Traffic((hidden[0], hidden[1]), (waited[0], waited[1]))


def table_entry(subgraph: int, op: int, work: Work, plan: TilePlan, machine: Machine) -> str:
    """As a line of the table that the port reads."""
    found = tiling(work, plan, machine)
    by = "kUnits" if found.by == UNIT else "kSamples"
    numbers = f"{found.cores}, {found.slots}, {str(found.far).lower()}, {found.units}"
    return f"    {{{subgraph}, {op}, CutBy::{by}, {numbers}}},\n"
