# SPDX-License-Identifier: Apache-2.0
"""Which buffers a packing is hard for. The others fit below the height that is wanted wherever
their neighbours lie, so that they can be placed last: what register allocators call simplification
(Chaitin, 1982; Briggs, 1994).

A buffer with ``m`` neighbours in time has ``m + 1`` gaps at most. If none of them held it, all of
them together would be smaller than what the neighbours leave of the height.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

from converters.planner.problem import Buffer


def split(
    buffers: Sequence[Buffer], meet: np.ndarray, height: int
) -> tuple[frozenset[int], list[int]]:
    """Numbers of the hard ones, and of the others in an order to place them in. ``meet``
    [n, n]: which buffers live at the same time; ``height``: bytes that are wanted.
    """
    unit = _unit(buffers)
    sizes = np.array([b.size // unit for b in buffers])
    needed = sizes + np.array([max(0, b.alignment - unit) // unit for b in buffers])
    left = np.ones(len(buffers), bool)
    rounds: list[list[int]] = []
    while True:
        others = meet & left
        free = height // unit - others @ sizes
        gaps = others.sum(axis=1) + 1
        easy = np.flatnonzero(left & (free > gaps * (needed - 1)))
        if not len(easy):
            break
        left[easy] = False
        rounds.append(easy.tolist())
    return frozenset(np.flatnonzero(left).tolist()), [n for easy in reversed(rounds) for n in easy]


def _unit(buffers: Sequence[Buffer]) -> int:
    """Bytes that all offsets of a greedy packing are multiples of."""
    unit = gcd(*(b.size for b in buffers)) or 1
    for b in buffers:
        if unit % b.alignment:
            unit = gcd(unit, b.alignment)
    return unit
