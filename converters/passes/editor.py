# SPDX-License-Identifier: Apache-2.0
"""Add tensors and ops to a copy of a subgraph, for passes that replace ops by others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.graph import Op, Subgraph, Tensor

_TYPES = {np.dtype(np.float32): "FLOAT32", np.dtype(np.int32): "INT32"}
_TABLES = {
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "MEAN": "ReducerOptions",
}


class Editor:
    """The tensors of ``subgraph``, of which none moves, and a list of ops that starts empty."""

    def __init__(self, subgraph: Subgraph) -> None:
        self.tensors = list(subgraph.tensors)
        self.ops: list[Op] = []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], int] = {}

    def shape(self, t: int) -> tuple[int, ...]:
        return self.tensors[t].shape

    def tensor(self, name: str, shape: Sequence[int], type_: str = "FLOAT32") -> int:
        self.tensors.append(Tensor(name, tuple(shape), type_))
        return len(self.tensors) - 1

    def constant(self, name: str, value: Any) -> int:
        data = np.asarray(value)
        key = (data.dtype.str, data.tobytes(), data.shape)
        if key not in self._constants:
            self.tensors.append(Tensor(name, data.shape, _TYPES[data.dtype], data))
            self._constants[key] = len(self.tensors) - 1
        return self._constants[key]

    def custom(
        self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any
    ) -> None:
        self.ops.append(Op(kind, tuple(inputs), tuple(outputs), options))

    def builtin(
        self, kind: str, inputs: Sequence[int], output: int | Sequence[int], name: str = ""
    ) -> int:
        """Append an op; ``output`` is a tensor, or the shape of a new one. Returns the tensor."""
        if not isinstance(output, int):
            output = self.tensor(name or kind.lower(), output)
        table = _TABLES.get(kind)
        options = getattr(schema, f"{table}T")() if table else None
        self.ops.append(Op(kind, tuple(inputs), (output,), options))
        return output

    def binary(self, kind: str, a: int, b: int) -> int:
        """An op on two tensors of which one may be repeated."""
        return self.builtin(kind, [a, b], np.broadcast_shapes(self.shape(a), self.shape(b)))

    def deviation(self, variance: int, epsilon: float) -> int:
        """What a normalisation divides by."""
        total = self.binary("ADD", variance, self.constant("epsilon", np.float32(epsilon)))
        return self.builtin("SQRT", [total], self.shape(variance))

    def taken(self) -> list[Op]:
        """The ops so far, which are no longer in the list."""
        ops = list(self.ops)
        self.ops.clear()
        return ops

    def reduce(self, kind: str, value: int, axis: int, output: int | None = None) -> int:
        """SUM or MEAN over one axis."""
        shape = self.shape(value)
        axes = self.constant("axes", np.array([axis], np.int32))
        result = (*shape[:axis], *shape[axis + 1 :]) if output is None else output
        return self.builtin(kind, [value, axes], result)

    def scaled(self, value: int, factor: float) -> int:
        constant = self.constant("factor", np.float32(factor))
        return self.builtin("MUL", [value, constant], self.shape(value))
