# SPDX-License-Identifier: Apache-2.0
"""Sum gradients up in the momentum of their weights.

Heavy-ball SGD sets m' = momentum m - learning_rate g. With g the sum of terms that come one after
the other, m' / -learning_rate can start as m momentum / -learning_rate and take each term as it
comes: the same value up to rounding, and no memory for g. A step that is broken off leaves weights
as they were, but its momentum is lost. Only for sums that nothing else reads: not for clipped
gradients, Adam or Nesterov.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from converters.graph import FOR_EACH, Graph, Op, Subgraph
from converters.passes.editor import Editor

UPDATE = "BiotrainSgdMomentum"


def accumulate_in_momentum(graph: Graph) -> Graph:
    """The training step, its ops in order, with sums in the momentum where that is exact."""
    index = graph.signatures["train"].subgraph
    subgraph = graph.subgraphs[index]
    return graph.with_subgraph(
        index, subgraph.once(accumulate_in_momentum, lambda: _Rewriter(subgraph).rewritten())
    )


class _Rewriter:
    def __init__(self, subgraph: Subgraph) -> None:
        self._s = subgraph
        self._producer = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
        self._edit = Editor(subgraph)
        self._handle_of_value = {
            op.outputs[0]: op.inputs[0] for op in subgraph.ops if op.kind == "READ_VARIABLE"
        }
        self._uses: dict[int, int] = {}
        for op in subgraph.ops:
            for t in op.inputs:
                self._uses[t] = self._uses.get(t, 0) + 1

    def rewritten(self) -> Subgraph:
        starts: dict[int, int] = {}
        updates: dict[int, int] = {}
        for i, op in enumerate(self._s.ops):
            if op.kind == UPDATE and op.options["learning_rate"] > 0:
                found = self._sum_of(op)
                if found is not None:
                    starts[self._producer[found]] = i
                    updates[i] = self._s.ops[self._producer[found]].outputs[0]
        replaced: dict[int, int] = {}
        read = {self._s.ops[i].inputs[1] for i in updates}
        handles = {self._handle_of_value[t] for t in read}
        moved = {i for i, op in enumerate(self._s.ops) if {*op.outputs} & (read | handles)}
        # Their sums begin long before they were read.
        self._edit.ops += [op for op in self._s.ops if {*op.outputs} & handles]
        for i, op in enumerate(self._s.ops):
            if i in moved:
                continue
            if i in starts:
                replaced[op.outputs[0]] = self._start(self._s.ops[starts[i]], op.outputs[0])
            elif i in updates:
                self._finish(op)
            else:
                inputs = tuple(replaced.get(t, t) for t in op.inputs)
                self._edit.ops.append(replace(op, inputs=inputs))
        return replace(self._s, tensors=tuple(self._edit.tensors), ops=tuple(self._edit.ops))

    def _sum_of(self, update: Op) -> int | None:
        """The zeros that the gradient of ``update`` starts from, if it is a sum and no more."""
        momentum, gradient = update.inputs[1], update.inputs[2]
        if momentum not in self._handle_of_value or self._uses[momentum] != 1:
            return None
        t = gradient
        while True:
            if self._uses.get(t, 0) != 1 or t in self._s.outputs:
                return None
            op = self._s.ops[self._producer[t]]
            if op.kind != "RESHAPE":
                break
            t = op.inputs[0]
        if op.kind != FOR_EACH:
            return None
        position = op.outputs.index(t)
        if position >= op.options["carried"]:
            return None
        start = op.inputs[position]
        return start if self._s.ops[self._producer[start]].kind == "BROADCAST_TO" else None

    def _assigned(self, handle: int, value: int) -> int:
        """``value`` as the variable holds it."""
        self._edit.ops.append(Op("ASSIGN_VARIABLE", (handle, value), ()))
        tensor = self._s.tensors[value] if value < len(self._s.tensors) else None
        shape = self._edit.shape(value) if tensor is None else tensor.shape
        return self._edit.builtin("READ_VARIABLE", [handle], shape, "momentum")

    def _start(self, update: Op, zeros: int) -> int:
        """What the sum starts from instead of ``zeros``."""
        handle = self._handle_of_value[update.inputs[1]]
        rate = update.options["learning_rate"]
        momentum = self._edit.builtin(
            "READ_VARIABLE", [handle], self._edit.shape(update.inputs[1]), "momentum"
        )
        scaled = self._edit.scaled(momentum, -update.options["momentum"] / rate)
        held = self._assigned(handle, scaled)
        return self._edit.builtin("RESHAPE", [held], self._edit.shape(zeros), "sum_so_far")

    def _finish(self, update: Op) -> None:
        weight, momentum, gradient = update.inputs
        new_weight, new_momentum = update.outputs
        held = self._assigned(self._handle_of_value[momentum], gradient)
        factor = np.float32(-update.options["learning_rate"])
        self._edit.builtin("MUL", [held, self._edit.constant("factor", factor)], new_momentum)
        self._edit.builtin("ADD", [weight, new_momentum], new_weight)
