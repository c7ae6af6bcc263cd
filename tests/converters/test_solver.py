# SPDX-License-Identifier: Apache-2.0
"""Packing: the properties of any packing, and how near to the best it comes."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.planner.problem import Buffer, Problem, Solution
from converters.planner.solver import solve


def problem_of(rows: list[tuple[int, int, int]]) -> Problem:
    """Rows of (size / 16, first, length)."""
    return Problem(tuple(Buffer(i, 16 * s, f, f + n) for i, (s, f, n) in enumerate(rows)))


problems = st.lists(
    st.tuples(st.integers(1, 40), st.integers(-1, 30), st.integers(0, 12)), min_size=1, max_size=40
).map(problem_of)


def assert_packs(problem: Problem, solution: Solution) -> int:
    """No two buffers overlap in time and place; returns how many pairs were looked at."""
    assert set(solution.offsets) == {b.id for b in problem.buffers}
    for b in problem.buffers:
        offset = solution.offsets[b.id]
        assert offset >= 0 and offset % 16 == 0 and offset + b.size <= solution.height
    pairs = 0
    for a, b in itertools.combinations(problem.buffers, 2):
        pairs += 1
        if a.first <= b.last and b.first <= a.last:
            x, y = solution.offsets[a.id], solution.offsets[b.id]
            assert x + a.size <= y or y + b.size <= x, (a, b)
    return pairs


def bound_by_counting(problem: Problem) -> int:
    times = range(-2, 50)
    return max(sum(b.size for b in problem.buffers if b.first <= t <= b.last) for t in times)


@settings(max_examples=200)
@given(problems)
def test_solutions_are_packings(problem: Problem) -> None:
    solution = solve(problem)
    assert_packs(problem, solution)
    assert problem.lower_bound() == bound_by_counting(problem)
    assert solution.height >= problem.lower_bound()
    assert solve(problem) == solution
    top = max(solution.offsets[b.id] + b.size for b in problem.buffers)
    assert solution.height == top


@settings(max_examples=50)
@given(problems, st.integers(0, 1000))
def test_the_order_of_buffers_does_not_matter(problem: Problem, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(problem.buffers))
    shuffled = Problem(tuple(problem.buffers[i] for i in order))
    assert solve(shuffled) == solve(problem)


def optimal_height(problem: Problem) -> int:
    """Some order of placing buffers as low as they go is optimal: that of an optimum's offsets."""
    best = sum(b.size for b in problem.buffers)
    bound = bound_by_counting(problem)
    for order in itertools.permutations(problem.buffers):
        placed: list[tuple[Buffer, int]] = []
        height = 0
        for b in order:
            offset = 0
            near = [(o, o + c.size) for c, o in placed if c.first <= b.last and b.first <= c.last]
            for start, end in sorted(near):
                if offset + b.size <= start:
                    break
                offset = max(offset, end)
            placed.append((b, offset))
            height = max(height, offset + b.size)
            if height >= best:
                break
        best = min(best, height)
        if best == bound:
            break
    return best


def test_solver_against_exhaustive_search() -> None:
    generator = np.random.default_rng(5)
    ratios = []
    for _ in range(250):
        n = int(generator.integers(2, 8))
        drawn = generator.integers((1, 0, 0), (12, 8, 5), (n, 3)).tolist()
        problem = problem_of([(size, first, length) for size, first, length in drawn])
        ratios.append(solve(problem).height / optimal_height(problem))
    print(f"compared={len(ratios)} worst_ratio={max(ratios):.3f}")
    assert min(ratios) == max(ratios) == 1


def drawn(generator: np.random.Generator, n: int) -> Problem:
    rows = generator.integers((1, 0, 0), (40, 60, 20), (n, 3)).tolist()
    return problem_of([(size, first, length) for size, first, length in rows])


def test_search_closes_gaps_that_greedy_orders_leave() -> None:
    generator = np.random.default_rng(6)
    before, after = [], []
    for _ in range(12):
        problem = drawn(generator, 60)
        greedy, found = solve(problem, rounds=0), solve(problem)
        assert_packs(problem, found)
        before.append(greedy.height / problem.lower_bound() - 1)
        after.append(found.height / problem.lower_bound() - 1)
    print(f"gap of greedy orders {np.mean(before):.4f}, after the search {np.mean(after):.4f}")
    assert np.mean(before) > 0.01 and np.mean(after) < np.mean(before) / 3


def test_what_is_low_enough_ends_the_search() -> None:
    problem = drawn(np.random.default_rng(7), 60)
    greedy, best = solve(problem, rounds=0), solve(problem)
    assert best.height < greedy.height
    wanted = solve(problem, wanted=greedy.height)
    assert wanted.height <= greedy.height
    assert wanted == solve(problem, wanted=greedy.height, rounds=0)
