# SPDX-License-Identifier: Apache-2.0
"""Proof that a plan is right, by running it on byte intervals instead of numbers. Shares no code
with the planner.

Every op marks the bytes it writes with what it wrote; every input must still carry the mark of its
own tensor. A variable's bytes must end as its last assigned value, and nothing before
``commit_op`` may touch them.
"""

from __future__ import annotations

import numpy as np

from converters.graph import Graph, Op, Subgraph
from converters.planner.plan import Plan, SubgraphPlan

_GRAIN = 4
_MOVES = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE", "READ_VARIABLE", "ASSIGN_VARIABLE")


class PlanError(AssertionError):
    """The plan would let one tensor destroy another; a bug in the planner."""


def verify(graph: Graph, plan: Plan, in_place: dict[str, tuple[tuple[int, int], ...]]) -> int:
    """Check every subgraph; returns how many tensor reads were checked. Raises PlanError."""
    checked = 0
    init = graph.init_subgraph()
    for i, (subgraph, part) in enumerate(zip(graph.subgraphs, plan.subgraphs, strict=True)):
        checked += _Check(subgraph, part, plan, in_place, is_init=i == init).run()
    if checked == 0:
        raise PlanError("no tensor was read: there is nothing to verify")
    return checked


class _Check:
    def __init__(
        self,
        subgraph: Subgraph,
        part: SubgraphPlan,
        plan: Plan,
        in_place: dict[str, tuple[tuple[int, int], ...]],
        *,
        is_init: bool,
    ) -> None:
        self._s, self._p, self._plan = subgraph, part, plan
        self._in_place = in_place
        self._is_init = is_init
        self._content = np.full(-(-plan.arena_bytes // _GRAIN), -1, np.int64)
        self._handles = subgraph.variable_of_handle()
        self._value: dict[int, int] = {}
        self._checked = 0

    def run(self) -> int:
        expected = self._load_variables()
        for t in self._s.inputs:
            self._write(t, -1, mark=self._new_value(t))
        for i, op in enumerate(self._s.ops):
            if op.kind == "VAR_HANDLE":
                continue
            self._step(i, op, expected)
        for t in self._s.outputs:
            self._read(t, len(self._s.ops), "the end")
        for name, value in expected.items():
            start, size = self._plan.variables[name]
            if (self._content[start // _GRAIN : -(-(start + size) // _GRAIN)] != value).any():
                raise PlanError(
                    f"{self._s.name}: variable {name} does not end as the value assigned to it"
                )
        return self._checked

    def _load_variables(self) -> dict[str, int]:
        expected = {}
        for n, (name, (start, size)) in enumerate(self._plan.variables.items()):
            expected[name] = 1_000_000 + n
            self._content[start // _GRAIN : -(-(start + size) // _GRAIN)] = expected[name]
        return expected

    def _new_value(self, t: int) -> int:
        self._value[t] = t
        return t

    def _span(self, t: int) -> slice:
        start, size = self._p.offsets[t], self._s.tensors[t].bytes
        if start < 0 or start % 16 or start + size > self._plan.arena_bytes:
            raise PlanError(
                f"{self._s.name}: tensor {self._s.tensors[t].name} at {start}+{size} is out of "
                f"the arena"
            )
        return slice(start // _GRAIN, -(-(start + size) // _GRAIN))

    def _write(self, t: int, i: int, *, mark: int) -> None:
        span = self._span(t)
        before_commit = 0 <= i < self._p.commit_op or (self._p.commit_op < 0 and not self._is_init)
        in_variables = i >= 0 and self._p.offsets[t] < self._plan.variable_bytes
        if before_commit and in_variables and (self._content[span] != mark).any():
            raise PlanError(
                f"{self._s.name}: op {i} writes a variable before commit_op {self._p.commit_op}"
            )
        self._content[span] = mark

    def _read(self, t: int, i: int, reader: str) -> None:
        if t < 0 or self._s.tensors[t].data is not None or self._s.tensors[t].type == "RESOURCE":
            return
        self._checked += 1
        if t not in self._value or (self._content[self._span(t)] != self._value[t]).any():
            raise PlanError(
                f"{self._s.name}: {reader} (op {i}) reads {self._s.tensors[t].name}, which has "
                f"been overwritten"
            )

    def _step(self, i: int, op: Op, expected: dict[str, int]) -> None:
        for t in op.inputs:
            self._read(t, i, op.kind)
        if op.kind == "READ_VARIABLE":
            name = self._handles[op.inputs[0]]
            start, size = self._plan.variables[name]
            if (
                self._content[start // _GRAIN : -(-(start + size) // _GRAIN)] != expected[name]
            ).any():
                raise PlanError(
                    f"{self._s.name}: op {i} reads variable {name} after it has been overwritten"
                )
            self._value[op.outputs[0]] = expected[name]
            self._write(op.outputs[0], i, mark=expected[name])
            return
        if op.kind == "ASSIGN_VARIABLE":
            self._assign(i, op, expected)
            return
        moved = op.kind in _MOVES and self._s.tensors[op.inputs[0]].data is None
        for position, t in enumerate(op.outputs):
            self._check_overlap(i, op, position)
            mark = self._value[op.inputs[0]] if moved else self._new_value(t)
            self._value[t] = mark
            self._write(t, i, mark=mark)

    def _assign(self, i: int, op: Op, expected: dict[str, int]) -> None:
        name, value = self._handles[op.inputs[0]], op.inputs[1]
        start, size = self._plan.variables[name]
        mark = self._value.get(value, 2_000_000 + i)
        if not self._is_init and not 0 <= self._p.commit_op <= i:
            raise PlanError(
                f"{self._s.name}: op {i} assigns {name} before commit_op {self._p.commit_op}"
            )
        self._content[start // _GRAIN : -(-(start + size) // _GRAIN)] = mark
        expected[name] = mark

    def _check_overlap(self, i: int, op: Op, position: int) -> None:
        """An output may share bytes with an input only exactly, and only where the kernel allows
        it.
        """
        out = self._span(op.outputs[position])
        for k, t in enumerate(op.inputs):
            if (
                t < 0
                or self._s.tensors[t].data is not None
                or self._s.tensors[t].type == "RESOURCE"
            ):
                continue
            span = self._span(t)
            if span.stop <= out.start or out.stop <= span.start:
                continue
            allowed = (position, k) in self._in_place.get(op.kind, ()) or op.kind in _MOVES
            if not (allowed and span == out):
                raise PlanError(
                    f"{self._s.name}: op {i} {op.kind} writes output {position} over its input {k}"
                )
        for other in op.outputs[:position]:
            span = self._span(other)
            if not (span.stop <= out.start or out.stop <= span.start):
                raise PlanError(
                    f"{self._s.name}: op {i} {op.kind} writes two outputs to the same bytes"
                )
