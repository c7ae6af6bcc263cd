# SPDX-License-Identifier: Apache-2.0
"""Single kernels in drawn shapes, to fit the costs of loops that few networks have.

What a network tells of a kernel is mostly what its usual shapes cost. The others, filters of 25
taps or three columns, come from here: the program of `biotrain bench kernels` runs any shape.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from biotrain_tf.bench.kernel_cases import DW, DX, END, FORWARD, KernelCase
from biotrain_tf.device.build import build_kernel_bench
from biotrain_tf.device.counted_program import run_counted
from biotrain_tf.device.interface import DeviceError
from converters.emit.op_features import OpFeatures, features
from converters.graph import Op, Subgraph, Tensor
from converters.targets import TARGETS

_DRAWN = 150
_SEED = 1
_OF_CODES, _SLOPES, _MASKS = 54, 24, 16
_MOST_HALF = 15
"""Counts of windows no larger are two in a byte (norm_average_pool.h)."""
_MOST_MACS = 800_000
_SUFFIX = {FORWARD: "", DW: "GradFilter", DX: "GradInput"}

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Sample:
    """What one kernel in one shape executes."""

    features: OpFeatures
    instructions: float


@dataclass(frozen=True)
class Window:
    """A convolution as the program's request has it."""

    batch: int
    channels: int
    height: int
    width: int
    out: int
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    same: bool = True
    depthwise: bool = False
    fast: bool = False
    codes: bool = False

    @property
    def arguments(self) -> Shape:
        sizes = (self.batch, self.channels, self.height, self.width, self.out)
        filters = (self.filter_h, self.filter_w, self.stride_h, self.stride_w)
        return (*sizes, *filters, int(self.same))

    @property
    def shapes(self) -> tuple[Shape, Shape, Shape]:
        """Of input, filter and output."""

        def size(inputs: int, taps: int, stride: int) -> int:
            return -(-inputs // stride) if self.same else (inputs - taps) // stride + 1

        out_h = size(self.height, self.filter_h, self.stride_h)
        out_w = size(self.width, self.filter_w, self.stride_w)
        first = (
            (self.channels, self.out // self.channels)
            if self.depthwise
            else (self.out, self.channels)
        )
        return (
            (self.batch, self.channels, self.height, self.width),
            (*first, self.filter_h, self.filter_w),
            (self.batch, self.out, out_h, out_w),
        )

    @property
    def macs(self) -> int:
        x, w, y = self.shapes
        inputs = 1 if self.depthwise else self.channels
        return y[0] * y[1] * y[2] * y[3] * w[2] * w[3] * inputs

    def options(self) -> dict[str, int | str]:
        return {
            "stride_h": self.stride_h,
            "stride_w": self.stride_w,
            "dilation_h": 1,
            "dilation_w": 1,
            "padding": "SAME" if self.same else "VALID",
        }

    def request(self, direction: str) -> tuple[KernelCase, OpFeatures]:
        routine = "codes" if self.codes else "depthwise" if self.depthwise else "conv"
        kind = "BiotrainDepthwiseConv2D" if self.depthwise else "BiotrainConv2D"
        kind += "OfCodes" * self.codes
        x, w, y = self.shapes
        given, result = {FORWARD: ((x, w), y), DW: ((x, y), w), DX: ((w, y), x)}[direction]
        results = [result, (1,)] if self.fast else [result]
        found = _features(kind + _SUFFIX[direction], given, results, self.options())
        return _case(f"{'fast_' * self.fast}{routine}", direction, self.arguments), found


def _case(routine: str, direction: str, arguments: Shape) -> KernelCase:
    return KernelCase(routine, routine, direction, str(arguments), arguments, None, 0)


def _features(
    kind: str, inputs: tuple[Shape, ...], outputs: list[Shape], options: object
) -> OpFeatures:
    shapes = [*inputs, *outputs]
    tensors = tuple(Tensor("", shape, "FLOAT32") for shape in shapes)
    given = tuple(range(len(inputs)))
    results = tuple(range(len(inputs), len(shapes)))
    op = Op(kind, given, results, options)
    found = features(Subgraph("", tensors, (op,), given, results), op)
    # A kernel alone: what an operator does besides is not in it.
    found.terms.pop("op", None)
    return found


def _windows(draw: random.Random) -> Iterator[Window]:
    """Each kind of convolution in turn, until the samples are enough."""
    r = draw.randint
    for i in range(_DRAWN):
        height = r(2, 22)
        kinds = (
            # Along one line, short filters and long.
            Window(r(1, 2), r(1, 10), r(1, 3), r(20, 250), r(1, 14), 1, r(2, 40)),
            Window(r(1, 2), 1, r(1, 10), r(40, 500), r(1, 16), 1, r(5, 140)),
            # On images.
            Window(r(1, 3), r(1, 9), r(5, 24), r(5, 24), r(1, 16), r(2, 5), r(2, 5)),
            # In strides.
            Window(r(1, 2), r(1, 8), r(4, 20), r(8, 40), r(1, 12), r(1, 3), r(1, 5), 2, 2),
            # One tap a line: across rows, or pointwise.
            Window(r(1, 3), r(1, 4), height, r(30, 300), r(1, 24), height, 1, same=False),
            Window(r(1, 3), r(1, 32), 1, r(10, 200), r(1, 32), 1, 1),
        )
        yield kinds[i % len(kinds)]
        channels = r(2, 16)
        deep = (
            (channels, channels, 1, r(20, 300), 1, r(5, 70)),
            (channels, channels * r(1, 3), 1, r(20, 300), 1, r(2, 40)),
            (channels, channels * r(1, 3), height, r(20, 200), height, 1),
            (channels, channels * r(1, 3), r(4, 16), r(4, 16), 3, r(2, 4)),
        )[i % 4]
        c, out, h, w, filter_h, filter_w = deep
        yield Window(r(1, 3), c, h, w, out, filter_h, filter_w, same=filter_w > 1, depthwise=True)
        if i % 4 == 0:
            taps = 64 * r(1, 2)
            yield Window(1, 1, r(1, 4), r(250, 1100), r(1, 8), 1, taps, fast=True)
            channels = r(1, 4)
            yield Window(1, channels, 1, r(250, 1100), channels, 1, taps, depthwise=True, fast=True)


def _of_codes(draw: random.Random) -> Iterator[Window]:
    """Down columns, by all numbers of filters and widths, and along lines piece by piece."""
    r = draw.randint
    for i in range(_OF_CODES):
        height = r(2, 24)
        width = r(10, 300) // 2 * 2 + i // 2 % 2
        yield Window(1, 1, height, width, 1 + i % 9, height, 1, same=False, codes=True)
        if i % 2:
            yield Window(1, 1, r(1, 6), r(100, 600), r(1, 8), 1, r(3, 64), codes=True)


def _slope_pools(draw: random.Random) -> Iterator[tuple[KernelCase, OpFeatures]]:
    """Mean slopes behind a pool; those of ReLU are counts, two or one in a byte."""
    r = draw.randint
    for i in range(_SLOPES):
        batch, channels, window, outputs = r(1, 2), r(1, 8), r(2, 24), r(10, 60)
        elu = i % 2
        spatial = window * outputs
        counts = -(-outputs // (8 if window <= _MOST_HALF else 4)) * 4
        y = (batch, channels, 1, outputs)
        results: list[Shape] = [y if elu else (*y[:3], counts), y]
        given: list[Shape] = [(batch, channels, 1, spatial), *[(channels,)] * 4]
        options = {"activation": "ELU" if elu else "RELU"}
        found = _features("BiotrainNormSlopePool", tuple(given), results, options)
        yield _case("slope_pool", FORWARD, (batch, channels, spatial, window, elu)), found


def _sign_bits(draw: random.Random) -> Iterator[tuple[KernelCase, OpFeatures]]:
    """Gradients of ReLU, ReLU6 and leaky ReLU from bits."""
    for i in range(_MASKS):
        other = i % 2
        rows, columns = draw.randint(1, 60), draw.randint(3, 300) // (8 if i % 4 > 1 else 1) + 1
        whole, bits = (1, rows, columns), (1, rows, -(-columns // 8))
        arguments = (rows, columns, other)
        kind = "BiotrainRelu6Bits" if other else "BiotrainReluBits"
        yield _case("sign_bits", FORWARD, arguments), _features(kind, (whole,), [bits], {})
        kind = f"Biotrain{'Leaky' * other}ReluGradOfBits"
        yield _case("sign_bits", DX, arguments), _features(kind, (bits, whole), [whole], {})


def _pool_indices(draw: random.Random) -> Iterator[tuple[KernelCase, OpFeatures]]:
    """Gradients of maximum pools from indices, windows side by side in a row or on images."""
    r = draw.randint
    for i in range(_MASKS):
        batch, channels, out_h, out_w = r(1, 2), r(1, 8), r(1, 8), r(3, 40)
        filter_h, filter_w = (1, r(2, 9)) if i % 2 else (r(2, 3), r(2, 3))
        x = (batch, channels, out_h * filter_h, out_w * filter_w + r(0, 1))
        y = (batch, channels, out_h, out_w)
        options: dict[str, int | str] = {"filter_h": filter_h, "filter_w": filter_w}
        options |= {"stride_h": filter_h, "stride_w": filter_w, "padding": "VALID"}
        arguments = (*x, filter_h, filter_w, filter_h, filter_w)
        found = _features("BiotrainMaxPool2DIndices", (x, y), [y], options)
        yield _case("pool_indices", FORWARD, arguments), found
        found = _features("BiotrainMaxPool2DGradOfIndices", (y, y), [x], options)
        yield _case("pool_indices", DX, arguments), found


def requests() -> Iterator[tuple[KernelCase, OpFeatures]]:
    draw = random.Random(_SEED)
    for window in _windows(draw):
        if not window.fast and window.macs > _MOST_MACS:
            continue
        for direction in (FORWARD, DW, DX):
            if window.fast and not window.depthwise and direction == DX:
                continue
            yield window.request(direction)
    yield from requests_of_samples()
    yield from requests_of_masks()


def requests_of_masks() -> Iterator[tuple[KernelCase, OpFeatures]]:
    """Kernels of what gradients are computed from instead of whole tensors."""
    draw = random.Random(_SEED)
    yield from _sign_bits(draw)
    yield from _pool_indices(draw)


def requests_of_samples() -> Iterator[tuple[KernelCase, OpFeatures]]:
    """Kernels that only steps with their samples one by one have."""
    draw = random.Random(_SEED)
    for window in _of_codes(draw):
        for direction in (FORWARD, DW):
            yield window.request(direction)
    yield from _slope_pools(draw)


def measure_samples(
    target: str, asked: Iterable[tuple[KernelCase, OpFeatures]] | None = None
) -> list[Sample]:
    """Of all drawn shapes, or those ``asked`` for, in one run."""
    profile = TARGETS[target]
    asked = list(requests() if asked is None else asked)
    data = b"".join(case.request() for case, _ in asked) + END
    run = run_counted(profile, build_kernel_bench(profile), data)
    if len(run.intervals) != len(asked):
        raise DeviceError(f"{target}: wanted {len(asked)} counts; found {len(run.intervals)}")
    return [
        Sample(found, interval.total.instructions)
        for (_, found), interval in zip(asked, run.intervals, strict=True)
    ]
