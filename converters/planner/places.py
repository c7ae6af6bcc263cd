# SPDX-License-Identifier: Apache-2.0
"""Where tensors lie, as data."""

from __future__ import annotations

from dataclasses import dataclass

NOWHERE = -1
_FIRST_SLICE = -2
MAX_LOOPS = 2


@dataclass(frozen=True)
class Span:
    """One line of the memory map: bytes [offset, offset + size) hold ``name`` while ops
    first..last run.
    """

    name: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: ``offset``, and in a body the bytes from one iteration's to the next
    one's, by loop, the outermost first.
    """

    offset: int
    strides: tuple[int, ...] = (0,) * MAX_LOOPS

    def in_iteration(self, *iterations: int) -> int:
        return self.offset + sum(s * i for s, i in zip(self.strides, iterations, strict=False))


@dataclass(frozen=True)
class SubgraphPlan:
    """``places[i]`` is where tensor i lies, if it is in the arena. ``commit_op`` is the first op
    that may write a variable.
    """

    places: tuple[Place | None, ...]
    commit_op: int
    peak: int = 0
    lower_bound: int = 0
    spans: tuple[Span, ...] = ()

    @property
    def offsets(self) -> tuple[int, ...]:
        """Of every tensor in the first iteration of all loops, or NOWHERE."""
        return tuple(p.offset if p else NOWHERE for p in self.places)

    def words(self) -> list[int]:
        offsets: list[int] = []
        slices: list[int] = []
        for place in self.places:
            if place is None:
                offsets.append(NOWHERE)
            elif not any(place.strides):
                offsets.append(place.offset)
            else:
                offsets.append(_FIRST_SLICE - len(slices) // (1 + MAX_LOOPS))
                slices += [place.offset, *place.strides]
        n_slices = len(slices) // (1 + MAX_LOOPS)
        return [len(offsets), self.commit_op, n_slices, *offsets, *slices]
