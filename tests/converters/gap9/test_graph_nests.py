# SPDX-License-Identifier: Apache-2.0
"""No loop that a tile may cut is part of a sum, for the kinds of a converted model."""

from __future__ import annotations

import numpy as np
import pytest

from converters.gap9.graph_nests import BY_LINE, ELEMENTWISE, nest
from converters.graph import Op, Tensor


def tensor(*shape: int, data: list[int] | None = None) -> Tensor:
    kind = "FLOAT32" if data is None else "INT32"
    return Tensor("", shape, kind, None if data is None else np.array(data, np.int32))


def loops(kind: str, inputs: list[Tensor], outputs: list[Tensor]) -> dict[str, int]:
    return dict(nest(Op(kind, (), ()), inputs, outputs).loops)


# Sizes that are all alike are where shapes alone would mislead.
CUBE = tensor(8, 8, 8)


@pytest.mark.parametrize(
    ("axes", "lines"), [([0], {}), ([2], {"line": 64}), ([-1, 1], {"line": 8}), ([1], {"line": 8})]
)
def test_a_reduction_is_cut_before_its_first_axis(axes: list[int], lines: dict[str, int]) -> None:
    assert loops("SUM", [CUBE, tensor(len(axes), data=axes)], [tensor(8, 8)]) == lines


def test_a_softmax_keeps_its_last_axis_whole() -> None:
    assert loops("SOFTMAX", [tensor(8, 8)], [tensor(8, 8)]) == {"line": 8}


def test_a_batch_norm_is_cut_by_channels_only() -> None:
    x = tensor(8, 8, 1, 8)
    outputs = [tensor(8, 8, 1, 8), tensor(8), tensor(8)]
    assert loops("BiotrainBatchNorm", [x, tensor(8), tensor(8)], outputs) == {"channel": 8}


@pytest.mark.parametrize("kind", ["BiotrainConv2D", "BiotrainConv2DGradInput"])
def test_a_convolution_reads_every_channel_of_a_sample(kind: str) -> None:
    data, filters, out = tensor(8, 8, 1, 8), tensor(8, 8, 1, 1), tensor(8, 8, 1, 8)
    inputs = [data, filters] if kind.endswith("2D") else [filters, data]
    found = nest(Op(kind, (), ()), inputs, [out])
    assert dict(found.loops) == {"sample": 8, "k": 8}
    assert [i.loop for i in found.index(data)] == ["sample", None]
    assert [i.loop for i in found.index(out)] == ["sample", "k", None]
    # What the gradient of the input sums over is the first axis of the filters.
    cut = [i.loop for i in found.index(filters)]
    assert cut == (["k", None] if kind.endswith("2D") else [None])


def test_a_depthwise_convolution_reads_a_channel() -> None:
    data, filters, out = tensor(2, 6, 1, 9), tensor(6, 1, 1, 3), tensor(2, 6, 1, 9)
    found = nest(Op("BiotrainDepthwiseConv2D", (), ()), [data, filters], [out])
    assert [i.loop for i in found.index(data)] == ["sample", "k", None]


def test_a_filter_gradient_sums_over_samples_and_pixels() -> None:
    x, dy, dw = tensor(8, 8, 1, 8), tensor(8, 8, 1, 8), tensor(8, 8, 1, 3)
    found = nest(Op("BiotrainConv2DGradFilter", (), ()), [x, dy], [dw])
    assert dict(found.loops) == {"k": 8}
    assert [i.loop for i in found.index(x)] == [None]
    assert [i.loop for i in found.index(dy)] == ["k", None]


def test_a_kind_that_is_not_known_is_not_cut() -> None:
    assert loops("BiotrainOfTomorrow", [CUBE], [CUBE]) == {}
    assert loops("TRANSPOSE", [CUBE], [CUBE]) == {}
    assert loops("ADD", [CUBE, tensor(8)], [CUBE]) == {"line": 512}
    assert loops("BiotrainMaxPool2D", [tensor(8, 8, 8, 8)], [tensor(8, 8, 8, 8)]) == {"line": 64}
    assert not ELEMENTWISE & BY_LINE
