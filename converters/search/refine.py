# SPDX-License-Identifier: Apache-2.0
"""Make a schedule faster within its budget: changes that save the most first, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from converters.graph import Graph
from converters.planner.plan import least_arena
from converters.search.budget import Budget
from converters.search.moves import Move, moves
from converters.search.recipe import Place, Prepared, Recipe, build
from converters.search.schedule import Cost, Schedule, fits, packed, row, squeezed

_FEW_ROUNDS = 40
"""Of the solver, for one of many candidates."""
_WORTH = 0.002
"""Share of the instructions that changes have to save together to be tried one by one."""


def planned(
    prepared: Prepared, recipe: Recipe, graph: Graph, cost: float, ram_bytes: int | None = None
) -> Schedule:
    """With a quick packing; one of ``ram_bytes`` is low enough."""
    level = "samples" if recipe.at_least is None else "channels"
    beside, regions = prepared.overhead(graph), prepared.regions
    plan = packed(graph, beside, regions, 0, 0 if ram_bytes is None else ram_bytes - beside)
    return Schedule(level, recipe, graph, plan, cost, beside, regions)


def refined(prepared: Prepared, base: Schedule, budget: Budget, cost: Cost) -> Schedule:
    """``base`` with what saves instructions and still fits, the most first: chains in fewer pieces,
    tensors stored instead of computed again, fast algorithms. Some save only after others, so
    those that do not at first are tried once more.
    """
    search = _Search(prepared, budget, cost)
    possible = [m for m in moves(prepared, base.recipe, base.graph) if not m.is_done(base.recipe)]
    best, useless = search.improved(base, possible)
    return base if best is base else search.improved(best, useless)[0]


@dataclass(frozen=True)
class _Search:
    prepared: Prepared
    budget: Budget
    cost: Cost

    def improved(self, base: Schedule, possible: Sequence[Move]) -> tuple[Schedule, list[Move]]:
        """Also the moves that save nothing."""
        savings = self._savings(base, possible)
        found = [(-saved, n, possible[n]) for n, saved in enumerate(savings) if saved > 0]
        useless = [move for move, saved in zip(possible, savings, strict=True) if saved <= 0]
        ordered = [move for *_, move in sorted(found, key=lambda entry: entry[:2])]
        best = base
        for alone, group in groupby(ordered, key=lambda move: move.alone):
            for moves_together in [[move] for move in group] if alone else [list(group)]:
                best = self._with(best, moves_together)
        return best, useless

    def _may_fit(self, graph: Graph) -> bool:
        if self.budget.ram_bytes is None:
            return True
        return least_arena(graph) + self.prepared.overhead(graph) <= self.budget.ram_bytes

    def _savings(self, base: Schedule, possible: Sequence[Move]) -> list[float]:
        """Instructions that each saves by itself. Of a chain only the fewest and the most pieces
        are looked at: what is between lies about on the line between them.
        """

        def saved(move: Move) -> float:
            return base.cost - self.cost(build(self.prepared, move.of(base.recipe)))

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
        """``best`` with all moves of a group, or with those of each half of it."""
        if not group:
            return best
        recipe, changes = best.recipe, []
        for move in group:
            if not move.is_done(recipe):
                recipe = move.of(recipe)
                changes.append(move.words)
        graph = build(self.prepared, recipe)
        executed = self.cost(graph)
        if executed < best.cost and self._may_fit(graph):
            found = planned(self.prepared, recipe, graph, executed, self.budget.ram_bytes)
            found = squeezed(found, self.budget, rounds=_FEW_ROUNDS)
            taken = fits(found, self.budget)
            words = "; ".join(changes)
            if taken or len(group) == 1:
                self.prepared.trail.append(row(found, words, self.budget, taken=taken))
            if taken:
                return found
        if len(group) == 1 or 0 <= best.cost - executed < _WORTH * best.cost:
            return best
        half = len(group) // 2
        return self._with(self._with(best, group[:half]), group[half:])
