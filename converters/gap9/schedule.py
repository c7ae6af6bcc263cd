# SPDX-License-Identifier: Apache-2.0
"""A step, operator by operator: where its tensors live, how each is tiled, what it costs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from converters.gap9.cost import Cycles, cycles
from converters.gap9.machine import Costs, Machine
from converters.gap9.place import far_bytes, in_l2
from converters.gap9.tiler import best_plan, largest_plan
from converters.gap9.works import TilePlan, Work


@dataclass(frozen=True)
class Policy:
    """How a compiler schedules. ``tiles`` fastest: searched; largest: what fills L1, one tile at a
    time. ``l2``: bytes for tensors that stay in L2, None: as many as there are, 0: everything is
    fetched from L3 for every operator. ``hides_l3``: the next operator's data come meanwhile.
    """

    tiles: str = "fastest"
    l2: int | None = None
    hides_l3: bool = True


OURS = Policy()
LAYER_BY_LAYER = Policy(tiles="largest", hides_l3=False)


@dataclass(frozen=True)
class Row:
    """One operator of a step, run ``times`` times."""

    work: Work
    plan: TilePlan
    cycles: Cycles

    @property
    def total(self) -> float:
        return self.cycles.total * self.work.times


@dataclass(frozen=True)
class Schedule:
    rows: tuple[Row, ...]

    @property
    def cycles(self) -> float:
        return sum(row.total for row in self.rows)


def plan_of(work: Work, machine: Machine, costs: Costs, policy: Policy) -> TilePlan:
    if policy.tiles == "largest":
        return largest_plan(work, machine)
    return best_plan(work, machine, costs)


def schedule(
    works: list[Work],
    machine: Machine,
    costs: Costs,
    policy: Policy = OURS,
    persistent: Collection[str] = (),
) -> Schedule:
    """``persistent``: tensors that outlive a step, besides those of described networks."""
    budget = machine.l2_bytes if policy.l2 is None else policy.l2
    near = in_l2(works, budget, persistent)
    rows = []
    for work in works:
        plan = plan_of(work, machine, costs, policy)
        far = far_bytes(work, near)
        spent = cycles(work, plan, machine, costs, l3_bytes=far, hides_l3=policy.hides_l3)
        rows.append(Row(work, plan, spent))
    return Schedule(tuple(rows))
