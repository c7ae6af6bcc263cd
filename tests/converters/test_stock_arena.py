# SPDX-License-Identifier: Apache-2.0
"""What stock TFLM takes for a builtin flatbuffer: the plan it obeys, and its own bookkeeping."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from converters import graph as graphs
from converters.graph import Graph
from converters.planner.offline import METADATA_NAME, offline_plan
from tests.converters.runtimes import TFLM_ARENA_BYTES

TOTAL = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")
PART = re.compile(r"'([^']+)' used (\d+) bytes")

RUNTIME_PLACED = 8 << 10
"""What TFLM may place itself beyond the plan: handles of variables, scratch of its kernels."""
UNNAMED = 16 << 10
"""Of the tail: parsed builtin options, handles of scratch, the allocator itself."""


@dataclass(frozen=True)
class Arena:
    """Bytes, as TFLM's recording allocator prints them."""

    total: int
    head: int
    tail: int
    parts: dict[str, int]

    @property
    def unnamed(self) -> int:
        return self.tail - sum(self.parts.values())


def parse(printed: str) -> Arena:
    totals = {name: int(size) for name, size in TOTAL.findall(printed)}
    parts = {name: int(size) for name, size in PART.findall(printed)}
    assert set(totals) == {"total", "head", "tail"} and len(parts) >= 3, printed
    return Arena(totals["total"], totals["head"], totals["tail"], parts)


@pytest.fixture
def arena_of(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[Graph], Arena]:
    pytest.importorskip(
        "tflite_micro", reason="needs tflite-micro: pip install -r requirements-test.txt"
    )
    from tflite_micro.python.tflite_micro import runtime

    def measure(graph: Graph) -> Arena:
        path = tmp_path / "model.tflite"
        path.write_bytes(graphs.write(graph))
        interpreter = runtime.Interpreter.from_file(str(path), arena_size=TFLM_ARENA_BYTES)
        capfd.readouterr()
        interpreter.print_allocations()
        return parse(capfd.readouterr().err)

    return measure


@pytest.fixture(scope="module")
def builtin(converted: Callable[..., Any]) -> Any:
    return converted("eegnet", ops="builtin")


def explain(arena: Arena, plan_bytes: int, variable_bytes: int) -> str:
    """The difference between plan and arena, all of it accounted for."""
    runtime_placed = arena.head - plan_bytes
    assert arena.total == arena.head + arena.tail
    assert 0 <= runtime_placed <= RUNTIME_PLACED, (arena, plan_bytes)
    assert variable_bytes <= arena.parts["Persistent buffer data"]
    assert 0 <= arena.unnamed <= UNNAMED, arena
    op_data = arena.parts["Persistent buffer data"] - variable_bytes
    return (
        f"tflm_arena={arena.total} plan={plan_bytes} placed_at_runtime={runtime_placed} "
        f"eval_tensors={arena.parts['TfLiteEvalTensor data']} "
        f"nodes={arena.parts['NodeAndRegistration struct']} variables={variable_bytes} "
        f"op_data={op_data} ends={arena.parts['Persistent TfLiteTensor data']} "
        f"rest={arena.unnamed}"
    )


def test_the_arena_is_the_plan_and_bookkeeping(
    builtin: Any, converted: Callable[..., Any], arena_of: Callable[[Graph], Arena]
) -> None:
    graph = graphs.read(builtin.model_path.read_bytes())
    plan = offline_plan(graph)
    variables = sum(4 * math.prod(shape) for shape in builtin.report["variables"].values())
    planned = arena_of(graph)
    unplanned = arena_of(replace(graph, metadata={}))
    print(explain(planned, plan.head_bytes, variables))
    print(
        f"without_plan={unplanned.total} head={unplanned.head}; with_plan={planned.total} "
        f"head={planned.head}; runner_arena={converted('eegnet').arena_bytes}"
    )
    # The plan changes where tensors are, and nothing else.
    assert unplanned.tail == planned.tail
    assert planned.head < unplanned.head


def test_a_plan_that_wastes_is_seen(builtin: Any, arena_of: Callable[[Graph], Arena]) -> None:
    """A hole in the plan shows in the head: TFLM obeys it, and the account does not add up."""
    graph = graphs.read(builtin.model_path.read_bytes())
    plan = offline_plan(graph)
    hole = 4 * RUNTIME_PLACED
    moved = [tuple(o + hole if o >= 0 else o for o in part) for part in plan.offsets]
    wasteful = replace(plan, offsets=tuple(moved)).to_metadata()
    arena = arena_of(replace(graph, metadata={**graph.metadata, METADATA_NAME: wasteful}))
    assert arena.head >= plan.head_bytes + hole
    with pytest.raises(AssertionError):
        explain(arena, plan.head_bytes, 0)
