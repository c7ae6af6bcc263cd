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
from converters.graph import FOR_EACH, Graph, Op, Subgraph
from converters.passes.fetch_samples import Sample
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.slope_sums import SLOPES
from converters.passes.stream_channels import Chain
from converters.planner.plan import Plan, make_plan
from converters.search.budget import Budget, overhead_bytes
from converters.search.recipe import Place, Prepared, Recipe, build, finish, prepare

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

VARIANTS = (False, True)
"""Without and with sums of normalisations ahead (see ``prepare``)."""

Cost = Callable[[Graph], float]
Move = Callable[[Recipe], Recipe]


@dataclass(frozen=True)
class Schedule:
    """A graph, ops in order, with its plan and what it is predicted to cost."""

    level: str
    recipe: Recipe
    graph: Graph
    plan: Plan
    cost: float

    @property
    def ram_bytes(self) -> int:
        """All of it, of the firmware."""
        return self.plan.arena_bytes + overhead_bytes(self.graph)

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
            "overhead_bytes": overhead_bytes(self.graph),
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
    graph: Graph, *, batch: int, budget: Budget, sample: Sample, scale: float, cost: Cost
) -> Schedule:
    """The schedule to use. ``NothingFits`` carries the least there is if none does."""
    if budget.is_free and sample is Sample.FLOAT32:
        return _resident(graph, cost)
    if sample is Sample.FLOAT32 and not budget.least:
        resident = _resident(graph, cost)
        if _fits(resident, budget):
            return resident
    found = []
    failed: list[NothingFits] = []
    for ahead in VARIANTS:
        prepared = prepare(graph, batch=batch, sample=sample, scale=scale, ahead=ahead)
        try:
            found.append(_searched(prepared, Recipe(sample, scale, ahead=ahead), budget, cost))
        except NothingFits as least:
            failed.append(least)
    if not found:
        raise min(failed, key=lambda least: least.least.ram_bytes)
    if budget.least:
        return min(found, key=lambda schedule: (schedule.ram_bytes, schedule.cost))
    return min(found, key=lambda schedule: schedule.cost)


def _searched(prepared: Prepared, first: Recipe, budget: Budget, cost: Cost) -> Schedule:
    """From the most memory to the least, until one fits, and what makes that one faster."""
    least: Schedule | None = None
    for at_least in (None, *thresholds(prepared)):
        recipe = replace(first, at_least=at_least, fast_fir=frozenset())
        found = _schedule(prepared, recipe, cost)
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


def _resident(graph: Graph, cost: Cost) -> Schedule:
    finished = finish(norm_into_pool(graph))
    return Schedule("resident", Recipe(), finished, make_plan(finished), cost(finished))


def _schedule(prepared: Prepared, recipe: Recipe, cost: Cost) -> Schedule:
    graph = build(prepared, recipe)
    level = "samples" if recipe.at_least is None else "channels"
    return Schedule(level, recipe, graph, make_plan(graph), cost(graph))


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
            if op.outputs and op.outputs[0] in chain.outputs and _worth_keeping(op):
                yield partial(_keeping, place=place, tensors=op.outputs)
    for subgraph in base.graph.subgraphs:
        yield partial(_fast_in, name=subgraph.name)


def _in_pieces(recipe: Recipe, *, place: Place, count: int) -> Recipe:
    return replace(recipe, slices={**recipe.slices, place: count})


def _worth_keeping(op: Op) -> bool:
    return "Conv2D" in op.kind or op.kind == SLOPES


def _keeping(recipe: Recipe, *, place: Place, tensors: tuple[int, ...]) -> Recipe:
    return replace(recipe, kept=recipe.kept | {(place, t) for t in tensors})


def _fast_in(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fast_fir=(recipe.fast_fir or frozenset()) | {name})


def _chains(prepared: Prepared, recipe: Recipe) -> Iterator[tuple[Place, Chain, Subgraph]]:
    if recipe.at_least is None:
        return
    for position, index in enumerate(prepared.streamed):
        subgraph = prepared.graph.subgraphs[index]
        for n, chain in enumerate(prepared.chains_of(position, recipe.at_least)):
            yield (subgraph.name, n), chain, subgraph
