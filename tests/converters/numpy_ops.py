# SPDX-License-Identifier: Apache-2.0
"""Run a graph with NumPy in float64, op by op from the definitions: to compare a graph with its
rewritten self. ``first`` says whether the compact ops mean channels first, as in a finished file,
or last, as they are traced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from converters.graph import Graph, Op, Subgraph
from tests.converters.numpy_masks import MASKED
from tests.converters.numpy_windows import windowed

Array = np.ndarray


def run(
    graph: Graph, key: str, inputs: dict[str, Array], variables: dict[str, Array], *, first: bool
) -> dict[str, Array]:
    """Outputs of a signature by name; ``variables`` is changed as the signature says."""
    signature = graph.signatures[key]
    subgraph = graph.subgraphs[signature.subgraph]
    values = {signature.inputs[name]: value for name, value in inputs.items()}
    _run(subgraph, values, variables, first)

    def value(t: int) -> Array:
        data = subgraph.tensors[t].data
        return values[t] if data is None else data

    return {name: value(t) for name, t in signature.outputs.items()}


def initial(graph: Graph) -> dict[str, Array]:
    """What the initialising subgraph leaves in the variables."""
    variables: dict[str, Array] = {}
    index = graph.init_subgraph()
    assert index is not None
    _run(graph.subgraphs[index], {}, variables, first=True)
    return variables


def _run(
    subgraph: Subgraph, values: dict[int, Array], variables: dict[str, Array], first: bool
) -> None:
    handles = subgraph.variable_of_handle()

    def value(t: int) -> Array | None:
        if t < 0:
            return None
        tensor = subgraph.tensors[t]
        found = values[t] if tensor.data is None else tensor.data
        assert found.shape == tensor.shape, f"{tensor.name}: {found.shape}, not {tensor.shape}"
        return found.astype(np.float64) if tensor.type == "FLOAT32" else found

    for op in subgraph.ops:
        if op.kind in ("VAR_HANDLE", "CALL_ONCE"):
            continue
        if op.kind == "READ_VARIABLE":
            results = [variables[handles[op.inputs[0]]]]
        elif op.kind == "ASSIGN_VARIABLE":
            assigned = value(op.inputs[1])
            assert assigned is not None
            variables[handles[op.inputs[0]]] = assigned
            continue
        else:
            shapes = [subgraph.tensors[t].shape for t in op.outputs]
            results = _compute(op, [value(t) for t in op.inputs], shapes, first)
        for t, result in zip(op.outputs, results, strict=True):
            assert result.shape == subgraph.tensors[t].shape, f"{op.kind}: {result.shape}"
            values[t] = result


def _compute(op: Op, inputs: list[Any], shapes: list[tuple[int, ...]], first: bool) -> list[Array]:
    if op.kind in MASKED:
        assert first, f"{op.kind} is channels first"
        return [MASKED[op.kind](op, inputs, shapes[0])]
    if op.kind in _ELEMENTWISE:
        return [_ELEMENTWISE[op.kind](*inputs)]
    if op.kind in ("RESHAPE", "EXPAND_DIMS", "SQUEEZE"):
        return [inputs[0].reshape(shapes[0])]
    if op.kind == "BROADCAST_TO":
        return [np.broadcast_to(inputs[0], shapes[0])]
    if op.kind == "TRANSPOSE":
        return [inputs[0].transpose(inputs[1])]
    if op.kind in ("SUM", "MEAN"):
        reduce = np.sum if op.kind == "SUM" else np.mean
        return [reduce(inputs[0], tuple(np.ravel(inputs[1]))).reshape(shapes[0])]
    if op.kind == "CONCATENATION":
        return [np.concatenate(inputs, op.options.axis)]
    if op.kind == "PAD":
        return [np.pad(inputs[0], inputs[1])]
    if op.kind == "SLICE":
        return [
            inputs[0][tuple(slice(b, b + n) for b, n in zip(inputs[1], shapes[0], strict=True))]
        ]
    if op.kind == "SOFTMAX":
        e = np.exp(inputs[0] - inputs[0].max(-1, keepdims=True))
        return [e / e.sum(-1, keepdims=True)]
    if op.kind == "BATCH_MATMUL":
        x, w = (
            np.swapaxes(a, -1, -2) if adjoint else a
            for a, adjoint in zip(inputs, (op.options.adjX, op.options.adjY), strict=True)
        )
        return [x @ w]
    if op.kind == "FULLY_CONNECTED":
        bias = inputs[2] if len(inputs) > 2 and inputs[2] is not None else 0.0
        return [(inputs[0] @ inputs[1].T + bias).reshape(shapes[0])]
    if op.kind == "BiotrainSgdMomentum":
        velocity = op.options["momentum"] * inputs[1] - op.options["learning_rate"] * inputs[2]
        return [inputs[0] + velocity, velocity]
    if op.kind == "BiotrainBatchNorm":
        x, gamma, beta = inputs
        return _batch_norm(op, x, gamma, beta, 1 if first else x.ndim - 1)
    return [windowed(op, inputs, shapes[0], first)]


_ELEMENTWISE: dict[str, Callable[..., Array]] = {
    "ADD": np.add,
    "MUL": np.multiply,
    "SUB": np.subtract,
    "TANH": np.tanh,
    "RELU": lambda x: np.maximum(x, 0),
    "SQUARE": np.square,
    "BiotrainTanhGrad": lambda y, dy: dy * (1 - y * y),
    "BiotrainSgd": lambda w, g: w - 0.5 * g,
}


def _batch_norm(op: Op, x: Array, gamma: Array, beta: Array, channel: int) -> list[Array]:
    axes = tuple(a for a in range(x.ndim) if a != channel)
    shape = [n if a == channel else 1 for a, n in enumerate(x.shape)]
    mean, variance = x.mean(axes), x.var(axes)
    scale = gamma / np.sqrt(variance + op.options["epsilon"])
    return [(x - mean.reshape(shape)) * scale.reshape(shape) + beta.reshape(shape), mean, variance]
