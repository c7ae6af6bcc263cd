# SPDX-License-Identifier: Apache-2.0
"""The forward operators of described layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from converters.errors import ConversionError
from converters.gap9.kernels import Conv, convolution, elementwise, product
from converters.gap9.works import Work

KINDS = (
    "conv",
    "dense",
    "norm",
    "relu",
    "gelu",
    "add",
    "max_pool",
    "average_pool",
    "global_pool",
    "flatten",
    "tokens",
    "attention",
    "softmax",
    "dropout",
    "loss",
)


@dataclass(frozen=True)
class Placed:
    """A layer, what comes in and goes out; ``parameters``: elements of each tensor that trains."""

    number: int
    layer: dict[str, Any] = field(hash=False)
    into: tuple[int, ...] = ()
    out: tuple[int, ...] = ()
    parameters: tuple[int, ...] = ()
    conv: Conv | None = None

    @property
    def kind(self) -> str:
        return str(self.layer["kind"])

    @property
    def name(self) -> str:
        return str(self.layer.get("name", f"{self.number}.{self.kind}"))

    @property
    def trains(self) -> bool:
        return bool(self.parameters) and bool(self.layer.get("train", True))

    @property
    def x(self) -> str:
        return f"a{self.number}"

    @property
    def y(self) -> str:
        return f"a{self.number + 1}"

    def weight(self, part: int = 0) -> str:
        return f"w{self.number}.{part}"


def place(number: int, layer: dict[str, Any], shape: tuple[int, ...]) -> Placed:
    kind = layer["kind"]
    bias = bool(layer.get("bias", kind == "dense"))
    if kind == "conv":
        if len(shape) != 3:
            raise ConversionError(
                f"network: layer {number}: wanted [channels, height, width]; found {list(shape)}"
            )
        depthwise = bool(layer.get("depthwise", False))
        filters = shape[0] if depthwise else int(layer["filters"])
        channels, height, width = shape
        conv = Conv(
            channels,
            height,
            width,
            filters,
            _pair(layer["kernel"]),
            _pair(layer.get("stride", (1, 1))),
            _pair(layer.get("padding", (0, 0))),
            depthwise,
            bool(layer.get("same", False)),
        )
        weights = (filters * conv.depth, *([filters] if bias else []))
        return Placed(number, layer, shape, (filters, *conv.out), weights, conv)
    if kind == "dense":
        units, features = int(layer["units"]), shape[-1]
        weights = (units * features, *([units] if bias else []))
        return Placed(number, layer, shape, (*shape[:-1], units), weights)
    if kind == "attention":
        d = shape[-1]
        return Placed(number, layer, shape, shape, (d * d, d * d, d * d, d * d, d))
    if kind == "norm":
        channels = shape[-1] if len(shape) < 3 else shape[0]
        return Placed(number, layer, shape, shape, (channels, channels))
    if kind in ("max_pool", "average_pool"):
        window = _pair(layer["kernel"])
        stride = _pair(layer.get("stride", window))
        pad = _pair(layer.get("padding", (0, 0)))
        c, h, w = shape
        conv = Conv(c, h, w, c, window, stride, pad, depthwise=True)
        return Placed(number, layer, shape, (shape[0], *conv.out))
    if kind == "global_pool":
        return Placed(number, layer, shape, (shape[0],) if len(shape) == 3 else (shape[-1],))
    if kind == "flatten":
        return Placed(number, layer, shape, (math.prod(shape),))
    if kind == "tokens":
        return Placed(number, layer, shape, (math.prod(shape[1:]), shape[0]))
    return Placed(number, layer, shape, shape)


def _pair(values: Sequence[int]) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def forward_works(placed: list[Placed], *, layout: str) -> list[Work]:
    works: list[Work] = []
    for one in placed:
        works += _forward(one, layout)
    return works


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    return math.prod(shape[:-1]), shape[-1]


def _forward(one: Placed, layout: str) -> list[Work]:
    kind, x, y, name = one.kind, one.x, one.y, one.name
    n_in, n_out = math.prod(one.into), math.prod(one.out)
    # Lines that are normalised or pooled by themselves.
    channels = one.into[0] if len(one.into) > 1 else 1
    if kind == "conv":
        assert one.conv is not None
        works = [convolution(name, one.conv, x, y, one.weight())]
        if layout == "hwc":
            works.append(elementwise(f"{name}.transpose", "transpose", (y,), y, n_out))
        return works
    if kind == "dense":
        m, k = _matrix(one.into)
        return [product(name, m, k, one.out[-1], x, one.weight(), y)]
    if kind == "attention":
        return _attention(one)
    if kind == "norm":
        stats = one.layer.get("statistics", "live") == "live"
        works = [elementwise(name, "norm", (x,), y, n_in, rows=channels)]
        if stats:
            works.insert(
                0,
                elementwise(
                    f"{name}.stats",
                    "norm_stats",
                    (x,),
                    f"s{one.number}",
                    n_in,
                    rows=channels,
                    out_elements=channels,
                ),
            )
        return works
    if kind in ("max_pool", "average_pool"):
        works = [elementwise(name, kind, (x,), y, n_in, rows=channels, out_elements=n_out)]
        if layout == "hwc":
            works.insert(0, elementwise(f"{name}.transpose", "transpose", (x,), x, n_in))
        return works
    if kind == "global_pool":
        return [elementwise(name, "reduce", (x,), y, n_in, rows=one.out[0], out_elements=n_out)]
    if kind in ("flatten", "tokens"):
        return [elementwise(name, "transpose", (x,), y, n_in)] if kind == "tokens" else []
    inputs = (x, f"side{one.number}") if kind == "add" else (x,)
    return [elementwise(name, kind, inputs, y, n_in)]


def _attention(one: Placed) -> list[Work]:
    """Query, key and value; scores, their softmax, weighted values; the projection."""
    n, d = _matrix(one.into)
    heads = int(one.layer.get("heads", 1))
    width, i = d // heads, one.number
    works = [
        product(f"{one.name}.{part}", n, d, d, one.x, one.weight(p), f"{part}{i}")
        for p, part in enumerate(("q", "k", "v"))
    ]
    # Heads stand side by side; each product wants its operands in rows of its own.
    works += [
        elementwise(
            f"{one.name}.{part}.transpose", "transpose", (f"{part}{i}",), f"{part}t{i}", n * d
        )
        for part in ("q", "k", "v")
    ]
    scores = heads * n * n
    works += [
        product(f"{one.name}.scores", n, width, n, f"qt{i}", f"kt{i}", f"s{i}", heads=heads),
        elementwise(f"{one.name}.scale", "mul", (f"s{i}",), f"z{i}", scores),
        elementwise(f"{one.name}.softmax", "softmax", (f"z{i}",), f"p{i}", scores, rows=heads * n),
        product(f"{one.name}.values", n, n, width, f"p{i}", f"vt{i}", f"o{i}", heads=heads),
        elementwise(f"{one.name}.transpose", "transpose", (f"o{i}",), f"ot{i}", n * d),
        product(f"{one.name}.out", n, d, d, f"ot{i}", one.weight(3), one.y),
    ]
    return works
