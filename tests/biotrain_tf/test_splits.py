# SPDX-License-Identifier: Apache-2.0
"""No person and no sample is on both sides, and the test comes later; planted leaks are noticed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.data import sets, splits
from biotrain_tf.data.leakage import overlaps, refuse_leaks, refuse_shared_people
from biotrain_tf.data.recording import Recording
from biotrain_tf.data.windows import Windowing, of_trials
from biotrain_tf.errors import BiotrainError
from tests.biotrain_tf.recordings import recording

PEOPLE = [recording(name, n_times=64) for name in "ABCDEF"]


def placed(step: int, *, n_trials: int = 12) -> Recording:
    """Windows of 20 samples every `step` of one run, as they came; two sessions on one clock."""
    rng = np.random.default_rng(1)
    signal = rng.standard_normal((3, step * n_trials + 20)).astype(np.float32)
    start = step * np.arange(n_trials, dtype=np.int64)
    return dataclasses.replace(
        recording("A", n_trials=n_trials, sessions=2),
        X=np.stack([signal[:, s : s + 20] for s in start]),
        run=np.ones(n_trials, np.int32),
        start=start,
    )


def test_leave_one_out() -> None:
    folds = list(splits.by_person(PEOPLE))
    assert [f.test[0].subject for f in folds] == list("ABCDEF")
    assert all(len(f.train) == 5 and len(f.test) == 1 for f in folds)
    assert all(f.test[0].person not in {r.person for r in f.train} for f in folds)


def test_grouped_folds_keep_a_person_together() -> None:
    people = [*PEOPLE, dataclasses.replace(recording("A2", n_times=64), person="A")]
    folds = list(splits.by_person(people, n_folds=3, seed=4))
    again = list(splits.by_person(people, n_folds=3, seed=4))
    assert [[r.subject for r in f.test] for f in folds] == [
        [r.subject for r in f.test] for f in again
    ]
    assert sorted(r.subject for f in folds for r in f.test) == sorted([*"ABCDEF", "A2"])
    for fold in folds:
        names = [r.subject for r in fold.test]
        assert ("A" in names) == ("A2" in names)
    (alone,) = (f for f in splits.by_person(people) if f.test[0].subject == "A")
    assert [r.subject for r in alone.test] == ["A", "A2"]


def test_sessions_in_time() -> None:
    person = recording("A", n_trials=12, sessions=4)
    found = list(splits.by_session(person, n_calibration=2))
    assert [set(s.test.session.tolist()) for s in found] == [{3}, {4}]
    for split in found:
        assert set(split.calibration.session.tolist()) == {1, 2}
        np.testing.assert_array_equal(split.calibration.X, person.X[:6])


def test_first_trials_calibrate() -> None:
    person = recording("A")
    split = splits.by_trials(person, n_calibration=5)
    np.testing.assert_array_equal(split.calibration.X, person.X[:5])
    np.testing.assert_array_equal(split.test.X, person.X[5:])


@pytest.mark.parametrize(("step", "dropped"), [(20, 0), (19, 1), (10, 1), (7, 2), (5, 3)])
def test_overlapping_windows_are_on_one_side(step: int, dropped: int) -> None:
    person = placed(step)
    for split in (
        splits.by_trials(person, n_calibration=6),
        next(splits.by_session(person)),
    ):
        assert len(split.calibration.X) == 6
        assert len(split.test.X) == 6 - dropped
        assert split.test.start is not None and split.calibration.start is not None
        assert split.test.start.min() >= split.calibration.start.max() + 20
    if dropped:
        with pytest.raises(BiotrainError, match=f"{dropped} windows.*overlap.*would leak"):
            refuse_leaks([person.take(np.arange(6))], [person.take(np.arange(6, 12))])


def test_windows_of_trials_know_where_they_are_from() -> None:
    person = recording("A", n_times=50)  # 0.5 s
    cut = of_trials(person, Windowing(length_s=0.2, step_s=0.1))
    assert cut.X.shape == (12 * 4, 3, 20)
    np.testing.assert_array_equal(cut.X[5], person.X[1, :, 10:30])
    np.testing.assert_array_equal(cut.y, np.repeat(person.y, 4))
    # The sixth window is in the middle of a trial: its two neighbours share samples with it.
    split = splits.by_trials(cut, n_calibration=6)
    assert len(split.test.X) == 12 * 4 - 6 - 1
    with pytest.raises(BiotrainError, match="do not fit in trials of 50"):
        of_trials(person, Windowing(length_s=0.6))


def test_overlap_is_of_the_same_run_only() -> None:
    person = placed(5)
    other = dataclasses.replace(person, run=np.full(12, 2, np.int32))
    assert overlaps(person, person).all()
    assert not overlaps(person, other).any()
    assert not overlaps(person, dataclasses.replace(person, subject="B", person="B")).any()


# What must be noticed, planted.


def test_a_person_under_two_names_is_noticed() -> None:
    """Shifted, so that no window is equal to another."""
    whole = np.random.default_rng(3).standard_normal((12, 3, 84)).astype(np.float32)
    a = dataclasses.replace(PEOPLE[0], X=whole[:, :, :64])
    b = dataclasses.replace(PEOPLE[1], X=whole[:, :, 20:84])
    with pytest.raises(BiotrainError, match=r"trial (\d+) of A and trial \1 of B share samples"):
        next(splits.by_person([a, b, PEOPLE[2]]))
    one = PEOPLE[1].X.copy()
    one[7, :, 30:] = PEOPLE[0].X[2, :, :34]
    with pytest.raises(BiotrainError, match="trial 2 of A and trial 7 of B share"):
        next(splits.by_person([PEOPLE[0], dataclasses.replace(PEOPLE[1], X=one)]))


def test_a_shared_window_without_a_place_is_noticed() -> None:
    person = recording("A", n_times=64)
    X = person.X.copy()
    X[9, :, 16:] = X[1, :, :48]
    with pytest.raises(BiotrainError, match="trial 1 of A and trial 1 of A share samples"):
        list(splits.by_session(dataclasses.replace(person, X=X)))


def test_still_lines_are_not_a_leak() -> None:
    people = [dataclasses.replace(p, X=np.round(p.X * 0.2)) for p in PEOPLE[:3]]
    still = [dataclasses.replace(p, X=np.zeros_like(p.X)) for p in PEOPLE[:3]]
    assert len(list(splits.by_person(people))) == len(list(splits.by_person(still))) == 3


def test_a_person_on_both_sides_is_refused() -> None:
    twin = dataclasses.replace(recording("A2"), person="A")
    with pytest.raises(BiotrainError, match="A: on both sides"):
        refuse_shared_people([recording("A")], [twin])


def test_order_is_kept() -> None:
    person = placed(20)
    with pytest.raises(BiotrainError, match="trial 4 came before the one it follows"):
        splits.by_trials(person.take(np.array([0, 1, 2, 5, 3, 6])), n_calibration=2)
    with pytest.raises(BiotrainError, match="came before"):
        next(splits.by_session(recording("A").take(np.arange(12)[::-1])))


@pytest.mark.parametrize("n", [0, 12])
def test_both_sides_have_trials(n: int) -> None:
    with pytest.raises(BiotrainError, match="wanted .* trials to learn from"):
        splits.by_trials(recording("A"), n_calibration=n)
    with pytest.raises(BiotrainError, match="wanted .* sessions to learn from"):
        next(splits.by_session(recording("A"), n_calibration=n // 4))


def test_different_recordings_are_not_mixed() -> None:
    odd = dataclasses.replace(recording("B", n_times=64), units="V")
    with pytest.raises(BiotrainError, match="B and A were recorded differently"):
        next(splits.by_person([PEOPLE[0], odd]))
    with pytest.raises(BiotrainError, match="2 to 6 folds, found 6 people and 7"):
        next(splits.by_person(PEOPLE, n_folds=7))


def test_the_real_sets_do_not_leak(shared_data: Path) -> None:
    """Beats just before and after the fifth minute overlap; records 201 and 202 are one person."""
    records = [r for r in sets.load("ecg_mitbih", shared_data) if r.subject < "R203"]
    dropped = 0
    for record in records:
        (split,) = splits.by_session(record)
        dropped += len(record.X) - len(split.calibration.X) - len(split.test.X)
    print(f"records={len(records)} dropped={dropped}")
    assert dropped > 0
    (fold,) = (f for f in splits.by_person(records) if f.test[0].subject == "R201")
    assert [r.subject for r in fold.test] == ["R201", "R202"]
