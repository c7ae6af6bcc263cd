# SPDX-License-Identifier: Apache-2.0
"""Where the elements of a tensor lie in memory, as a permutation of digits.

The logical (row-major) index of an element is a number of mixed radix; memory holds the same digits
in another order. A reshape changes no index, so it keeps the layout, and a flattened convolutional
activation needs no case of its own: [B, H * W * C] stored in C, H, W order has the digits B, H, W,
C in the order B, C, H, W.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import prod
from operator import mul

import numpy as np


@dataclass(frozen=True)
class Layout:
    """``sizes`` of the logical digits, most significant first; memory has them in ``order``.

    Made by ``of``, which drops digits of size one and joins neighbours that stay neighbours: two
    layouts are equal if and only if they place every element alike.
    """

    sizes: tuple[int, ...]
    order: tuple[int, ...]

    @staticmethod
    def of(sizes: Sequence[int], order: Sequence[int] | None = None) -> Layout:
        runs: list[list[int]] = []
        kept = [i for i in (range(len(sizes)) if order is None else order) if sizes[i] > 1]
        position = {digit: n for n, digit in enumerate(sorted(kept))}
        for digit in kept:
            if runs and position[digit] == position[runs[-1][-1]] + 1:
                runs[-1].append(digit)
            else:
                runs.append([digit])
        by_digit = sorted(range(len(runs)), key=lambda n: runs[n][0])
        return Layout(
            tuple(prod(sizes[d] for d in runs[n]) for n in by_digit),
            tuple(by_digit.index(n) for n in range(len(runs))),
        )

    @property
    def is_logical(self) -> bool:
        """Row-major: memory is the logical order."""
        return len(self.order) <= 1

    @property
    def stored(self) -> tuple[int, ...]:
        """Sizes of the digits as memory has them."""
        return tuple(self.sizes[i] for i in self.order)

    def inverse(self) -> Layout:
        return Layout.of(self.stored, tuple(int(i) for i in np.argsort(self.order)))

    def then(self, move: Layout) -> Layout | None:
        """The layout after memory itself was rearranged by ``move``; None if their digits do not
        fit.
        """
        digits = _common(self.stored, move.sizes)
        if digits is None:
            return None
        back = _cut(self.inverse(), digits)
        first = tuple(int(i) for i in np.argsort(back))
        second = _cut(move, digits)
        # The logical digits, in logical order, are digits[back[0]], digits[back[1]], …
        return Layout.of([digits[i] for i in back], [first[i] for i in second])

    def digits(self, shape: Sequence[int]) -> list[Digit] | None:
        """The stored digits, cut so that each belongs to one axis of the logical ``shape``."""
        fine = _common(self.sizes, [d for d in shape if d > 1])
        if fine is None:
            return None
        axes = _axes(fine, shape)
        return [Digit(fine[i], axes[i], i) for i in _cut(self, fine)]


@dataclass(frozen=True)
class Digit:
    """Of ``size``, within logical axis ``axis``; ``rank`` orders digits by significance."""

    size: int
    axis: int
    rank: int


def layout_of(digits: Iterable[Digit]) -> Layout:
    """The layout that has these digits in memory in this order."""
    stored = list(digits)
    logical = sorted(stored, key=lambda d: d.rank)
    index = {d.rank: n for n, d in enumerate(logical)}
    return Layout.of([d.size for d in logical], [index[d.rank] for d in stored])


def axis_order(layout: Layout, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The axes of ``shape`` in stored order, if each axis lies there whole; one of size 1 follows
    the axis before it.
    """
    digits = layout.digits(shape)
    if digits is None:
        return None
    order: list[int] = []
    last: Digit | None = None
    for digit in digits:
        if last is not None and digit.axis == last.axis and digit.rank != last.rank + 1:
            return None
        if last is None or digit.axis != last.axis:
            if digit.axis in order:
                return None
            order.append(digit.axis)
        last = digit
    for axis, size in enumerate(shape):
        if size == 1:
            order.insert(order.index(axis - 1) + 1 if axis else 0, axis)
    return tuple(order)


def dims_on(
    layout: Layout, shape: Sequence[int], stored_shape: Sequence[int]
) -> list[list[Digit]] | None:
    """For each dim of ``stored_shape`` its digits, all within one axis of ``shape``; None if a dim
    spans several axes.
    """
    digits = layout.digits(shape)
    fine = _common([d.size for d in digits or []], [d for d in stored_shape if d > 1])
    if digits is None or fine is None:
        return None
    owners = _axes(fine, [d.size for d in digits])
    by_rank = sorted(range(len(fine)), key=lambda i: (digits[owners[i]].rank, i))
    pieces = [Digit(fine[i], digits[owners[i]].axis, by_rank.index(i)) for i in range(len(fine))]
    dims: list[list[Digit]] = [[] for _ in stored_shape]
    filled = _axes(fine, stored_shape)
    for piece, dim in zip(pieces, filled, strict=True):
        dims[dim].append(piece)
    return None if any(len({d.axis for d in dim}) > 1 for dim in dims) else dims


def rearrange(data: np.ndarray, move: Layout) -> np.ndarray:
    """The elements of a constant, as a flat array, after ``move``."""
    return data.reshape(move.sizes).transpose(move.order).reshape(-1)


def _marks(sizes: Sequence[int]) -> list[int]:
    """The place values: 1, the last size, the product of the last two …"""
    return [1, *accumulate(reversed(sizes), mul)]


def _common(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...] | None:
    """The coarsest digits with the boundaries of both; None if there are none."""
    marks = sorted(set(_marks(a)) | set(_marks(b)))
    if any(high % low for low, high in pairwise(marks)):
        return None
    return tuple(high // low for low, high in pairwise(marks))[::-1]


def _cut(layout: Layout, fine: Sequence[int]) -> list[int]:
    """The order of ``layout`` in terms of the finer logical digits ``fine``."""
    owners = _axes(fine, layout.sizes)
    return [i for digit in layout.order for i, owner in enumerate(owners) if owner == digit]


def _axes(fine: Sequence[int], shape: Sequence[int]) -> list[int]:
    """For each of the digits ``fine`` the axis of ``shape`` it is part of."""
    axes = []
    axis, left = -1, 1
    for size in fine:
        while left == 1:
            axis += 1
            left = shape[axis]
        axes.append(axis)
        left //= size
    return axes
