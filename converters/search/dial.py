# SPDX-License-Identifier: Apache-2.0
"""From a RAM budget to the schedule with the fewest instructions that fits it.

The levels, from the most memory to the least: the whole batch resident; the samples of a batch in
turn; chains of large tensors depth first, in as few pieces as fit. All loops run at different
times, so each takes the fewest pieces, and its fast algorithms, for itself. Every level is tried
without and with the bits and indices that gradients can be computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from converters.errors import ConversionError
from converters.graph import FOR_EACH, Graph
from converters.passes.fetch_samples import Sample
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.without_notes import notes, without_notes
from converters.planner.plan import Plan, make_plan
from converters.planner.regions import Region, usable
from converters.planner.solver import ROUNDS
from converters.search.budget import Budget
from converters.search.considered import NOTED, RESIDENT, Considered, in_words
from converters.search.moves import Move, moves, not_used
from converters.search.recipe import Place, Prepared, Recipe, build, finish, noted, prepare

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

_FEW_ROUNDS = 40
"""Of the solver, for one of many candidates."""

VARIANTS = (False, True)
"""Without and with sums of normalisations ahead (see ``prepare``)."""

MASKS = (False, True)
"""Without and with bits and indices (see ``noted``), where a step has any."""

Cost = Callable[[Graph], float]
Overhead = Callable[[Graph], int]
"""Bytes of RAM that a firmware needs beside the arena."""


@dataclass(frozen=True)
class Schedule:
    """A graph, ops in order, with its plan and what it is predicted to cost."""

    level: str
    recipe: Recipe
    graph: Graph
    plan: Plan
    cost: float
    overhead_bytes: int
    """RAM of the firmware beside the arena."""
    regions: tuple[Region, ...] = ()
    """Memories it is planned for, if there are several; the first has the overhead, too."""
    considered: tuple[Considered, ...] = ()
    """All that the search looked at, in its order."""

    def with_plan(self, *, enough: int = 0, rounds: int = ROUNDS) -> Schedule:
        """The same, packed anew. Arguments of ``make_plan``."""
        return replace(
            self, plan=_plan(self.graph, self.overhead_bytes, self.regions, rounds, enough)
        )

    @property
    def ram_bytes(self) -> int:
        """All of it, of the firmware."""
        return self.plan.arena_bytes + self.overhead_bytes

    @property
    def bound_bytes(self) -> int:
        """What no packing of it can be below."""
        return self.plan.lower_bound + self.overhead_bytes

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
            for n, (region, use) in enumerate(zip(self.regions, self.plan.regions, strict=True))
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
        f"region {use.name} misses {use.missing} bytes" for use in least.plan.regions if use.missing
    )
    return (
        f"ram: {missing}; the model trains in {least.ram_bytes} bytes at least, {given} are given"
    )


def _plan(
    graph: Graph, overhead: int, regions: tuple[Region, ...], rounds: int, enough: int = 0
) -> Plan:
    if regions:
        return make_plan(graph, rounds=rounds, regions=usable(regions, overhead))
    return make_plan(graph, rounds=rounds, enough=enough)


def choose(
    graph: Graph,
    *,
    batch: int,
    budget: Budget,
    sample: Sample,
    scale: float,
    cost: Cost,
    overhead: Overhead,
) -> Schedule:
    """The schedule to use. ``NothingFits`` carries the least there is if none does."""
    if budget.is_free and sample is Sample.FLOAT32:
        resident = _resident(graph, cost, overhead, (), Recipe())
        return replace(resident, considered=(_row(resident, RESIDENT, budget, taken=True),))
    trail: list[Considered] = []
    if sample is Sample.FLOAT32 and not budget.least:
        resident = _resident(graph, cost, overhead, budget.regions, Recipe())
        fits = _fits(resident, budget)
        trail.append(_row(resident, RESIDENT, budget, taken=fits))
        if fits:
            return replace(resident, considered=tuple(trail))
    found: list[Schedule] = []
    if sample is Sample.FLOAT32 and not budget.least and True in MASKS:
        found += _resident_noted(graph, budget, cost, overhead, trail)
    failed: list[NothingFits] = []
    for prepared, recipes in _ways(graph, batch, sample, scale, overhead, budget.regions):
        try:
            found.append(_searched(prepared, recipes, budget, cost))
        except NothingFits as error:
            failed.append(error)
        trail += prepared.trail
    if not found:
        raise min(failed, key=lambda error: _needed(error.least))
    best = min(found, key=_ram_and_cost if budget.least else lambda schedule: (schedule.cost, 0.0))
    return replace(best, considered=tuple(trail))


def least_ram(
    graph: Graph,
    *,
    batch: int,
    sample: Sample,
    scale: float,
    overhead: Overhead,
) -> int:
    """Bytes of RAM of the schedule with the least, whatever it costs."""
    return min(
        _least(prepared, recipes, lambda graph: 0.0).ram_bytes
        for prepared, recipes in _ways(graph, batch, sample, scale, overhead)
    )


def _ways(
    graph: Graph,
    batch: int,
    sample: Sample,
    scale: float,
    overhead: Overhead,
    regions: tuple[Region, ...] = (),
) -> Iterator[tuple[Prepared, list[Recipe]]]:
    """Recipes, from the fewest instructions to the least RAM."""
    ways = [(ahead, masks) for ahead in VARIANTS for masks in MASKS if not (ahead and masks)]
    for ahead, masks in ways:
        prepared = prepare(
            graph,
            batch=batch,
            sample=sample,
            scale=scale,
            ahead=ahead,
            masks=masks,
            overhead=overhead,
            regions=regions,
        )
        if masks and not _has_notes(prepared.graph):
            continue
        first = Recipe(sample, scale, ahead=ahead, masks=masks, fast_fir=frozenset())
        sizes = (None, *thresholds(prepared))
        yield prepared, [replace(first, at_least=at_least) for at_least in sizes]


def _has_notes(graph: Graph) -> bool:
    return any(True for subgraph in graph.subgraphs for _ in notes(subgraph))


def _searched(prepared: Prepared, recipes: list[Recipe], budget: Budget, cost: Cost) -> Schedule:
    """The first recipe that fits, made faster; or the least there is."""
    if budget.least:
        least = _least(prepared, recipes, cost)
        return _refined(prepared, least, Budget(least.ram_bytes), cost).with_plan()
    for recipe in recipes:
        found = _squeezed(_schedule(prepared, recipe, cost), budget)
        fits = _fits(found, budget)
        prepared.trail.append(_row(found, in_words(recipe), budget, taken=fits))
        if fits:
            return _refined(prepared, found, budget, cost).with_plan()
    raise NothingFits(budget, _least(prepared, recipes, cost))


def _least(prepared: Prepared, recipes: list[Recipe], cost: Cost) -> Schedule:
    """The schedule with the least RAM: a better packing is looked for where one could win."""
    found = [_schedule(prepared, recipe, cost) for recipe in recipes]
    least = min(found, key=_ram_and_cost)
    prepared.trail.extend(
        _row(s, in_words(s.recipe), Budget(least=True), taken=s is least) for s in found
    )
    for schedule in sorted(found, key=lambda schedule: (_bound(schedule), schedule.cost)):
        if (_bound(schedule), schedule.cost) < _ram_and_cost(least):
            least = min(least, schedule.with_plan(), key=_ram_and_cost)
    return least


def _needed(schedule: Schedule) -> int:
    """Bytes of RAM; of several regions, bytes that they are too small by."""
    return schedule.plan.missing if schedule.regions else schedule.ram_bytes


def _bound(schedule: Schedule) -> int:
    """What ``_needed`` cannot be below, however it is packed."""
    given = sum(region.bytes for region in schedule.regions)
    return max(0, schedule.bound_bytes - given) if schedule.regions else schedule.bound_bytes


def _ram_and_cost(schedule: Schedule) -> tuple[int, float]:
    return _needed(schedule), schedule.cost


def _squeezed(schedule: Schedule, budget: Budget, *, rounds: int = ROUNDS) -> Schedule:
    """With another packing, if that may make it fit."""
    if budget.ram_bytes is None or _fits(schedule, budget):
        return schedule
    if schedule.bound_bytes > budget.ram_bytes:
        return schedule
    return schedule.with_plan(enough=budget.ram_bytes - schedule.overhead_bytes, rounds=rounds)


def _row(schedule: Schedule, change: str, budget: Budget, *, taken: bool) -> Considered:
    return Considered(
        schedule.level, change, schedule.ram_bytes, schedule.cost, _fits(schedule, budget), taken
    )


def _fits(schedule: Schedule, budget: Budget) -> bool:
    if budget.regions:
        return schedule.plan.missing == 0
    return budget.ram_bytes is None or schedule.ram_bytes <= budget.ram_bytes


def thresholds(prepared: Prepared) -> list[int]:
    """Sizes of tensors that make a difference, the largest first."""
    sizes = {
        t.bytes
        for index in prepared.streamed
        for t in prepared.graph.subgraphs[index].tensors
        if t.data is None and t.bytes >= _LEAST
    }
    return sorted(sizes, reverse=True)


def _resident(
    graph: Graph,
    cost: Cost,
    overhead: Overhead,
    regions: tuple[Region, ...],
    recipe: Recipe,
) -> Schedule:
    graph = norm_into_pool(graph)
    if recipe.masks:
        graph = without_notes(noted(graph), recipe.whole)
    finished = finish(graph)
    beside = overhead(finished)
    plan = _plan(finished, beside, regions, ROUNDS)
    return Schedule("resident", recipe, finished, plan, cost(finished), beside, regions)


def _resident_noted(
    graph: Graph, budget: Budget, cost: Cost, overhead: Overhead, trail: list[Considered]
) -> list[Schedule]:
    """The whole batch in memory, with as few bits and indices as fit, or nothing: all of them,
    and then without those that cost more instructions than the tensors they stand for.
    """

    def schedule(whole: frozenset[Place]) -> Schedule:
        recipe = Recipe(masks=True, whole=whole)
        return _resident(graph, cost, overhead, budget.regions, recipe)

    best = schedule(frozenset())
    if not _has_notes(best.graph):
        return []
    trail.append(_row(best, NOTED, budget, taken=_fits(best, budget)))
    if not _fits(best, budget):
        return []
    step = best.graph.subgraph_of("train")
    for op, t in notes(step):
        other = schedule(best.recipe.whole | {(step.name, t)})
        taken = _fits(other, budget) and other.cost < best.cost
        trail.append(_row(other, not_used(op, t, step.name), budget, taken=taken))
        best = other if taken else best
    return [best]


def _schedule(prepared: Prepared, recipe: Recipe, cost: Cost) -> Schedule:
    graph = build(prepared, recipe)
    return _planned(prepared, recipe, graph, cost(graph))


def _planned(prepared: Prepared, recipe: Recipe, graph: Graph, cost: float) -> Schedule:
    level = "samples" if recipe.at_least is None else "channels"
    beside, regions = prepared.overhead(graph), prepared.regions
    plan = _plan(graph, beside, regions, 0)
    return Schedule(level, recipe, graph, plan, cost, beside, regions)


def _refined(prepared: Prepared, base: Schedule, budget: Budget, cost: Cost) -> Schedule:
    """``base`` with what saves instructions and still fits, the most first: chains in fewer pieces,
    tensors stored instead of computed again, fast algorithms. Some save only after others, so
    those that do not at first are tried once more.
    """
    possible = list(moves(prepared, base.recipe, base.graph))
    best, left = _improved(prepared, base, budget, cost, possible)
    return base if best is base else _improved(prepared, best, budget, cost, left)[0]


def _improved(
    prepared: Prepared, base: Schedule, budget: Budget, cost: Cost, possible: list[Move]
) -> tuple[Schedule, list[Move]]:
    """Also the moves that save nothing."""
    found, useless = [], []
    for n, move in enumerate(possible):
        graph = build(prepared, move.of(base.recipe))
        executed = cost(graph)
        if executed < base.cost:
            found.append((executed, n, move, graph))
        else:
            useless.append(move)
    best = base
    for executed, _, move, graph in sorted(found, key=lambda entry: entry[:2]):
        recipe = move.of(best.recipe)
        if best is not base:
            graph = build(prepared, recipe)
            executed = cost(graph)
        if executed < best.cost:
            planned = _planned(prepared, recipe, graph, executed)
            planned = _squeezed(planned, budget, rounds=_FEW_ROUNDS)
            fits = _fits(planned, budget)
            prepared.trail.append(_row(planned, move.words, budget, taken=fits))
            best = planned if fits else best
    return best, useless
