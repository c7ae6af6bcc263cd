# SPDX-License-Identifier: Apache-2.0
"""Keep one bit an element where the backward half asks for no more.

The gradients of ReLU, ReLU6 and leaky ReLU ask of each element on which side of a bound it lies. A
tensor that no other op behind the loss reads need not wait for them: its bits do, 1/32 of the
memory, and the gradient has the same bits as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from converters.graph import Graph, Op, Subgraph
from converters.passes.commit_last import forward_ops
from converters.passes.editor import Editor
from converters.passes.slope_sums import with_inserted
from converters.passes.users import Users, waits_for

GRAD, LEAKY_GRAD = "BiotrainReluGradOfBits", "BiotrainLeakyReluGradOfBits"


@dataclass(frozen=True)
class Bits:
    """The op that makes the bits, and the one that has the gradient from them."""

    bits: str
    grad: str


OF_GRAD = {
    "BiotrainReluGrad": Bits("BiotrainReluBits", GRAD),
    "BiotrainRelu6Grad": Bits("BiotrainRelu6Bits", GRAD),
    "BiotrainLeakyReluGrad": Bits("BiotrainReluBits", LEAKY_GRAD),
}


def sign_bits(graph: Graph) -> Graph:
    """The graph whose training step keeps bits wherever they are enough."""
    return with_step(graph, _rewrite)


def with_step(graph: Graph, rewrite: Callable[[Subgraph, set[int]], Subgraph]) -> Graph:
    """With the training step rewritten; ``rewrite`` also gets the numbers of its forward ops."""
    signature = graph.signatures["train"]
    step = graph.subgraphs[signature.subgraph]
    rewritten = rewrite(step, forward_ops(step, signature.outputs["loss"]))
    return graph if rewritten is step else graph.with_subgraph(signature.subgraph, rewritten)


def _rewrite(step: Subgraph, forward: set[int]) -> Subgraph:
    users = Users(step)
    edit = Editor(step)
    before: dict[int, list[Op]] = {}
    instead: dict[int, list[Op]] = {}
    for i, op in enumerate(step.ops):
        for y in op.outputs if i in forward else ():
            cuts = _cuts(step, users, forward, y)
            for kind in sorted({OF_GRAD[step.ops[cut].kind].bits for cut in cuts}):
                bits = _bits(edit, kind, y)
                before.setdefault(i + 1, []).extend(edit.taken())
                for cut in cuts:
                    grad = step.ops[cut]
                    if OF_GRAD[grad.kind].bits == kind:
                        inputs = (bits, grad.inputs[1])
                        kind_of_bits = OF_GRAD[grad.kind].grad
                        instead[cut] = [replace(grad, kind=kind_of_bits, inputs=inputs)]
    return with_inserted(step, edit, before, instead) if instead else step


def _bits(edit: Editor, kind: str, y: int) -> int:
    *rows, columns = edit.shape(y)
    bits = edit.tensor("bits", (*rows, -(-columns // 8)), "UINT8")
    edit.custom(kind, [y], [bits])
    return bits


def _cuts(step: Subgraph, users: Users, forward: set[int], y: int) -> list[int]:
    """The gradients that wait for ``y``, if nothing else does."""
    if not step.tensors[y].shape or users.leaves(y):
        return []
    late = sorted(waits_for(step, users, forward, y))
    only_signs = all(
        step.ops[i].kind in OF_GRAD and step.ops[i].inputs[0] == y != step.ops[i].inputs[1]
        for i in late
    )
    return late if only_signs else []
