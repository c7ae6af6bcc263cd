# SPDX-License-Identifier: Apache-2.0
"""From a RAM budget to the schedule with the fewest instructions that fits it.

The levels, from the most memory to the least: the whole batch resident; the samples of a batch in
turn; chains of large tensors depth first, in as few pieces as fit. All loops run at different
times, so each takes the fewest pieces, and its fast algorithms, for itself. Every level is tried
without and with the bits and indices that gradients can be computed from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from converters.graph import Graph
from converters.passes.fetch_samples import Sample
from converters.passes.without_unused import without_unused
from converters.planner.plan import least_arena
from converters.planner.regions import Region
from converters.search.budget import Budget
from converters.search.collector import collector_paused
from converters.search.considered import NOTED, RESIDENT, Considered, in_words
from converters.search.recipe import Prepared, Recipe, build, prepare
from converters.search.refine import planned, refined
from converters.search.resident import has_notes, least_resident, resident, resident_noted
from converters.search.schedule import (
    Cost,
    NothingFits,
    Overhead,
    Schedule,
    bound,
    fits,
    needed,
    ram_and_cost,
    row,
    squeezed,
)

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

_REPACKED = 6
"""Schedules for which a better packing is looked for, those that could gain most."""

_CLOSE = 1.01
"""Times the least RAM: another packing may yet make it the least."""

VARIANTS = (False, True)
"""Without and with sums of normalisations ahead (see ``prepare``)."""

MASKS = (False, True)
"""Without and with bits and indices (see ``noted``), where a step has any."""

Way = tuple[Prepared, list[Recipe]]
"""A step, and what can be made of it."""


@collector_paused()
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
    trail: list[Considered] = []
    found: list[Schedule] = []
    if sample is Sample.FLOAT32 and not budget.least:
        whole = resident(graph, cost, overhead, budget.regions)
        taken = fits(whole, budget)
        trail.append(row(whole, RESIDENT, budget, taken=taken))
        if taken:
            return _finished(whole, trail)
        found += resident_noted(graph, budget, cost, overhead, trail) if True in MASKS else []
    ways = _ways(graph, batch, sample, scale, overhead, budget.regions)
    if budget.least:
        return _with_least_ram(graph, ways, sample, cost, overhead)
    leasts: list[Schedule] = []
    for prepared, recipes in ways:
        tried: list[Schedule] = []
        for recipe in recipes:
            tried.append(squeezed(_schedule(prepared, recipe, cost), budget))
            taken = fits(tried[-1], budget)
            prepared.trail.append(row(tried[-1], in_words(recipe), budget, taken=taken))
            if taken:
                found.append(refined(prepared, tried[-1], budget, cost).packed_anew())
                break
        else:
            leasts.append(_least(tried))
        trail += prepared.trail
    if not found:
        raise NothingFits(budget, min(leasts, key=needed))
    best = min(found, key=lambda schedule: schedule.cost)
    return _finished(best, trail)


def _finished(schedule: Schedule, trail: Iterable[Considered]) -> Schedule:
    return replace(schedule, graph=without_unused(schedule.graph), considered=tuple(trail))


@collector_paused()
def least_ram(
    graph: Graph,
    *,
    batch: int,
    sample: Sample,
    scale: float,
    overhead: Overhead,
) -> int:
    """Bytes of RAM of the schedule with the least, whatever it costs."""
    least = min(
        _least_of(prepared, recipes, _free).ram_bytes
        for prepared, recipes in _ways(graph, batch, sample, scale, overhead)
    )
    if sample is Sample.FLOAT32:
        whole = least_resident(graph, _free, overhead, least)
        least = min([least, *(schedule.ram_bytes for schedule in whole)])
    return least


def _free(graph: Graph) -> float:
    return 0.0


def _ways(
    graph: Graph,
    batch: int,
    sample: Sample,
    scale: float,
    overhead: Overhead,
    regions: tuple[Region, ...] = (),
) -> Iterator[Way]:
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
        if masks and not has_notes(prepared.graph):
            continue
        first = Recipe(sample, scale, ahead=ahead, masks=masks, fast_fir=frozenset())
        sizes = (None, *thresholds(prepared))
        yield prepared, [replace(first, at_least=at_least) for at_least in sizes]


def _with_least_ram(
    graph: Graph, ways: Iterable[Way], sample: Sample, cost: Cost, overhead: Overhead
) -> Schedule:
    """Only what takes hardly more than the least is made faster."""
    found = [(prepared, _least_of(prepared, recipes, cost)) for prepared, recipes in ways]
    close = _CLOSE * min(needed(schedule) for _, schedule in found)
    best = min(
        (
            refined(prepared, schedule, Budget(schedule.ram_bytes), cost).packed_anew()
            for prepared, schedule in found
            if needed(schedule) <= close
        ),
        key=ram_and_cost,
    )
    trail = [entry for prepared, _ in found for entry in prepared.trail]
    if sample is Sample.FLOAT32:
        # Without loops there is less code on the stack.
        for whole in least_resident(graph, cost, overhead, needed(best)):
            best = min(best, whole, key=ram_and_cost)
            words = NOTED if whole.recipe.masks else RESIDENT
            trail.append(row(whole, words, Budget(least=True), taken=best is whole))
    return _finished(best, trail)


def _least_of(prepared: Prepared, recipes: list[Recipe], cost: Cost) -> Schedule:
    """The recipe with the least RAM, and of those with the fewest instructions; those that cannot
    be it are not packed.
    """
    found: list[Schedule] = []
    for recipe in recipes:
        graph = build(prepared, recipe)
        executed = cost(graph)
        at_best = least_arena(graph) + prepared.overhead(graph), executed
        if not found or at_best < min(map(ram_and_cost, found)):
            found.append(planned(prepared, recipe, graph, executed))
    least = _least(found)
    prepared.trail.extend(
        row(s, in_words(s.recipe), Budget(least=True), taken=s.recipe == least.recipe)
        for s in found
    )
    return least


def _least(found: list[Schedule]) -> Schedule:
    """The schedule with the least RAM: a better packing is looked for where one could win."""
    least = min(found, key=ram_and_cost)
    by_bound = sorted(found, key=lambda schedule: (bound(schedule), schedule.cost))
    for schedule in by_bound[:_REPACKED]:
        if (bound(schedule), schedule.cost) < ram_and_cost(least):
            least = min(least, schedule.packed_anew(), key=ram_and_cost)
    return least


def thresholds(prepared: Prepared) -> list[int]:
    """Sizes of tensors that make a difference, the largest first."""
    sizes = {
        t.bytes
        for index in prepared.streamed
        for t in prepared.graph.subgraphs[index].tensors
        if t.data is None and t.bytes >= _LEAST
    }
    return sorted(sizes, reverse=True)


def _schedule(prepared: Prepared, recipe: Recipe, cost: Cost) -> Schedule:
    graph = build(prepared, recipe)
    return planned(prepared, recipe, graph, cost(graph))
