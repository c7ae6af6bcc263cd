# SPDX-License-Identifier: Apache-2.0
"""Take the gradient of the first filter from sums, before its normalisation's gradient is known.

The gradient of a normalisation is linear in what comes back, dy, and in two means that are known
only when all of dy is: dx = (gamma dy - a - b (x - mean) / deviation) / deviation. A filter's
gradient is linear in dx, so that of dy, of x and of ones can be taken apart, as they come, and put
together at the end. Where nothing but a filter waits for dx, the loop that makes dx again goes:
with it the forward half it needs, and the gradient through every layer above.

For samples one by one, whose convolution reads nothing that has to be computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from converters.graph import FETCH, Graph, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.users import Users

_FILTER, _INPUT = "BiotrainConv2DGradFilter", "BiotrainNormGradInput"
_GIVEN = frozenset({FETCH, "BiotrainDequantise"})


def filter_sums(graph: Graph, bodies: Sequence[int]) -> Graph:
    """What runs on single samples, subgraphs ``bodies``, with such filters' gradients in sums."""
    for index in bodies:
        graph = graph.with_subgraph(index, _rewrite(graph.subgraphs[index]))
    return graph


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    producer = {t: op for op in subgraph.ops for t in op.outputs}
    edit = Editor(subgraph)
    gone: set[int] = set()
    for op in subgraph.ops:
        norm = producer.get(op.inputs[1]) if op.kind == _FILTER else None
        if norm is not None and _applies(subgraph, users, producer, op, norm):
            gone.add(norm.outputs[0])
            _sums(edit, op, norm)
        else:
            edit.ops.append(op)
    ops = tuple(op for op in edit.ops if not gone & set(op.outputs))
    return replace(subgraph, tensors=tuple(edit.tensors), ops=ops)


def _applies(
    subgraph: Subgraph, users: Users, producer: dict[int, Op], filter_: Op, norm: Op
) -> bool:
    given = producer.get(filter_.inputs[0])
    return (
        norm.kind == _INPUT
        and users.only(norm.outputs[0], _FILTER) is not None
        and given is not None
        and given.kind in _GIVEN
        and subgraph.tensors[filter_.inputs[0]].shape[0] == 1
        and subgraph.tensors[norm.outputs[0]].shape[0] == 1
    )


def _sums(edit: Editor, filter_: Op, norm: Op) -> None:
    x = filter_.inputs[0]
    y, gamma, mean, variance, mean_dy, mean_product, dy = norm.inputs
    (dw,) = filter_.outputs[:1]
    shape = edit.shape(dw)
    channels = shape[0]

    def per_filter(statistic: int) -> int:
        """[C / width] floats, one a group of filters, as [C, 1, 1, 1] or [1, 1, 1, 1]."""
        groups = prod(edit.shape(statistic))
        if groups not in (1, channels):
            wide = edit.builtin("RESHAPE", [statistic], (groups, 1))
            to = (groups, channels // groups)
            target = edit.constant("shape", np.array(to, np.int32))
            statistic, groups = edit.builtin("BROADCAST_TO", [wide, target], to), channels
        return edit.builtin("RESHAPE", [statistic], (groups, 1, 1, 1))

    def gradient(of: int, result: tuple[int, ...]) -> int:
        term = edit.tensor("filter_sums", result)
        edit.custom(_FILTER, [x, of], [term], **filter_.options)
        return term

    height, width = edit.shape(y)[2:]
    one = edit.constant("one", np.ones((), np.float32))
    target = edit.constant("shape", np.array((1, 1, height, width), np.int32))
    ones = edit.builtin("BROADCAST_TO", [one, target], (1, 1, height, width))
    of_ones = gradient(ones, (1, *shape[1:]))
    of_y = gradient(y, shape)
    centered = edit.binary("SUB", of_y, edit.binary("MUL", of_ones, per_filter(mean)))
    deviation = per_filter(edit.deviation(variance, norm.options["epsilon"]))
    along = edit.binary("DIV", per_filter(mean_product), deviation)
    of_dy = edit.binary("MUL", gradient(dy, shape), per_filter(gamma))
    rest = edit.binary("SUB", of_dy, edit.binary("MUL", of_ones, per_filter(mean_dy)))
    rest = edit.binary("SUB", rest, edit.binary("MUL", centered, along))
    edit.builtin("DIV", [rest, deviation], dw)
