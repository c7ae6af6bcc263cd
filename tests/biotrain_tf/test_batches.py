# SPDX-License-Identifier: Apache-2.0
"""Scaling knows nothing of the new person, and batches come in the order recorded."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.data.batches import Scaling, batch_indices, calibration, pooled
from biotrain_tf.errors import BiotrainError
from tests.biotrain_tf.recordings import recording


def test_scaling_is_of_other_people_only() -> None:
    others = [recording("A", gain=2.0), recording("B", gain=3.0), recording("C", gain=50.0)]
    scaling = Scaling.estimate(others)
    assert scaling.estimated_on == ("A", "B", "C")
    expected = 1.0 / np.median([(r.X - r.X.mean(1, keepdims=True)).std() for r in others])
    assert scaling.factor == pytest.approx(expected)
    with pytest.raises(BiotrainError, match="estimated on A"):
        calibration(others[0], scaling)


def test_scaling_works_sample_by_sample() -> None:
    """What comes later cannot change what was there before, nor one trial another."""
    scaling = Scaling(factor=0.5, estimated_on=("A",))
    X = recording("B").X
    scaled = scaling(X)
    assert scaled.shape == (*X.shape, 1)
    assert scaled.dtype == np.float32
    changed = X.copy()
    changed[:, :, 11:] = 1e6
    changed[7:] = -1e6
    np.testing.assert_array_equal(scaling(changed)[:7, :, :11], scaled[:7, :, :11])


def test_constant_signals_have_no_scale() -> None:
    flat = recording("A")
    with pytest.raises(BiotrainError, match="not constant"):
        Scaling.estimate([dataclasses.replace(flat, X=np.ones_like(flat.X))])


def test_last_session_tests() -> None:
    scaling = Scaling.estimate([recording("A")])
    person = recording("B")
    prepared = calibration(person, scaling)
    np.testing.assert_array_equal(prepared.X, scaling(person.X[:8]))
    np.testing.assert_array_equal(prepared.y, person.y[:8])
    np.testing.assert_array_equal(prepared.X_test, scaling(person.X[8:]))
    np.testing.assert_array_equal(prepared.y_test, person.y[8:])


def test_one_session_is_too_few() -> None:
    with pytest.raises(BiotrainError, match="two sessions"):
        calibration(recording("B", sessions=1), Scaling.estimate([recording("A")]))


def test_batches_go_round_in_order() -> None:
    found = [batch_indices(step, batch_size=3, n_trials=8).tolist() for step in range(4)]
    assert found == [[0, 1, 2], [3, 4, 5], [6, 7, 0], [1, 2, 3]]
    prepared = calibration(recording("B"), Scaling.estimate([recording("A")]))
    batches = list(prepared.batches(batch_size=3, steps=4))
    assert len(batches) == 4
    for (X, y), index in zip(batches, found, strict=True):
        np.testing.assert_array_equal(X, prepared.X[index])
        np.testing.assert_array_equal(y, prepared.y[index])


def test_file_holds_what_the_network_sees(tmp_path: Path) -> None:
    prepared = calibration(recording("B"), Scaling.estimate([recording("A")]))
    prepared.save(tmp_path / "deep" / "calibration.npz")
    with np.load(tmp_path / "deep" / "calibration.npz", allow_pickle=False) as stored:
        assert str(stored["subject"]) == "B"
        for name, array in prepared.arrays().items():
            np.testing.assert_array_equal(stored[name], array)
            assert stored[name].dtype == array.dtype


def test_pooled_is_everybody_in_turn() -> None:
    people = [recording("A"), recording("B", n_trials=6)]
    scaling = Scaling.estimate(people)
    X, y = pooled(people, scaling)
    np.testing.assert_array_equal(X, np.concatenate([scaling(r.X) for r in people]))
    np.testing.assert_array_equal(y, np.concatenate([r.y for r in people]))
