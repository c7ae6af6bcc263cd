# SPDX-License-Identifier: Apache-2.0
"""The plan for stock TFLM: there, well formed, and run on marks as TFLM runs the graph."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from converters import graph as graphs
from converters.graph import Graph
from converters.planner.offline import AT_RUNTIME, METADATA_NAME, OfflinePlan, offline_plan
from tests.converters.runtimes import tflm
from tests.models import MODELS, batches


class Overwritten(AssertionError):
    """A tensor that is read does not hold what was written to it."""


@dataclass
class Memory:
    """Marks instead of bytes. ``choices``: which branch each IF takes, in the order of the run."""

    graph: Graph
    plan: OfflinePlan
    choices: Iterator[bool]
    cells: np.ndarray
    mark: int = 0
    reads: int = 0
    marks: dict[tuple[int, int], int] = field(default_factory=dict)

    def span(self, s: int, t: int) -> slice | None:
        offset = self.plan.offsets[s][t] if t >= 0 else AT_RUNTIME
        if offset == AT_RUNTIME:
            return None
        return slice(offset, offset + self.graph.subgraphs[s].tensors[t].bytes)

    def write(self, s: int, t: int) -> None:
        span = self.span(s, t)
        if span is not None:
            self.mark += 1
            self.cells[span] = self.mark
            self.marks[s, t] = self.mark

    def read(self, s: int, t: int) -> None:
        span = self.span(s, t)
        if span is None:
            return
        self.reads += 1
        if (s, t) not in self.marks or (self.cells[span] != self.marks[s, t]).any():
            raise Overwritten(f"subgraph {s} reads tensor {t}, which has been overwritten")

    def run(self, s: int) -> None:
        """The inputs have been written."""
        for op in self.graph.subgraphs[s].ops:
            for t in op.inputs:
                self.read(s, t)
            if op.kind == "CALL_ONCE":
                self.run(op.options.initSubgraphIndex)
            if op.kind == "IF":
                o = op.options
                inner = o.thenSubgraphIndex if next(self.choices) else o.elseSubgraphIndex
                body = self.graph.subgraphs[inner]
                for t, u in zip(op.inputs[1:], body.inputs, strict=True):
                    self.read(s, t)
                    self.write(inner, u)
                self.run(inner)
                for t, u in zip(op.outputs, body.outputs, strict=True):
                    self.read(inner, u)
                    self.write(s, t)
            else:
                for t in op.outputs:
                    self.write(s, t)
                for t in op.outputs:
                    self.read(s, t)
        for t in self.graph.subgraphs[s].outputs:
            self.read(s, t)


def run(graph: Graph, plan: OfflinePlan, root: int = 0) -> int:
    """Every path through two levels of branches; returns how many reads were checked."""
    reads = 0
    for path in range(4):
        choices = iter([bool(path & 1), bool(path & 2)])
        cells = np.zeros(1 << 22, np.int32)
        memory = Memory(graph, plan, choices, cells)
        for t in graph.subgraphs[root].inputs:
            memory.write(root, t)
        memory.run(root)
        reads += memory.reads
    return reads


@pytest.fixture(scope="module")
def builtin(converted: Callable[..., Any]) -> Any:
    return converted("eegnet", ops="builtin")


@pytest.fixture(scope="module")
def graph(builtin: Any) -> Graph:
    return graphs.read(builtin.model_path.read_bytes())


def test_metadata_has_an_offset_for_every_tensor_of_every_subgraph(graph: Graph) -> None:
    data = graph.metadata[METADATA_NAME]
    words = struct.unpack(f"<{len(data) // 4}i", data)
    counts = [len(subgraph.tensors) for subgraph in graph.subgraphs]
    assert words[:3] == (1, len(counts), sum(counts)) and len(words) == 3 + sum(counts)
    assert data == offline_plan(graph).to_metadata()
    tensors = [t for subgraph in graph.subgraphs for t in subgraph.tensors]
    planned = 0
    for offset, tensor in zip(words[3:], tensors, strict=True):
        assert offset == AT_RUNTIME or (offset >= 0 and offset % 16 == 0)
        assert offset == AT_RUNTIME or (tensor.data is None and tensor.type != "RESOURCE")
        planned += offset != AT_RUNTIME
    print(f"planned={planned} of {len(tensors)}")
    for subgraph, part in zip(graph.subgraphs, offline_plan(graph).offsets, strict=True):
        computed = {t for op in subgraph.ops for t in op.outputs} | set(subgraph.inputs)
        for t in computed:
            tensor = subgraph.tensors[t]
            if tensor.type != "RESOURCE" and tensor.data is None:
                assert part[t] != AT_RUNTIME, f"{subgraph.name}: tensor {t} has no place"


def test_no_tensor_is_overwritten_on_any_path(graph: Graph) -> None:
    plan = offline_plan(graph)
    reads = run(graph, plan)
    print(f"reads={reads} head={plan.head_bytes} bound={plan.lower_bound}")
    assert reads > 500
    assert plan.lower_bound <= plan.head_bytes <= 1.05 * plan.lower_bound


def test_planted_overlaps_are_found(graph: Graph) -> None:
    plan = offline_plan(graph)
    generator = np.random.default_rng(4)
    found = planted = 0
    for s in range(5):
        placed = [t for t, offset in enumerate(plan.offsets[s]) if offset != AT_RUNTIME]
        for t in generator.permutation(placed)[:8].tolist():
            part = list(plan.offsets[s])
            part[t] = part[int(generator.choice([u for u in placed if u != t]))]
            offsets = (*plan.offsets[:s], tuple(part), *plan.offsets[s + 1 :])
            if offsets == plan.offsets:
                continue
            planted += 1
            try:
                run(graph, replace(plan, offsets=offsets))
            except Overwritten:
                found += 1
    print(f"planted={planted} found={found}")
    assert found > planted / 4 > 5


def test_tflm_reads_the_plan(builtin: Any, graph: Graph, tmp_path: Any) -> None:
    """Training on it is right in test_builtin_runtimes; a plan of another length is refused."""
    x, y = batches(MODELS["eegnet"](), steps=2, batch=8)
    right = tflm(builtin, x, y)
    assert np.isfinite(right.losses).all() and len(right.losses) == 2
    words = np.frombuffer(graph.metadata[METADATA_NAME], "<i4").copy()
    words[2] += 1
    path = tmp_path / "wrong.tflite"
    path.write_bytes(
        graphs.write(replace(graph, metadata={**graph.metadata, METADATA_NAME: words.tobytes()}))
    )
    with pytest.raises(RuntimeError):
        tflm(replace(builtin, model_path=path), x, y)
