# SPDX-License-Identifier: Apache-2.0
"""Buffers that are left out of the search of a packing fit wherever the others lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from converters.planner import core
from converters.planner.problem import Buffer, Problem
from converters.planner.solver import solve

Drawn = tuple[list[Buffer], np.ndarray, int]


def drawn(generator: np.random.Generator, *, alignments: tuple[int, ...] = (1,)) -> Drawn:
    """Buffers, which of them live at the same time, and a height of a little over the bound."""
    rows = generator.integers((1, 0, 0), (20, 40, 9), (30, 3)).tolist()
    buffers = [
        Buffer(n, 16 * size, first, first + length, int(generator.choice(alignments)))
        for n, (size, first, length) in enumerate(rows)
    ]
    meet = np.array([[a.overlaps_in_time(b) and a is not b for b in buffers] for a in buffers])
    bound = Problem(tuple(buffers)).lower_bound()
    return buffers, meet, bound + 16 * int(generator.integers(0, 20))


def does_not_fit(generator: np.random.Generator, case: Drawn) -> list[int]:
    """Those of the easy ones that found no place below the height, the hard ones being anywhere."""
    buffers, meet, height = case
    hard, easy = core.split(buffers, meet, height)
    assert sorted([*hard, *easy]) == list(range(len(buffers)))
    unit = 16
    offsets = {n: unit * int(generator.integers(0, max(1, height // unit))) for n in hard}
    offsets = {n: -(-o // buffers[n].alignment) * buffers[n].alignment for n, o in offsets.items()}
    high = []
    for n in easy:
        b = buffers[n]
        near = [(offsets[k], offsets[k] + buffers[k].size) for k in offsets if meet[n, k]]
        possible = range(0, height - b.size + 1, b.alignment)
        free = [o for o in possible if all(e <= o or o + b.size <= s for s, e in near)]
        if free:
            offsets[n] = int(generator.choice(free))
        else:
            high.append(n)
    return high


def test_easy_buffers_fit_wherever_the_hard_ones_lie() -> None:
    generator = np.random.default_rng(11)
    easy = 0
    for n in range(150):
        case = drawn(generator, alignments=(16, 64) if n % 2 else (1,))
        easy += len(core.split(*case)[1])
        assert not does_not_fit(generator, case)
    print(f"compared={easy} easy buffers of {150 * 30}")
    assert easy > 500


def test_a_buffer_wrongly_taken_for_easy_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: buffers are taken for half as large as they are."""
    generator = np.random.default_rng(12)
    right = core.split

    def wrong(
        buffers: list[Buffer], meet: np.ndarray, height: int
    ) -> tuple[frozenset[int], list[int]]:
        smaller = [replace(b, size=max(16, b.size // 32 * 16)) for b in buffers]
        return right(smaller, meet, height)

    monkeypatch.setattr(core, "split", wrong)
    missed = sum(len(does_not_fit(generator, drawn(generator))) for _ in range(60))
    print(f"planted: {missed} buffers found no place")
    assert missed > 10


def test_a_core_is_what_a_step_is_hard_for() -> None:
    """Many small buffers far from the two large ones that make the peak."""
    small = [Buffer(n, 16, 10 + n, 12 + n) for n in range(200)]
    large = [Buffer(200, 4096, 0, 3), Buffer(201, 4096, 2, 5), Buffer(202, 2048, 4, 8)]
    buffers = [*small, *large]
    meet = np.array([[a.overlaps_in_time(b) and a is not b for b in buffers] for a in buffers])
    hard, easy = core.split(buffers, meet, 8192)
    assert hard <= {200, 201, 202} and len(easy) >= 200
    assert solve(Problem(tuple(buffers))).height == 8192


def test_nothing_to_pack_takes_nothing() -> None:
    assert solve(Problem(())).height == 0
    assert solve(Problem((Buffer(0, 0, 0, 1), Buffer(1, 0, 0, 1)))).height == 0
