# SPDX-License-Identifier: Apache-2.0
"""Run a set of ops slice by slice, in as few loops as their data flow allows.

Within a loop a tensor exists one slice at a time. What is needed whole, by an op outside or by an
op that reads all slices, is stored whole, or summed up, by the loop of its level; ops of later
levels come after it, and later loops compute again what they need of the slices. So a batch
normalisation that is differentiated through needs one loop a statistic, whatever the batch, and
its gradients are those of the whole batch.

Level of an op: the greatest number of loops that must have ended before it can run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from converters.graph import FOR_EACH, Graph, Op, Subgraph, Tensor
from converters.passes.editor import Editor
from converters.passes.slicing import Pattern, Result, slice_op, slice_shape, sliced_constant


@dataclass(frozen=True)
class Loop:
    """``patterns``: the ops that run in it, by index. ``kept``: tensors that are stored whole
    although they could be computed again. ``depth``: the number of loops around it.
    """

    patterns: Mapping[int, Pattern]
    count: int
    name: str
    depth: int = 0
    channels: bool = False
    kept: Collection[int] = ()


def split_loops(graph: Graph, index: int, loop: Loop) -> Graph:
    """Subgraph ``index`` with the ops of ``loop`` in loops; their bodies are new subgraphs at the
    end.
    """
    outer, bodies = split(graph.subgraphs[index], loop, first_body=len(graph.subgraphs))
    return with_bodies(graph, index, outer, bodies)


def split(subgraph: Subgraph, loop: Loop, *, first_body: int) -> tuple[Subgraph, list[Subgraph]]:
    """A subgraph with the ops of ``loop`` in loops, and their bodies, which will have the numbers
    from ``first_body`` on.
    """
    if not loop.patterns:
        return subgraph, []
    return _Splitter(subgraph, loop, first_body=first_body).split()


def with_bodies(graph: Graph, index: int, outer: Subgraph, bodies: Sequence[Subgraph]) -> Graph:
    """Subgraph ``index`` replaced, and the bodies of its new loops at the end."""
    return replace(
        graph.with_subgraph(index, outer),
        subgraphs=(*graph.subgraphs[:index], outer, *graph.subgraphs[index + 1 :], *bodies),
    )


@dataclass
class _Body:
    """A body as it grows; ``ends`` are (outer tensor, inner tensor)."""

    edit: Editor
    inner: dict[tuple[int, bool], int] = field(default_factory=dict)
    carried_in: list[tuple[int, int]] = field(default_factory=list)
    carried_out: list[tuple[int, int]] = field(default_factory=list)
    inputs: list[tuple[int, int]] = field(default_factory=list)
    outputs: list[tuple[int, int]] = field(default_factory=list)


class _Splitter:
    def __init__(self, subgraph: Subgraph, loop: Loop, *, first_body: int) -> None:
        self._s, self._loop, self._first_body = subgraph, loop, first_body
        self._ops = subgraph.ops
        self._producer = {t: i for i, op in enumerate(self._ops) for t in op.outputs}
        self._level = self._levels({})
        self._stored = self._stored_whole()
        if loop.channels:
            self._put_off()
        self._edit = Editor(subgraph)
        self._bodies: list[Subgraph] = []
        self._pending: dict[int, int] = {}

    def split(self) -> tuple[Subgraph, list[Subgraph]]:
        for level in range(max(self._level, default=0) + 1):
            for i, op in enumerate(self._ops):
                if i not in self._loop.patterns and self._level[i] == level:
                    self._edit.ops.append(op)
            roots = self._roots(level)
            if roots:
                self._add_loop(level, self._members(level, roots))
        outer = replace(self._s, tensors=tuple(self._edit.tensors), ops=tuple(self._edit.ops))
        return outer, self._bodies

    def _maps(self, t: int) -> int | None:
        """The op of the loop that makes slices of ``t``."""
        i = self._producer.get(t)
        pattern = self._loop.patterns.get(i) if i is not None else None
        return i if pattern is not None and pattern.result is Result.MAP else None

    def _levels(self, at_least: Mapping[int, int]) -> list[int]:
        levels: list[int] = []
        for i, op in enumerate(self._ops):
            pattern = self._loop.patterns.get(i)
            level = at_least.get(i, 0)
            for position, t in enumerate(op.inputs):
                source = self._producer.get(t)
                if source is None:
                    continue
                in_step = pattern is not None and pattern.sliced[position]
                after = source in self._loop.patterns and not (
                    in_step and self._maps(t) is not None
                )
                level = max(level, levels[source] + after)
            levels.append(level)
        return levels

    def _put_off(self) -> None:
        """Let what no later loop waits for run in the one that has most of what it reads."""
        late: dict[int, int] = {}
        last = max((self._level[i] for i in self._loop.patterns), default=0)
        for i in self._loop.patterns:
            if i not in self._roots(self._level[i]):
                continue
            best, least = self._level, self._work_for(i)
            for level in range(self._level[i] + 1, last + 1):
                before, self._level = self._level, self._levels({**late, i: level})
                same = all(self._level[j] == before[j] for j in self._loop.patterns if j != i)
                work = self._work_for(i)
                if same and work <= least:
                    best, least, late[i] = self._level, work, level
                self._level = before
            self._level = best

    def _work_for(self, root: int) -> int:
        """What its loop has to do for ``root`` alone, in elements and taps."""
        level = self._level[root]
        others = [i for i in self._roots(level) if i != root]
        alone = set(self._members(level, [*others, root])) - set(self._members(level, others))
        return sum(self._work(self._ops[i]) for i in alone)

    def _work(self, op: Op) -> int:
        sizes = [self._s.tensors[t].elements for t in (*op.inputs, *op.outputs) if t >= 0]
        shapes = [self._s.tensors[t].shape for t in (*op.inputs[:2], op.outputs[0])]
        taps = [prod(shape[2:]) for shape in shapes if "Conv2D" in op.kind and len(shape) == 4]
        return max(sizes) * min(taps, default=1)

    def _stored_whole(self) -> set[int]:
        """Tensors made by slices of which all are wanted at once."""
        wanted = set(self._s.outputs) | set(self._loop.kept)
        for i, op in enumerate(self._ops):
            pattern = self._loop.patterns.get(i)
            for position, t in enumerate(op.inputs):
                if pattern is None or not pattern.sliced[position]:
                    wanted.add(t)
        return {t for t in wanted if self._maps(t) is not None}

    def _roots(self, level: int) -> list[int]:
        return [
            i
            for i, pattern in self._loop.patterns.items()
            if self._level[i] == level
            and (
                pattern.result is Result.SUM or any(t in self._stored for t in self._ops[i].outputs)
            )
        ]

    def _members(self, level: int, roots: list[int]) -> list[int]:
        """What a loop has to run: its roots, and what they need that no earlier loop stored."""
        members: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i in members:
                continue
            members.add(i)
            for position, t in enumerate(self._ops[i].inputs):
                source = self._maps(t)
                if source is None or not self._loop.patterns[i].sliced[position]:
                    continue
                if not (t in self._stored and self._level[source] < level):
                    stack.append(source)
        return sorted(members)

    def _add_loop(self, level: int, members: list[int]) -> None:
        name = f"{self._loop.name}_{level}"
        body = _Body(Editor(replace(self._s, tensors=(), ops=())))
        for i in members:
            self._add_op(body, i, level)
        inputs = [*body.carried_in, *body.inputs]
        outputs = [*body.carried_out, *body.outputs]
        self._edit.custom(
            FOR_EACH,
            [t for t, _ in inputs],
            [t for t, _ in outputs],
            subgraph=self._first_body + len(self._bodies),
            count=self._loop.count,
            carried=len(body.carried_in),
        )
        self._bodies.append(
            Subgraph(
                name,
                tuple(body.edit.tensors),
                tuple(body.edit.ops),
                tuple(t for _, t in inputs),
                tuple(t for _, t in outputs),
            )
        )
        for i in members:
            self._finish(i, level)

    def _add_op(self, body: _Body, i: int, level: int) -> None:
        op, pattern = self._ops[i], self._loop.patterns[i]
        inputs = tuple(
            self._input(body, op, position, pattern.sliced[position], level)
            for position in range(len(op.inputs))
        )
        outputs = tuple(
            self._inner(body, t, sliced=pattern.result is Result.MAP) for t in op.outputs
        )
        cut = slice_op(
            op,
            self._s.tensors,
            self._loop.count,
            loop=self._loop.depth,
            channels=self._loop.channels,
        )
        body.edit.ops.append(replace(cut, inputs=inputs[: len(cut.inputs)], outputs=outputs))
        if self._level[i] != level:
            return
        if pattern.result is Result.SUM:
            self._sum(body, op.outputs[0], outputs[0])
        else:
            body.outputs += [
                (t, inner)
                for t, inner in zip(op.outputs, outputs, strict=True)
                if t in self._stored
            ]

    def _inner(self, body: _Body, t: int, *, sliced: bool) -> int:
        key = (t, sliced)
        if key not in body.inner:
            tensor = self._s.tensors[t]
            shape = slice_shape(tensor.shape, self._loop.count) if sliced else tensor.shape
            body.edit.tensors.append(replace(tensor, shape=shape))
            body.inner[key] = len(body.edit.tensors) - 1
        return body.inner[key]

    def _input(self, body: _Body, op: Op, position: int, sliced: bool, level: int) -> int:
        t = op.inputs[position]
        if t < 0:
            return t
        cut = sliced_constant(op, position, self._s.tensors, self._loop.count)
        if cut is not None:
            return body.edit.constant(self._s.tensors[t].name, cut)
        known = (t, sliced) in body.inner
        inner = self._inner(body, t, sliced=sliced)
        if not known and self._s.tensors[t].data is None:
            body.inputs.append((t, inner))
        return inner

    def _sum(self, body: _Body, t: int, term: int) -> None:
        """Add ``term`` to what earlier iterations left, from nothing."""
        tensor = self._s.tensors[t]
        zero = self._edit.constant("zero", np.zeros((), np.float32))
        shape = self._edit.constant("shape", np.array(tensor.shape, np.int32))
        start = self._edit.builtin("BROADCAST_TO", [zero, shape], tensor.shape, "nothing")
        total = self._edit.tensor(tensor.name, tensor.shape) if self._scaled(t) else t
        before = body.edit.tensor(f"{tensor.name}/before", tensor.shape)
        after = body.edit.builtin("ADD", [before, term], tensor.shape, tensor.name)
        body.carried_in.append((start, before))
        body.carried_out.append((total, after))
        if total != t:
            self._pending[t] = total

    def _scaled(self, t: int) -> bool:
        return self._loop.patterns[self._producer[t]].scale != 1.0

    def _finish(self, i: int, level: int) -> None:
        for t in self._ops[i].outputs:
            total = self._pending.pop(t, None)
            if total is not None:
                scale = self._loop.patterns[i].scale
                factor = self._edit.constant("factor", np.float32(scale))
                self._edit.builtin("MUL", [total, factor], t)


def unused_ops_removed(subgraph: Subgraph) -> Subgraph:
    """Without ops whose results nobody reads."""
    needed = set(subgraph.outputs)
    kept: list[Op] = []
    for op in reversed(subgraph.ops):
        if op.kind in ("ASSIGN_VARIABLE", "CALL_ONCE") or needed & set(op.outputs):
            kept.append(op)
            needed |= set(op.inputs)
    return replace(subgraph, ops=tuple(reversed(kept)))


def unused_tensors_removed(subgraph: Subgraph) -> tuple[Subgraph, dict[int, int]]:
    """Without tensors that no op has; also the new number of each."""
    used = set(subgraph.inputs) | set(subgraph.outputs)
    for op in subgraph.ops:
        used |= {t for t in (*op.inputs, *op.outputs) if t >= 0}
    number = {t: n for n, t in enumerate(sorted(used))}
    tensors: list[Tensor] = [subgraph.tensors[t] for t in sorted(used)]

    def moved(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number.get(t, t) for t in indices)

    ops = tuple(
        replace(op, inputs=moved(op.inputs), outputs=moved(op.outputs)) for op in subgraph.ops
    )
    return (
        Subgraph(
            subgraph.name, tuple(tensors), ops, moved(subgraph.inputs), moved(subgraph.outputs)
        ),
        number,
    )
