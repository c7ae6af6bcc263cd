# SPDX-License-Identifier: Apache-2.0
"""Cycles of one operator under a plan: its tiles computed, and moved, one hiding the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.gap9.machine import Costs, Machine
from converters.gap9.port import tiling, traffic
from converters.gap9.works import Index, Operand, TilePlan, Work

L2_STALL = 6.0
"""How much slower cores are where some of their data is in L2."""


@dataclass(frozen=True)
class Cycles:
    """Of one run of an operator. ``total`` is less than the sum where transfers are hidden."""

    compute: float
    l2: float
    l3: float
    launch: float
    total: float
    l2_bytes: float
    l3_bytes: float


def pieces(size: int, tile: int) -> int:
    return -(-size // tile)


def footprint(work: Work, plan: TilePlan, machine: Machine) -> int:
    """Bytes of L1."""
    if work.ported:
        return tiling(work, plan, machine).bytes
    tiles = dict(zip(plan.order, plan.tiles, strict=True))
    total = 0
    for operand in work.operands:
        size = operand.item * math.prod(
            index.extent(tiles.get(index.loop or "", 1)) for index in operand.indices
        )
        total += plan.buffers * -(-size // machine.alignment) * machine.alignment
    return total


def _swept(index: Index, tile: int, size: int) -> int:
    """Elements along an axis, summed over the tiles of its loop: overlaps count every time."""
    if index.loop is None:
        return index.size
    whole, rest = divmod(size, tile)
    return whole * index.extent(tile) + (index.extent(rest) if rest else 0)


def moved(work: Work, plan: TilePlan, operand: Operand) -> tuple[float, int]:
    """(bytes, transfers) of an operand: it stays while only loops turn that it does not know."""
    sizes = work.sizes
    counts = {loop: pieces(sizes[loop], plan.tile(loop)) for loop in plan.order}
    mine = operand.loops()
    turning = [loop for loop in plan.order if counts[loop] > 1]
    deepest = max((i for i, loop in enumerate(turning) if loop in mine), default=-1)
    repeats = math.prod(counts[loop] for loop in turning[: deepest + 1] if loop not in mine)
    swept = math.prod(
        _swept(index, plan.tile(index.loop), sizes[index.loop]) if index.loop else index.size
        for index in operand.indices
    )
    transfers = math.prod(counts[loop] for loop in turning[: deepest + 1])
    return float(operand.item * swept * repeats), transfers


def tile_count(work: Work, plan: TilePlan) -> int:
    sizes = work.sizes
    return math.prod(pieces(sizes[loop], plan.tile(loop)) for loop in plan.order)


@dataclass(frozen=True)
class Load:
    """What an operator does under a plan, before it has a price.

    ``instructions`` and ``gathered`` of the busiest core; ``replicated`` of every core; bytes and
    transfers between L2 and L1, in and out, and those that nothing hides.
    """

    instructions: float
    gathered: float
    replicated: float
    fpu_cycles: float
    into: tuple[float, int]
    out: tuple[float, int]
    tiles: int
    buffers: int
    in_l1: bool
    waited: tuple[float, int] = (0.0, 0)
    launches: int = 1
    far: bool = False


def _port_load(work: Work, plan: TilePlan, machine: Machine) -> Load:
    """As the port runs it: on one core where no tile fits."""
    if not plan.in_l1:
        return Load(work.instructions, 0.0, 0.0, work.macs, (0.0, 0), (0.0, 0), 1, 1, in_l1=False)
    tiles = tiling(work, plan, machine)
    moving = traffic(work, tiles)
    share = tiles.rounds * tiles.units / work.sizes.get(tiles.by, 1)
    transfers = (-(-count // tiles.cores) for _, count in (moving.hidden, moving.waited))
    return Load(
        instructions=work.instructions * share,
        gathered=0.0,
        replicated=0.0,
        fpu_cycles=work.macs * share * max(1.0, tiles.cores / machine.fpus),
        into=(float(moving.hidden[0]), next(transfers)),
        out=(0.0, 0),
        tiles=tiles.rounds,
        buffers=tiles.slots,
        in_l1=True,
        waited=(float(moving.waited[0]), next(transfers)),
        launches=tiles.forks,
        far=tiles.far,
    )


def load(work: Work, plan: TilePlan, machine: Machine) -> Load:
    """Cores share the turns of the parallel loops of each tile; some idle in the last round."""
    if work.ported:
        return _port_load(work, plan, machine)
    sizes = work.sizes
    rounds, turns = 1, work.shares
    for loop in work.parallel:
        size, tile = sizes[loop], plan.tile(loop) if plan.in_l1 else sizes[loop]
        rounds *= pieces(size, tile)
        turns *= tile
    whole = work.shares * math.prod(sizes[loop] for loop in work.parallel)
    # The last tiles are smaller and are charged as if they were not.
    share = rounds * pieces(turns, machine.cores) / max(whole, 1)
    into, out = (0.0, 0), (0.0, 0)
    if plan.in_l1:
        for operand in work.operands:
            size_moved, transfers = moved(work, plan, operand)
            if operand.is_output:
                out = (out[0] + size_moved, out[1] + transfers)
            else:
                into = (into[0] + size_moved, into[1] + transfers)
    return Load(
        instructions=work.instructions * share,
        gathered=work.gathered * share,
        # Every tile of filters gathers its pixels anew, on every core.
        replicated=work.replicated * rounds,
        fpu_cycles=work.macs / machine.fpus,
        into=into,
        out=out,
        tiles=tile_count(work, plan) if plan.in_l1 else 1,
        buffers=plan.buffers,
        in_l1=plan.in_l1,
    )


def priced(given: Load, costs: Costs, *, l3_bytes: float = 0.0, hides_l3: bool = False) -> Cycles:
    """``l3_bytes``: what has to come from or go to L3; ``hides_l3``: while others compute."""
    gathered = given.gathered + given.replicated
    issue = costs.cpi * (given.instructions + costs.gather * gathered)
    compute = (1.0 if given.in_l1 and not given.far else L2_STALL) * max(issue, given.fpu_cycles)
    into, out, waited = (
        size / costs.l2_bytes + costs.dma_setup * transfers
        for size, transfers in (given.into, given.out, given.waited)
    )
    l3 = l3_bytes / costs.l3_bytes
    n = given.tiles
    if given.buffers > 1 and n > 1:
        steady = max(compute, into + out) * (n - 1) / n
        busy = into / n + steady + compute / n + out / n
    else:
        busy = into + compute + out
    busy += waited
    launch = given.launches * costs.launch
    total = launch + (max(busy, l3) if hides_l3 else busy + l3)
    moved_bytes = given.into[0] + given.out[0] + given.waited[0]
    return Cycles(compute, into + out + waited, l3, launch, total, moved_bytes, l3_bytes)


def cycles(
    work: Work,
    plan: TilePlan,
    machine: Machine,
    costs: Costs,
    *,
    l3_bytes: float = 0.0,
    hides_l3: bool = False,
) -> Cycles:
    return priced(load(work, plan, machine), costs, l3_bytes=l3_bytes, hides_l3=hides_l3)
