# SPDX-License-Identifier: Apache-2.0
"""What a port runs of a plan: the parts of the operator in order, and where buffers lie in L1."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from converters.gap9.machine import Machine
from converters.gap9.works import TilePlan, Work


@dataclass(frozen=True)
class Buffer:
    """Of the operand at that place among the operator's, its copy of that number."""

    operand: int
    copy: int
    offset: int
    bytes: int


def parts(work: Work, plan: TilePlan) -> list[dict[str, tuple[int, int]]]:
    """Ranges of the loops, first to last plus one, of every tile in the order they run."""
    sizes = work.sizes
    starts = [range(0, sizes[loop], plan.tile(loop)) for loop in plan.order]
    return [
        {
            loop: (first, min(first + plan.tile(loop), sizes[loop]))
            for loop, first in zip(plan.order, corner, strict=True)
        }
        for corner in itertools.product(*starts)
    ]


def buffers(work: Work, plan: TilePlan, machine: Machine) -> list[Buffer]:
    """One behind the other; none where the operator runs in L2."""
    found: list[Buffer] = []
    offset = 0
    for at, operand in enumerate(work.operands if plan.in_l1 else ()):
        size = operand.item * math.prod(
            index.extent(1 if index.loop is None else plan.tile(index.loop))
            for index in operand.indices
        )
        for copy in range(plan.buffers):
            found.append(Buffer(at, copy, offset, size))
            offset += -(-size // machine.alignment) * machine.alignment
    return found
