# SPDX-License-Identifier: Apache-2.0
"""Variables that begin at zero, as momentum does, are made of zeros instead of read from flash."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.graph import Graph, Op, Subgraph, Tensor

# Below this the operator takes more of the file than the zeros did.
_WORTH_BYTES = 64


def zero_states(graph: Graph) -> Graph:
    """Where the subgraph that CALL_ONCE runs assigns a constant of zeros, ZEROS_LIKE of another
    constant of that shape makes them: of the first value of a weight for that of its momentum.
    The bits are the same.
    """
    init = graph.init_subgraph()
    if init is None:
        return graph
    return graph.with_subgraph(init, _make_zeros(graph.subgraphs[init]))


def _make_zeros(subgraph: Subgraph) -> Subgraph:
    tensors, ops = list(subgraph.tensors), []
    for op in subgraph.ops:
        if op.kind == "ASSIGN_VARIABLE" and _is_zeros(tensors[op.inputs[1]]):
            zeros = op.inputs[1]
            pattern = _another_of_its_shape(subgraph, zeros)
            if pattern is not None:
                old = tensors[zeros]
                tensors[zeros] = Tensor(old.name, old.shape, old.type)
                ops.append(Op("ZEROS_LIKE", (pattern,), (zeros,), schema.ZerosLikeOptionsT()))
        ops.append(op)
    return Subgraph(subgraph.name, tuple(tensors), tuple(ops), subgraph.inputs, subgraph.outputs)


def _is_zeros(tensor: Tensor) -> bool:
    # Negative zeros are no zeros: their bits would change.
    data = tensor.data
    return data is not None and data.nbytes >= _WORTH_BYTES and not any(data.tobytes())


def _another_of_its_shape(subgraph: Subgraph, zeros: int) -> int | None:
    wanted = subgraph.tensors[zeros]
    for index, tensor in enumerate(subgraph.tensors):
        same = (tensor.shape, tensor.type) == (wanted.shape, wanted.type)
        if same and tensor.data is not None and np.any(tensor.data):
            return index
    return None
