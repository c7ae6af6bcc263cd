# SPDX-License-Identifier: Apache-2.0
"""Make a schedule faster within its budget: changes that save the most first, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from converters.graph import Graph
from converters.planner.plan import crowded_bodies
from converters.search.budget import Budget
from converters.search.moves import Move, moves
from converters.search.recipe import Place, Prepared, Recipe, build
from converters.search.schedule import Cost, Schedule, fits, packed, row

_FEW_ROUNDS = 30
"""Of the solver, for one of many candidates."""
_WORTH = 0.008
"""Share of the instructions that changes have to save together to be tried one by one."""


def planned(
    prepared: Prepared,
    recipe: Recipe,
    graph: Graph,
    cost: float,
    *,
    ram_bytes: int | None = None,
    rounds: int = 0,
) -> Schedule:
    """With a quick packing; one of ``ram_bytes`` is low enough. ``rounds``: of the solver."""
    level = "samples" if recipe.at_least is None else "channels"
    beside, regions = prepared.overhead(graph), prepared.regions
    enough = 0 if ram_bytes is None else ram_bytes - beside
    packing = packed(graph, beside, regions, rounds, enough)
    return Schedule(level, recipe, graph, packing, cost, beside, regions)


def refined(prepared: Prepared, base: Schedule, budget: Budget, cost: Cost) -> Schedule:
    """``base`` with what saves instructions and still fits, the most first: chains in fewer pieces,
    tensors stored instead of computed again, fast algorithms. Some save only after others, so
    those that do not at first are tried once more where something has changed.
    """
    search = _Search(prepared, budget, cost)
    possible = [m for m in moves(prepared, base.recipe, base.graph) if not m.is_done(base.recipe)]
    best, useless = search.improved(base, possible)
    again = [
        move
        for move in useless
        if move.where is None or best.recipe.part(move.where) != base.recipe.part(move.where)
    ]
    return search.improved(best, again)[0]


@dataclass(frozen=True)
class _Search:
    prepared: Prepared
    budget: Budget
    cost: Cost

    def improved(self, base: Schedule, possible: Sequence[Move]) -> tuple[Schedule, list[Move]]:
        """Also the moves that save nothing."""
        savings = self._savings(base.recipe, possible)
        found = [(-saved, n, possible[n]) for n, saved in enumerate(savings) if saved > 0]
        useless = [move for move, saved in zip(possible, savings, strict=True) if saved <= 0]
        ordered = [move for *_, move in sorted(found, key=lambda entry: entry[:2])]
        best = base
        for alone, group in groupby(ordered, key=lambda move: move.alone):
            if not alone:
                best = self._with(best, list(group))
                continue
            for together in _one_each(group):
                savings = self._savings(best.recipe, together)
                useful = [m for m, saved in zip(together, savings, strict=True) if saved > 0]
                best = self._with(best, useful)
        return best, useless

    def _savings(self, recipe: Recipe, possible: Sequence[Move]) -> list[float]:
        """Instructions that each saves by itself. Of a chain only the fewest and the most pieces
        are looked at: what is between lies about on the line between them.
        """
        parts: dict[str | None, tuple[Prepared, float]] = {}

        def saved(move: Move) -> float:
            if move.where not in parts:
                part = self.prepared if move.where is None else self.prepared.only(move.where)
                parts[move.where] = part, self.cost(build(part, recipe))
            part, cost = parts[move.where]
            return cost - self.cost(build(part, move.of(recipe)))

        chains: dict[Place, list[Move]] = {}
        for move in possible:
            if move.pieces is not None:
                chains.setdefault(move.pieces[0], []).append(move)
        # By chain: what its fewest and its most pieces save; moves come in the order of pieces.
        known = {
            place: {m.pieces[1]: saved(m) for m in {moves[0], moves[-1]} if m.pieces is not None}
            for place, moves in chains.items()
        }

        def expected(move: Move) -> float:
            if move.pieces is None:
                return saved(move)
            place, count = move.pieces
            ends = sorted(known[place])
            return float(np.interp(count, ends, [known[place][end] for end in ends]))

        return [expected(move) for move in possible]

    def _with(self, best: Schedule, group: Sequence[Move]) -> Schedule:
        """``best`` with all moves of a group, or with those of each part of it."""
        if not group:
            return best
        recipe, changes = best.recipe, []
        for move in group:
            if not move.is_done(recipe):
                recipe = move.of(recipe)
                changes.append(move.words)
        graph = build(self.prepared, recipe)
        executed = self.cost(graph)
        crowded: frozenset[str] = frozenset()
        if executed < best.cost:
            crowded = self._crowded(graph)
        if executed < best.cost and not crowded:
            found = planned(
                self.prepared,
                recipe,
                graph,
                executed,
                ram_bytes=self.budget.ram_bytes,
                rounds=_FEW_ROUNDS,
            )
            taken = fits(found, self.budget)
            words = "; ".join(changes)
            if taken or len(group) == 1:
                self.prepared.trail.append(row(found, words, self.budget, taken=taken))
            if taken:
                return found
        if len(group) == 1 or 0 <= best.cost - executed < _WORTH * best.cost:
            return best
        for part in _parts(group, crowded):
            best = self._with(best, part)
        return best

    def _crowded(self, graph: Graph) -> frozenset[str]:
        """Bodies of loops that no packing makes fit."""
        if self.budget.ram_bytes is None:
            return frozenset()
        return crowded_bodies(graph, self.budget.ram_bytes - self.prepared.overhead(graph))


def _one_each(moves: Iterable[Move]) -> Iterator[list[Move]]:
    """Groups of moves, in their order, of which no two are of one place."""
    waiting = list(moves)
    while waiting:
        first: dict[str | None, Move] = {}
        later = [move for move in waiting if first.setdefault(move.where, move) is not move]
        yield list(first.values())
        waiting = later


def _parts(group: Sequence[Move], crowded: frozenset[str]) -> list[list[Move]]:
    """What to try of a group that does not fit. Loops run at different times, so that each can be
    blamed for itself: what is in none that is ``crowded`` goes first, then half of what is in each.
    """
    blamed = [move for move in group if move.where in crowded]
    if not blamed:
        half = len(group) // 2
        return [list(group[:half]), list(group[half:])]
    rest = [move for move in group if move.where not in crowded]
    halves: tuple[list[Move], list[Move]] = ([], [])
    for place in dict.fromkeys(move.where for move in blamed):
        own = [move for move in blamed if move.where == place]
        if len(own) > 1:  # else it is what does not fit
            halves[0].extend(own[: len(own) // 2])
            halves[1].extend(own[len(own) // 2 :])
    return [rest, *halves]
