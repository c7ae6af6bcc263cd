# SPDX-License-Identifier: Apache-2.0
"""The operators of a converted model as nests of loops: our kernels, by the instructions they take.

How many that is, is the caller's to say: counted on RV32, it is what the kernels of this project
execute on one core.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from converters.gap9.works import Index, Operand, Work
from converters.graph import FOR_EACH, Graph, Op, Subgraph, Tensor

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
        if op.kind in VIEWS:
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
    loops, parallel, shares, index = _nest(op, [t for _, t in inputs], [t for _, t in outputs])
    operands = tuple(
        Operand(
            _name(at, i),
            index(t, is_output),
            is_output,
            max(t.bytes // max(t.elements, 1), 1),
        )
        for is_output, tensors in ((False, inputs), (True, outputs))
        for i, t in tensors
    )
    return Work(
        name=f"{at}.{place}",
        kind=op.kind.removeprefix("Biotrain"),
        phase="step",
        loops=loops,
        parallel=parallel,
        operands=operands,
        macs=macs,
        instructions=instructions,
        shares=shares,
        times=times,
    )


Nest = tuple[
    tuple[tuple[str, int], ...],
    tuple[str, ...],
    int,
    Callable[[Tensor, bool], tuple[Index, ...]],
]


def _nest(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> Nest:
    """Loops that tiles may cut, those that cores share, and how a tensor is indexed by them."""
    if "Conv2D" in op.kind and op.kind.endswith("GradFilter"):
        return _filter_gradient(outputs[0])
    if "GroupNorm" in op.kind:
        # A sum over a whole sample; cores share its channels.
        return _lines(inputs[0].shape[0], shares=inputs[0].shape[1])
    if op.kind == "FULLY_CONNECTED" or op.kind == "BATCH_MATMUL":
        rows = outputs[0].elements // outputs[0].shape[-1]
        columns = outputs[0].shape[-1]
        if rows >= columns and op.kind == "FULLY_CONNECTED":
            return _rows(rows, inputs[0])
        return (("n", columns),), ("n",), 1, _columns(columns)
    if "Conv2D" in op.kind:
        return _convolution(outputs[0], depthwise="Depthwise" in op.kind)
    return _common_lines(inputs, outputs)


def _convolution(out: Tensor, *, depthwise: bool) -> Nest:
    """Samples and channels of the output; a sum goes over all channels of the input, but in a
    depthwise one.
    """
    batch, channels = out.shape[:2]

    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        shape = tensor.shape
        sampled = len(shape) == 4 and shape[0] == batch and (is_output or tensor is not out)
        if is_output or (depthwise and sampled and shape[1] == channels):
            rest = tensor.elements // (batch * channels)
            return Index(batch, "sample"), Index(channels, "k"), Index(rest)
        if sampled:
            return Index(batch, "sample"), Index(tensor.elements // batch)
        if shape and shape[0] == channels:
            return Index(channels, "k"), Index(tensor.elements // channels)
        return (Index(tensor.elements),)

    return (("sample", batch), ("k", channels)), ("sample", "k"), 1, index


def _filter_gradient(filters: Tensor) -> Nest:
    """A weight's gradient is a sum over all samples and pixels: only filters are cut."""
    count = filters.shape[0]

    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        if is_output or (len(tensor.shape) == 4 and tensor.shape[1] == count):
            return Index(count, "k"), Index(tensor.elements // count)
        return (Index(tensor.elements),)

    return (("k", count),), ("k",), 1, index


def _rows(rows: int, left: Tensor) -> Nest:
    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        if tensor is left or is_output:
            return Index(rows, "m"), Index(tensor.elements // rows)
        return (Index(tensor.elements),)

    return (("m", rows),), ("m",), 1, index


def _columns(columns: int) -> Callable[[Tensor, bool], tuple[Index, ...]]:
    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        if is_output:
            return Index(columns, "n"), Index(tensor.elements // columns)
        return (Index(tensor.elements),)

    return index


def _lines(lines: int, *, shares: int) -> Nest:
    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        if tensor.shape and tensor.shape[0] == lines:
            return Index(lines, "line"), Index(tensor.elements // lines)
        return (Index(tensor.elements),)

    return (("line", lines),), ("line",), shares, index


def _common_lines(inputs: list[Tensor], outputs: list[Tensor]) -> Nest:
    """As many leading axes as all large tensors have in common: those are independent lines."""
    out = max(outputs, key=lambda t: t.elements, default=None)
    if out is None or not out.shape:
        return (), (), 1, lambda tensor, is_output: (Index(tensor.elements),)
    large = [t for t in inputs if t.elements >= out.elements // 2] + [out]
    leading = 0
    for sizes in zip(*(t.shape for t in large), strict=False):
        if len(set(sizes)) > 1:
            break
        leading += 1
    if leading == 0:
        # Sums into few: cores share what comes out.
        return (), (), max(out.elements, 1), lambda tensor, is_output: (Index(tensor.elements),)
    shape = out.shape[:leading]
    lines = math.prod(shape)

    def index(tensor: Tensor, is_output: bool) -> tuple[Index, ...]:
        if tensor.shape[:leading] == shape:
            return Index(lines, "line"), Index(tensor.elements // lines)
        return (Index(tensor.elements),)

    return (("line", lines),), ("line",), 1, index
