# SPDX-License-Identifier: Apache-2.0
"""How tests compare numbers. A comparison of nothing, of other shapes or of NaN fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.tolerances import MOVED, TOLERANCES


def assert_close(actual: Any, expected: Any, tolerance_name: str, *, what: str = "values") -> float:
    """Compare element by element, print what was compared, and return the largest difference."""
    a, e = np.asarray(actual), np.asarray(expected)
    assert a.shape == e.shape, f"{what}: shape {a.shape}, expected {e.shape}"
    assert a.size > 0, f"{what}: nothing to compare, shape {a.shape}"
    tolerance = TOLERANCES[tolerance_name]
    difference = np.abs(a.astype(np.float64) - e.astype(np.float64))
    allowed = tolerance.absolute + tolerance.relative * float(np.abs(e.astype(np.float64)).max())
    # Not `difference > allowed`: NaN on either side must fail.
    wrong = ~(difference <= allowed)
    largest = float(difference.max())
    line = f"{what}: compared={a.size} max_diff={largest:.3g} allowed={allowed:.3g}"
    if wrong.any():
        first = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))
        found, wanted = np.atleast_1d(a)[first], np.atleast_1d(e)[first]
        raise AssertionError(
            f"{line} ({tolerance_name}): {int(wrong.sum())} of {a.size} differ, "
            f"first at {first}: {found!r}, expected {wanted!r}"
        )
    print(line)
    return largest


def assert_all_close(
    actual: Mapping[str, Any], expected: Mapping[str, Any], tolerance_name: str, *, what: str
) -> float:
    """`assert_close` of every tensor, same names on both sides. Returns the largest difference."""
    assert set(actual) == set(expected), (
        f"{what}: missing {sorted(set(expected) - set(actual))}, "
        f"unexpected {sorted(set(actual) - set(expected))}"
    )
    assert expected, f"{what}: nothing to compare"
    return max(
        assert_close(actual[name], expected[name], tolerance_name, what=f"{what} {name}")
        for name in expected
    )


def unmoved(
    before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], tolerance_name: str
) -> set[str]:
    """Names of tensors that training moved by less than MOVED times the tolerance, NaN included."""
    least = MOVED * TOLERANCES[tolerance_name].absolute
    assert least > 0, f"tolerance {tolerance_name} has no absolute part to measure a move with"
    assert set(before) == set(after) and before, "nothing to compare"
    return {
        name
        for name in before
        if not float(np.abs(after[name].astype(np.float64) - before[name]).max()) >= least
    }
