# SPDX-License-Identifier: Apache-2.0
"""A recording that cannot be right is refused, and a person is on one side of a split only."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from biotrain_tf.data.recording import joined
from biotrain_tf.data.splits import leave_one_person_out
from biotrain_tf.errors import BiotrainError
from tests.biotrain_tf.recordings import recording

GOOD = recording()
WITH_NAN = GOOD.X.copy()
WITH_NAN[3, 1, 7] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": GOOD.X[0]}, "X must be"),
        ({"X": GOOD.X[:0]}, "not empty"),
        ({"y": GOOD.y[:-1]}, "y must have one entry per trial"),
        ({"session": GOOD.session[:-1]}, "session must have one entry per trial"),
        ({"ch_names": ("E0",)}, "3 channels but 1 channel names"),
        ({"X": WITH_NAN}, "NaN"),
        ({"y": GOOD.y + 1}, "labels must be 0 to 1, found 1 to 2"),
        ({"y": GOOD.y - 1}, "labels must be 0 to 1, found -1 to 0"),
    ],
)
def test_bad_recordings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BiotrainError, match=message):
        dataclasses.replace(GOOD, **change)


def test_split_is_by_person() -> None:
    people = [recording(name) for name in "ABC"]
    others, person = leave_one_person_out(people, "B")
    assert person.subject == "B"
    assert [r.subject for r in others] == ["A", "C"]


def test_a_leak_is_refused() -> None:
    a, b = recording("A"), recording("B")
    copied = b.X.copy()
    copied[5] = a.X[2]
    with pytest.raises(BiotrainError, match="the split would leak"):
        leave_one_person_out([a, dataclasses.replace(b, X=copied)], "A")


def test_different_recordings_are_not_mixed() -> None:
    odd = dataclasses.replace(recording("B"), sfreq=250.0)
    with pytest.raises(BiotrainError, match="recorded differently"):
        leave_one_person_out([recording("A"), odd], "A")


@pytest.mark.parametrize(
    ("people", "message"), [("AB", "no person 'Z'.*there are A, B"), ("Z", "nobody is left")]
)
def test_unknown_and_only_person(people: str, message: str) -> None:
    with pytest.raises(BiotrainError, match=message):
        leave_one_person_out([recording(name) for name in people], "Z")


def test_runs_are_joined() -> None:
    parts = [
        dataclasses.replace(
            recording("A", seed=i, n_trials=4, sessions=1),
            session=np.full(4, 5 + i, np.int32),
            start=np.arange(4) * 30,
            details={"mark": np.arange(4), **({"odd": np.arange(4)} if i else {})},
        )
        for i in range(2)
    ]
    whole = joined(parts)
    assert whole.session.tolist() == [5] * 4 + [6] * 4
    assert whole.runs.tolist() == [0] * 4 + [1] * 4
    assert whole.start is not None and whole.start.tolist() == [0, 30, 60, 90] * 2
    np.testing.assert_array_equal(whole.X[5], parts[1].X[1])
    assert set(whole.details) == {"mark"}
    assert joined([parts[0], dataclasses.replace(parts[1], start=None)]).start is None
    with pytest.raises(BiotrainError, match="person of B is 'B', of A 'A'"):
        joined([parts[0], recording("B")])
    with pytest.raises(BiotrainError, match="no recording"):
        joined([])
