# SPDX-License-Identifier: Apache-2.0
"""Whether a tile plan can run and gives the same bits: checked tile by tile.

Shares no code with the tiler or the cost model: it walks the tiles, lists the range of every tensor
each of them touches, and counts.
"""

from __future__ import annotations

import itertools

from converters.gap9.layout import Buffer
from converters.gap9.machine import Machine
from converters.gap9.works import Operand, TilePlan, Work

Range = tuple[int, int]


def _ranges(operand: Operand, begins: dict[str, int], ends: dict[str, int]) -> list[Range]:
    """Of a tensor, along each axis, what the tile from ``begins`` to ``ends`` touches."""
    found = []
    for index in operand.indices:
        if index.loop is None:
            found.append((0, index.size))
            continue
        first = begins[index.loop] * index.stride
        last = (ends[index.loop] - 1) * index.stride + index.window
        # Padding lies outside the tensor: never more is held than there is.
        found.append((first, min(last, first + index.size)))
    return found


def fault(work: Work, plan: TilePlan, machine: Machine) -> str | None:
    """The first thing that is wrong with a plan, or None."""
    sizes = dict(work.loops)
    if sorted(plan.order) != sorted(sizes) or len(plan.tiles) != len(plan.order):
        return f"order: wanted the loops {sorted(sizes)}, found {list(plan.order)}"
    if plan.buffers not in (1, 2):
        return f"buffers: wanted 1 or 2, found {plan.buffers}"
    for loop, tile in zip(plan.order, plan.tiles, strict=True):
        if not 1 <= tile <= sizes[loop]:
            return f"tile of {loop}: wanted 1 to {sizes[loop]}, found {tile}"
    if not plan.in_l1:
        return None
    if work.ported:
        return _fault_of_port(work, plan, machine)
    tiles = dict(zip(plan.order, plan.tiles, strict=True))
    starts = [range(0, sizes[loop], tiles[loop]) for loop in plan.order]
    for corner in itertools.product(*starts):
        begins = dict(zip(plan.order, corner, strict=True))
        ends = {loop: min(begins[loop] + tiles[loop], sizes[loop]) for loop in plan.order}
        held = 0
        for operand in work.operands:
            elements = 1
            for first, last in _ranges(operand, begins, ends):
                elements *= last - first
            whole_words = (elements * operand.item + machine.alignment - 1) // machine.alignment
            held += whole_words * machine.alignment * plan.buffers
        if held > machine.l1_bytes - machine.l1_reserved:
            room = machine.l1_bytes - machine.l1_reserved
            return f"tile at {begins}: wanted at most {room} bytes of L1, found {held}"
    return None


def _fault_of_port(work: Work, plan: TilePlan, machine: Machine) -> str | None:
    """The same where cores have tiles of their own: what all have at a time is the last tile."""
    *outer, by = plan.order
    sizes = dict(work.loops)
    for loop, tile in zip(outer, plan.tiles, strict=False):
        if tile not in (1, sizes[loop]):
            return f"tile of {loop}: wanted 1 or {sizes[loop]}, found {tile}"
    together = plan.tiles[-1]
    share = (together + machine.cores - 1) // machine.cores
    begins = dict.fromkeys(sizes, 0)
    ends = dict(zip(outer, plan.tiles, strict=False)) | {by: share}
    held = 0
    for operand in work.operands:
        elements = 1
        for first, last in _ranges(operand, begins, ends):
            elements *= last - first
        copies = 1
        if operand.own:
            copies = (together + share - 1) // share
        elif any(index.loop == by for index in operand.indices):
            copies = (together + share - 1) // share
            # A core that has one tile needs no place for another.
            copies *= plan.buffers if share * copies < sizes[by] else 1
        elif operand.is_output:
            return f"{operand.tensor}: every tile would write all of it"
        elif plan.far:
            continue
        held += copies * ((elements * operand.item + 15) // 16 * 16)
    room = machine.l1_bytes - machine.l1_reserved
    return None if held <= room else f"wanted at most {room} bytes of L1, found {held}"


def fault_of_parts(work: Work, parts: list[dict[str, Range]]) -> str | None:
    """What is wrong with parts of an iteration space that some port is to run, or None.

    Each part gives a range to every loop. Together they must cover every turn of the loops once:
    what is missing is never computed, what is there twice is summed or written twice. A loop that
    the operator does not list is part of a sum, and a sum is not split.
    """
    sizes = dict(work.loops)
    for number, part in enumerate(parts):
        for loop, (first, last) in part.items():
            if loop not in sizes:
                return f"part {number}: splits the sum over {loop}"
            if not 0 <= first < last <= sizes[loop]:
                bounds = f"wanted within 0 to {sizes[loop]}, found {first} to {last}"
                return f"part {number}: {loop} {bounds}"
        if set(part) != set(sizes):
            return f"part {number}: wanted ranges of {sorted(sizes)}, found {sorted(part)}"
    turns = 1
    for size in sizes.values():
        turns *= size
    covered = 0
    for part in parts:
        volume = 1
        for first, last in part.values():
            volume *= last - first
        covered += volume
    for one, other in itertools.combinations(parts, 2):
        if all(one[loop][0] < other[loop][1] and other[loop][0] < one[loop][1] for loop in sizes):
            return f"parts overlap: {one} and {other}"
    if covered != turns:
        return f"parts cover {covered} of {turns} turns"
    return None


def fault_of_buffers(placed: list[Buffer], machine: Machine) -> str | None:
    """What is wrong with buffers in L1, or None: alignment, overlap, the end."""
    room = machine.l1_bytes - machine.l1_reserved
    for one in placed:
        if one.offset % machine.alignment:
            return f"{one}: wanted an offset that is a multiple of {machine.alignment}"
        if one.offset < 0 or one.offset + one.bytes > room:
            return f"{one}: wanted within {room} bytes of L1"
    for one, other in itertools.combinations(placed, 2):
        if one.offset < other.offset + other.bytes and other.offset < one.offset + one.bytes:
            return f"buffers overlap: {one} and {other}"
    return None
