# SPDX-License-Identifier: Apache-2.0
"""Proof that a plan is right, by running it on marks instead of numbers. Shares no code with the
planner.

Every op marks the bytes it writes with what it wrote; every input must still carry the mark of its
own tensor, in every iteration of every loop. A variable's bytes must end as its last assigned
value, and nothing before ``commit_op`` may touch them but the accumulators.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from converters.graph import FETCH, FOR_EACH, Graph, Op, Subgraph
from converters.planner.places import SubgraphPlan
from converters.planner.plan import Plan
from converters.planner.verify_regions import PlanError, verify_regions

__all__ = ["PlanError", "verify"]

_GRAIN = 4
_MOVES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE", "READ_VARIABLE", "ASSIGN_VARIABLE")
_ELSEWHERE = -2
"""The mark of a sample that is read where the application has it."""

Pairs = Mapping[str, tuple[tuple[int, int], ...]]


def verify(graph: Graph, plan: Plan, in_place: Pairs) -> int:
    """Check every signature; returns how many tensor reads were checked. Raises PlanError.
    ``in_place``: (output, input) pairs that kernels can bear at one address, by op kind.
    """
    checked = verify_regions(graph, plan) if plan.regions else 0
    bodies = {
        op.options["subgraph"] for s in graph.subgraphs for op in s.ops if op.kind == FOR_EACH
    }
    init = graph.init_subgraph()
    for i in range(len(graph.subgraphs)):
        if i not in bodies:
            checked += _Run(graph, plan, in_place, i, is_init=i == init).run()
    if checked == 0:
        raise PlanError("no tensor was read: there is nothing to verify")
    return checked


@dataclass
class _Frame:
    """One run of a subgraph. ``marks``: what each tensor has been given; ``may_commit``: in a
    body, whether its loop may write variables.
    """

    subgraph: Subgraph
    part: SubgraphPlan
    iterations: tuple[int, ...] = ()
    may_commit: bool | None = None
    marks: dict[int, int] = field(default_factory=dict)

    def name(self, t: int) -> str:
        return self.subgraph.tensors[t].name

    def in_memory(self, t: int) -> bool:
        """Whether its bytes are any business of the plan."""
        if t < 0:
            return False
        tensor = self.subgraph.tensors[t]
        return tensor.data is None and tensor.type != "RESOURCE"


class _Run:
    def __init__(
        self, graph: Graph, plan: Plan, in_place: Pairs, index: int, *, is_init: bool
    ) -> None:
        self._graph, self._plan, self._in_place = graph, plan, in_place
        self._is_init = is_init
        self._frame = _Frame(graph.subgraphs[index], plan.subgraphs[index])
        self._content = np.full(-(-plan.arena_bytes // _GRAIN), -1, np.int64)
        self._next = self._marks()
        self._checked = 0
        self._variables: dict[str, int] = {}
        self._fixed: dict[tuple[int, int], slice] = {}

    def run(self) -> int:
        frame = self._frame
        for name, (start, size) in self._plan.variables.items():
            self._variables[name] = next(self._next)
            self._content[_grains(start, size)] = self._variables[name]
        for t in frame.subgraph.inputs:
            if frame.part.places[t] is not None:
                self._write(frame, t, -1, next(self._next))
        self._run(frame)
        for t in frame.subgraph.outputs:
            self._read(frame, t, len(frame.subgraph.ops), "the end")
        for name, mark in self._variables.items():
            if (self._content[_grains(*self._plan.variables[name])] != mark).any():
                raise PlanError(
                    f"{frame.subgraph.name}: variable {name} does not end as the value assigned "
                    "to it"
                )
        return self._checked

    @staticmethod
    def _marks() -> Iterator[int]:
        mark = 0
        while True:
            yield mark
            mark += 1

    def _run(self, frame: _Frame) -> None:
        for i, op in enumerate(frame.subgraph.ops):
            if op.kind == "VAR_HANDLE":
                continue
            if op.kind == FOR_EACH:
                self._loop(frame, i, op)
                continue
            for t in op.inputs:
                self._read(frame, t, i, op.kind)
            if op.kind == "READ_VARIABLE":
                self._read_variable(frame, i, op)
            elif op.kind == "ASSIGN_VARIABLE":
                self._assign(frame, i, op)
            elif op.kind == FETCH:
                self._fetch(frame, i, op)
            else:
                self._compute(frame, i, op)

    def _span(self, frame: _Frame, t: int) -> slice:
        """Where its bytes are; of tensors that are no slices, found once."""
        known = self._fixed.get((id(frame.part), t))
        if known is not None:
            return known
        place = frame.part.places[t]
        span = self._new_span(frame, t)
        if place is not None and not any(place.strides):
            self._fixed[id(frame.part), t] = span
        return span

    def _new_span(self, frame: _Frame, t: int) -> slice:
        place, size = frame.part.places[t], frame.subgraph.tensors[t].bytes
        if place is None:
            raise PlanError(f"{frame.subgraph.name}: tensor {frame.name(t)} is nowhere")
        start = place.in_iteration(*frame.iterations)
        if place.offset % 16 or start < 0 or start + size > self._plan.arena_bytes:
            raise PlanError(
                f"{frame.subgraph.name}: tensor {frame.name(t)} at {start}+{size} is out of the "
                "arena"
            )
        return _grains(start, size)

    def _may_write(self, frame: _Frame, i: int, span: slice) -> bool:
        if self._is_init or i < 0 or span.start * _GRAIN >= self._plan.variable_bytes:
            return True
        committed = frame.may_commit
        if committed is None:
            committed = 0 <= frame.part.commit_op <= i
        return committed or span.start * _GRAIN >= self._plan.accumulator_begin

    def _write(self, frame: _Frame, t: int, i: int, mark: int) -> None:
        span = self._span(frame, t)
        if not self._may_write(frame, i, span) and (self._content[span] != mark).any():
            raise PlanError(
                f"{frame.subgraph.name}: op {i} writes a variable before commit_op "
                f"{self._frame.part.commit_op}"
            )
        self._content[span] = mark
        frame.marks[t] = mark

    def _read(self, frame: _Frame, t: int, i: int, reader: str) -> None:
        if not frame.in_memory(t) or frame.marks.get(t) == _ELSEWHERE:
            return
        self._checked += 1
        mark = frame.marks.get(t)
        if mark is None or (self._content[self._span(frame, t)] != mark).any():
            raise PlanError(
                f"{frame.subgraph.name}: {reader} (op {i}) reads {frame.name(t)}, which has been "
                "overwritten"
            )

    def _read_variable(self, frame: _Frame, i: int, op: Op) -> None:
        name = frame.subgraph.variable_of_handle()[op.inputs[0]]
        mark = self._variables[name]
        if (self._content[_grains(*self._plan.variables[name])] != mark).any():
            raise PlanError(
                f"{frame.subgraph.name}: op {i} reads variable {name} after it has been overwritten"
            )
        self._write(frame, op.outputs[0], i, mark)

    def _assign(self, frame: _Frame, i: int, op: Op) -> None:
        name, value = frame.subgraph.variable_of_handle()[op.inputs[0]], op.inputs[1]
        span = _grains(*self._plan.variables[name])
        if not self._may_write(frame, i, span):
            raise PlanError(
                f"{frame.subgraph.name}: op {i} assigns {name} before commit_op "
                f"{frame.part.commit_op}"
            )
        mark = frame.marks.get(value)
        self._variables[name] = next(self._next) if mark is None else mark
        self._content[span] = self._variables[name]

    def _fetch(self, frame: _Frame, i: int, op: Op) -> None:
        mark = next(self._next)
        for t in op.outputs:
            if frame.part.places[t] is None:
                frame.marks[t] = _ELSEWHERE
            else:
                self._write(frame, t, i, mark)

    def _compute(self, frame: _Frame, i: int, op: Op) -> None:
        moved = op.kind in _MOVES and frame.in_memory(op.inputs[0])
        for position, t in enumerate(op.outputs):
            self._check_overlap(frame, i, op, position)
            mark = frame.marks[op.inputs[0]] if moved else next(self._next)
            self._write(frame, t, i, mark)

    def _check_overlap(self, frame: _Frame, i: int, op: Op, position: int) -> None:
        """An output may share bytes with an input only exactly, and only where the kernel allows
        it.
        """
        out = self._span(frame, op.outputs[position])
        for k, t in enumerate(op.inputs):
            if not frame.in_memory(t) or frame.marks.get(t) == _ELSEWHERE:
                continue
            span = self._span(frame, t)
            if span.stop <= out.start or out.stop <= span.start:
                continue
            allowed = (position, k) in self._in_place.get(op.kind, ()) or op.kind in _MOVES
            if not (allowed and span == out):
                raise PlanError(
                    f"{frame.subgraph.name}: op {i} {op.kind} writes output {position} over its "
                    f"input {k}"
                )
        for other in op.outputs[:position]:
            span = self._span(frame, other)
            if not (span.stop <= out.start or out.stop <= span.start):
                raise PlanError(
                    f"{frame.subgraph.name}: op {i} {op.kind} writes two outputs to the same bytes"
                )

    def _loop(self, outer: _Frame, i: int, op: Op) -> None:
        body = self._graph.subgraphs[op.options["subgraph"]]
        part = self._plan.subgraphs[op.options["subgraph"]]
        carried = op.options["carried"]
        for t in op.inputs[:carried]:
            self._read(outer, t, i, op.kind)
        given = {u: outer.marks.get(t) for t, u in zip(op.inputs, body.inputs, strict=True)}
        may_commit = outer.may_commit
        if may_commit is None:
            may_commit = 0 <= outer.part.commit_op <= i
        written: list[tuple[slice, int, int]] = []
        for iteration in range(op.options["count"]):
            frame = _Frame(body, part, (*outer.iterations, iteration), may_commit)
            frame.marks = {u: mark for u, mark in given.items() if mark is not None}
            self._check_ends(outer, frame, op)
            self._run(frame)
            for k, u in enumerate(body.outputs):
                if k < carried:
                    self._read(frame, u, len(body.ops), "the next iteration")
                    if self._span(frame, u) != self._span(frame, body.inputs[k]):
                        raise PlanError(f"{body.name}: {frame.name(u)} is not where it was")
                    given[body.inputs[k]] = frame.marks[u]
                else:
                    written.append((self._span(frame, u), frame.marks[u], op.outputs[k]))
        for span, mark, t in written:
            if (self._content[span] != mark).any():
                raise PlanError(
                    f"{body.name}: a slice of {outer.name(t)} has been overwritten when the loop "
                    "ends"
                )
        for t in op.outputs:
            mark = next(self._next)
            self._content[self._span(outer, t)] = mark
            outer.marks[t] = mark

    def _check_ends(self, outer: _Frame, frame: _Frame, op: Op) -> None:
        """Every end is the tensor of the op, or the slice that this iteration has of it."""
        ends = (*frame.subgraph.inputs, *frame.subgraph.outputs)
        for t, u in zip((*op.inputs, *op.outputs), ends, strict=True):
            if outer.marks.get(t) == _ELSEWHERE:
                continue
            whole, own = self._span(outer, t), self._span(frame, u)
            size = frame.subgraph.tensors[u].bytes
            if size != outer.subgraph.tensors[t].bytes:
                start = whole.start + frame.iterations[-1] * size // _GRAIN
                whole = slice(start, start + -(-size // _GRAIN))
            if whole != own:
                raise PlanError(
                    f"{frame.subgraph.name}: {frame.name(u)} is not its slice of {outer.name(t)}"
                )


def _grains(start: int, size: int) -> slice:
    return slice(start // _GRAIN, -(-(start + size) // _GRAIN))
