# SPDX-License-Identifier: Apache-2.0
"""What decides how much of the stack a convolution needs."""

from __future__ import annotations

import pytest

from converters.emit.stack_family import stack_family
from converters.graph import Op, Subgraph, Tensor
from converters.targets.stacks import StackTable

Shape = tuple[int, ...]
FORWARD, BACK = "BiotrainConv2D", "BiotrainConv2DGradInput"


def family(kind: str, a: Shape, b: Shape, out: Shape, padding: str = "VALID") -> str:
    tensors = tuple(Tensor(name, s, "FLOAT32") for name, s in zip("abc", (a, b, out), strict=True))
    plain = {f"{what}_{axis}": 1 for what in ("stride", "dilation") for axis in "hw"}
    op = Op(kind, (0, 1), (2,), {**plain, "padding": padding})
    return stack_family(Subgraph("s", tensors, (op,), (0, 1), (2,)), op)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        # One filter, and several: a panel of them is on the stack.
        (family(FORWARD, (1, 1, 8, 1900), (1, 1, 8, 1), (1, 1, 1, 1900)), "few columns, rows"),
        (
            family(FORWARD, (1, 1, 22, 1000), (2, 1, 22, 1), (1, 2, 1, 1000)),
            "few columns, rows, packed",
        ),
        # Of one tap, the filters of a gradient of inputs are neighbours.
        (family(BACK, (16, 16, 1, 1), (1, 16, 1, 281), (1, 16, 1, 281)), "grid, planes"),
        (
            family(FORWARD, (1, 16, 1, 281), (16, 16, 1, 1), (1, 16, 1, 281)),
            "grid, planes, packed",
        ),
        # Sixteen taps on one line slide; more lines, or taps, copy the edges.
        (
            family(BACK, (1, 4, 1, 16), (1, 1, 2, 125), (1, 4, 2, 125), "SAME"),
            "long window, slides",
        ),
        (family(FORWARD, (1, 4, 2, 125), (1, 4, 1, 16), (1, 1, 2, 125), "SAME"), "long window"),
    ],
)
def test_ways_of_convolutions(found: str, wanted: str) -> None:
    assert found.partition(": ")[2] == wanted


def test_what_was_not_measured_is_as_needy_as_its_kernel() -> None:
    table = StackTable("t", 0, 0, 0, (0,), {"A: grid": 3, "B: grid": 5, "B: window": 8, "ADD": 1})
    names = ("A: grid", "C: grid", "C: other", "MUL", "ADD")
    assert [table.of(name) for name in names] == [3, 5, 8, 8, 1]
