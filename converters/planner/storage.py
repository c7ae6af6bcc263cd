# SPDX-License-Identifier: Apache-2.0
"""Which tensors of a subgraph share storage: views, values read from variables, ops in place,
values to assign.

Tensors that share storage form a group. A group is a variable's own memory or one buffer to be
packed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from converters.graph import FETCH, FOR_EACH, Op, Same, Subgraph, bodies_under

VIEWS = frozenset({"RESHAPE", "EXPAND_DIMS", "SQUEEZE"})

_ELEMENTWISE = {
    "ADD SUB MUL DIV MINIMUM MAXIMUM SQUARED_DIFFERENCE": (0, 1),
    "NEG ABS EXP LOG SQRT RSQRT SQUARE FLOOR RELU RELU6 ELU LEAKY_RELU TANH LOGISTIC": (0,),
    "BiotrainReluGrad BiotrainRelu6Grad BiotrainEluGrad BiotrainTanhGrad BiotrainSigmoidGrad": (
        1,
        0,
    ),
    "BiotrainLeakyReluGrad BiotrainGeluGrad BiotrainGeluTanhGrad BiotrainSquareGrad": (1, 0),
    "BiotrainReluGradOfBits BiotrainLeakyReluGradOfBits": (1,),
    "BiotrainGelu BiotrainGeluTanh": (0,),
    "BiotrainDropout BiotrainSgd BiotrainSgdOfStep": (0,),
    "BiotrainBatchNormGrad": (4,),
    "BiotrainBatchNormMaxPoolGrad": (5,),
    "BiotrainNormalise": (0,),
    "BiotrainNormGradInput": (6,),
    "BiotrainAttentionGrad": (5,),
    "BiotrainNormPoolGradInput": (7,),
}
IN_PLACE: dict[str, tuple[tuple[int, int], ...]] = {
    kind: tuple((0, i) for i in inputs)
    for kinds, inputs in _ELEMENTWISE.items()
    for kind in kinds.split()
} | {
    "BiotrainSgdMomentum": ((0, 0), (1, 1)),
    "BiotrainSgdMomentumOfStep": ((0, 0), (1, 1)),
    "BiotrainAdam": ((0, 0), (1, 1), (2, 2)),
}
"""(output, input) pairs that may lie at the same address, by op kind: the kernels read an element
before writing it.
"""


@dataclass
class Group:
    """Tensors in one place, or, if ``elsewhere``, where the application has them. ``first`` and
    ``last`` are op indices, both included; inputs live from -1. ``end``: the end of the loop's op,
    inputs before outputs, whose place or slice it is.
    """

    tensors: list[int]
    size: int
    first: int
    last: int
    variable: str | None = None
    pinned: bool = False
    end: int | None = None
    elsewhere: bool = False


@dataclass
class Storage:
    """Group of each tensor that needs memory; constants, handles and unused tensors have none.
    ``bodies``: of the loops, by op; ``rewritten``: which input an output of a body lies on.
    """

    groups: list[Group] = field(default_factory=list)
    group_of: dict[int, Group] = field(default_factory=dict)
    bodies: dict[int, Storage] = field(default_factory=dict)
    rewritten: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Ends:
    """Of a body: inputs that may be written over, and how many are handed on from one iteration to
    the next.
    """

    free: frozenset[int]
    carried: int


def assign_storage(
    subgraph: Subgraph, *, restores: bool = False, bodies: Sequence[Subgraph] = ()
) -> Storage:
    """Share what may be shared. ``restores``: inputs may lie in the variables they are assigned
    to. ``bodies``: all subgraphs, for the loops.
    """
    return _Builder(subgraph, bodies, restores=restores).build()


class _Builder:
    def __init__(
        self,
        subgraph: Subgraph,
        bodies: Sequence[Subgraph],
        *,
        restores: bool = False,
        ends: _Ends | None = None,
    ) -> None:
        self._s = subgraph
        self._bodies = bodies
        self._ends = ends
        self._restores = restores
        self._storage = Storage()
        self._end = len(subgraph.ops)
        self._handles = subgraph.variable_of_handle()
        self._last_use = self._last_uses()
        self._producer = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
        self._assignments: dict[str, list[tuple[int, int]]] = {}
        """By variable: (op, value)."""
        self._reading: dict[str, list[int]] = {}
        """By variable: the ops that read it."""
        self._views: dict[int, list[int]] = {}
        """By tensor: its views."""
        self._of_variables: dict[str, Group] = {}
        self._readers: dict[int, int] = {}
        """By tensor: how many ops read it."""
        for i, op in enumerate(subgraph.ops):
            if op.kind == "ASSIGN_VARIABLE":
                handle = self._handles[op.inputs[0]]
                self._assignments.setdefault(handle, []).append((i, op.inputs[1]))
            elif op.kind == "READ_VARIABLE":
                self._reading.setdefault(self._handles[op.inputs[0]], []).append(i)
            elif op.kind in VIEWS:
                self._views.setdefault(op.inputs[0], []).append(op.outputs[0])
            for t in set(op.inputs):
                self._readers[t] = self._readers.get(t, 0) + 1

    def build(self) -> Storage:
        for k, t in enumerate(self._s.inputs):
            if t not in self._last_use and any(op.kind in (FOR_EACH, FETCH) for op in self._s.ops):
                continue  # fetched inside the loops
            self._last_use.setdefault(t, 0)
            free = self._ends is not None and k in self._ends.free
            self._new_group([t], first=-1, pinned=not free)
            if self._ends is not None:
                self._storage.group_of[t].end = k
        assigned = self._assign_in_variable()
        for i, op in enumerate(self._s.ops):
            if op.kind == "VAR_HANDLE":
                continue
            for position, t in enumerate(op.outputs):
                self._place(i, op, position, t, assigned)
        if self._ends is not None:
            self._give_outputs_their_ends(self._ends)
        return self._storage

    def _give_outputs_their_ends(self, ends: _Ends) -> None:
        n_inputs = len(self._s.inputs)
        for k, t in enumerate(self._s.outputs):
            group = self._storage.group_of[t]
            if group.end is None:
                group.end = n_inputs + k
            else:
                self._storage.rewritten[k] = group.end
        for k in range(ends.carried):
            if self._storage.rewritten.get(k) != k:
                name = self._s.tensors[self._s.outputs[k]].name
                raise ValueError(f"{self._s.name}: {name} is not rewritten where it was")

    def _last_uses(self) -> dict[int, int]:
        last: dict[int, int] = {}
        for i, op in enumerate(self._s.ops):
            for t in (*op.inputs, *op.outputs):
                last[t] = i
        for t in self._s.outputs:
            last[t] = self._end
        return last

    def _new_group(self, tensors: list[int], *, first: int, pinned: bool = False) -> None:
        last = max(self._last_use[t] for t in tensors)
        group = Group(
            tensors, max(self._s.tensors[t].bytes for t in tensors), first, last, None, pinned
        )
        self._storage.groups.append(group)
        for t in tensors:
            self._storage.group_of[t] = group

    def _join(self, t: int, group: Group) -> None:
        group.tensors.append(t)
        group.last = max(group.last, self._last_use[t])
        self._storage.group_of[t] = group

    def _variable_group(self, variable: str, size: int) -> Group:
        if variable not in self._of_variables:
            group = Group([], size, -1, self._end, variable, pinned=True)
            self._storage.groups.append(group)
            self._of_variables[variable] = group
        return self._of_variables[variable]

    def _place(self, i: int, op: Op, position: int, t: int, assigned: dict[int, str]) -> None:
        tensor = self._s.tensors[t]
        if t in assigned:
            self._join(t, self._variable_group(assigned[t], tensor.bytes))
        elif op.kind == "READ_VARIABLE" and self._read_may_alias(self._handles[op.inputs[0]], t):
            self._join(t, self._variable_group(self._handles[op.inputs[0]], tensor.bytes))
        elif op.kind in VIEWS and self._may_be_view(op.inputs[0], t):
            self._join(t, self._storage.group_of[op.inputs[0]])
        elif op.kind == FETCH and position > 0:
            self._join(t, self._storage.group_of[op.outputs[0]])
        elif op.kind == FETCH and op.options["in_place"]:
            self._new_group([t], first=i, pinned=True)
            self._storage.group_of[t].elsewhere = True
        elif op.kind == FOR_EACH:
            k = self._body(i, op).rewritten.get(position)
            if k is None:
                self._new_group([t], first=i)
            else:
                self._join(t, self._storage.group_of[op.inputs[k]])
        else:
            group = self._overwritten(i, op, position, t)
            if group is None:
                self._new_group([t], first=i)
            else:
                self._join(t, group)

    def _may_be_view(self, source: int, t: int) -> bool:
        """Two ends of a body are in two places, whatever they are."""
        group = self._storage.group_of.get(source)
        if group is None or self._ends is None or t not in self._s.outputs:
            return group is not None
        return group.end is None and not set(group.tensors) & set(self._s.outputs)

    def _body(self, i: int, op: Op) -> Storage:
        if i not in self._storage.bodies:
            body = self._bodies[op.options["subgraph"]]
            carried = op.options["carried"]
            free = set(range(carried))
            groups = [self._storage.group_of.get(t) for t in op.inputs]
            sharing = Counter(map(id, groups))
            for k, (t, group) in enumerate(zip(op.inputs, groups, strict=True)):
                whole = self._s.tensors[t].bytes == body.tensors[body.inputs[k]].bytes
                if group is None or group.pinned or whole or sharing[id(group)] > 1:
                    continue
                if group.last == i and group.first != i:
                    free.add(k)
            ends = _Ends(frozenset(free), carried)
            key = (assign_storage, ends, Same(bodies_under(body, self._bodies)))
            self._storage.bodies[i] = body.once(
                key, lambda: _Builder(body, self._bodies, ends=ends).build()
            )
        return self._storage.bodies[i]

    def _overwritten(self, i: int, op: Op, position: int, t: int) -> Group | None:
        """The group of an input that dies here and may be overwritten by output ``position``."""
        allowed = [k for out, k in IN_PLACE.get(op.kind, ()) if out == position]
        for k in allowed:
            group = self._storage.group_of.get(op.inputs[k])
            if group is None or group.pinned or group.last > i or i == group.first:
                continue
            # Every input that lies there must be one that this output may overwrite.
            sharing = [n for n, x in enumerate(op.inputs) if self._storage.group_of.get(x) is group]
            sizes = {self._s.tensors[op.inputs[n]].bytes for n in sharing}
            sizes |= {self._s.tensors[t].bytes, group.size}
            if set(sharing) <= set(allowed) and len(sizes) == 1:
                return group
        return None

    def _reads(self, variable: str) -> list[tuple[int, int]]:
        """(op index, last use of the value) of every read; views of a value count as its uses."""
        return [
            (i, self._last_use_with_views(self._s.ops[i].outputs[0]))
            for i in self._reading.get(variable, ())
        ]

    def _last_use_with_views(self, t: int) -> int:
        views = (self._last_use_with_views(view) for view in self._views.get(t, ()))
        return max([self._last_use[t], *views])

    def _assign_in_variable(self) -> dict[int, str]:
        """Values that can be computed right where their variable lives, so that ASSIGN_VARIABLE
        has nothing to do.
        """
        chosen: dict[int, str] = {}
        for variable, assignments in self._assignments.items():
            for index, value in assignments:
                given = self._rearranged_input(value) if len(assignments) == 1 else None
                if given is not None and (self._restores or given == value):
                    if self._restores:
                        self._storage.groups.remove(self._storage.group_of[given])
                        size = self._s.tensors[given].bytes
                        self._join(given, self._variable_group(variable, size))
                elif (
                    value in self._producer
                    and value not in chosen
                    and self._may_overwrite(variable, value, index)
                ):
                    chosen[value] = variable
        return chosen

    def _rearranged_input(self, value: int) -> int | None:
        """The input that ``value`` is, or is moved from by ops that read nothing else: a state
        arrives in the memory of its variables, and each goes through one copy to its own order.
        """
        while value in self._producer:
            op = self._s.ops[self._producer[value]]
            if op.kind not in VIEWS | {"TRANSPOSE"}:
                return None
            value = op.inputs[0]
            if self._readers[value] != 1:
                return None
        return value if value in self._s.inputs else None

    def _may_overwrite(self, variable: str, value: int, assigned: int) -> bool:
        made = self._producer[value]
        op = self._s.ops[made]
        if op.kind in VIEWS or op.kind == "READ_VARIABLE":
            return False
        position = op.outputs.index(value)
        for read, last in self._reads(variable):
            if read > assigned:
                continue
            in_place = last == made and self._reads_in_place(op, position, variable)
            if read >= made or not (last < made or in_place):
                return False
        return True

    def _reads_in_place(self, op: Op, position: int, variable: str) -> bool:
        allowed = {k for out, k in IN_PLACE.get(op.kind, ()) if out == position}
        for k, t in enumerate(op.inputs):
            source = self._s.ops[self._producer[t]] if t in self._producer else None
            while (
                source is not None and source.kind in VIEWS and source.inputs[0] in self._producer
            ):
                source = self._s.ops[self._producer[source.inputs[0]]]
            reads = source is not None and source.kind == "READ_VARIABLE"
            if (
                reads
                and source is not None
                and self._handles[source.inputs[0]] == variable
                and k not in allowed
            ):
                return False
        same_size = [
            self._s.tensors[op.inputs[k]].bytes == self._s.tensors[op.outputs[position]].bytes
            for k in allowed
        ]
        return any(same_size)

    def _read_may_alias(self, variable: str, value: int) -> bool:
        """The value stays true until its last use: nothing is assigned before that."""
        read, last = self._producer[value], self._last_use_with_views(value)
        later = [i for i, _ in self._assignments.get(variable, ()) if i > read]
        return all(i >= last for i in later)
