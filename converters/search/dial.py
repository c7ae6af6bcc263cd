# SPDX-License-Identifier: Apache-2.0
"""From a RAM budget to the schedule with the fewest instructions that fits it.

The levels, from the most memory to the least: the whole batch resident; the samples of a batch in
turn; chains of large tensors depth first, in as few pieces as fit. All loops run at different
times, so each takes the fewest pieces, and its fast algorithms, for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from converters.errors import ConversionError
from converters.graph import FOR_EACH, Graph, Subgraph
from converters.passes.fetch_again import code_readers
from converters.passes.fetch_samples import Sample
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.stream_channels import Chain
from converters.planner.plan import Plan, make_plan
from converters.search.budget import Budget, overhead_bytes
from converters.search.recipe import Place, Prepared, Recipe, build, finish, prepare

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

Cost = Callable[[Graph], float]
Overhead = Callable[[Graph], int]
"""Bytes of RAM that a firmware needs beside the arena."""
Move = Callable[[Recipe], Recipe]


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

    @property
    def ram_bytes(self) -> int:
        """All of it, of the firmware."""
        return self.plan.arena_bytes + self.overhead_bytes

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
        }


class NothingFits(ConversionError):
    """``least`` is the schedule with the least RAM there is."""

    def __init__(self, budget: Budget, least: Schedule) -> None:
        self.budget, self.least = budget, least
        super().__init__(
            f"ram: the model trains in {least.ram_bytes} bytes at least, {budget.ram_bytes} are "
            f"given, {least.ram_bytes - (budget.ram_bytes or 0)} too few"
        )


def choose(
    graph: Graph,
    *,
    batch: int,
    budget: Budget,
    sample: Sample,
    scale: float,
    cost: Cost,
    overhead: Overhead = overhead_bytes,
) -> Schedule:
    """The schedule to use. ``NothingFits`` carries the least there is if none does."""
    if budget.is_free and sample is Sample.FLOAT32:
        return _resident(graph, cost, overhead)
    if sample is Sample.FLOAT32 and not budget.least:
        resident = _resident(graph, cost, overhead)
        if _fits(resident, budget):
            return resident
    prepared = replace(prepare(graph, batch=batch, sample=sample, scale=scale), overhead=overhead)
    least: Schedule | None = None
    for at_least in (None, *thresholds(prepared)):
        found = _schedule(prepared, Recipe(sample, scale, at_least, fast_fir=frozenset()), cost)
        if least is None or found.plan.arena_bytes < least.plan.arena_bytes:
            least = found
        if not budget.least and _fits(found, budget):
            return _refined(prepared, found, budget, cost)
    assert least is not None
    if budget.least:
        return _refined(prepared, least, Budget(least.ram_bytes), cost)
    raise NothingFits(budget, least)


def _fits(schedule: Schedule, budget: Budget) -> bool:
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


def _resident(graph: Graph, cost: Cost, overhead: Overhead) -> Schedule:
    finished = finish(norm_into_pool(graph))
    plan = make_plan(finished)
    return Schedule("resident", Recipe(), finished, plan, cost(finished), overhead(finished))


def _schedule(prepared: Prepared, recipe: Recipe, cost: Cost) -> Schedule:
    graph = build(prepared, recipe)
    level = "samples" if recipe.at_least is None else "channels"
    plan = make_plan(graph)
    return Schedule(level, recipe, graph, plan, cost(graph), prepared.overhead(graph))


def _refined(prepared: Prepared, base: Schedule, budget: Budget, cost: Cost) -> Schedule:
    """``base`` with what saves instructions and still fits, the most first: chains in fewer pieces,
    tensors stored instead of computed again, fast algorithms.
    """
    gains = []
    for n, move in enumerate(_moves(prepared, base)):
        gain = base.cost - cost(build(prepared, move(base.recipe)))
        if gain > 0:
            gains.append((-gain, n, move))
    best = base
    for _, _, move in sorted(gains, key=lambda entry: entry[:2]):
        found = _schedule(prepared, move(best.recipe), cost)
        if _fits(found, budget) and found.cost < best.cost:
            best = found
    return best


def _moves(prepared: Prepared, base: Schedule) -> Iterator[Move]:
    for place, chain, subgraph in _chains(prepared, base.recipe):
        for count in range(1, chain.channels):
            if chain.channels % count == 0:
                yield partial(_in_pieces, place=place, count=count)
        for op in subgraph.ops:
            if op.outputs and op.outputs[0] in chain.outputs and "Conv2D" in op.kind:
                yield partial(_keeping, place=place, tensor=op.outputs[0])
    for index in prepared.streamed:
        name = prepared.graph.subgraphs[index].name
        readers = code_readers(base.graph, index)
        if len(readers) > 1:
            yield partial(_fetching_once, name=name)
        for n in range(len(readers)):
            yield partial(_as_floats, place=(name, n))
    for subgraph in base.graph.subgraphs:
        yield partial(_fast_in, name=subgraph.name)


def _in_pieces(recipe: Recipe, *, place: Place, count: int) -> Recipe:
    return replace(recipe, slices={**recipe.slices, place: count})


def _keeping(recipe: Recipe, *, place: Place, tensor: int) -> Recipe:
    return replace(recipe, kept=recipe.kept | {(place, tensor)})


def _fast_in(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fast_fir=(recipe.fast_fir or frozenset()) | {name})


def _fetching_once(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fetch_once=recipe.fetch_once | {name})


def _as_floats(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, floats=recipe.floats | {place})


def _chains(prepared: Prepared, recipe: Recipe) -> Iterator[tuple[Place, Chain, Subgraph]]:
    if recipe.at_least is None:
        return
    for position, index in enumerate(prepared.streamed):
        subgraph = prepared.graph.subgraphs[index]
        for n, chain in enumerate(prepared.chains_of(position, recipe.at_least)):
            yield (subgraph.name, n), chain, subgraph
