# SPDX-License-Identifier: Apache-2.0
"""Fetch a sample's codes once more for every op that reads them.

Between two of its readers a sample then takes no memory. A loop that reads it whole fetches it in
every iteration, so that it takes none while the other ops of the body run. One that reads it often
may have it as floats, which are there as long as that op runs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from converters.graph import FETCH, FOR_EACH, Graph, Op, Same, Subgraph, bodies_under
from converters.passes.editor import Editor
from converters.passes.loops import unused_ops_removed
from converters.passes.read_codes import DEQUANTISE, OF_FLOATS, of_floats


def code_readers(graph: Graph, index: int) -> list[int]:
    """The ops of subgraph ``index`` that read codes, loops among them."""
    subgraph = graph.subgraphs[index]
    return [i for i, op in enumerate(subgraph.ops) if _codes(subgraph, op)]


def fetch_again(
    graph: Graph,
    index: int,
    *,
    again: bool,
    floats: Collection[int] = (),
    around: Collection[int] = (),
) -> Graph:
    """Subgraph ``index``; ``again``: every reader fetches for itself. By their numbers ``floats``:
    which of the readers have floats; ``around``: which are loops that do not fetch inside.
    """
    subgraph = graph.subgraphs[index]
    if not any(tensor.type == "INT16" for tensor in subgraph.tensors):
        return graph
    how = _How(again, frozenset(floats), frozenset(around))
    key = (fetch_again, how, Same(bodies_under(subgraph, graph.subgraphs)))
    changed = subgraph.once(key, lambda: _changed(graph, index, how))
    for at, rewritten in changed.items():
        graph = graph.with_subgraph(at, rewritten)
    return graph


@dataclass(frozen=True)
class _How:
    again: bool
    floats: frozenset[int]
    around: frozenset[int]


def _changed(graph: Graph, index: int, how: _How) -> dict[int, Subgraph]:
    """The subgraphs that are others, by their numbers."""
    found = _fetching(graph, index, how)
    pairs = zip(graph.subgraphs, found.subgraphs, strict=True)
    return {at: after for at, (before, after) in enumerate(pairs) if after is not before}


def _fetching(graph: Graph, index: int, how: _How) -> Graph:
    subgraph = graph.subgraphs[index]
    readers = code_readers(graph, index)
    fetch = next((op for op in subgraph.ops if op.kind == FETCH), None)
    if fetch is None or not readers:
        return graph
    edit = Editor(subgraph)
    for i, op in enumerate(subgraph.ops):
        if i not in readers:
            edit.ops.append(op)
            continue
        number = readers.index(i)
        codes = dict.fromkeys(_codes(subgraph, op))
        if how.again and number not in how.floats | how.around:
            graph, op = _fetching_inside(graph, subgraph, op, fetch)
            codes = dict.fromkeys(_codes(subgraph, op))
        moved = {t: t for t in codes}
        if how.again and number > 0 and codes:
            moved = {
                t: edit.tensor(subgraph.tensors[t].name, edit.shape(t), "INT16") for t in codes
            }
            edit.custom(FETCH, [], list(moved.values()), **fetch.options)
        scale = _scale(graph, op)
        if number in how.floats and scale is not None:
            moved = {t: _dequantised(edit, subgraph, t, moved[t], scale) for t in codes}
            graph, op = _reading_floats(graph, subgraph, op)
        edit.ops.append(replace(op, inputs=tuple(moved.get(t, t) for t in op.inputs)))
    changed = replace(subgraph, tensors=tuple(edit.tensors), ops=tuple(edit.ops))
    return graph.with_subgraph(index, _fetching_what_is_read(unused_ops_removed(changed)))


def _codes(subgraph: Subgraph, op: Op) -> list[int]:
    return [t for t in op.inputs if t >= 0 and subgraph.tensors[t].type == "INT16"]


def loops_over_codes(graph: Graph, index: int) -> list[int]:
    """Which readers of subgraph ``index``, by their numbers, can fetch inside."""
    subgraph = graph.subgraphs[index]
    readers = [subgraph.ops[i] for i in code_readers(graph, index)]
    return [n for n, op in enumerate(readers) if _read_whole(graph, subgraph, op)]


def _read_whole(graph: Graph, subgraph: Subgraph, op: Op) -> list[int]:
    """The inputs of a loop, by position, that are codes of which every iteration reads all."""
    if op.kind != FOR_EACH:
        return []
    body = graph.subgraphs[op.options["subgraph"]]
    return [
        k
        for k, (t, inner) in enumerate(zip(op.inputs, body.inputs, strict=True))
        if subgraph.tensors[t].type == "INT16"
        and subgraph.tensors[t].shape == body.tensors[inner].shape
    ]


def _fetching_inside(graph: Graph, subgraph: Subgraph, op: Op, fetch: Op) -> tuple[Graph, Op]:
    """A loop whose ops fetch what they read whole."""
    positions = set(_read_whole(graph, subgraph, op))
    if not positions:
        return graph, op
    index = op.options["subgraph"]
    body = graph.subgraphs[index]
    whole = {body.inputs[k] for k in positions}
    edit = Editor(body)
    for inner in body.ops:
        read = dict.fromkeys(t for t in inner.inputs if t in whole)
        moved = {t: edit.tensor(body.tensors[t].name, edit.shape(t), "INT16") for t in read}
        if moved:
            edit.custom(FETCH, [], list(moved.values()), **fetch.options)
        edit.ops.append(replace(inner, inputs=tuple(moved.get(t, t) for t in inner.inputs)))
    kept = [k for k in range(len(op.inputs)) if k not in positions]
    changed = replace(
        body,
        tensors=tuple(edit.tensors),
        ops=tuple(edit.ops),
        inputs=tuple(body.inputs[k] for k in kept),
    )
    graph = graph.with_subgraph(index, changed)
    return graph, replace(op, inputs=tuple(op.inputs[k] for k in kept))


def _dequantised(edit: Editor, subgraph: Subgraph, t: int, codes: int, scale: float) -> int:
    values = edit.tensor(subgraph.tensors[t].name.removesuffix("/codes"), edit.shape(t))
    edit.custom(DEQUANTISE, [codes], [values], scale=scale)
    return values


def _scale(graph: Graph, op: Op) -> float | None:
    """Of the codes that an op reads; None if it cannot have them as floats."""
    if op.kind in OF_FLOATS:
        return float(op.options["scale"])
    if op.kind != FOR_EACH:
        return None
    body = graph.subgraphs[op.options["subgraph"]]
    inside = [inner for inner in body.ops if _codes(body, inner)]
    if not inside or any(inner.kind not in OF_FLOATS for inner in inside):
        return None
    return float(inside[0].options["scale"])


def _reading_floats(graph: Graph, subgraph: Subgraph, op: Op) -> tuple[Graph, Op]:
    if op.kind in OF_FLOATS:
        return graph, of_floats(op)
    index = op.options["subgraph"]
    body = graph.subgraphs[index]
    tensors = tuple(replace(t, type="FLOAT32") if t.type == "INT16" else t for t in body.tensors)
    ops = tuple(of_floats(inner) if inner.kind in OF_FLOATS else inner for inner in body.ops)
    return graph.with_subgraph(index, replace(body, tensors=tensors, ops=ops)), op


def _fetching_what_is_read(subgraph: Subgraph) -> Subgraph:
    read = {t for op in subgraph.ops for t in op.inputs} | set(subgraph.outputs)
    ops = tuple(
        replace(op, outputs=tuple(t for t in op.outputs if t in read)) if op.kind == FETCH else op
        for op in subgraph.ops
    )
    return replace(subgraph, ops=ops)
