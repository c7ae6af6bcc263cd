# SPDX-License-Identifier: Apache-2.0
"""The comparison itself must see every fault that is planted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.compare import assert_all_close, assert_close, unmoved
from tests.tolerances import MOVED, TOLERANCES

GOOD = np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)


def planted(index: tuple[int, int], value: float) -> np.ndarray:
    bad = GOOD.copy()
    bad[index] = value
    return bad


def test_equal_values_pass_and_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert assert_close(GOOD, GOOD, "exact", what="good") == 0.0
    assert "good: compared=4 max_diff=0" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(TOLERANCES))
def test_a_difference_just_above_the_tolerance_fails(name: str) -> None:
    tolerance = TOLERANCES[name]
    allowed = tolerance.absolute + tolerance.relative * 4.0
    expected = GOOD.astype(np.float64)
    inside, outside = expected.copy(), expected.copy()
    inside[1, 1] -= allowed * 0.99
    outside[1, 1] -= allowed * 1.01 + 1e-12
    assert_close(inside, expected, name)
    with pytest.raises(AssertionError, match="1 of 4 differ"):
        assert_close(outside, expected, name)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_fails_on_either_side(value: float) -> None:
    bad = planted((1, 0), value)
    for actual, expected in ((bad, GOOD), (GOOD, bad)):
        with pytest.raises(AssertionError, match="differ"):
            assert_close(actual, expected, "loss")
    if np.isnan(value):
        with pytest.raises(AssertionError, match="differ"):
            assert_close(bad, bad, "loss")


def test_empty_and_misshapen_fail() -> None:
    with pytest.raises(AssertionError, match="nothing to compare"):
        assert_close(np.zeros((0, 3)), np.zeros((0, 3)), "exact")
    with pytest.raises(AssertionError, match="shape"):
        assert_close(GOOD, GOOD[0], "exact")
    with pytest.raises(AssertionError, match="shape"):
        assert_close(GOOD, 1.0, "loss")


def test_scalars_compare() -> None:
    assert_close(np.float32(1.5), 1.5, "exact")
    with pytest.raises(AssertionError, match="1 of 1 differ"):
        assert_close(1.5, 1.6, "loss")


def test_named_tensors_must_be_the_same_ones() -> None:
    assert assert_all_close({"a": GOOD}, {"a": GOOD}, "exact", what="all") == 0.0
    for actual, expected in (
        ({"a": GOOD}, {"a": GOOD, "b": GOOD}),
        ({"a": GOOD, "b": GOOD}, {"a": GOOD}),
        ({}, {}),
        ({"a": planted((0, 0), 9.0)}, {"a": GOOD}),
    ):
        with pytest.raises(AssertionError):
            assert_all_close(actual, expected, "loss", what="all")


def test_unmoved_names_what_stood_still() -> None:
    least = MOVED * TOLERANCES["weights"].absolute
    before = {name: np.zeros(3, np.float32) for name in ("moved", "still", "nan", "barely")}
    after = {
        "moved": np.array([0, 2 * least, 0], np.float32),
        "still": np.zeros(3, np.float32),
        "nan": np.array([0, np.nan, 0], np.float32),
        "barely": np.full(3, 0.5 * least, np.float32),
    }
    assert unmoved(before, after, "weights") == {"still", "nan", "barely"}
    with pytest.raises(AssertionError):
        unmoved({}, {}, "weights")
