# SPDX-License-Identifier: Apache-2.0
"""Which loops a convolution, its gradients or a matrix product runs, and how often each begins.

Every kernel in one place: which tiles there are is in tile_counts.py. Activations are
[batch, channels, height, width], filters [out, in, height, width], depthwise ones
[channels, multiplier, height, width].
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from converters.emit.tile_counts import (
    COLUMN_LANES,
    COLUMN_LANES_FOUR,
    SHORT_FILTER,
    Blocking,
    Counts,
    Lines,
    ceil,
    correlation,
    fast_line,
    piece_outputs,
    tap_tiles,
    tap_windows,
    tile_runs,
)
from converters.graph import Op, Tensor


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution: ``size`` inputs, ``out`` outputs, ``taps`` of the filter."""

    size: int
    out: int
    taps: int
    stride: int
    dilation: int
    pad: int

    def inside(self, start: int, stride: int, limit: int, count: int) -> tuple[int, int]:
        """The steps j of ``count`` for which 0 <= start + j * stride < limit."""
        begin = ceil(-start, stride) if start < 0 else 0
        end = min(max(ceil(limit - start, stride), 0), count)
        return (begin, end) if begin < end else (0, 0)

    def taps_of_outputs(self) -> Counter[int]:
        """How many outputs meet so many taps: {taps: outputs}."""
        spans = (
            self.inside(o * self.stride - self.pad, self.dilation, self.size, self.taps)
            for o in range(self.out)
        )
        return Counter(end - begin for begin, end in spans)

    def outputs_of_tap(self, tap: int) -> int:
        begin, end = self.inside(tap * self.dilation - self.pad, self.stride, self.size, self.out)
        return end - begin

    def taps_of_inputs(self) -> Counter[int]:
        """How many inputs meet so many taps: {taps: inputs}."""
        found: Counter[int] = Counter()
        for i in range(self.size):
            distances = (i + self.pad - tap * self.dilation for tap in range(self.taps))
            met = sum(d % self.stride == 0 and 0 <= d < self.out * self.stride for d in distances)
            found[met] += 1
        return found


@dataclass(frozen=True)
class Convolution:
    batch: int
    groups: int  # 1, or the channels of a depthwise one
    inputs: int  # of a group
    outputs: int
    height: Axis
    width: Axis
    fast: bool


