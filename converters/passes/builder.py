# SPDX-License-Identifier: Apache-2.0
"""Build a subgraph op by op, for passes that add one."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.graph import Op, Subgraph, Tensor

_TYPES = {np.dtype(np.float32): "FLOAT32", np.dtype(np.int32): "INT32", np.dtype(np.bool_): "BOOL"}


class SubgraphBuilder:
    """Tensors are their indices; every method that makes one returns it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tensors: list[Tensor] = []
        self._ops: list[Op] = []

    def tensor(self, name: str, shape: tuple[int, ...], type_: str = "FLOAT32") -> int:
        self._tensors.append(Tensor(name, shape, type_))
        return len(self._tensors) - 1

    def like(self, tensor: Tensor, name: str | None = None) -> int:
        return self.tensor(name or tensor.name, tensor.shape, tensor.type)

    def constant(self, name: str, value: Any) -> int:
        data = np.asarray(value)
        self._tensors.append(Tensor(name, data.shape, _TYPES[data.dtype], data))
        return len(self._tensors) - 1

    def op(
        self,
        kind: str,
        inputs: list[int],
        outputs: list[int],
        options: str | None = None,
        **values: Any,
    ) -> int:
        """Append an op; ``options`` names the schema's options table, ``values`` its fields.
        Returns output 0.
        """
        table = None
        if options is not None:
            table = getattr(schema, f"{options}T")()
            for key, value in values.items():
                if not hasattr(table, key):
                    raise AttributeError(f"{options} has no field {key}")
                setattr(table, key, value)
        self._ops.append(Op(kind, tuple(inputs), tuple(outputs), table))
        return outputs[0] if outputs else -1

    def handle(self, variable: str) -> int:
        out = self.tensor(f"{variable}/handle", (), "RESOURCE")
        return self.op(
            "VAR_HANDLE", [], [out], "VarHandleOptions", container=b"", sharedName=variable.encode()
        )

    def call_once(self, subgraph: int) -> None:
        self.op("CALL_ONCE", [], [], "CallOnceOptions", initSubgraphIndex=subgraph)

    def branch(
        self, condition: int, inputs: list[int], outputs: list[int], *, then: int, otherwise: int
    ) -> None:
        self.op(
            "IF",
            [condition, *inputs],
            outputs,
            "IfOptions",
            thenSubgraphIndex=then,
            elseSubgraphIndex=otherwise,
        )

    def build(self, inputs: list[int], outputs: list[int]) -> Subgraph:
        return Subgraph(
            self._name, tuple(self._tensors), tuple(self._ops), tuple(inputs), tuple(outputs)
        )
