# SPDX-License-Identifier: Apache-2.0
"""Take the sums of a normalisation's gradient before those of the next one are known.

The gradient of a batch normalisation is linear in what comes back, dy, and in two sums over the
batch: dx = (gamma dy - a - b (x - mean) / deviation) / deviation. So are the sums of an earlier
normalisation, if all between is linear: those of dx come apart into those of gamma dy / deviation,
which need no sum, and a and b times what the forward half alone says: how the mean slopes of the
earlier one's pool (see ``slope_sums``), pushed forward to the 1x1 convolution before the later one,
go together with that convolution's input. One loop over the batch then gives the sums of both, and
the loop between them, with the forward half it makes once more, is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from converters.graph import Graph, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.slope_sums import (
    PooledSums,
    add_slopes,
    add_sums,
    as_floats,
    pooled_sums,
    with_inserted,
)
from converters.passes.users import Users

_NORM_INPUT = "BiotrainNormGradInput"
_MIXED, _MIX = "BiotrainConv2DGradInput", "BiotrainConv2D"
_EACH, _DROP = "BiotrainDepthwiseConv2DGradInput", "BiotrainDropout"


@dataclass(frozen=True)
class _Way:
    """How slopes come back from ``norm``, the later normalisation's gradient, through ``mixed``,
    a 1x1 convolution, to a pool: by ``path``, the nearest to the pool first. ``mix`` is the
    convolution forward. All but ``totals`` are ops; those are the sums over the batch, by index.
    """

    path: tuple[Op, ...]
    mixed: Op
    norm: Op
    mix: int
    totals: tuple[int, int]


def sums_ahead(graph: Graph) -> Graph:
    """The training step, normalisations in parts, with such sums taken ahead."""
    index = graph.signatures["train"].subgraph
    subgraph = graph.subgraphs[index]
    edit = Editor(subgraph)
    before: dict[int, list[Op]] = {}
    instead: dict[int, list[Op]] = {}
    for found in pooled_sums(subgraph):
        way = _way(subgraph, found)
        if way is not None:
            _Rewrite(edit, subgraph, found, way).write(before, instead)
    return graph.with_subgraph(index, with_inserted(subgraph, edit, before, instead))


def _way(subgraph: Subgraph, found: PooledSums) -> _Way | None:
    producer = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
    users = Users(subgraph)
    path = []
    slope = found.slope
    while True:
        if slope not in producer:
            return None
        op = subgraph.ops[producer[slope]]
        if op.kind not in (_DROP, _EACH, _MIXED):
            return None
        if op.kind == _MIXED:
            break
        path.append(op)
        slope = op.inputs[0] if op.kind == _DROP else op.inputs[1]
    norm = subgraph.ops[producer[op.inputs[1]]] if op.inputs[1] in producer else None
    if norm is None or norm.kind != _NORM_INPUT or not _is_mix(subgraph, op):
        return None
    mix = producer.get(norm.inputs[0])
    if mix is None or subgraph.ops[mix].kind != _MIX or subgraph.ops[mix].inputs[1] != op.inputs[0]:
        return None
    if subgraph.ops[mix].options["activation"] != "NONE":
        return None
    if any(len(subgraph.tensors[t].shape) != 1 for t in norm.inputs[1:6]):
        return None
    totals = []
    for t in subgraph.ops[found.sums].outputs:
        total = users.only(t, "SUM")
        if total is None or not _adds_batch(subgraph, subgraph.ops[total]):
            return None
        totals.append(total)
    return _Way(tuple(path), op, norm, mix, (totals[0], totals[1]))


def _is_mix(subgraph: Subgraph, op: Op) -> bool:
    one = subgraph.tensors[op.inputs[0]].shape[2:] == (1, 1)
    return one and op.options["stride_h"] == op.options["stride_w"] == 1


def _adds_batch(subgraph: Subgraph, op: Op) -> bool:
    axes = subgraph.tensors[op.inputs[1]].data
    return axes is not None and np.ravel(axes).tolist() == [0]


class _Rewrite:
    def __init__(self, edit: Editor, subgraph: Subgraph, found: PooledSums, way: _Way) -> None:
        self._edit, self._s, self._found, self._way = edit, subgraph, found, way

    def write(self, before: dict[int, list[Op]], instead: dict[int, list[Op]]) -> None:
        edit, found, way = self._edit, self._found, self._way
        slopes, products = add_slopes(edit, self._s, found)
        before.setdefault(found.norm, []).extend(edit.taken())
        ahead = [self._pushed(factor) for factor in (products, slopes)]
        before.setdefault(way.mix, []).extend(edit.taken())
        slope = self._slope_without_sums()
        sums = self._s.ops[found.sums]
        add_sums(edit, sums, slope, slopes, products, found)
        instead[found.sums] = edit.taken()
        for total, (together, alone) in zip(way.totals, ahead, strict=True):
            op = self._s.ops[total]
            part = edit.builtin("SUM", op.inputs, edit.shape(op.outputs[0]))
            edit.builtin("SUB", [part, self._rest(together, alone)], op.outputs[0])
            instead[total] = edit.taken()

    def _pushed(self, factor: int) -> tuple[int, int]:
        """Mean slopes as they come to the 1x1 convolution: their sums of products with each
        channel of its input [C, C'], and their sums [C].
        """
        edit, way = self._edit, self._way
        if edit.tensors[factor].type != "FLOAT32":
            factor = as_floats(edit, factor, self._found)
        for op in way.path:
            if op.kind == _DROP:
                result = edit.tensor("pushed", edit.shape(factor))
                edit.custom(_DROP, [factor, *op.inputs[1:]], [result], **op.options)
            else:
                result = edit.tensor("pushed", edit.shape(op.inputs[1]))
                kind = _EACH.removesuffix("GradInput")
                options = {**op.options, "activation": "NONE"}
                edit.custom(kind, [factor, op.inputs[0]], [result], **options)
            factor = result
        z = self._s.ops[way.mix].inputs[0]
        channels = (edit.shape(factor)[1], edit.shape(z)[1])
        together = edit.tensor("pushed_products", (*channels, 1, 1))
        edit.custom(f"{_MIX}GradFilter", [z, factor], [together], **way.mixed.options)
        axes = edit.constant("axes", np.array([0, 2, 3], np.int32))
        return together, edit.builtin("SUM", [factor, axes], (channels[0],))

    def _slope_without_sums(self) -> int:
        """What comes back to the pool if both sums of the later normalisation were zero."""
        edit, way = self._edit, self._way
        x, gamma, mean, variance, _, _, dy = way.norm.inputs
        shape = edit.shape(gamma)
        zero = edit.constant("zero", np.zeros((), np.float32))
        wide = edit.constant("shape", np.array(shape, np.int32))
        zeros = edit.builtin("BROADCAST_TO", [zero, wide], shape)
        dx = edit.tensor("slope", edit.shape(way.norm.outputs[0]))
        inputs = [x, gamma, mean, variance, zeros, zeros, dy]
        edit.custom(_NORM_INPUT, inputs, [dx], **way.norm.options)
        slope = edit.tensor("slope", edit.shape(way.mixed.outputs[0]))
        edit.custom(_MIXED, [way.mixed.inputs[0], dx], [slope], **way.mixed.options)
        for op in reversed(way.path):
            result = edit.tensor("slope", edit.shape(op.outputs[0]))
            inputs = [slope, *op.inputs[1:]] if op.kind == _DROP else [op.inputs[0], slope]
            edit.custom(op.kind, inputs, [result], **op.options)
            slope = result
        return slope

    def _rest(self, together: int, alone: int) -> int:
        """What both sums of the later normalisation take away: with the filter W [C', C],

        sum over c' of W / deviation (a alone + b ((W together)' + (bias - mean) alone) / deviation)
        """
        edit, way = self._edit, self._way
        _, _, mean, variance, mean_dy, mean_product, _ = way.norm.inputs
        filter_ = way.mixed.inputs[0]
        mixed, channels = edit.shape(filter_)[:2]

        deviation = edit.deviation(variance, way.norm.options["epsilon"])
        along = edit.binary("DIV", mean_product, deviation)
        shift = mean
        if len(self._s.ops[way.mix].inputs) > 2 and self._s.ops[way.mix].inputs[2] >= 0:
            shift = edit.binary("SUB", mean, self._s.ops[way.mix].inputs[2])
        constant = edit.binary("SUB", mean_dy, edit.binary("MUL", along, shift))
        weights = edit.builtin("RESHAPE", [filter_], (mixed, channels))
        square = edit.builtin("RESHAPE", [together], edit.shape(together)[:2])
        through = edit.tensor("mixed_products", (mixed, edit.shape(together)[0]))
        options = schema.FullyConnectedOptionsT()
        edit.ops.append(Op("FULLY_CONNECTED", (weights, square), (through,), options))
        column = {t: edit.builtin("RESHAPE", [t], (mixed, 1)) for t in (along, constant, deviation)}
        lost = edit.binary(
            "ADD",
            edit.binary("MUL", through, column[along]),
            edit.binary("MUL", column[constant], alone),
        )
        weighted = edit.binary("DIV", weights, column[deviation])
        return edit.reduce("SUM", edit.binary("MUL", weighted, lost), 0)
