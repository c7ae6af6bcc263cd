# SPDX-License-Identifier: Apache-2.0
"""Rewritten convolution gradients on LiteRT, against float64 autodiff and finite differences."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.compare import assert_close
from tests.converters.autodiff import Case, autodiff, finite_differences, rewritten_on_litert
from tests.oracle import windows

Pair = tuple[int, int]


def make(
    kind: str,
    *,
    batch: int = 2,
    size: Pair = (5, 9),
    kernel: Pair = (3, 3),
    channels: Pair = (2, 3),
    strides: Pair = (1, 1),
    dilations: Pair = (1, 1),
    padding: str = "SAME",
) -> Case:
    """``channels`` are (in, out) of a Conv2D, (in, multiplier) of a depthwise one."""
    generator = np.random.default_rng(3)
    x = generator.normal(size=(batch, *size, channels[0])).astype(np.float32)
    w = generator.normal(size=(*kernel, *channels)).astype(np.float32)
    options: dict[str, Any] = {
        "strides": [1, *strides, 1],
        "dilations": [1, *dilations, 1],
        "padding": padding,
    }
    if kind == "conv":

        def function(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.Conv2D(input=x, filter=w, **options)

        spelled = windows.conv2d
    else:

        def function(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
            return tf.raw_ops.DepthwiseConv2dNative(input=x, filter=w, **options)

        spelled = windows.depthwise_conv2d

    def reference(x: tf.Tensor, w: tf.Tensor) -> tf.Tensor:
        return spelled(
            tf.convert_to_tensor(x), tf.convert_to_tensor(w), strides, dilations, padding
        )

    texts = ("x".join(map(str, t)) for t in (size, kernel, channels, strides, dilations))
    name = "{}-b{}-{}-k{}-c{}-s{}-d{}-{}".format(kind, batch, *texts, padding)
    return Case(name, function, (x, w), reference)


def fixed(kind: str) -> list[Case]:
    """What biosignal networks have, and the corners."""
    cases = [
        make(kind, size=(4, 32), kernel=(1, 16), channels=(1, 4)),
        make(kind, size=(6, 20), kernel=(6, 1), channels=(3, 2), padding="VALID"),
        make(kind, size=(6, 20), kernel=(6, 1), channels=(3, 1), padding="VALID", batch=1),
        make(kind, size=(6, 21), kernel=(6, 1), channels=(2, 2), strides=(1, 2), padding="VALID"),
        make(kind, size=(1, 24), kernel=(1, 7), channels=(3, 1)),
        make(kind, size=(1, 24), kernel=(1, 7), channels=(3, 1), dilations=(1, 3)),
        make(kind, size=(5, 5), kernel=(1, 1)),
        make(kind, size=(5, 6), kernel=(1, 1), strides=(2, 2)),
        make(kind, size=(5, 6), kernel=(1, 1), strides=(1, 3), padding="VALID"),
        make(kind, size=(3, 3), kernel=(5, 5)),
        make(kind, size=(1, 1), kernel=(3, 3)),
        make(kind, size=(7, 11), kernel=(2, 4), strides=(2, 3)),
        make(kind, size=(7, 11), kernel=(2, 2), strides=(3, 4)),
        make(kind, size=(7, 11), kernel=(2, 2), strides=(3, 4), padding="VALID"),
        make(kind, size=(8, 10), kernel=(3, 2), strides=(4, 3), padding="VALID", batch=1),
        make(kind, size=(9, 12), dilations=(2, 3)),
        make(kind, size=(9, 12), dilations=(2, 3), padding="VALID"),
        make(kind, size=(9, 12), dilations=(3, 1), channels=(1, 1)),
        make(kind, size=(10, 13), dilations=(2, 2), strides=(2, 3)),
        make(kind, size=(10, 13), dilations=(2, 2), strides=(2, 1), padding="VALID"),
    ]
    return cases


def generated(kind: str, count: int) -> list[Case]:
    """Random geometry; what leaves no output is drawn again."""
    generator = np.random.default_rng(17)
    cases: dict[str, Case] = {}
    while len(cases) < count:

        def pair(low: int, high: int) -> Pair:
            return int(generator.integers(low, high)), int(generator.integers(low, high))

        drawn: dict[str, Any] = {
            "batch": int(generator.integers(1, 4)),
            "size": pair(1, 14),
            "kernel": pair(1, 5),
            "channels": pair(1, 4),
            "strides": pair(1, 4),
            "dilations": pair(1, 4),
            "padding": str(generator.choice(["SAME", "VALID"])),
        }
        reach = [(k - 1) * d + 1 for k, d in zip(drawn["kernel"], drawn["dilations"], strict=True)]
        fits = all(r <= s for r, s in zip(reach, drawn["size"], strict=True))
        if drawn["padding"] == "SAME" or fits:
            case = make(kind, **drawn)
            cases[case.name] = case
    return list(cases.values())


CASES = {c.name: c for kind in ("conv", "depthwise") for c in (*fixed(kind), *generated(kind, 15))}


@functools.cache
def all_rewritten() -> dict[str, list[np.ndarray]]:
    return rewritten_on_litert(list(CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_gradients(name: str) -> None:
    case = CASES[name]
    assert case.reference is not None
    expected = autodiff(case.reference, case)
    for what, ours, theirs in zip("xw", all_rewritten()[name], expected, strict=True):
        assert_close(ours, theirs, "gradient", what=f"{name} d{what}")


def tensorflow_has_it(name: str) -> bool:
    """Its CPU kernels: no dilations, and depthwise only with equal strides."""
    sides = name.split("-s")[1].split("-")[0].split("x")
    return "-d1x1-" in name and (name.startswith("conv") or sides[0] == sides[1])


@pytest.mark.parametrize("name", [n for n in CASES if tensorflow_has_it(n)])
def test_the_spelled_out_reference_is_tensorflow_s_own(name: str) -> None:
    case = CASES[name]
    assert case.reference is not None
    inputs = [tf.constant(v, tf.float64) for v in case.inputs]
    assert_close(case.function(*inputs), case.reference(*inputs), "finite_difference", what="y")
    pairs = zip(autodiff(case.function, case), autodiff(case.reference, case), strict=True)
    for what, own, spelled in zip("xw", *zip(*pairs, strict=True), strict=True):
        assert_close(spelled, own, "finite_difference", what=f"d{what}")


@pytest.mark.parametrize("name", list(CASES)[::7])
def test_finite_differences(name: str) -> None:
    case = CASES[name]
    found = finite_differences(case)
    for what, ours, (index, slopes) in zip("xw", all_rewritten()[name], found, strict=True):
        scale = np.abs(ours).max()
        # Scaled by the tensor's largest, which may not be among the picked.
        assert_close(
            np.append(ours.ravel()[index], scale),
            np.append(slopes, scale),
            "gradient",
            what=f"{name} d{what}",
        )
