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
from converters.passes.fetch_again import code_readers, loops_over_codes
from converters.passes.fetch_samples import Sample
from converters.passes.norm_into_pool import norm_into_pool
from converters.passes.slope_sums import SLOPES
from converters.passes.stream_channels import Chain
from converters.planner.plan import Plan, make_plan
from converters.planner.solver import ROUNDS
from converters.search.budget import Budget, overhead_bytes
from converters.search.recipe import Place, Prepared, Recipe, build, finish, in_loops, prepare

_LEAST = 1024
"""Bytes of the smallest tensors that chains are made of."""

_FEW_ROUNDS = 40
"""Of the solver, for one of many candidates."""

VARIANTS = (False, True)
"""Without and with sums of normalisations ahead (see ``prepare``)."""

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
        }


class NothingFits(ConversionError):
    """``least`` is the schedule with the least RAM there is, ``advice`` what would help."""

    def __init__(self, budget: Budget, least: Schedule, advice: str = "") -> None:
        self.budget, self.least = budget, least
        super().__init__(
            f"ram: the model trains in {least.ram_bytes} bytes at least, {budget.ram_bytes} are "
            f"given, {least.ram_bytes - (budget.ram_bytes or 0)} too few"
            + (f"; {advice}" if advice else "")
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
    found: list[Schedule] = []
    failed: list[NothingFits] = []
    for prepared, recipes in _ways(graph, batch, sample, scale, overhead):
        try:
            found.append(_searched(prepared, recipes, budget, cost))
        except NothingFits as error:
            failed.append(error)
    if not found:
        raise min(failed, key=lambda error: error.least.ram_bytes)
    return min(found, key=_ram_and_cost if budget.least else lambda schedule: (schedule.cost, 0.0))


def least_ram(
    graph: Graph,
    *,
    batch: int,
    sample: Sample,
    scale: float,
    overhead: Overhead = overhead_bytes,
) -> int:
    """Bytes of RAM of the schedule with the least, whatever it costs."""
    return min(
        _least(prepared, recipes, lambda graph: 0.0).ram_bytes
        for prepared, recipes in _ways(graph, batch, sample, scale, overhead)
    )


def _ways(
    graph: Graph, batch: int, sample: Sample, scale: float, overhead: Overhead
) -> Iterator[tuple[Prepared, list[Recipe]]]:
    """Recipes, from the fewest instructions to the least RAM."""
    for ahead in VARIANTS:
        prepared = prepare(graph, batch=batch, sample=sample, scale=scale, ahead=ahead)
        prepared = replace(prepared, overhead=overhead)
        first = Recipe(sample, scale, ahead=ahead, fast_fir=frozenset())
        sizes = (None, *thresholds(prepared))
        yield prepared, [replace(first, at_least=at_least) for at_least in sizes]


def _searched(prepared: Prepared, recipes: list[Recipe], budget: Budget, cost: Cost) -> Schedule:
    """The first recipe that fits, made faster; or the least there is."""
    if budget.least:
        least = _least(prepared, recipes, cost)
        return _packed(_refined(prepared, least, Budget(least.ram_bytes), cost))
    for recipe in recipes:
        found = _squeezed(_schedule(prepared, recipe, cost), budget)
        if _fits(found, budget):
            return _packed(_refined(prepared, found, budget, cost))
    raise NothingFits(budget, _least(prepared, recipes, cost))


def _least(prepared: Prepared, recipes: list[Recipe], cost: Cost) -> Schedule:
    """The schedule with the least RAM: a better packing is looked for where one could win."""
    found = [_schedule(prepared, recipe, cost) for recipe in recipes]
    least = min(found, key=_ram_and_cost)
    for schedule in sorted(found, key=lambda schedule: (schedule.bound_bytes, schedule.cost)):
        if (schedule.bound_bytes, schedule.cost) < _ram_and_cost(least):
            least = min(least, _packed(schedule), key=_ram_and_cost)
    return least


def _packed(schedule: Schedule) -> Schedule:
    return replace(schedule, plan=make_plan(schedule.graph))


def _ram_and_cost(schedule: Schedule) -> tuple[int, float]:
    return schedule.ram_bytes, schedule.cost


def _squeezed(schedule: Schedule, budget: Budget, *, rounds: int = ROUNDS) -> Schedule:
    """With another packing, if that may make it fit."""
    if (
        budget.ram_bytes is None
        or not schedule.bound_bytes <= budget.ram_bytes < schedule.ram_bytes
    ):
        return schedule
    enough = budget.ram_bytes - schedule.overhead_bytes
    return replace(schedule, plan=make_plan(schedule.graph, enough=enough, rounds=rounds))


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
    return _planned(prepared, recipe, graph, cost(graph))


def _planned(prepared: Prepared, recipe: Recipe, graph: Graph, cost: float) -> Schedule:
    level = "samples" if recipe.at_least is None else "channels"
    plan = make_plan(graph, rounds=0)
    return Schedule(level, recipe, graph, plan, cost, prepared.overhead(graph))


def _refined(prepared: Prepared, base: Schedule, budget: Budget, cost: Cost) -> Schedule:
    """``base`` with what saves instructions and still fits, the most first: chains in fewer pieces,
    tensors stored instead of computed again, fast algorithms. Some save only after others, so
    those that do not at first are tried once more.
    """
    moves = list(_moves(prepared, base))
    best, moves = _improved(prepared, base, budget, cost, moves)
    return base if best is base else _improved(prepared, best, budget, cost, moves)[0]


def _improved(
    prepared: Prepared, base: Schedule, budget: Budget, cost: Cost, moves: list[Move]
) -> tuple[Schedule, list[Move]]:
    """Also the moves that save nothing."""
    found, useless = [], []
    for n, move in enumerate(moves):
        graph = build(prepared, move(base.recipe))
        executed = cost(graph)
        if executed < base.cost:
            found.append((executed, n, move, graph))
        else:
            useless.append(move)
    best = base
    for executed, _, move, graph in sorted(found, key=lambda entry: entry[:2]):
        recipe = move(best.recipe)
        if best is not base:
            graph = build(prepared, recipe)
            executed = cost(graph)
        if executed < best.cost:
            planned = _planned(prepared, recipe, graph, executed)
            planned = _squeezed(planned, budget, rounds=_FEW_ROUNDS)
            best = planned if _fits(planned, budget) else best
    return best, useless


def _moves(prepared: Prepared, base: Schedule) -> Iterator[Move]:
    for place, chain, subgraph in _chains(prepared, base.recipe):
        for count in range(1, chain.channels):
            if chain.channels % count == 0:
                yield partial(_in_pieces, place=place, count=count)
        for op in subgraph.ops:
            if op.outputs and op.outputs[0] in chain.outputs and _worth_keeping(op):
                yield partial(_keeping, place=place, tensors=op.outputs)
    graph = in_loops(prepared, base.recipe)
    for index in prepared.streamed:
        name = prepared.graph.subgraphs[index].name
        readers = code_readers(graph, index)
        if len(readers) > 1:
            yield partial(_fetching_once, name=name)
        for n in loops_over_codes(graph, index):
            yield partial(_fetching_around, place=(name, n))
        for n in range(len(readers)):
            yield partial(_as_floats, place=(name, n))
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


def _fetching_once(recipe: Recipe, *, name: str) -> Recipe:
    return replace(recipe, fetch_once=recipe.fetch_once | {name})


def _fetching_around(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, around=recipe.around | {place})


def _as_floats(recipe: Recipe, *, place: Place) -> Recipe:
    return replace(recipe, floats=recipe.floats | {place})


def _chains(prepared: Prepared, recipe: Recipe) -> Iterator[tuple[Place, Chain, Subgraph]]:
    if recipe.at_least is None:
        return
    for position, index in enumerate(prepared.streamed):
        subgraph = prepared.graph.subgraphs[index]
        for n, chain in enumerate(prepared.chains_of(position, recipe.at_least)):
            yield (subgraph.name, n), chain, subgraph
