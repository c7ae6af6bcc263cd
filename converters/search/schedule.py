# SPDX-License-Identifier: Apache-2.0
"""A training step as it is to run, with its plan, and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from converters.errors import ConversionError
from converters.graph import FOR_EACH, Graph
from converters.planner.plan import Needs, Plan, make_plan, needs
from converters.planner.regions import Region, usable
from converters.planner.solver import ROUNDS
from converters.search.budget import Budget
from converters.search.considered import Considered
from converters.search.recipe import Recipe

Cost = Callable[[Graph], float]
Overhead = Callable[[Graph], int]
"""Bytes of RAM that a firmware needs beside the arena."""


@dataclass(frozen=True)
class Packing:
    """What a plan takes, and the arguments of ``make_plan`` that give it."""

    needs: Needs
    enough: int
    rounds: int
    regions: tuple[Region, ...]


@dataclass(frozen=True)
class Schedule:
    """A graph, ops in order, what its plan takes and what it is predicted to cost."""

    level: str
    recipe: Recipe
    graph: Graph
    packing: Packing
    cost: float
    overhead_bytes: int
    """RAM of the firmware beside the arena."""
    regions: tuple[Region, ...] = ()
    """Memories it is planned for, if there are several; the first has the overhead, too."""
    considered: tuple[Considered, ...] = ()
    """All that the search looked at, in its order."""

    def packed_anew(self, *, enough: int = 0, rounds: int = ROUNDS) -> Schedule:
        """Arguments of ``make_plan``."""
        return replace(
            self, packing=packed(self.graph, self.overhead_bytes, self.regions, rounds, enough)
        )

    @cached_property
    def plan(self) -> Plan:
        """Where all tensors lie."""
        how = self.packing
        return make_plan(self.graph, enough=how.enough, rounds=how.rounds, regions=how.regions)

    @property
    def needs(self) -> Needs:
        return self.packing.needs

    @property
    def ram_bytes(self) -> int:
        """All of it, of the firmware."""
        return self.needs.arena_bytes + self.overhead_bytes

    @property
    def bound_bytes(self) -> int:
        """What no packing of it can be below."""
        return self.needs.lower_bound + self.overhead_bytes

    def in_words(self) -> dict[str, Any]:
        """For the report: the choices, in the order in which they were made."""
        sample = self.recipe.sample
        return {
            "level": self.level,
            "sample": None if sample is None else sample.value,
            "depth_first_from_bytes": self.recipe.at_least,
            "pieces": {
                f"{name}/{n}": count for (name, n), count in sorted(self.recipe.slices.items())
            },
            "loops": sum(
                op.kind == FOR_EACH for subgraph in self.graph.subgraphs for op in subgraph.ops
            ),
            "predicted_instructions_per_step": round(self.cost),
            "overhead_bytes": self.overhead_bytes,
            "considered": [row.in_words() for row in self.considered],
        } | ({"regions": self._regions_in_words()} if self.regions else {})

    def _regions_in_words(self) -> list[dict[str, Any]]:
        """Of each region what there is, and what is taken; the stack lies in the first."""
        return [
            {
                "name": region.name,
                "bytes": region.bytes,
                "arena_bytes": use.bytes,
                "taken_bytes": use.bytes + (0 if n else self.overhead_bytes),
            }
            for n, (region, use) in enumerate(zip(self.regions, self.needs.regions, strict=True))
        ]


class NothingFits(ConversionError):
    """``least`` is the schedule with the least RAM there is, ``advice`` what would help."""

    def __init__(self, budget: Budget, least: Schedule, advice: str = "") -> None:
        self.budget, self.least = budget, least
        if budget.regions:
            super().__init__(_too_small(least) + (f"; {advice}" if advice else ""))
            return
        super().__init__(
            f"ram: the model trains in {least.ram_bytes} bytes at least, {budget.ram_bytes} are "
            f"given, {least.ram_bytes - (budget.ram_bytes or 0)} too few"
            + (f"; {advice}" if advice else "")
        )


def _too_small(least: Schedule) -> str:
    """Which region misses how much."""
    words = least.in_words()["regions"]
    given = ", ".join(f"{r['name']} {r['bytes']}" for r in words)
    missing = ", ".join(
        f"region {use.name} misses {use.missing} bytes"
        for use in least.needs.regions
        if use.missing
    )
    return (
        f"ram: {missing}; the model trains in {least.ram_bytes} bytes at least, {given} are given"
    )


def packed(
    graph: Graph, overhead: int, regions: tuple[Region, ...], rounds: int, enough: int = 0
) -> Packing:
    left = usable(regions, overhead) if regions else ()
    return Packing(needs(graph, enough=enough, rounds=rounds, regions=left), enough, rounds, left)


def needed(schedule: Schedule) -> int:
    """Bytes of RAM; of several regions, bytes that they are too small by."""
    return schedule.needs.missing if schedule.regions else schedule.ram_bytes


def bound(schedule: Schedule) -> int:
    """What ``needed`` cannot be below, however it is packed."""
    given = sum(region.bytes for region in schedule.regions)
    return max(0, schedule.bound_bytes - given) if schedule.regions else schedule.bound_bytes


def ram_and_cost(schedule: Schedule) -> tuple[int, float]:
    return needed(schedule), schedule.cost


def squeezed(schedule: Schedule, budget: Budget) -> Schedule:
    """With another packing, if that may make it fit."""
    if budget.ram_bytes is None or fits(schedule, budget):
        return schedule
    if schedule.bound_bytes > budget.ram_bytes:
        return schedule
    return schedule.packed_anew(enough=budget.ram_bytes - schedule.overhead_bytes)


def row(schedule: Schedule, change: str, budget: Budget, *, taken: bool) -> Considered:
    return Considered(
        schedule.level, change, schedule.ram_bytes, schedule.cost, fits(schedule, budget), taken
    )


def fits(schedule: Schedule, budget: Budget) -> bool:
    if budget.regions:
        return schedule.needs.missing == 0
    return budget.ram_bytes is None or schedule.ram_bytes <= budget.ram_bytes
