# SPDX-License-Identifier: Apache-2.0
"""Make numbers of the options that the writer had to pass as text.

Attributes of a fusable composite are float32 at most. Dropout's 1 / (1 - rate) must round as it
does in Python, so floats travel as text and become 64-bit numbers of the FlexBuffer map here.
"""

from __future__ import annotations

from dataclasses import replace

from converters.graph import Graph, Op

MARK = "float:"


def exact_options(graph: Graph) -> Graph:
    """Replace every option ``"float:<repr>"`` of a custom op by its value."""
    subgraphs = tuple(replace(s, ops=tuple(_exact(op) for op in s.ops)) for s in graph.subgraphs)
    return replace(graph, subgraphs=subgraphs)


def _exact(op: Op) -> Op:
    if not op.custom:
        return op
    return replace(op, options={key: _value(value) for key, value in (op.options or {}).items()})


def _value(value: object) -> object:
    if isinstance(value, str) and value.startswith(MARK):
        return float(value.removeprefix(MARK))
    return value
