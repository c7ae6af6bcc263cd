# SPDX-License-Identifier: Apache-2.0
"""Run a planned subgraph on real bytes, every op a hash of what it reads: is all as it was?

Written from the contract of the plan alone: it shares no code with the planner or its verifier. An
op that may not work in place destroys what its output overlaps before it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from converters.graph import Graph, Op, Subgraph

MOVES = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
POISON = b"\xa5"
InPlace = Mapping[str, tuple[tuple[int, int], ...]]


class WrongRun(Exception):
    """The plan made an op read or write what it must not."""


@dataclass
class Arena:
    """What the runner has: bytes, and where each tensor and variable lies."""

    data: bytearray
    offsets: tuple[int, ...]
    variables: dict[str, tuple[int, int]]
    variable_bytes: int
    commit_op: int
    reads: int = field(default=0)

    def span(self, subgraph: Subgraph, t: int) -> tuple[int, int]:
        start = self.offsets[t]
        end = start + subgraph.tensors[t].bytes
        if start < 0 or start % 16 or end > len(self.data):
            raise WrongRun(f"tensor {t} at {start}..{end}")
        return start, end


def result_of(op: Op, position: int, inputs: list[bytes], size: int) -> bytes:
    seed = b"|".join([op.kind.encode(), bytes([position]), *inputs])
    return hashlib.shake_128(seed).digest(size)


def simulate(graph: Graph, index: int, arena: Arena, in_place: InPlace, *, is_init: bool) -> int:
    """Run subgraph ``index``; returns how many tensors were read. Raises WrongRun."""
    subgraph = graph.subgraphs[index]
    handles = subgraph.variable_of_handle()
    values: dict[int, bytes] = {}
    variables: dict[str, bytes] = {}
    for name, (start, size) in arena.variables.items():
        variables[name] = hashlib.shake_128(name.encode()).digest(size)
        arena.data[start : start + size] = variables[name]
    untouched = bytes(arena.data[: arena.variable_bytes])
    for t in subgraph.inputs:
        values[t] = hashlib.shake_128(b"input%d" % t).digest(subgraph.tensors[t].bytes)
        start, end = arena.span(subgraph, t)
        arena.data[start:end] = values[t]

    for i, op in enumerate(subgraph.ops):
        protected = not is_init and (arena.commit_op < 0 or i < arena.commit_op)
        if op.kind in ("VAR_HANDLE", "CALL_ONCE"):
            continue
        if op.kind == "READ_VARIABLE":
            start, size = arena.variables[handles[op.inputs[0]]]
            t = op.outputs[0]
            values[t] = variables[handles[op.inputs[0]]]
            _write(arena, subgraph, t, bytes(arena.data[start : start + size]))
            _expect(arena, subgraph, t, values[t], i)
        elif op.kind == "ASSIGN_VARIABLE":
            name = handles[op.inputs[0]]
            variables[name] = _input(arena, subgraph, values, op.inputs[1], i)
            start, size = arena.variables[name]
            arena.data[start : start + size] = variables[name]
        else:
            _run(arena, subgraph, values, i, op, in_place)
        if protected and bytes(arena.data[: arena.variable_bytes]) != untouched:
            raise WrongRun(
                f"op {i} {op.kind} changes a variable before commit_op {arena.commit_op}"
            )

    for t in subgraph.outputs:
        _input(arena, subgraph, values, t, len(subgraph.ops))
    for name, (start, size) in arena.variables.items():
        if bytes(arena.data[start : start + size]) != variables[name]:
            raise WrongRun(f"variable {name} ends with another value")
    return arena.reads


def _write(arena: Arena, subgraph: Subgraph, t: int, data: bytes) -> None:
    start, end = arena.span(subgraph, t)
    arena.data[start:end] = data


def _expect(arena: Arena, subgraph: Subgraph, t: int, value: bytes, i: int) -> None:
    start, end = arena.span(subgraph, t)
    arena.reads += 1
    if bytes(arena.data[start:end]) != value:
        raise WrongRun(f"op {i} reads another value of tensor {t} {subgraph.tensors[t].name}")


def _input(arena: Arena, subgraph: Subgraph, values: dict[int, bytes], t: int, i: int) -> bytes:
    """What an op reads, checked against what it should read."""
    tensor = subgraph.tensors[t] if t >= 0 else None
    if tensor is None or tensor.type == "RESOURCE":
        return b""
    if tensor.data is not None:
        return tensor.data.tobytes()
    _expect(arena, subgraph, t, values[t], i)
    return values[t]


def _run(
    arena: Arena,
    subgraph: Subgraph,
    values: dict[int, bytes],
    i: int,
    op: Op,
    in_place: InPlace,
) -> None:
    if op.kind not in MOVES:
        for position, out in enumerate(op.outputs):
            _poison(arena, subgraph, op, position, out, in_place)
    inputs = [_input(arena, subgraph, values, t, i) for t in op.inputs]
    for position, t in enumerate(op.outputs):
        size = subgraph.tensors[t].bytes
        values[t] = inputs[0] if op.kind in MOVES else result_of(op, position, inputs, size)
        _write(arena, subgraph, t, values[t])
    # Two outputs in one place destroy each other.
    for t in op.outputs:
        _expect(arena, subgraph, t, values[t], i)


def _poison(
    arena: Arena, subgraph: Subgraph, op: Op, position: int, out: int, in_place: InPlace
) -> None:
    """Destroy inputs that ``out`` overlaps, but one at exactly its place where allowed."""
    start, end = arena.span(subgraph, out)
    for k, t in enumerate(op.inputs):
        if t < 0 or subgraph.tensors[t].data is not None or subgraph.tensors[t].type == "RESOURCE":
            continue
        other = arena.span(subgraph, t)
        if (position, k) in in_place.get(op.kind, ()) and other == (start, end):
            continue
        low, high = max(start, other[0]), min(end, other[1])
        if low < high:
            arena.data[low:high] = POISON * (high - low)
