# SPDX-License-Identifier: Apache-2.0
"""Kernels in the shapes of EEGNet, MI-BMInet and EpiDeNet."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from biotrain_tf.bench.floor import Product

_REQUEST = struct.Struct("<32s16i")
END = bytes(_REQUEST.size)
FORWARD, DW, DX = "forward", "dw", "dx"


@dataclass(frozen=True)
class KernelCase:
    """One request to the program in tflm_train/bench; ``name`` is ``kernel.direction`` there."""

    kernel: str
    routine: str
    direction: str
    shape: str
    arguments: tuple[int, ...]
    macs: int | None
    outputs: int
    product: Product | None = None

    def request(self) -> bytes:
        name = f"{self.routine}.{self.direction}".encode()
        return _REQUEST.pack(name, *self.arguments, *[0] * (16 - len(self.arguments)))


@dataclass(frozen=True)
class _Window:
    """A convolution: input channels x height x width, ``out`` channels, a filter; one sample."""

    kernel: str
    channels: int
    height: int
    width: int
    out: int
    filter_h: int
    filter_w: int
    same: bool = True
    depthwise: bool = False
    strides: tuple[int, int] = (1, 1)
    batch: int = 1

    @property
    def out_size(self) -> tuple[int, int]:
        sizes = ((self.height, self.filter_h), (self.width, self.filter_w))
        return tuple(
            -(-size // stride) if self.same else (size - taps) // stride + 1
            for (size, taps), stride in zip(sizes, self.strides, strict=True)
        )  # type: ignore[return-value]

    @property
    def arguments(self) -> tuple[int, ...]:
        sizes = (self.batch, self.channels, self.height, self.width, self.out)
        return (*sizes, self.filter_h, self.filter_w, *self.strides, int(self.same))

    @property
    def shape(self) -> str:
        padding = "same" if self.same else "valid"
        filters = f"{self.filter_h}x{self.filter_w}"
        return f"{self.channels}x{self.height}x{self.width}->{self.out} {filters} {padding}"

    def case(self, direction: str, *, routine: str) -> KernelCase:
        taps = self.filter_h * self.filter_w
        inputs = 1 if self.depthwise else self.channels
        positions = math.prod(self.out_size)
        products = {
            FORWARD: Product(self._shared, positions, inputs * taps, self.filter_w > 1),
            DW: Product(self._shared, inputs * taps, positions, self.filter_w > 1),
            DX: Product(inputs, self.height * self.width, taps * self._shared, self.filter_w > 1),
        }
        if self.filter_w == 1 and taps > 1:
            # A spatial filter covers all rows: each input row is a row of the product.
            products[DX] = Product(inputs * taps, self.width, self._shared)
        outputs = {
            FORWARD: self.out * positions,
            DW: self.out * inputs * taps,
            DX: self.channels * self.height * self.width,
        }
        return KernelCase(
            kernel=self.kernel,
            routine=routine,
            direction=direction,
            shape=self.shape,
            arguments=self.arguments,
            macs=self.batch * self.out * positions * inputs * taps,
            outputs=self.batch * outputs[direction],
            product=products[direction],
        )

    @property
    def _shared(self) -> int:
        """How many outputs read the same input."""
        return self.out // self.channels if self.depthwise else self.out


_CONVOLUTIONS = (
    _Window("temporal conv 1x64", 1, 22, 1000, 8, 1, 64),
    _Window("depthwise 1x128", 32, 1, 1900, 32, 1, 128, depthwise=True),
    _Window("depthwise 1x16", 16, 1, 250, 16, 1, 16, depthwise=True),
    _Window("depthwise 1x16", 32, 1, 237, 32, 1, 16, depthwise=True),
    _Window("spatial depthwise 22x1", 8, 22, 1000, 16, 22, 1, same=False, depthwise=True),
    _Window("spatial conv 8x1", 1, 8, 1900, 32, 8, 1, same=False),
    _Window("pointwise conv", 16, 1, 250, 16, 1, 1),
    _Window("pointwise conv", 32, 1, 237, 32, 1, 1),
    _Window("conv 1x16", 4, 1, 125, 16, 1, 16),
    _Window("conv 1x8", 16, 1, 125, 16, 1, 8),
    _Window("conv 3x3", 8, 32, 32, 16, 3, 3),
)
_POOLS = (
    _Window("pool 1x4", 16, 1, 1000, 16, 1, 4, same=False, strides=(1, 4)),
    _Window("pool 1x8", 32, 1, 1900, 32, 1, 8, same=False, strides=(1, 8)),
)
_DENSE = ((240, 4), (496, 4), (928, 2))


def _dense(batch: int, inputs: int, outputs: int) -> Iterator[KernelCase]:
    products = {
        FORWARD: (Product(batch, outputs, inputs), batch * outputs),
        DW: (Product(inputs, outputs, batch), inputs * outputs),
        DX: (Product(batch, inputs, outputs), batch * inputs),
    }
    for direction, (product, results) in products.items():
        yield KernelCase(
            kernel="dense",
            routine="dense",
            direction=direction,
            shape=f"{batch}x{inputs}->{outputs}",
            arguments=(batch, inputs, outputs),
            macs=batch * inputs * outputs,
            outputs=results,
            product=product,
        )


def _plain(
    routine: str, directions: tuple[str, ...], arguments: tuple[int, ...], elements: int
) -> Iterator[KernelCase]:
    """A kernel without products: its cost is by element."""
    for direction in directions:
        yield KernelCase(
            kernel=routine.replace("_", " "),
            routine=routine,
            direction=direction,
            shape="x".join(map(str, arguments)),
            arguments=arguments,
            macs=None,
            outputs=elements,
        )


def kernel_cases() -> list[KernelCase]:
    cases: list[KernelCase] = []
    for window in _CONVOLUTIONS:
        routine = "depthwise" if window.depthwise else "conv"
        cases += [window.case(direction, routine=routine) for direction in (FORWARD, DW, DX)]
        if window.filter_w % 64 == 0:
            fast = replace(window, kernel=f"{window.kernel}, fast FIR")
            directions = (FORWARD, DW, DX) if window.depthwise else (FORWARD, DW)
            cases += [fast.case(d, routine=f"fast_{routine}") for d in directions]
    for batch in (8, 1):
        for inputs, outputs in _DENSE:
            cases += _dense(batch, inputs, outputs)
    for routine in ("batch_norm", "group_norm"):
        for batch, channels, spatial in ((8, 16, 1000), (1, 32, 1900)):
            groups = (channels // 4,) if routine == "group_norm" else ()
            arguments = (batch, channels, spatial, *groups)
            cases += _plain(routine, (FORWARD, DX), arguments, batch * channels * spatial)
    for window in _POOLS:
        for routine in ("average_pool", "max_pool"):
            for direction in (FORWARD, DX):
                case = window.case(direction, routine=routine)
                kernel = f"{routine.replace('_', ' ')} {window.filter_h}x{window.filter_w}"
                elements = window.channels * window.height * window.width
                cases.append(
                    KernelCase(
                        kernel, routine, direction, case.shape, case.arguments, None, elements
                    )
                )
    for routine in ("relu", "elu"):
        cases += _plain(routine, (FORWARD, DX), (16000,), 16000)
    cases += _plain("dropout", (FORWARD,), (8, 16, 250), 32000)
    cases += _plain("softmax", (FORWARD,), (8, 4), 32)
    cases += _plain("sgd_momentum", (FORWARD,), (4096,), 4096)
    return cases
