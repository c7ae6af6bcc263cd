# SPDX-License-Identifier: Apache-2.0
"""Greedy packing: place buffers one after another at the lowest offset free over their whole life.

Several orders are tried; where the lowest result is above what is wanted, the best order is changed
again and again: what reaches too high goes earlier (a squeaky wheel: Joslin and Clements, 1999).
Some order gives the best packing there is, so that few buffers are tried in all orders. Those that
fit anyway are left out of all this (see ``core``). Rounds are counted, not timed, and chance is a
fixed sequence: the same problem has the same solution.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from converters.planner.core import split
from converters.planner.problem import Buffer, Problem, Solution

ROUNDS = 600
"""Changes of the order that are tried at most."""
FEW = 7
"""Buffers of which all orders are tried."""
_DETOUR = 7
"""Of rounds without a gain in a row, how many until one that loses is gone on from."""
_SWAPS = 3
"""Of rounds, how many until one also swaps any two buffers; more often hides what blame gains."""
_STALE = 60
"""Rounds without a gain after which the search starts again from the best order."""

_ORDERS: tuple[Callable[[Buffer], tuple[float, ...]], ...] = (
    lambda b: (-b.size, b.first, b.id),
    lambda b: (-b.size * (b.last - b.first + 1), b.id),
    lambda b: (-(b.last - b.first), -b.size, b.id),
    lambda b: (b.first, -b.size, b.id),
)


def _hot_first(b: Buffer) -> tuple[float, int]:
    """What is read most often gets what lies lowest: the first of several regions."""
    return -b.heat, b.id


def solve(problem: Problem, *, wanted: int = 0, rounds: int = ROUNDS) -> Solution:
    """The lowest packing found; one of ``wanted`` bytes is low enough."""
    if not problem.buffers:
        return Solution({}, 0)
    enough = max(problem.lower_bound(), wanted)
    packing = _Packing(problem, enough)
    best = packing.first(enough)
    if packing.height_of(best) > enough and len(best) <= FEW:
        best = packing.best_of_all(best, enough)
    elif packing.height_of(best) > enough:
        best = packing.improved(best, enough, rounds)
    return packing.solution(best)


@dataclass(frozen=True)
class _Placed:
    order: list[int]
    offsets: list[int]
    height: int


class _Packing:
    """Buffers are their numbers in the order of their ids; orders are of the hard ones."""

    def __init__(self, problem: Problem, enough: int) -> None:
        self._buffers = sorted(problem.buffers, key=lambda b: b.id)
        self._sizes = [b.size for b in self._buffers]
        self._alignments = [b.alignment for b in self._buffers]
        self._boundaries = problem.boundaries
        self._known: dict[tuple[int, ...], list[int]] = {}
        first = np.array([b.first for b in self._buffers])
        last = np.array([b.last for b in self._buffers])
        meet = (first <= last[:, None]) & (first[:, None] <= last)
        np.fill_diagonal(meet, False)
        begun = (first <= first[:, None]) & (first[:, None] <= last)
        live = begun @ np.array(self._sizes)
        self._crowds = np.max(begun * live[:, None], axis=0).tolist()
        """The most bytes that live at one time, of the times of each buffer."""
        self._near = [np.flatnonzero(row).tolist() for row in meet]
        self._meets = [row.tobytes() for row in meet]
        self._hard = frozenset(range(len(self._buffers)))
        self._easy: list[int] = []
        if not self._boundaries:  # across which hot ones come first, however small
            self._hard, self._easy = split(self._buffers, meet, enough)

    def first(self, enough: int) -> list[int]:
        """The best of some orders that are good for one reason or another: the most crowded buffers
        first, and of them those that live long (an order of minimalloc's: Moffitt, 2023), or the
        large ones, or those that come early.
        """
        best: list[int] = []
        least = -1
        numbers = {b.id: n for n, b in enumerate(self._buffers)}

        def crowded_first(b: Buffer) -> tuple[int, ...]:
            return -self._crowds[numbers[b.id]], b.first - b.last, -b.size, b.id

        for key in (*[_hot_first] * bool(self._boundaries), crowded_first, *_ORDERS):
            order = [numbers[b.id] for b in sorted(self._buffers, key=key)]
            order = [n for n in order if n in self._hard]
            offsets = self._place(order, limit=None if least < 0 else least - 1)
            if offsets is not None:
                self._known[tuple(order)] = offsets
                best, least = order, self._height(offsets)
            if least <= enough:
                break
        return best

    def height_of(self, order: Sequence[int]) -> int:
        return self._height(self._offsets(order))

    def _offsets(self, order: Sequence[int]) -> list[int]:
        key = tuple(order)
        if key not in self._known:
            offsets = self._place(order)
            assert offsets is not None
            self._known[key] = offsets
        return self._known[key]

    def solution(self, order: Sequence[int]) -> Solution:
        offsets = list(self._offsets(order))
        for n in self._easy:
            offsets[n] = self._lowest(n, offsets)
        ids = {b.id: offset for b, offset in zip(self._buffers, offsets, strict=True)}
        return Solution(ids, self._height(offsets))

    def improved(self, order: list[int], enough: int, rounds: int) -> list[int]:
        chance = random.Random(len(order))
        best = current = _Placed(order, self._offsets(order), self.height_of(order))
        stale = 0
        for _ in range(rounds):
            moved = self._blaming(current, enough, chance)
            detour = stale % _DETOUR == _DETOUR - 1
            offsets = self._place(moved, None if detour else current.height, current)
            stale += 1
            if offsets is not None:
                height = self._height(offsets)
                stale = 0 if height < current.height else stale
                current = _Placed(moved, offsets, height)
            if current.height < best.height:
                best = current
            if best.height <= enough:
                break
            if stale >= _STALE:
                current, stale = best, 0
        return best.order

    def best_of_all(self, order: list[int], enough: int) -> list[int]:
        """Order by order; a beginning that is no lower than the best whole one is given up."""
        best, least = order, self.height_of(order)
        offsets = [-1] * len(self._sizes)
        stack: list[int] = []

        def search(height: int) -> None:
            nonlocal best, least
            if height >= least or least <= enough:
                return
            if len(stack) == len(order):
                best, least = list(stack), height
                return
            for n in sorted(order):
                if offsets[n] >= 0:
                    continue
                offsets[n] = self._lowest(n, offsets)
                stack.append(n)
                search(max(height, offsets[n] + self._sizes[n]))
                offsets[n] = -1
                stack.pop()

        search(0)
        return best

    def _blaming(self, placed: _Placed, enough: int, chance: random.Random) -> list[int]:
        """Another order, in which what lies above ``enough`` comes earlier."""
        high = [n for n in placed.order if placed.offsets[n] + self._sizes[n] > enough]
        moved = list(placed.order)
        for n in high:
            at = moved.index(n)
            if at:
                moved.insert(chance.randrange(at), moved.pop(at))
        if chance.randrange(_SWAPS) == 0:
            a, b = chance.randrange(len(moved)), chance.randrange(len(moved))
            moved[a], moved[b] = moved[b], moved[a]
        return moved

    def _place(
        self, order: Sequence[int], limit: int | None = None, like: _Placed | None = None
    ) -> list[int] | None:
        """Offsets, -1 of what is not in ``order``; None, if one of the buffers ends above
        ``limit``. ``like``: a packing below it, whose order may begin in the same way.
        """
        offsets = [-1] * len(self._sizes)
        same = 0
        if like is not None:
            pairs = zip(order, like.order, strict=True)
            same = next((i for i, (a, b) in enumerate(pairs) if a != b), len(order))
            for n in order[:same]:
                offsets[n] = like.offsets[n]
        placed = sorted((offsets[n], offsets[n] + self._sizes[n], n) for n in order[:same])
        for n in order[same:]:
            meets, size, alignment = self._meets[n], self._sizes[n], self._alignments[n]
            offset = self._within(0, size)
            for start, end, other in placed:
                if end > offset and meets[other]:
                    if start - offset >= size:
                        break
                    offset = -(-end // alignment) * alignment
                    if self._boundaries:
                        offset = self._within(offset, size)
            if limit is not None and offset + size > limit:
                return None
            offsets[n] = offset
            insort(placed, (offset, offset + size, n))
        return offsets

    def _lowest(self, n: int, offsets: list[int]) -> int:
        sizes, size, alignment = self._sizes, self._sizes[n], self._buffers[n].alignment
        offset = self._within(0, size)
        placed = [(offsets[k], offsets[k] + sizes[k]) for k in self._near[n] if offsets[k] >= 0]
        placed.sort()
        for start, end in placed:
            if start - offset >= size:
                break
            if end > offset:
                offset = self._within(-(-end // alignment) * alignment, size)
        return offset

    def _within(self, offset: int, size: int) -> int:
        """The first offset from here on at which no boundary is crossed."""
        for boundary in self._boundaries:
            if offset < boundary < offset + size:
                offset = boundary
        return offset

    def _height(self, offsets: list[int]) -> int:
        """Of what is placed."""
        placed = zip(offsets, self._sizes, strict=True)
        return max((offset + size for offset, size in placed if offset >= 0), default=0)
