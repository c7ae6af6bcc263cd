# SPDX-License-Identifier: Apache-2.0
"""Proof that a plan of several regions can be laid into them. Shares no code with the planner.

The pieces must cover the address space and lie side by side in regions that hold them; no tensor,
in any iteration of its loops, and no variable may lie across two pieces.
"""

from __future__ import annotations

from collections.abc import Iterator

from converters.graph import FOR_EACH, Graph
from converters.planner.plan import Plan

_ALIGNMENT = 16


class PlanError(AssertionError):
    """The plan would let one tensor destroy another; a bug in the planner."""


def verify_regions(graph: Graph, plan: Plan) -> int:
    """How many tensors and variables were found in one piece each. Raises PlanError."""
    ends = [piece.end for piece in plan.pieces]
    if not ends or ends != sorted(set(ends)) or ends[-1] != plan.arena_bytes:
        raise PlanError(f"pieces end at {ends}; the arena has {plan.arena_bytes} bytes")
    _check_pieces(plan)
    checked = 0
    for name, begin, end in _extents(graph, plan):
        inside = any(
            low <= begin and end <= high for low, high in zip([0, *ends], ends, strict=False)
        )
        if not inside:
            raise PlanError(f"{name} at {begin}+{end - begin} lies across two regions")
        checked += 1
    return checked


def _check_pieces(plan: Plan) -> None:
    taken: list[tuple[int, int, int]] = []
    low = 0
    for piece in plan.pieces:
        begin, end = low + piece.shift, piece.end + piece.shift
        low = piece.end
        region = plan.regions[piece.region]
        if begin < 0 or begin % _ALIGNMENT or end % _ALIGNMENT or end > region.bytes:
            raise PlanError(f"region {region.name}: bytes {begin} to {end} of {region.bytes}")
        if region.bytes > region.capacity:
            raise PlanError(
                f"region {region.name}: the plan takes {region.bytes} bytes of {region.capacity}"
            )
        for other, first, last in taken:
            if other == piece.region and first < end and begin < last:
                raise PlanError(f"region {region.name}: two pieces share byte {max(first, begin)}")
        taken.append((piece.region, begin, end))


def _extents(graph: Graph, plan: Plan) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and end of all that has a place, over all iterations."""
    for name, (offset, size) in plan.variables.items():
        yield f"variable {name}", offset, offset + size
    counts = _counts(graph)
    for index, (subgraph, part) in enumerate(zip(graph.subgraphs, plan.subgraphs, strict=True)):
        for tensor, place in zip(subgraph.tensors, part.places, strict=True):
            if place is not None:
                moved = sum(
                    stride * (count - 1)
                    for stride, count in zip(place.strides, counts[index], strict=False)
                )
                end = place.offset + moved + tensor.bytes
                yield f"{subgraph.name}: tensor {tensor.name}", place.offset, end


def _counts(graph: Graph) -> dict[int, tuple[int, ...]]:
    """Of every subgraph how often the loops around it run, the outermost first."""
    outside = set(range(len(graph.subgraphs))) - graph.bodies()
    found: dict[int, tuple[int, ...]] = dict.fromkeys(outside, ())
    waiting = list(found)
    while waiting:
        at = waiting.pop()
        for op in graph.subgraphs[at].ops:
            if op.kind == FOR_EACH:
                found[op.options["subgraph"]] = (*found[at], op.options["count"])
                waiting.append(op.options["subgraph"])
    return found
