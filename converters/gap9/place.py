# SPDX-License-Identifier: Apache-2.0
"""Which tensors live in L2, where not all fit: those that would move most through L3.

Greedy by bytes of traffic for each byte held times how long it is held, as far as at no operator
more is held than L2 has.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from converters.gap9.works import Work

PERSISTENT = ("w", "g")
"""First letters of tensors that outlive a step: weights, sums of their gradients."""


@dataclass(frozen=True)
class Life:
    """A tensor of ``bytes`` from operator ``first`` to ``last``, touched ``uses`` times."""

    tensor: str
    bytes: int
    first: int
    last: int
    uses: int

    @property
    def traffic(self) -> int:
        return self.bytes * self.uses


def lives(works: list[Work], persistent: Collection[str] = ()) -> list[Life]:
    size: dict[str, int] = {}
    seen: dict[str, list[int]] = {}
    for at, work in enumerate(works):
        for operand in work.operands:
            size[operand.tensor] = max(size.get(operand.tensor, 0), operand.bytes)
            seen.setdefault(operand.tensor, []).append(at)
    end = len(works) - 1
    found = []
    for tensor, uses in seen.items():
        stays = tensor in persistent or tensor.startswith(PERSISTENT)
        first, last = (0, end) if stays else (uses[0], uses[-1])
        found.append(Life(tensor, size[tensor], first, last, len(uses)))
    return found


def peak(found: list[Life], steps: int) -> int:
    """Most bytes that live at once."""
    held = [0] * max(steps, 1)
    for life in found:
        for at in range(life.first, life.last + 1):
            held[at] += life.bytes
    return max(held)


def in_l2(works: list[Work], budget: int, persistent: Collection[str] = ()) -> frozenset[str]:
    """Names of the tensors that stay in L2."""
    found = lives(works, persistent)
    if peak(found, len(works)) <= budget:
        return frozenset(life.tensor for life in found)
    held = [0] * len(works)
    kept = []
    for life in sorted(found, key=lambda one: (-one.uses / (one.last - one.first + 1), one.tensor)):
        span = range(life.first, life.last + 1)
        if all(held[at] + life.bytes <= budget for at in span):
            for at in span:
                held[at] += life.bytes
            kept.append(life.tensor)
    return frozenset(kept)


def far_bytes(work: Work, near: frozenset[str]) -> float:
    """What an operator moves between L3 and L2."""
    return float(sum(o.bytes for o in work.operands if o.tensor not in near))
