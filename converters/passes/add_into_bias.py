# SPDX-License-Identifier: Apache-2.0
"""Let a convolution add the vector that is added to its output.

The kernels add a bias to each sum when it is complete, which is what an ADD of one number a channel
does in a pass of its own: the same bits. The vector's gradient does not change, since none of the
ops of the backward half reads what is between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.users import Users

_CONVOLUTIONS = ("BiotrainConv2D", "BiotrainDepthwiseConv2D")


def add_into_bias(graph: Graph) -> Graph:
    """The graph in which no vector of channels is added to a convolution that has no bias and
    that nothing else reads.
    """
    return replace(graph, subgraphs=tuple(_rewrite(s) for s in graph.subgraphs))


@dataclass(frozen=True)
class _Match:
    """Indices of ops, and the tensor that is added; ``view``: a RESHAPE that nobody needs then."""

    convolution: int
    vector: int
    view: int | None


def _rewrite(subgraph: Subgraph) -> Subgraph:
    users = Users(subgraph)
    maker = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
    matches: dict[int, _Match] = {}
    for i, op in enumerate(subgraph.ops):
        add = users.only(op.outputs[0], "ADD") if op.kind in _CONVOLUTIONS else None
        match = None if add is None else _match(subgraph, users, maker, i, subgraph.ops[add])
        if add is not None and match is not None:
            matches[add] = match
    gone = {i for m in matches.values() for i in (m.convolution, m.view)}
    edit = Editor(subgraph)
    for i, op in enumerate(subgraph.ops):
        if i in gone:
            continue
        if i in matches:
            # The vector may be made after the convolution, so this is where the ADD was.
            vector = matches[i].vector
            if len(edit.shape(vector)) != 1:
                vector = edit.builtin("RESHAPE", [vector], (edit.tensors[vector].elements,))
            convolution = subgraph.ops[matches[i].convolution]
            inputs = (*convolution.inputs, vector)
            op = replace(convolution, inputs=inputs, outputs=op.outputs)
        edit.ops.append(op)
    return replace(subgraph, tensors=tuple(edit.tensors), ops=tuple(edit.ops))


def _match(
    subgraph: Subgraph, users: Users, maker: Mapping[int, int], index: int, add: Op
) -> _Match | None:
    convolution = subgraph.ops[index]
    y = convolution.outputs[0]
    other = add.inputs[1] if add.inputs[0] == y else add.inputs[0]
    shape, given = subgraph.tensors[y].shape, subgraph.tensors[other].shape
    fits = (
        len(convolution.inputs) == 2
        and convolution.options["activation"] == "NONE"
        and not add.options.fusedActivationFunction
        and subgraph.tensors[other].data is None
        and (1,) * (4 - len(given)) + tuple(given) == (1, shape[1], 1, 1)
        and subgraph.tensors[add.outputs[0]].shape == shape
    )
    if not fits:
        return None
    view = maker.get(other)
    if view is not None and subgraph.ops[view].kind == "RESHAPE":
        source = subgraph.ops[view].inputs[0]
        if subgraph.tensors[source].shape == (shape[1],):
            return _Match(index, source, view if users.only(other, "ADD") is not None else None)
    return _Match(index, other, None)
