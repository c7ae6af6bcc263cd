# SPDX-License-Identifier: Apache-2.0
"""Let ops that do not care for the shape of their tensors work on what a RESHAPE reads.

A group normalisation is traced on [B, C, S] between convolutions on [B, C, H, W]. Once it works on
the latter, as any activation can, the reshapes before and behind it are one another's inverse, and
passes that look for neighbours find them.
"""

from __future__ import annotations

from dataclasses import replace

from converters.graph import Graph, Op, Subgraph, Tensor

_ACTIVATIONS = "RELU RELU6 ELU LEAKY_RELU TANH LOGISTIC"
_SLOPES = "Relu Relu6 Elu Tanh Sigmoid LeakyRelu Gelu GeluTanh Square"
_LARGE: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(_ACTIVATIONS.split(), (0,)),
    "BiotrainGelu": (0,),
    "BiotrainGeluTanh": (0,),
    **{f"Biotrain{name}Grad": (0, 1) for name in _SLOPES.split()},
    "BiotrainGroupNorm": (0,),
    "BiotrainGroupNormGrad": (0, 4),
}
"""Inputs that have the shape of output 0, by kind."""


def through_views(graph: Graph) -> Graph:
    """The graph with RESHAPEs behind such ops instead of before them, and none that undo others."""
    return replace(graph, subgraphs=tuple(_rewrite(s) for s in graph.subgraphs))


def _rewrite(subgraph: Subgraph) -> Subgraph:
    tensors = list(subgraph.tensors)
    source: dict[int, int] = {}
    same: dict[int, int] = {}
    ops: list[Op] = []
    for op in subgraph.ops:
        op = replace(op, inputs=tuple(same.get(t, t) for t in op.inputs))
        if op.kind == "RESHAPE":
            given, result = source.get(op.inputs[0], op.inputs[0]), op.outputs[0]
            if tensors[given].shape == tensors[result].shape and result not in subgraph.outputs:
                same[result] = given
                continue
            source[result] = given
        large = _LARGE.get(op.kind)
        moved = None if large is None else _moved(op, large, tensors, source)
        if moved is not None:
            result = op.outputs[0]
            shape = tensors[moved.inputs[_LARGE[op.kind][0]]].shape
            tensors.append(replace(tensors[result], shape=shape))
            ops.append(replace(moved, outputs=(len(tensors) - 1, *op.outputs[1:])))
            source[result] = len(tensors) - 1
            op = Op("RESHAPE", (len(tensors) - 1,), (result,))
        ops.append(op)
    return _without_unread_views(replace(subgraph, tensors=tuple(tensors), ops=tuple(ops)))


def _moved(
    op: Op, large: tuple[int, ...], tensors: list[Tensor], source: dict[int, int]
) -> Op | None:
    given = [source.get(op.inputs[i]) for i in large]
    if any(t is None for t in given):
        return None
    shapes = {tensors[t].shape for t in given if t is not None}
    own = tensors[op.inputs[large[0]]].shape
    if len(shapes) != 1 or not _same_channels(shapes.pop(), own):
        return None
    inputs = list(op.inputs)
    for i, t in zip(large, given, strict=True):
        assert t is not None
        inputs[i] = t
    return replace(op, inputs=tuple(inputs))


def _same_channels(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return len(a) >= 3 and len(b) >= 3 and a[:2] == b[:2]


def _without_unread_views(subgraph: Subgraph) -> Subgraph:
    read = set(subgraph.outputs)
    kept: list[Op] = []
    for op in reversed(subgraph.ops):
        if op.kind == "RESHAPE" and op.outputs[0] not in read:
            continue
        kept.append(op)
        read |= set(op.inputs)
    return replace(subgraph, ops=tuple(reversed(kept)))
