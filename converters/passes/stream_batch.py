# SPDX-License-Identifier: Apache-2.0
"""Train on a batch whose samples come one after the other.

Everything between the inputs and the sums over the batch runs on one sample, in loops over all
samples, as many as the step has statistics of the batch that depend on one another (see
``loops``). Activations are then those of one sample; gradients are the batch's.
"""

from __future__ import annotations

from collections.abc import Iterable

from converters.graph import Graph, Op, Subgraph
from converters.passes.loops import Loop, split_loops
from converters.passes.slicing import Pattern, Result, pattern

_SMALL = 1024
"""Bytes of what is looked up before the loops."""
_SUMMED = 256
"""Bytes that are rather stored for all samples than summed up in a loop."""
_WAITING = 4096
"""Bytes that are rather stored for all samples than computed once more in another loop."""


def stream_batch(graph: Graph, batch: int) -> Graph:
    """The training step in loops over its ``batch`` samples."""
    if batch == 1:
        return graph
    signature = graph.signatures["train"]
    index = signature.subgraph
    patterns = batch_patterns(graph.subgraphs[index], batch, x=signature.inputs["x"])
    return split_loops(graph, index, Loop(patterns, batch, "samples"))


def batch_patterns(subgraph: Subgraph, batch: int, *, x: int) -> dict[int, Pattern]:
    """How each op that depends on single samples runs on one of them. ``x`` comes one by one."""
    of_samples = set(subgraph.inputs)
    fetched = {x}
    level: dict[int, int] = {}
    found: dict[int, Pattern] = {}
    for i, op in enumerate(subgraph.ops):
        cut = [t for t in op.inputs if t in of_samples]
        candidate = pattern(op, subgraph.tensors, batch) if cut else None
        whole = [t for t in op.inputs if t not in of_samples]
        ready = max((level.get(t, 0) for t in whole), default=0)
        first = max((level.get(t, 0) for t in cut), default=0)
        if op.kind == "RESHAPE" and op.inputs[0] in fetched:
            fetched.add(op.outputs[0])
        if (
            candidate is None
            or not _fits(subgraph, op.inputs, candidate, of_samples)
            or (
                not fetched & set(cut)
                and _rather_whole(subgraph, op, cut, candidate, ready > first)
            )
        ):
            waits = 1 if set(cut) - set(subgraph.inputs) else 0
            level.update(dict.fromkeys(op.outputs, max(ready, first + waits)))
            continue
        found[i] = candidate
        is_map = candidate.result is Result.MAP
        level.update(dict.fromkeys(op.outputs, max(ready, first) + (not is_map)))
        if is_map:
            of_samples |= set(op.outputs)
    return found


def _rather_whole(
    subgraph: Subgraph, op: Op, cut: list[int], candidate: Pattern, waits: bool
) -> bool:
    """What is small is stored for all samples: not summed up in a loop, not computed once more
    when something else is ready, and, of the labels, looked up at the very beginning, so that one
    that does not exist is seen before anything is written.
    """
    if candidate.result is Result.SUM:
        return _bytes(subgraph, op.inputs) <= max(_SUMMED, _bytes(subgraph, op.outputs))
    if waits:
        return _bytes(subgraph, cut) <= _WAITING
    given = {t for t in op.inputs if subgraph.tensors[t].data is None} <= set(subgraph.inputs)
    return given and _bytes(subgraph, (*op.inputs, *op.outputs)) <= _SMALL


def _fits(
    subgraph: Subgraph, inputs: tuple[int, ...], candidate: Pattern, of_samples: set[int]
) -> bool:
    """Slices are samples, and nothing that is made of samples is needed whole."""
    pairs = list(zip(inputs, candidate.sliced, strict=True))
    constant = any(sliced and subgraph.tensors[t].data is not None for t, sliced in pairs)
    return not constant and all(sliced or t not in of_samples for t, sliced in pairs)


def _bytes(subgraph: Subgraph, tensors: Iterable[int]) -> int:
    return sum(subgraph.tensors[t].bytes for t in tensors if subgraph.tensors[t].data is None)
