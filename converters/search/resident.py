# SPDX-License-Identifier: Apache-2.0
"""The whole batch in memory: as it is, or with bits and indices for its gradients."""

from __future__ import annotations

from converters.graph import Graph
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.without_notes import notes, without_notes
from converters.planner.regions import Region
from converters.planner.solver import ROUNDS
from converters.search.budget import Budget
from converters.search.considered import NOTED, Considered
from converters.search.moves import not_used
from converters.search.recipe import Place, Recipe, finish, noted
from converters.search.schedule import (
    Cost,
    Overhead,
    Schedule,
    bound,
    fits,
    needed,
    packed,
    row,
)

PLAIN = Recipe()
_ALL_NOTES = Recipe(masks=True)


def resident(
    graph: Graph,
    cost: Cost,
    overhead: Overhead,
    regions: tuple[Region, ...] = (),
    recipe: Recipe = PLAIN,
    *,
    rounds: int = ROUNDS,
) -> Schedule:
    """``recipe``: whether there are bits and indices, and which are taken back. ``rounds``: of the
    packing.
    """
    graph = norm_into_pool(graph)
    if recipe.masks:
        graph = without_notes(noted(graph), recipe.whole)
    finished = finish(graph)
    beside = overhead(finished)
    packing = packed(finished, beside, regions, rounds)
    return Schedule("resident", recipe, finished, packing, cost(finished), beside, regions)


def resident_noted(
    graph: Graph, budget: Budget, cost: Cost, overhead: Overhead, trail: list[Considered]
) -> list[Schedule]:
    """With as few bits and indices as fit, or nothing: all of them,
    and then without those that cost more instructions than the tensors they stand for.
    """

    def schedule(whole: frozenset[Place]) -> Schedule:
        recipe = Recipe(masks=True, whole=whole)
        return resident(graph, cost, overhead, budget.regions, recipe)

    best = schedule(frozenset())
    if not has_notes(best.graph):
        return []
    trail.append(row(best, NOTED, budget, taken=fits(best, budget)))
    if not fits(best, budget):
        return []
    step = best.graph.subgraph_of("train")
    for op, t in notes(step):
        other = schedule(best.recipe.whole | {(step.name, t)})
        taken = fits(other, budget) and other.cost < best.cost
        trail.append(row(other, not_used(op, t, step.name), budget, taken=taken))
        best = other if taken else best
    return [best]


def least_resident(graph: Graph, cost: Cost, overhead: Overhead, below: int) -> list[Schedule]:
    """With and without bits and indices, where that may take less than ``below`` bytes."""
    tried = [resident(graph, cost, overhead, recipe=r, rounds=0) for r in (PLAIN, _ALL_NOTES)]
    found = [schedule.packed_anew() for schedule in tried if bound(schedule) < below]
    return [schedule for schedule in found if needed(schedule) < below]


def has_notes(graph: Graph) -> bool:
    return any(True for subgraph in graph.subgraphs for _ in notes(subgraph))
