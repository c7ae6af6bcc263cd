# SPDX-License-Identifier: Apache-2.0
"""Tile sizes and loop orders: all of them where they are few, annealing where they are many.

The scheme is SALSA's (arXiv 2304.12931): order first, then sizes; a move swaps two loops or takes
one size a step up or down its ladder.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from functools import lru_cache

from converters.gap9.cost import cycles, footprint
from converters.gap9.machine import Costs, Machine
from converters.gap9.port import port_plans
from converters.gap9.works import TilePlan, Work

FEW = 3000
"""Plans up to which all are tried."""
MOVES = 1200
SEED = 7
_COOLING = 0.995

Objective = Callable[[TilePlan], float]


def ladder(size: int) -> list[int]:
    """Every size that makes a different number of tiles, smallest first."""
    return sorted({-(-size // count) for count in range(1, size + 1)})


def space(work: Work) -> int:
    """How many plans there are."""
    return (
        2 * math.factorial(len(work.loops)) * math.prod(len(ladder(size)) for _, size in work.loops)
    )


def every_plan(work: Work) -> Iterator[TilePlan]:
    names = [name for name, _ in work.loops]
    ladders = [ladder(size) for _, size in work.loops]
    for chosen in itertools.product(*ladders):
        by_name = dict(zip(names, chosen, strict=True))
        for order in itertools.permutations(names):
            for buffers in (1, 2):
                yield TilePlan(order, tuple(by_name[name] for name in order), buffers)


def fastest(work: Work, machine: Machine, costs: Costs) -> Objective:
    return lambda plan: cycles(work, plan, machine, costs).total


def exhaustive(work: Work, machine: Machine, objective: Objective) -> TilePlan | None:
    """The best plan of all; None where none fits."""
    plans = port_plans(work, machine) if work.ported else every_plan(work)
    fitting = (p for p in plans if footprint(work, p, machine) <= machine.l1_budget)
    return min(fitting, key=lambda p: (objective(p), p.order, p.tiles, p.buffers), default=None)


def annealed(
    work: Work, machine: Machine, objective: Objective, *, seed: int = SEED, moves: int = MOVES
) -> TilePlan | None:
    """A good plan; the same for the same seed."""
    chance = random.Random(seed)
    ladders = {name: ladder(size) for name, size in work.loops}

    def fits(plan: TilePlan) -> bool:
        return footprint(work, plan, machine) <= machine.l1_budget

    best: TilePlan | None = None
    for buffers in (1, 2):
        plan = _largest(work, machine, buffers)
        if plan is None:
            continue
        value = objective(plan)
        best_here, best_value = plan, value
        heat = 0.3 * value
        for _ in range(moves):
            other = _moved(plan, ladders, chance)
            heat *= _COOLING
            if not fits(other):
                continue
            new = objective(other)
            if new <= value or chance.random() < math.exp((value - new) / max(heat, 1e-9)):
                plan, value = other, new
                if value < best_value:
                    best_here, best_value = plan, value
        if best is None or best_value < objective(best):
            best = best_here
    return best


def _moved(plan: TilePlan, ladders: dict[str, list[int]], chance: random.Random) -> TilePlan:
    order, tiles = list(plan.order), list(plan.tiles)
    if len(order) > 1 and chance.random() < 0.3:
        i, j = chance.sample(range(len(order)), 2)
        order[i], order[j] = order[j], order[i]
        tiles[i], tiles[j] = tiles[j], tiles[i]
    else:
        # Near or far: half of the moves are one step.
        i = chance.randrange(len(order))
        steps = ladders[order[i]]
        at = steps.index(tiles[i])
        step = 1 if chance.random() < 0.5 else chance.randint(1, max(1, len(steps) // 3))
        tiles[i] = steps[min(max(at + chance.choice((-step, step)), 0), len(steps) - 1)]
    return TilePlan(tuple(order), tuple(tiles), plan.buffers)


def _largest(work: Work, machine: Machine, buffers: int) -> TilePlan | None:
    """Loops halved from the outermost until the tile fits."""
    order = tuple(name for name, _ in work.loops)
    tiles = [size for _, size in work.loops]
    while footprint(work, TilePlan(order, tuple(tiles), buffers), machine) > machine.l1_budget:
        place = next((i for i, tile in enumerate(tiles) if tile > 1), None)
        if place is None:
            return None
        size = work.loops[place][1]
        steps = ladder(size)
        tiles[place] = steps[steps.index(tiles[place]) - 1]
    return TilePlan(order, tuple(tiles), buffers)


def unsplit(work: Work) -> TilePlan:
    """No tiles: whole tensors."""
    names = tuple(name for name, _ in work.loops)
    return TilePlan(names, tuple(size for _, size in work.loops), 1, in_l1=False)


@lru_cache(maxsize=4096)
def best_plan(work: Work, machine: Machine, costs: Costs, *, seed: int = SEED) -> TilePlan:
    """The fastest plan that is known; whole tensors in L2 where no tile fits L1."""
    objective = fastest(work, machine, costs)
    small = work.ported or space(work) <= FEW
    plan = (
        exhaustive(work, machine, objective)
        if small
        else annealed(work, machine, objective, seed=seed)
    )
    return unsplit(work) if plan is None else plan


@lru_cache(maxsize=4096)
def largest_plan(work: Work, machine: Machine) -> TilePlan:
    """The largest tiles, one at a time: how layer-by-layer compilers fill L1."""
    if work.ported:
        plan = exhaustive(work, machine, lambda p: p.buffers - math.prod(p.tiles))
    else:
        plan = _largest(work, machine, 1)
    return unsplit(work) if plan is None else plan
