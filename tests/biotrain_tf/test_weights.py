# SPDX-License-Identifier: Apache-2.0
"""A saved state is cut into the variables it consists of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.demo import weights
from biotrain_tf.errors import BiotrainError


def test_state_is_in_the_order_of_names(tmp_path: Path) -> None:
    path = tmp_path / "state.bin"
    np.arange(7, dtype="<f4").tofile(path)
    found = weights.of_state(path, {"b": [2, 2], "a": [2], "step": []})
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [0.0, 1.0],
        "b": [[2.0, 3.0], [4.0, 5.0]],
        "step": 6.0,
    }
    with pytest.raises(BiotrainError, match="28 bytes, wanted 32"):
        weights.of_state(path, {"b": [2, 2], "a": [2], "step": [], "seed": []})


def test_nan_is_a_difference() -> None:
    reference = {"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float32)}
    nan = {"a": np.array([0, np.nan], np.float32), "b": np.ones(2, np.float32)}
    assert np.isnan(weights.max_difference(nan, reference))
