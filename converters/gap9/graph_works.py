# SPDX-License-Identifier: Apache-2.0
"""The operators of a converted model as nests of loops: our kernels, by the instructions they take.

How many that is, is the caller's to say: counted on RV32, it is what the kernels of this project
execute on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from converters.gap9.port_nests import is_staged, port_nest, whole_nest
from converters.gap9.works import Work
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
    tensors = subgraph.tensors
    inputs = [(n, tensors[i]) for n, i in enumerate(op.inputs) if i >= 0]
    inputs = [(n, t) for n, t in inputs if t.type != "RESOURCE"]
    outputs = [(n, tensors[i]) for n, i in enumerate(op.outputs)]
    outputs = [(n, t) for n, t in outputs if t.type != "RESOURCE"]
    if op.kind in UNMEASURED:
        instructions = UNMEASURED[op.kind] * inputs[0][1].elements
    found = port_nest(op, inputs, outputs) or whole_nest(inputs, outputs)
    names = [_name(at, op.inputs[n]) for n, _ in inputs]
    names += [_name(at, op.outputs[n]) for n, _ in outputs]
    return Work(
        name=f"{at}.{place}",
        kind=op.kind.removeprefix("Biotrain"),
        phase="step",
        loops=found.loops,
        parallel=tuple(loop for loop, _ in found.loops),
        operands=tuple(
            replace(operand, tensor=name)
            for operand, name in zip(found.operands, names, strict=True)
        ),
        macs=macs,
        instructions=instructions,
        times=times,
        ported=True,
        staged=is_staged(op),
    )
