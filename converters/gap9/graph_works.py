# SPDX-License-Identifier: Apache-2.0
"""The operators of a converted model as nests of loops: our kernels, by the instructions they take.

How many that is, is the caller's to say: counted on RV32, it is what the kernels of this project
execute on one core.
"""

from __future__ import annotations

from collections.abc import Callable

from converters.gap9.graph_nests import nest
from converters.gap9.works import Operand, Work
from converters.graph import FETCH, FOR_EACH, Graph, Op, Subgraph

Counts = Callable[[Subgraph, Op], tuple[float, int]]
"""(instructions, multiply-adds) of an operator on one core."""

VIEWS = frozenset(
    {"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "RESHAPE", "CALL_ONCE", FOR_EACH}
)
UNMEASURED = {"BiotrainGroupNorm": 12.0, "BiotrainGroupNormGrad": 20.0}
"""Instructions an element of kinds that no cost table knows: by their loads and arithmetic."""


def graph_works(graph: Graph, signature: str, counts: Counts) -> tuple[list[Work], set[str]]:
    """Of one call of ``signature``; and the names of the variables' tensors."""
    works, variables = [], set()
    for at, place, times in graph.runs(graph.signatures[signature].subgraph):
        subgraph = graph.subgraphs[at]
        op = subgraph.ops[place]
        if op.kind == "READ_VARIABLE":
            variables.add(_name(at, op.outputs[0]))
        if op.kind in VIEWS or (op.kind == FETCH and op.options["in_place"]):
            continue
        works.append(_work(subgraph, at, place, op, times, counts))
    return works, variables


def samples(graph: Graph) -> int:
    """Of a batch, as ``train`` takes it."""
    train = graph.signatures["train"]
    return graph.subgraphs[train.subgraph].tensors[train.inputs["x"]].shape[0]


def _name(subgraph: int, tensor: int) -> str:
    return f"t{subgraph}.{tensor}"


def _work(subgraph: Subgraph, at: int, place: int, op: Op, times: int, counts: Counts) -> Work:
    instructions, macs = counts(subgraph, op)
    inputs = [(i, subgraph.tensors[i]) for i in op.inputs if i >= 0]
    outputs = [(i, subgraph.tensors[i]) for i in op.outputs]
    inputs = [(i, t) for i, t in inputs if t.type != "RESOURCE"]
    outputs = [(i, t) for i, t in outputs if t.type != "RESOURCE"]
    if op.kind in UNMEASURED:
        instructions = UNMEASURED[op.kind] * inputs[0][1].elements
    if not outputs:
        outputs = inputs[:1]
    found = nest(op, [t for _, t in inputs], [t for _, t in outputs])
    operands = tuple(
        Operand(_name(at, i), found.index(t), is_output, max(t.bytes // max(t.elements, 1), 1))
        for is_output, tensors in ((False, inputs), (True, outputs))
        for i, t in tensors
    )
    return Work(
        name=f"{at}.{place}",
        kind=op.kind.removeprefix("Biotrain"),
        phase="step",
        loops=found.loops,
        parallel=tuple(loop for loop, _ in found.loops),
        operands=operands,
        macs=macs,
        instructions=instructions,
        shares=found.shares,
        times=times,
    )
