# SPDX-License-Identifier: Apache-2.0
"""Keep a byte a window where a maximum pool's gradient looks for the maximum again.

The gradient reads the pool's input and output to find the first maximum of every window. Where the
backward half asks nothing else of the input but signs, the forward half notes where it was found;
the slope then goes to the same element. Windows of more than 255 elements stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.sign_bits import OF_GRAD, with_step
from converters.passes.slope_sums import with_inserted
from converters.passes.users import Users, waits_for

POOL, SPREAD = "BiotrainMaxPool2D", "BiotrainMaxPool2DGrad"
INDICES, GRAD = "BiotrainMaxPool2DIndices", "BiotrainMaxPool2DGradOfIndices"
MOST = 255
"""Elements of a window (kernels/pool.h)."""


def pool_indices(graph: Graph) -> Graph:
    """The graph whose training step keeps indices wherever they are enough."""
    return with_step(graph, _rewrite)


def _rewrite(step: Subgraph, forward: set[int]) -> Subgraph:
    users = Users(step)
    producer = {t: i for i, op in enumerate(step.ops) for t in op.outputs}
    edit = Editor(step)
    before: dict[int, list[Op]] = {}
    instead: dict[int, list[Op]] = {}
    for i, op in enumerate(step.ops):
        if not _indexed(op):
            continue
        x, y, dy = op.inputs
        pool = producer.get(y)
        made = pool is not None and pool in forward and step.ops[pool].kind == POOL
        if not made or pool is None or step.ops[pool].inputs[0] != x or x in step.inputs:
            continue
        late = waits_for(step, users, forward, x)
        if not all(_asks_little(step.ops[n], x) for n in late):
            continue
        indices = edit.tensor("indices", edit.shape(y), "UINT8")
        edit.custom(INDICES, [x, y], [indices], **op.options)
        before.setdefault(pool + 1, []).extend(edit.taken())
        instead[i] = [replace(op, kind=GRAD, inputs=(indices, dy))]
    return with_inserted(step, edit, before, instead) if instead else step


def _indexed(op: Op) -> bool:
    """Whether it is the gradient of a pool whose windows have indices of a byte."""
    return op.kind == SPREAD and bool(op.options["filter_h"] * op.options["filter_w"] <= MOST)


def _asks_little(op: Op, x: int) -> bool:
    """Whether indices, or bits, of ``x`` are all that a gradient asks for."""
    return op.inputs[0] == x and x not in op.inputs[1:] and (_indexed(op) or op.kind in OF_GRAD)
