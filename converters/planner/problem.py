# SPDX-License-Identifier: Apache-2.0
"""The packing problem, in minimalloc's terms: buffers with a size and a lifespan, to be given
offsets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ALIGNMENT = 16


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Buffer:
    """``size`` bytes, live while ops first..last run, both included, at a multiple of
    ``alignment``. Sizes in a graph are multiples of ALIGNMENT, so that any packing is aligned.
    """

    id: int
    size: int
    first: int
    last: int
    alignment: int = 1
    heat: float = 0.0
    """How often each of its bytes is read or written."""

    def overlaps_in_time(self, other: Buffer) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Problem:
    """``boundaries``: offsets, rising, that no buffer may lie across."""

    buffers: tuple[Buffer, ...]
    boundaries: tuple[int, ...] = ()

    def lower_bound(self) -> int:
        """The most bytes live at one time: no packing can need less."""
        return max((size for _, size in self.live()), default=0)

    def live(self) -> Iterator[tuple[int, int]]:
        """(time, bytes live from then on), wherever that changes, in the order of time."""
        events: dict[int, int] = {}
        for b in self.buffers:
            events[b.first] = events.get(b.first, 0) + b.size
            events[b.last + 1] = events.get(b.last + 1, 0) - b.size
        live = 0
        for time in sorted(events):
            live += events[time]
            yield time, live


@dataclass(frozen=True)
class Solution:
    """Offset of each buffer by id, and the height of the packing in bytes."""

    offsets: dict[int, int]
    height: int
