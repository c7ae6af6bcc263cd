# SPDX-License-Identifier: Apache-2.0
"""Operators of a training graph as layer-by-layer compilers run them: their loops, counted.

Kernels that multiply are im2col and plain dot products: two loads, a multiply-add and a turn of
the loop for each MAC; every core gathers the taps of a pixel for itself and computes its share of
the filters (depthwise: its share of the channels). Products of matrices share rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from converters.gap9.works import Index, Operand, Work

PER_MAC = 4.0
"""Two loads, the multiply-add, a turn of the loop."""
PER_OUTPUT = 8.0
PER_LOOP = 10.0
"""Bounds, pointers and counters of every innermost loop, where they are not those of an output."""
PER_ELEMENT = {
    "relu": 5.0,
    "relu_grad": 7.0,
    "add": 6.0,
    "mul": 6.0,
    "transpose": 15.0,
    "norm": 23.0,
    "norm_stats": 10.0,
    "norm_grad": 44.0,
    "max_pool": 32.0,
    "max_pool_grad": 140.0,
    "average_pool": 8.0,
    "average_pool_grad": 12.0,
    "softmax": 40.0,
    "softmax_grad": 20.0,
    "gelu": 50.0,
    "gelu_grad": 60.0,
    "accumulate": 6.0,
    "update": 7.0,
    "reduce": 5.0,
    "loss": 60.0,
    "dropout": 12.0,
}
"""Instructions an element: of relu to max_pool_grad as SpeechNet's profile has them (docs/gap9.md)
at two cycles an instruction; the others by their loads, stores and arithmetic.
"""
FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


@dataclass(frozen=True)
class Conv:
    """Of one sample: ``channels`` x ``height`` x ``width`` in; symmetric padding."""

    channels: int
    height: int
    width: int
    filters: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    depthwise: bool = False
    same: bool = False

    @property
    def out(self) -> tuple[int, int]:
        sizes = []
        for size, kernel, stride, pad in zip(
            (self.height, self.width), self.kernel, self.stride, self.padding, strict=True
        ):
            sizes.append(
                -(-size // stride) if self.same else (size + 2 * pad - kernel) // stride + 1
            )
        return sizes[0], sizes[1]

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def depth(self) -> int:
        """Terms of one sum."""
        return self.taps * (1 if self.depthwise else self.channels)

    @property
    def macs(self) -> int:
        return self.filters * self.out[0] * self.out[1] * self.depth


def _image(tensor: str, c: Index, h: Index, w: Index, *, out: bool = False) -> Operand:
    return Operand(tensor, (c, h, w), out)


def convolution(name: str, conv: Conv, x: str, y: str, weights: str) -> Work:
    (oh, ow), (kh, kw), (sh, sw) = conv.out, conv.kernel, conv.stride
    pixels = oh * ow
    channel = Index(conv.channels, "k") if conv.depthwise else Index(conv.channels)
    return Work(
        name=name,
        kind="depthwise" if conv.depthwise else "conv",
        phase=FORWARD,
        loops=(("k", conv.filters), ("h", oh), ("w", ow)),
        parallel=("k",),
        operands=(
            _image(x, channel, Index(conv.height, "h", sh, kh), Index(conv.width, "w", sw, kw)),
            Operand(weights, (Index(conv.filters, "k"), Index(conv.depth))),
            _image(y, Index(conv.filters, "k"), Index(oh, "h"), Index(ow, "w"), out=True),
        ),
        macs=conv.macs,
        instructions=PER_MAC * conv.macs + PER_OUTPUT * conv.filters * pixels,
        # A depthwise filter has pixels of its own: its core alone gathers them.
        gathered=float(conv.macs if conv.depthwise else 0),
        replicated=float(0 if conv.depthwise else pixels * conv.depth),
    )


def convolution_grad_input(name: str, conv: Conv, dy: str, dx: str, weights: str) -> Work:
    """Plain loops over the inputs, cores share their channels; no gathering."""
    oh, ow = conv.out
    k = Index(conv.filters, "c") if conv.depthwise else Index(conv.filters)
    elements = conv.channels * conv.height * conv.width
    (kh, kw), sh = conv.kernel, conv.stride[0]
    return Work(
        name=name,
        kind="depthwise_grad_input" if conv.depthwise else "conv_grad_input",
        phase=BACKWARD,
        loops=(("h", conv.height), ("c", conv.channels)),
        parallel=("c",),
        operands=(
            _image(dy, k, Index(oh, "h", 1, -(-kh // sh)), Index(ow)),
            Operand(weights, (k, Index(conv.depth))),
            _image(
                dx, Index(conv.channels, "c"), Index(conv.height, "h"), Index(conv.width), out=True
            ),
        ),
        macs=conv.macs,
        instructions=PER_MAC * conv.macs
        + PER_OUTPUT * elements
        + PER_LOOP * conv.macs / (kw if conv.depthwise else conv.filters),
    )


def convolution_grad_filter(name: str, conv: Conv, x: str, dy: str, dw: str) -> Work:
    """A sum over all pixels for every weight: only channels and filters can be cut."""
    oh, ow = conv.out
    channel = Index(conv.channels, "k" if conv.depthwise else "c")
    loops: tuple[tuple[str, int], ...] = (("k", conv.filters),)
    weight: tuple[Index, ...] = (Index(conv.filters, "k"), Index(conv.taps))
    if not conv.depthwise:
        loops = (("c", conv.channels), ("k", conv.filters))
        weight = (Index(conv.filters, "k"), Index(conv.channels, "c"), Index(conv.taps))
    return Work(
        name=name,
        kind="depthwise_grad_filter" if conv.depthwise else "conv_grad_filter",
        phase=BACKWARD,
        loops=loops,
        parallel=("k",),
        operands=(
            _image(x, channel, Index(conv.height), Index(conv.width)),
            _image(dy, Index(conv.filters, "k"), Index(oh), Index(ow)),
            Operand(dw, weight, True),
        ),
        macs=conv.macs,
        instructions=PER_MAC * conv.macs
        + PER_OUTPUT * conv.filters * conv.depth
        + PER_LOOP * conv.macs / ow,
    )


def product(
    name: str,
    m: int,
    k: int,
    n: int,
    a: str,
    b: str,
    y: str,
    *,
    phase: str = FORWARD,
    heads: int = 1,
) -> Work:
    """``[m, k] [k, n] -> [m, n]``, ``heads`` times; cores share the rows."""
    macs = heads * m * k * n
    return Work(
        name=name,
        kind="product",
        phase=phase,
        loops=(("head", heads), ("n", n), ("m", m)),
        parallel=("m",),
        operands=(
            Operand(a, (Index(heads, "head"), Index(m, "m"), Index(k))),
            Operand(b, (Index(heads, "head"), Index(k), Index(n, "n"))),
            Operand(y, (Index(heads, "head"), Index(m, "m"), Index(n, "n")), True),
        ),
        macs=macs,
        instructions=PER_MAC * macs + PER_OUTPUT * heads * m * n,
    )


def elementwise(
    name: str,
    kind: str,
    inputs: tuple[str, ...],
    output: str,
    elements: int,
    *,
    phase: str = FORWARD,
    rows: int = 1,
    out_elements: int | None = None,
    instructions: float | None = None,
) -> Work:
    """``rows`` independent lines; where one is the sum of an input line, lines are not cut."""
    lines = rows if rows > 1 else elements
    width = elements // lines
    out_width = (elements if out_elements is None else out_elements) // lines
    each = PER_ELEMENT[kind] if instructions is None else instructions
    return Work(
        name=name,
        kind=kind,
        phase=phase,
        loops=(("line", lines),),
        parallel=("line",),
        operands=(
            *(Operand(t, (Index(lines, "line"), Index(width))) for t in inputs),
            Operand(output, (Index(lines, "line"), Index(max(out_width, 1))), True),
        ),
        instructions=each * elements,
    )
