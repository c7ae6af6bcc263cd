# SPDX-License-Identifier: Apache-2.0
"""The op resolver that is written for TFLM: every op once, by names that TFLM knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from converters import graph as graphs
from converters.emit.tflm_ops import resolver_name, write_tflm_ops
from converters.graph import Graph

TEMPLATE = re.compile(r"class (\w+) : public biotrain::TrainingOpResolver<(\d+), (\d+), kMore>")


def check(text: str, graph: Graph) -> int:
    """Returns how many ops were looked at."""
    custom = re.findall(r'AddTrainingOp\("(\w+)"\)', text)
    builtins = re.findall(r"AddTrainingBuiltin\(tflite::BuiltinOperator_(\w+)\)", text)
    assert sorted(custom + builtins) == graph.op_kinds()
    found = TEMPLATE.search(text)
    # What does not fit is not registered.
    assert found and (int(found[2]), int(found[3])) == (len(custom), len(builtins))
    assert all(hasattr(schema.BuiltinOperator, name) for name in builtins)
    assert not any(hasattr(schema.BuiltinOperator, name) for name in custom)
    return len(custom) + len(builtins)


def test_every_op_of_the_model_is_registered(converted: Callable[..., Any]) -> None:
    conversion = converted("eegnet")
    graph = graphs.read(conversion.model_path.read_bytes())
    text = Path(conversion.report["files"]["tflm_ops"]).read_text()
    looked_at = check(text, graph)
    print(f"ops={looked_at}")
    assert looked_at > 30 and f"class {resolver_name('eegnet')} :" in text


def test_a_missing_op_is_found(converted: Callable[..., Any], tmp_path: Path) -> None:
    graph = graphs.read(converted("eegnet").model_path.read_bytes())
    path = write_tflm_ops(graph, tmp_path / "ops.h", base="a", comment="planted")
    lines = path.read_text().splitlines()
    for planted in ("AddTrainingOp", "AddTrainingBuiltin"):
        at = next(i for i, line in enumerate(lines) if planted in line)
        with pytest.raises(AssertionError):
            check("\n".join(lines[:at] + lines[at + 1 :]), graph)


def test_class_names() -> None:
    assert resolver_name("eegnet_wide") == "EegnetWideOps"
    assert resolver_name("2 models") == "Model2ModelsOps"
