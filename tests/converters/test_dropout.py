# SPDX-License-Identifier: Apache-2.0
"""The dropout mask: the same bits as the integer definition, and good enough as noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from converters.gradients.dropout import dropout, keep_mask
from converters.gradients.writer import Writer
from converters.step.options import MAX_SEED
from tests.compare import assert_close
from tests.oracle import dropout_hash

WRITER = Writer(compact=False)


def mask_of(
    shape: tuple[int, ...], step: int, seed: int, rate: float, layer: int, *, spatial: bool
) -> np.ndarray:
    values = (tf.constant(step, tf.int32), tf.constant(seed, tf.int32))
    mask = keep_mask(list(shape), *values, rate=rate, layer=layer, spatial=spatial)
    return np.asarray(mask)


def assert_same_mask(
    shape: tuple[int, ...], step: int, seed: int, rate: float, layer: int, *, spatial: bool = False
) -> None:
    ours = np.broadcast_to(mask_of(shape, step, seed, rate, layer, spatial=spatial), shape)
    theirs = dropout_hash.keep_mask(
        shape, seed=seed, step=step, layer=layer, rate=rate, spatial=spatial
    )
    assert_close(ours, theirs, "exact", what=f"mask {shape} step {step} seed {seed} rate {rate}")


@pytest.mark.parametrize(
    ("shape", "step", "seed", "layer"),
    [
        ((2, 7), 0, 0, 0),
        ((3, 1, 32, 8), 5, 71, 1),
        ((1, 5000, 3), 2860, 2861, 2),
        ((2, 3, 6001), 2862, 1, 0),
        ((1, 2861, 2), 7_999_999, 7_999_999, 9),
        ((2, 4, 4), 2861 * 2795, 2861 * 2796 - 1, 1500),
        ((300, 2, 2), 8, 3, 0),
    ],
)
def test_same_bits_as_the_integers(
    shape: tuple[int, ...], step: int, seed: int, layer: int
) -> None:
    for rate in (0.1, 0.5):
        assert_same_mask(shape, step, seed, rate, layer)


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=4),
    st.integers(0, MAX_SEED - 1),
    st.integers(0, MAX_SEED - 1),
    st.floats(0.01, 0.99),
    st.integers(0, 40),
    st.booleans(),
)
def test_same_bits_anywhere(
    shape: list[int], step: int, seed: int, rate: float, layer: int, spatial: bool
) -> None:
    assert_same_mask(tuple(shape), step, seed, rate, layer, spatial=spatial)


def test_every_value_of_the_arithmetic_is_exact() -> None:
    """The float modulus over its whole range: x mod P for all x below P*P + P."""
    from converters.gradients.dropout import PRIME, _mod

    assert PRIME == dropout_hash.PRIME
    x = np.arange(PRIME * PRIME + PRIME, dtype=np.int64)
    assert_close(_mod(tf.constant(x, tf.float32)), x % PRIME, "exact", what="x mod P")
    assert PRIME * PRIME + PRIME < 2**24


def test_forward_and_gradient_use_one_mask() -> None:
    shape = (2, 5, 6, 3)
    generator = np.random.default_rng(0)
    x, dy = (generator.normal(size=shape).astype(np.float32) for _ in range(2))
    rate, layer = 0.3, 2

    @tf.function
    def run(x: tf.Tensor, dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        at = (tf.constant(4), tf.constant(9))
        y = dropout(x, *at, rate=rate, layer=layer, spatial=False, writer=WRITER)
        return y, tf.gradients(y, x, grad_ys=dy)[0]

    y, dx = run(x, dy)
    multiplier = dropout_hash.multiplier(shape, seed=9, step=4, layer=layer, rate=rate)
    assert_close(y, x * multiplier, "exact", what="y")
    assert_close(dx, dy * multiplier, "exact", what="dx")


def masks(count: int, rate: float, *, what: str) -> np.ndarray:
    """[count, 4, 25, 16] masks at steps, seeds or layers 0, 1, 2, …"""
    found = []
    for n in range(count):
        at: dict[str, Any] = {"seed": 1, "step": 0, "layer": 0} | {what: n}
        found.append(dropout_hash.keep_mask((4, 25, 16), rate=rate, **at))
    return np.stack(found)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.8])
def test_the_rate_is_kept(rate: float) -> None:
    dropped = 1 - masks(150, rate, what="step").mean()
    print(f"rate {rate}: dropped={dropped:.4f} of {150 * 1600}")
    assert abs(dropped - rate) < 0.01 * max(rate, 0.25)


@pytest.mark.parametrize("what", ["step", "seed", "layer"])
def test_no_two_masks_are_alike(what: str) -> None:
    """Masks of other steps, seeds, layers and samples agree as often as chance has it."""
    found = masks(40, 0.5, what=what).reshape(160, -1)
    assert len({row.tobytes() for row in found}) == 160
    signs = found * 2.0 - 1
    correlation = (signs @ signs.T) / signs.shape[1]
    np.fill_diagonal(correlation, 0)
    # 12,720 pairs of 400 fair coins: a standard deviation of 0.05 each.
    print(
        f"{what}: compared={correlation.size} largest correlation={np.abs(correlation).max():.3f}"
    )
    assert np.abs(correlation).max() < 0.3
    assert abs(correlation.mean()) < 0.01


def test_rows_and_columns_are_not_alike() -> None:
    mask = dropout_hash.keep_mask((1, 500, 400), seed=3, step=2, layer=1, rate=0.5)[0]
    signs = mask * 2.0 - 1
    for name, lines in (("rows", signs), ("columns", signs.T)):
        correlation = (lines @ lines.T) / lines.shape[1]
        np.fill_diagonal(correlation, 0)
        alike = len(lines) - len({line.tobytes() for line in lines})
        # Below P lines the hash of the index is a permutation: no two lines share a key.
        print(f"{name}: {len(lines)} lines, repeated={alike}")
        assert alike == 0
        assert abs(correlation.mean()) < 0.01
    neighbours = [float((signs[k:] * signs[:-k]).mean()) for k in (1, 2, 3, 7, 64)]
    neighbours += [float((signs[:, k:] * signs[:, :-k]).mean()) for k in (1, 2, 3, 7, 64)]
    assert max(map(abs, neighbours)) < 0.02, neighbours


def test_spatial_masks_drop_whole_maps() -> None:
    mask = dropout_hash.keep_mask((6, 5, 7, 30), seed=0, step=1, layer=0, rate=0.5, spatial=True)
    assert (mask == mask[:, :1, :1]).all()
    assert 0.3 < mask[:, 0, 0].mean() < 0.7
