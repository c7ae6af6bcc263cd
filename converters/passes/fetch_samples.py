# SPDX-License-Identifier: Apache-2.0
"""Let the loops over the samples of a batch fetch each sample when they need it; a batch of one has
no loop, and its step fetches the sample.

The input x of the training step is then nowhere in memory: an op at the head of each body asks the
application for sample i. It lies in a buffer of one sample, as float32 or as int16 codes of a
converter, or is read where the application has it, as in memory-mapped flash.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import Enum

from converters.errors import ConversionError
from converters.graph import FETCH, FOR_EACH, Graph, Op, Subgraph
from converters.passes.editor import Editor


class Sample(Enum):
    FLOAT32 = "float32"
    INT16 = "int16"
    FLASH = "flash"


METADATA_NAME = "biotrain_sample"


def fetch_samples(graph: Graph, sample: Sample, scale: float = 1.0) -> Graph:
    """Training in loops over samples, and inference, fetch them. ``scale``: of int16 codes, what
    one of them is in units of x.
    """
    signature = graph.signatures["train"]
    x = signature.inputs["x"]
    index = signature.subgraph
    outer = graph.subgraphs[index]
    if outer.tensors[x].shape[0] == 1:
        step = _fetching(outer, {x}, sample, scale, loop=-1)
        return _inferring(graph.with_subgraph(index, _typed(step, x, sample)), sample, scale)
    readers = [i for i, op in enumerate(outer.ops) if x in op.inputs]
    others = [outer.ops[i].kind for i in readers if outer.ops[i].kind != FOR_EACH]
    if others or not readers:
        raise ConversionError(
            f"sample: op {', '.join(others) or 'none'} reads the whole batch, so that samples "
            "cannot come one by one; leave --ram and --sample out"
        )
    ops = list(outer.ops)
    for i in readers:
        op = ops[i]
        body_index = op.options["subgraph"]
        body = graph.subgraphs[body_index]
        given = {body.inputs[k] for k, t in enumerate(op.inputs) if t == x}
        fetching = _fetching(body, given, sample, scale, loop=0)
        kept = tuple(t for t in body.inputs if t not in given)
        graph = graph.with_subgraph(body_index, replace(fetching, inputs=kept))
        ops[i] = replace(op, inputs=tuple(t for t in op.inputs if t != x))
    graph = graph.with_subgraph(index, _typed(replace(outer, ops=tuple(ops)), x, sample))
    return _inferring(graph, sample, scale)


def _inferring(graph: Graph, sample: Sample, scale: float) -> Graph:
    infer = graph.signatures["infer"]
    x = infer.inputs["x"]
    body = _fetching(graph.subgraphs[infer.subgraph], {x}, sample, scale, loop=-1)
    graph = graph.with_subgraph(infer.subgraph, _typed(body, x, sample))
    content = json.dumps({"type": sample.value, "scale": scale}).encode()
    return replace(graph, metadata={**graph.metadata, METADATA_NAME: content})


def _typed(subgraph: Subgraph, x: int, sample: Sample) -> Subgraph:
    if sample is not Sample.INT16:
        return subgraph
    tensors = list(subgraph.tensors)
    tensors[x] = replace(tensors[x], type="INT16")
    return replace(subgraph, tensors=tuple(tensors))


def _fetching(
    body: Subgraph, given: set[int], sample: Sample, scale: float, *, loop: int
) -> Subgraph:
    """``body`` with an op at its head that gives what was ``given``, and its views."""
    views: dict[int, None] = dict.fromkeys(sorted(given))
    for op in body.ops:
        if op.kind == "RESHAPE" and op.inputs[0] in views:
            views[op.outputs[0]] = None
    edit = Editor(body)
    used = {t for op in body.ops for t in op.inputs if not _is_view(op, views)}
    # What the signature calls x stays a tensor of its own.
    mine = {
        t: edit.tensor(body.tensors[t].name, body.tensors[t].shape) if t in given else t
        for t in views
        if t in used
    }
    if sample is Sample.INT16:
        codes = [
            edit.tensor(f"{body.tensors[t].name}/codes", body.tensors[t].shape, "INT16")
            for t in mine
        ]
        edit.custom(FETCH, [], codes, loop=loop, in_place=False)
        for code, t in zip(codes, mine.values(), strict=True):
            edit.custom("BiotrainDequantise", [code], [t], scale=scale)
    else:
        in_place = sample is Sample.FLASH
        edit.custom(FETCH, [], list(mine.values()), loop=loop, in_place=in_place)
    for op in body.ops:
        if not _is_view(op, views):
            edit.ops.append(replace(op, inputs=tuple(mine.get(t, t) for t in op.inputs)))
    return replace(body, tensors=tuple(edit.tensors), ops=tuple(edit.ops))


def _is_view(op: Op, views: dict[int, None]) -> bool:
    return op.kind == "RESHAPE" and op.outputs[0] in views