def convolution(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> Convolution:
    if op.kind.endswith("GradFilter"):
        x, w, y = inputs[0].shape, outputs[0].shape, inputs[1].shape
    elif op.kind.endswith("GradInput"):
        x, w, y = outputs[0].shape, inputs[0].shape, inputs[1].shape
    else:
        x, w, y = inputs[0].shape, inputs[1].shape, outputs[0].shape
    depthwise = "Depthwise" in op.kind

    def axis(at: int, letter: str) -> Axis:
        stride, dilation = op.options[f"stride_{letter}"], op.options[f"dilation_{letter}"]
        total = (y[at] - 1) * stride + (w[at] - 1) * dilation + 1 - x[at]
        pad = max(total, 0) // 2 if op.options["padding"] == "SAME" else 0
        return Axis(x[at], y[at], w[at], stride, dilation, pad)

    return Convolution(
        batch=x[0],
        groups=x[1] if depthwise else 1,
        inputs=1 if depthwise else x[1],
        outputs=w[1] if depthwise else y[1],
        height=axis(2, "h"),
        width=axis(3, "w"),
        fast=len(outputs) > 1 and "OfCodes" not in op.kind,
    )


def loops(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> tuple[str, Counts]:
    """The kernel that runs, and how often each of its loops does."""
    if "Conv2D" not in op.kind:
        return _product(op, inputs, outputs)
    conv = convolution(op, inputs, outputs)
    counts: Counts = Counter()
    gradient = op.kind.endswith("GradFilter")
    if "OfCodes" in op.kind:
        parts = _of_codes(conv, gradient=gradient)
    elif gradient:
        parts = _gradient_of_filter(conv)
    elif conv.fast:
        parts = _fast(conv)
    elif op.kind.endswith("GradInput"):
        parts = _gradient_of_input(conv)
    else:
        parts = _forward(conv)
    kernel = ""
    for name, part, times in parts:
        kernel = kernel or name
        for term, count in part.items():
            counts[term] += count * times
    return kernel, counts


Parts = Iterator[tuple[str, Counts, int]]
"""Kernel, what it counts, how often that occurs."""


def _fast(conv: Convolution) -> Parts:
    columns = conv.outputs
    line = fast_line(conv.width.taps, conv.width.out, columns, gradient=False)
    yield "fast", line, conv.groups * conv.batch * conv.height.out
    packed: Counts = Counter(packed=columns * conv.width.taps, filters=columns)
    yield "fast", packed, conv.groups


def _of_codes(conv: Convolution, *, gradient: bool) -> Parts:
    """Piece by piece of a line of outputs, each of floats, or a column at a time: see conv_codes.h
    and codes_column.h.
    """
    w, h = conv.width, conv.height
    bare = w.taps == w.stride == h.out == 1 and h.taps == h.size and h.pad == 0
    if bare and conv.batch == conv.inputs == 1 and w.out == w.size:
        yield *_column_of_codes(conv, gradient=gradient), 1
        return
    rows = conv.inputs * h.taps
    most = piece_outputs(rows, w.out)
    for outputs, times in Counter([most] * (w.out // most) + [w.out % most]).items():
        if not outputs:
            continue
        columns = (outputs - 1) * w.stride + (w.taps - 1) * w.dilation + 1
        piece = replace(
            conv,
            batch=1,
            height=Axis(conv.height.taps, 1, conv.height.taps, 1, 1, 0),
            width=Axis(columns, outputs, w.taps, w.stride, w.dilation, 0),
            fast=False,
        )
        times *= conv.batch * conv.height.out
        for kernel, counts, n in (_gradient_of_filter if gradient else _forward)(piece):
            yield kernel, counts, n * times
        read: Counts = Counter(codes=rows * columns, code_lines=rows, pieces=1)
        yield "", read, times


def _column_of_codes(conv: Convolution, *, gradient: bool) -> tuple[str, Counts]:
    """Filters four, two or one at a time. Lines of an odd number of codes are not aligned."""
    rows, width = conv.height.size, conv.width.size
    codes = rows * width
    skewed = width % 2
    if gradient:
        pairs, singles = divmod(conv.outputs, 2)
        lines = (pairs + singles) * rows
        terms: Counts = Counter(pairs=pairs * codes, codes=singles * codes, lines=lines)
        terms["skewed"] = skewed * (pairs + singles) * codes // 2
        return "column of codes, gradient", terms
    fours, left = divmod(conv.outputs, 4)
    pairs, singles = divmod(left, 2)
    terms = Counter(fours=fours * codes, pairs=pairs * codes, singles=singles * codes)
    terms["blocks_of_four"] = fours * ceil(width, COLUMN_LANES_FOUR)
    terms["blocks"] = (pairs + singles) * ceil(width, COLUMN_LANES)
    terms["skewed"] = skewed * (fours + pairs + singles) * codes
    terms["finished"] = conv.outputs * width
    return "column of codes", terms


def _forward(conv: Convolution) -> Parts:
    w = conv.width
    slides = w.stride == 1 and w.dilation == 1
    end = min(w.size + w.pad - (w.taps - 1) * w.dilation, w.out)
    inside = max(end - w.pad, 0) if w.stride == 1 else 0
    before = min(w.pad, w.out) if inside else 0
    for rows, times in conv.height.taps_of_outputs().items():
        line = Lines(
            w.out,
            inside,
            before,
            conv.outputs,
            conv.inputs,
            int(rows),
            w.taps,
            slides,
            w.stride > 1,
        )
        kernel, counts = correlation(line)
        yield kernel, counts, times * conv.batch * conv.groups


def is_spread_along_column(conv: Convolution) -> bool:
    """Whether a gradient of inputs goes from each output to a whole column of them."""
    h, w = conv.height, conv.width
    bare = w.taps == 1 and w.stride == 1 and w.pad == 0 and w.out == w.size
    return bare and h.size > 1 and h.out == 1 and h.taps == h.size and h.pad == 0


def _gradient_of_input(conv: Convolution) -> Parts:
    h, w = conv.height, conv.width
    times = conv.batch * conv.groups
    if is_spread_along_column(conv):
        line = Lines(w.size, w.size, 0, h.size, conv.outputs, 1, 1, True)
        kernel, counts = correlation(line)
        yield kernel, counts, times * conv.inputs
        return
    taps, items = ceil(w.taps, w.stride), ceil(w.size, w.stride)
    pad = taps - 1 - w.pad if w.stride == 1 else (taps - 1) // 2
    end = min(w.out + pad - (taps - 1) * w.dilation, items)
    inside = max(end - pad, 0)
    slides = w.stride == 1 and w.dilation == 1
    for rows, count in h.taps_of_inputs().items():
        before = min(pad, items) if inside else 0
        line = Lines(items, inside, before, conv.inputs, conv.outputs, rows, taps, slides)
        kernel, counts = correlation(line)
        yield kernel, counts, times * count * min(w.stride, w.size)


def _gradient_of_filter(conv: Convolution) -> Parts:
    h, w = conv.height, conv.width
    lines = conv.batch * h.out
    if conv.fast:
        line = fast_line(w.taps, w.out, conv.outputs, gradient=True)
        yield "fast gradient", line, conv.groups * lines
        cleared: Counts = Counter(filters=conv.outputs, packed=conv.outputs * w.taps)
        yield "fast gradient", cleared, conv.groups
        return
    down = conv.inputs == 1 and w.taps == 1 and h.pad == 0
    slides = w.stride == 1 and w.dilation == 1
    for rows in [h.out] if down else [h.outputs_of_tap(tap) for tap in range(h.taps)]:
        if slides and conv.inputs < 4 and w.taps >= SHORT_FILTER:
            kind, counts = tap_windows(
                taps=w.taps,
                outputs=conv.outputs,
                inputs=conv.inputs,
                lines=conv.batch * rows,
                images=conv.batch,
                steps=w.out,
                pad=w.pad,
                room=w.size,
            )
            yield kind.name, counts, conv.groups
            continue
        for tap in range(w.taps):
            kind, counts = tap_tiles(
                taps=1,
                items=h.taps if down else conv.inputs,
                outputs=conv.outputs,
                images=conv.batch,
                rows=rows,
                steps=w.outputs_of_tap(tap),
            )
            name = kind.name if w.stride == 1 else f"{kind.name}, strided"
            yield name, counts, conv.groups


def _product(op: Op, inputs: list[Tensor], outputs: list[Tensor]) -> tuple[str, Counts]:
    a, b, c = inputs[0], inputs[1], outputs[0]
    if op.kind == "FULLY_CONNECTED":
        steps, columns, images = b.shape[-1], c.shape[-1], 1
        items, across = c.elements // max(columns, 1), False
    else:
        across = bool(getattr(op.options, "adjX", False))
        steps = a.shape[-2 if across else -1]
        items, columns = c.shape[-2], c.shape[-1]
        images = c.elements // max(items * columns, 1)
    counts: Counts = Counter()
    if steps in (1, 2, 4) and columns >= 8:
        counts.update(outer_macs=items * columns * steps, outer_columns=ceil(items, 12) * columns)
        name = "outer"
    else:
        kind = Blocking("", 6 if across else 4, 4, 4)
        if items >= kind.items:
            counts = tile_runs(kind, ceil(items, kind.items), columns, 1, steps)
        else:
            wide, single = divmod(columns, 4)
            counts.update(
                item_macs=items * wide * 4 * steps,
                item_tiles=items * wide,
                item_macs_single=items * single * steps,
                item_tiles_single=items * single,
            )
        name = "across" if across else "along"
        if op.kind == "BATCH_MATMUL" and not getattr(op.options, "adjY", False):
            name += " items"
    counts = Counter({term: count * images for term, count in counts.items()})
    counts["finished"] += c.elements
    return f"product, {name}", counts
