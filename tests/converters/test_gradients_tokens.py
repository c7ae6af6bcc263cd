# SPDX-License-Identifier: Apache-2.0
"""GELU and attention with their gradients, against float64 autodiff, differences and LiteRT."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from converters.gradients.attention import attention
from converters.gradients.gelu import gelu
from tests.compare import assert_close
from tests.converters.autodiff import (
    WRITER,
    Case,
    autodiff,
    finite_differences,
    rewritten,
    rewritten_on_litert,
)


def normal(*shape: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def gelu_case(approximate: bool, scale: float) -> Case:
    x = normal(3, 70, scale=scale, seed=1)
    x[0, 0] = 0.0
    return Case(
        f"gelu-{'tanh' if approximate else 'exact'}-{scale}",
        lambda x: gelu(x, approximate=approximate, writer=WRITER),
        (x,),
        lambda x: tf.nn.gelu(x, approximate=approximate),
    )


def attention_case(
    batch: int, queries: int, keys: int, heads: int, depth: int, values: int, causal: bool
) -> Case:
    scale = 1.0 / math.sqrt(depth)

    def reference(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        products = tf.einsum("bthd,bshd->bhts", q, k) * tf.cast(scale, q.dtype)
        if causal:
            seen = np.tril(np.ones((queries, keys), bool))
            products = tf.where(seen, products, tf.constant(-1e30, products.dtype))
        return tf.einsum("bhts,bshd->bthd", tf.nn.softmax(products), v)

    name = f"attention-{batch}x{queries}x{keys}x{heads}x{depth}x{values}"
    return Case(
        name + ("-causal" if causal else ""),
        lambda q, k, v: attention(q, k, v, scale=scale, causal=causal, writer=WRITER),
        (
            normal(batch, queries, heads, depth, seed=2),
            normal(batch, keys, heads, depth, seed=3),
            normal(batch, keys, heads, values, seed=4),
        ),
        reference,
    )


CASES = {
    case.name: case
    for case in (
        *(gelu_case(approximate, scale) for approximate in (False, True) for scale in (0.1, 1, 5)),
        attention_case(2, 6, 6, 2, 4, 4, causal=False),
        attention_case(1, 5, 9, 3, 2, 7, causal=False),
        attention_case(2, 7, 7, 1, 8, 3, causal=True),
        attention_case(1, 4, 2, 2, 3, 3, causal=True),
    )
}


@pytest.mark.parametrize("name", CASES)
def test_against_autodiff(name: str) -> None:
    case = CASES[name]
    assert case.reference is not None
    y = case.function(*[tf.constant(x) for x in case.inputs])
    exact = case.reference(*[tf.constant(x, tf.float64) for x in case.inputs])
    assert_close(y, exact, "forward", what=f"{name} y")
    found = zip(rewritten(case), autodiff(case.reference, case), strict=True)
    for k, (ours, theirs) in enumerate(found):
        assert_close(ours, theirs, "gradient", what=f"{name} input {k}")


@pytest.mark.parametrize("name", CASES)
def test_finite_differences(name: str) -> None:
    case = CASES[name]
    compared = zip(rewritten(case), finite_differences(case, samples=8), strict=True)
    for k, (ours, (index, slopes)) in enumerate(compared):
        scale = np.abs(ours).max()
        picked, expected = np.append(ours.ravel()[index], scale), np.append(slopes, scale)
        assert_close(picked, expected, "long_gradient", what=f"{name} input {k}")


def test_on_litert() -> None:
    """In builtins, error function included."""
    found = rewritten_on_litert(list(CASES.values()))
    for name, gradients in found.items():
        case = CASES[name]
        assert case.reference is not None
        for k, (ours, theirs) in enumerate(
            zip(gradients, autodiff(case.reference, case), strict=True)
        ):
            assert_close(ours, theirs, "gradient", what=f"{name} input {k}")


def test_a_wrong_slope_is_found() -> None:
    """The planted fault: the tanh form's slope for the exact one."""
    case = CASES["gelu-exact-1"]
    (ours,) = rewritten(CASES["gelu-tanh-1"])
    assert case.reference is not None
    with pytest.raises(AssertionError, match="compared=210"):
        assert_close(ours, autodiff(case.reference, case)[0], "gradient", what="slope")
