# SPDX-License-Identifier: Apache-2.0
"""From a RAM budget to the schedule with the fewest instructions that fits it.

The levels, from the most memory to the least: the whole batch resident; the samples of a batch in
turn; chains of large tensors depth first, in as few pieces as fit. All loops run at different times,
so each takes the fewest pieces, and its fast algorithms, for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from converters.errors import ConversionError
from converters.graph import Graph
from converters.passes.fetch_samples import Sample
from converters.planner.plan import Plan, make_plan
from converters.search.recipe import Place, Prepared, Recipe, build, finish, prepare

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

Cost = Callable[[Graph], float]


@dataclass(frozen=True)
class Schedule:
    """A graph, ops in order, with its plan and what it is predicted to cost."""

    level: str
    recipe: Recipe
    graph: Graph
    plan: Plan
    cost: float


@dataclass(frozen=True)
class Budget:
    """``arena_bytes``: what may be planned; None: anything. ``least``: as little as possible,
    whatever it costs.
    """

    arena_bytes: int | None = None
    least: bool = False


def choose(
    graph: Graph, *, batch: int, budget: Budget, sample: Sample, scale: float, cost: Cost
) -> Schedule:
    """The schedule to use. ConversionError names the least there is if none fits."""
    if budget.arena_bytes is None and not budget.least:
        return _resident(graph, cost)
    limit = -1 if budget.arena_bytes is None else budget.arena_bytes
    resident = _resident(graph, cost)
    if not budget.least and sample is Sample.FLOAT32 and resident.plan.arena_bytes <= limit:
        return resident
    prepared = prepare(graph, batch=batch, sample=sample, scale=scale)
    least: Schedule | None = None
    for at_least in (None, *thresholds(prepared)):
        recipe = Recipe(sample, scale, at_least, fast_fir=frozenset())
        found = _schedule(prepared, recipe, cost)
        if least is None or found.plan.arena_bytes < least.plan.arena_bytes:
            least = found
        if found.plan.arena_bytes <= limit:
            return _refined(prepared, recipe, limit, cost)
    assert least is not None
    if budget.least:
        return _refined(prepared, least.recipe, least.plan.arena_bytes, cost)
    raise ConversionError(
        f"RAM: the arena may have {limit} bytes; the least there is has {least.plan.arena_bytes}"
    )


def thresholds(prepared: Prepared) -> list[int]:
    """Sizes of tensors that make a difference, the largest first."""
    sizes = {
        t.bytes
        for index in prepared.streamed
        for t in prepared.graph.subgraphs[index].tensors
        if t.data is None and t.bytes >= _LEAST
    }
    return sorted(sizes, reverse=True)


def _resident(graph: Graph, cost: Cost) -> Schedule:
    finished = finish(graph)
    return Schedule("resident", Recipe(), finished, make_plan(finished), cost(finished))


def _schedule(prepared: Prepared, recipe: Recipe, cost: Cost) -> Schedule:
    graph = build(prepared, recipe)
    level = "samples" if recipe.at_least is None else "channels"
    return Schedule(level, recipe, graph, make_plan(graph), cost(graph))


def _refined(prepared: Prepared, recipe: Recipe, limit: int, cost: Cost) -> Schedule:
    """Each chain in the fewest pieces that fit, then fast algorithms where they still fit."""
    best = _schedule(prepared, recipe, cost)
    for place, counts in _choices(prepared, recipe):
        for count in counts:
            slices = {**best.recipe.slices, place: count}
            found = _schedule(prepared, replace(best.recipe, slices=slices), cost)
            if found.plan.arena_bytes <= limit:
                best = found
                break
    for subgraph in best.graph.subgraphs:
        fast = (best.recipe.fast_fir or frozenset()) | {subgraph.name}
        found = _schedule(prepared, replace(best.recipe, fast_fir=fast), cost)
        if found.graph != best.graph and found.plan.arena_bytes <= limit:
            best = found
    return best


def _choices(prepared: Prepared, recipe: Recipe) -> Iterator[tuple[Place, list[int]]]:
    """Each chain, with the numbers of pieces below its most, the fewest first."""
    if recipe.at_least is None:
        return
    for position, index in enumerate(prepared.streamed):
        name = prepared.graph.subgraphs[index].name
        for n, chain in enumerate(prepared.chains_of(position, recipe.at_least)):
            yield (
                (name, n),
                [k for k in range(1, chain.channels) if chain.channels % k == 0],
            )
