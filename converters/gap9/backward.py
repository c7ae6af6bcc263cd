# SPDX-License-Identifier: Apache-2.0
"""The gradient operators of described layers, last layer first."""

from __future__ import annotations

import math

from converters.gap9.forward import Placed
from converters.gap9.kernels import (
    BACKWARD,
    convolution_grad_filter,
    convolution_grad_input,
    elementwise,
    product,
)
from converters.gap9.works import Work


def backward_works(placed: list[Placed], *, layout: str) -> list[Work]:
    """Down to the first layer that trains; that one has no gradient of its input."""
    trained = [one.number for one in placed if one.trains]
    if not trained:
        return []
    first = trained[0]
    works: list[Work] = []
    for one in reversed(placed):
        if one.number < first:
            break
        works += _backward(one, wants_input=one.number > first)
    return works


def _accumulated(one: Placed, part: int, count: int) -> Work:
    gradient, total = f"d{one.number}.{part}", f"g{one.number}.{part}"
    name = f"{one.name}.accumulate{part}"
    return elementwise(name, "accumulate", (gradient, total), total, count, phase=BACKWARD)


def _backward(one: Placed, *, wants_input: bool) -> list[Work]:
    kind, name = one.kind, one.name
    x, dy, dx = one.x, f"e{one.number + 1}", f"e{one.number}"
    n_in = math.prod(one.into)
    channels = one.into[0] if len(one.into) > 1 else 1
    works: list[Work] = []
    if kind == "conv":
        assert one.conv is not None
        if wants_input:
            works.append(
                convolution_grad_input(f"{name}.grad_input", one.conv, dy, dx, one.weight())
            )
        if one.trains:
            works.append(
                convolution_grad_filter(f"{name}.grad_filter", one.conv, x, dy, f"d{one.number}.0")
            )
    elif kind == "dense":
        m, k, n = math.prod(one.into[:-1]), one.into[-1], one.out[-1]
        if wants_input:
            works.append(
                product(f"{name}.grad_input", m, n, k, dy, one.weight(), dx, phase=BACKWARD)
            )
        if one.trains:
            works.append(
                product(f"{name}.grad_filter", n, m, k, dy, x, f"d{one.number}.0", phase=BACKWARD)
            )
    elif kind == "attention":
        works += _attention(one)
    elif kind == "norm":
        if one.layer.get("statistics", "live") == "live":
            works.append(
                elementwise(
                    f"{name}.grad_stats",
                    "norm_stats",
                    (x, dy),
                    f"t{one.number}",
                    n_in,
                    phase=BACKWARD,
                    rows=channels,
                    out_elements=channels,
                )
            )
        works.append(
            elementwise(
                f"{name}.grad", "norm_grad", (x, dy), dx, n_in, phase=BACKWARD, rows=channels
            )
        )
    elif kind in ("max_pool", "average_pool", "relu", "gelu", "softmax"):
        rows = channels if "pool" in kind else 1
        works.append(
            elementwise(
                f"{name}.grad",
                f"{kind}_grad",
                (x, dy) if kind != "average_pool" else (dy,),
                dx,
                n_in,
                phase=BACKWARD,
                rows=rows if "pool" not in kind else 1,
            )
        )
    elif kind == "global_pool":
        works.append(elementwise(f"{name}.grad", "mul", (dy,), dx, n_in, phase=BACKWARD))
    elif kind == "tokens":
        works.append(elementwise(f"{name}.grad", "transpose", (dy,), dx, n_in, phase=BACKWARD))
    elif kind in ("add", "loss", "dropout"):
        works.append(
            elementwise(
                f"{name}.grad",
                "add" if kind != "dropout" else kind,
                (dy, x),
                dx,
                n_in,
                phase=BACKWARD,
            )
        )
    if one.trains:
        if kind in ("conv", "dense") and len(one.parameters) > 1:
            works.append(
                elementwise(
                    f"{name}.grad_bias",
                    "reduce",
                    (dy,),
                    f"d{one.number}.1",
                    math.prod(one.out),
                    phase=BACKWARD,
                    rows=one.parameters[1],
                    out_elements=one.parameters[1],
                )
            )
        works += [_accumulated(one, part, count) for part, count in enumerate(one.parameters)]
    return works


def _attention(one: Placed) -> list[Work]:
    n, d = math.prod(one.into[:-1]), one.into[-1]
    heads, i = int(one.layer.get("heads", 1)), one.number
    width, scores = d // heads, heads * n * n
    dy, name = f"e{i + 1}", one.name

    def both(part: str, p: int, given: str, source: str, result: str) -> list[Work]:
        return [
            product(
                f"{name}.{part}.grad_input", n, d, d, given, one.weight(p), result, phase=BACKWARD
            ),
            product(
                f"{name}.{part}.grad_filter", d, n, d, given, source, f"d{i}.{p}", phase=BACKWARD
            ),
            elementwise(
                f"{name}.{part}.grad_transpose",
                "transpose",
                (f"d{i}.{p}",),
                f"d{i}.{p}",
                d * d,
                phase=BACKWARD,
            ),
        ]

    works = both("out", 3, dy, f"ot{i}", f"do{i}")
    works += [
        elementwise(
            f"{name}.grad_transpose", "transpose", (f"do{i}",), f"dot{i}", n * d, phase=BACKWARD
        ),
        product(
            f"{name}.values.grad_scores",
            n,
            width,
            n,
            f"dot{i}",
            f"vt{i}",
            f"dp{i}",
            phase=BACKWARD,
            heads=heads,
        ),
        product(
            f"{name}.values.grad_values",
            n,
            n,
            width,
            f"p{i}",
            f"dot{i}",
            f"dv{i}",
            phase=BACKWARD,
            heads=heads,
        ),
        elementwise(
            f"{name}.softmax.grad",
            "softmax_grad",
            (f"p{i}", f"dp{i}"),
            f"dz{i}",
            scores,
            phase=BACKWARD,
            rows=heads * n,
        ),
        elementwise(f"{name}.scale.grad", "mul", (f"dz{i}",), f"ds{i}", scores, phase=BACKWARD),
        product(
            f"{name}.scores.grad_q",
            n,
            n,
            width,
            f"ds{i}",
            f"kt{i}",
            f"dq{i}",
            phase=BACKWARD,
            heads=heads,
        ),
        product(
            f"{name}.scores.grad_k",
            n,
            n,
            width,
            f"ds{i}",
            f"qt{i}",
            f"dk{i}",
            phase=BACKWARD,
            heads=heads,
        ),
    ]
    works += [
        elementwise(
            f"{name}.{p}.grad_rows", "transpose", (f"d{p}{i}",), f"d{p}t{i}", n * d, phase=BACKWARD
        )
        for p in ("q", "k", "v")
    ]
    for p, part in enumerate(("q", "k", "v")):
        works += both(part, p, f"d{part}t{i}", one.x, f"e{i}.{part}")
    works += [
        elementwise(
            f"{name}.grad_sum{j}", "add", (f"e{i}.{j}", f"e{i}"), f"e{i}", n * d, phase=BACKWARD
        )
        for j in ("k", "v")
    ]
    return works
