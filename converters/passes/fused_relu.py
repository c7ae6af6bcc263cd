# SPDX-License-Identifier: Apache-2.0
"""Part a RELU from the ADD it was fused into, and fuse it into the convolution it alone reads.

TensorFlow's converter fuses RELUs into ADDs. Passes that move either want them apart; what is left
in the end costs the least where a convolution finishes its sums, which are the same bits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from converters.graph import Graph, Op, Subgraph
from converters.passes.users import Users, with_ops

_CONVOLUTIONS = ("BiotrainConv2D", "BiotrainDepthwiseConv2D")
_RELU = 1
"""ActivationFunctionType of the TFLite schema."""


def part_relu(graph: Graph) -> Graph:
    """The graph without RELUs in ADDs."""
    return replace(graph, subgraphs=tuple(_part(s) for s in graph.subgraphs))


def join_relu(graph: Graph) -> Graph:
    """The graph with every RELU in a convolution that nothing else reads."""
    return replace(graph, subgraphs=tuple(_join(s) for s in graph.subgraphs))


def _part(subgraph: Subgraph) -> Subgraph:
    tensors, ops = list(subgraph.tensors), []
    for op in subgraph.ops:
        if op.kind == "ADD" and op.options.fusedActivationFunction == _RELU:
            y = op.outputs[0]
            tensors.append(replace(tensors[y], name=f"{tensors[y].name}/linear"))
            linear = len(tensors) - 1
            ops.append(replace(op, outputs=(linear,), options=_without_activation(op.options)))
            op = Op("RELU", (linear,), (y,))
        ops.append(op)
    return replace(subgraph, tensors=tuple(tensors), ops=tuple(ops))


def _without_activation(options: Any) -> Any:
    result = type(options)()
    result.__dict__.update(options.__dict__)
    result.fusedActivationFunction = 0
    return result


def _join(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    changed: dict[int, Op] = {}
    gone: set[int] = set()
    for i, op in enumerate(subgraph.ops):
        if op.kind not in _CONVOLUTIONS or op.options["activation"] != "NONE":
            continue
        relu = users.only(op.outputs[0], "RELU")
        if relu is None:
            continue
        # In the place of the RELU: what it writes may be made no earlier.
        outputs = (*subgraph.ops[relu].outputs, *op.outputs[1:])
        changed[relu] = replace(op, outputs=outputs, options={**op.options, "activation": "RELU"})
        gone.add(i)
    return with_ops(subgraph, changed, gone)
