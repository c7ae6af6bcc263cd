# SPDX-License-Identifier: Apache-2.0
"""Nobody who is tested was seen before, and no trial is on both sides."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import scenarios
from biotrain_tf.experiment.folds import FEW, folds_of
from biotrain_tf.experiment.people import Scale, person_of, thinned
from biotrain_tf.experiment.plans import PLANS, plan_of
from biotrain_tf.experiment.runner import batches_of
from tests.biotrain_tf.experiment_people import person

PLAN = dataclasses.replace(plan_of("emg_myo_25subj"), points=(4,))


@pytest.mark.parametrize("count", [3, 4, 7, FEW, FEW + 1, 30])
def test_everybody_is_tested_once_by_who_never_saw_them(count: int) -> None:
    people = [person(f"P{i:02d}") for i in range(count)]
    folds = folds_of(people, PLAN)
    tested = [name for fold in folds for name in fold.tested]
    assert sorted(tested) == [p.subject for p in people]
    assert len(folds) == (count if count <= FEW else 5)
    for fold in folds:
        assert not set(fold.tested) & set(fold.others)
        assert fold.validation and set(fold.validation) <= set(fold.others)
        assert fold.inner and not set(fold.inner) & {*fold.tested, *fold.validation}


def test_two_recordings_of_one_person_stay_together() -> None:
    people = [person(f"P{i:02d}") for i in range(12)]
    people[1] = person("P01", group="P00")
    for fold in folds_of(people, PLAN):
        assert ("P00" in fold.tested) == ("P01" in fold.tested)


def test_two_people_are_too_few() -> None:
    with pytest.raises(BiotrainError, match="wanted at least 3 people; found 2"):
        folds_of([person("A"), person("B")], PLAN)


@pytest.mark.parametrize("within", [False, True])
def test_day1_tests_later_trials(within: bool) -> None:
    plan = dataclasses.replace(PLAN, within_session=within)
    pool, test = scenarios.split_day1(person("A"), plan)
    assert len(pool) > 0 and len(test) > 0
    assert pool.trial.max() < test.trial.min()
    if within:
        assert {*pool.session, *test.session} == {1}


def test_a_session_is_cut_by_trials_and_both_halves_have_all_classes() -> None:
    early, late = scenarios.split_session(person("A"), 2)
    assert not set(early.trial) & set(late.trial)
    assert len(early) == len(late) == 8
    assert set(early.y) == set(late.y) == {0, 1}


def test_a_trial_that_shares_time_with_calibration_does_not_test() -> None:
    """Heartbeats follow one another faster than their windows are long."""
    someone = person("A")
    count = len(someone.source.X)
    start = 32 * np.arange(count, dtype=np.int64)
    start[16] -= 1  # the first of session 3 begins before the last of session 2 has ended
    source = dataclasses.replace(someone.source, run=np.zeros(count, np.int32), start=start)
    close = dataclasses.replace(someone, source=source)
    _, test = scenarios.split_day1(close, PLAN)
    assert sorted(set(test.trial)) == list(range(17, 24))
    _, all_of_it = scenarios.split_day1(someone, PLAN)
    assert sorted(set(all_of_it.trial)) == list(range(16, 24))


def test_a_band_is_a_channel_and_a_window_has_its_own_scale() -> None:
    times = np.arange(512) / 128.0
    wave = np.sin(2 * np.pi * np.array([13.0, 21.0])[:, None] * times)
    source = dataclasses.replace(
        person("A").source,
        X=np.stack([wave * 3, wave[::-1] * 500]).astype(np.float32),
        y=np.array([0, 1], np.int32),
        session=np.array([1, 2], np.int32),
        ch_names=("a", "b"),
        sfreq=128.0,
    )
    plan = dataclasses.replace(
        PLAN,
        window_s=None,
        crop_s=(2.0, 4.0),
        bands_hz=((12.5, 13.5), (20.5, 21.5)),
        standardise=True,
    )
    found = person_of(source, plan)
    assert found.X.shape == (2, 4, 256)
    power = found.X.std(axis=2)
    # Channels of the first band come first: a at 13 Hz, b at 13 Hz, a at 21 Hz, b at 21 Hz.
    assert (power[0, [0, 3]] > 20 * power[0, [1, 2]]).all()
    assert (power[1, [1, 2]] > 20 * power[1, [0, 3]]).all()
    np.testing.assert_allclose(found.X.std(axis=(1, 2)), 1, rtol=1e-5)


def test_an_own_scale_is_of_the_first_session_alone() -> None:
    """Twice as loud electrodes are the same person; a louder second session stays louder."""
    source = person("A").source
    plan = dataclasses.replace(PLAN, window_s=None, own_scale=True)
    later = source.session > 1
    gains = np.array([2.0, 30.0, 0.1], np.float32)[:, None]
    plain = person_of(source, plan)
    louder = person_of(
        dataclasses.replace(source, X=source.X * gains * np.where(later, 5, 1)[:, None, None]), plan
    )
    assert len(plain) == 24 and 0 < later.sum() < 24
    first = plain.X[~later]
    np.testing.assert_allclose(np.median(first.std(axis=2), axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(louder.X[~later], first, rtol=1e-4)
    np.testing.assert_allclose(louder.X[later], 5 * plain.X[later], rtol=1e-4)


def test_first_trials_come_in_turn_or_as_they_come() -> None:
    asked = person("A").first_trials(2)
    assert sorted(asked.y[::2]) == [0, 1] and len(asked) == 4
    assert set(person("A").first_trials(2, in_turn=False).y) == {0}


def test_drift_sessions_are_spread_and_begin_after_the_own_ones() -> None:
    someone = person("A", sessions=9)
    assert scenarios.drift_sessions(someone, PLAN, None) == list(range(2, 10))
    assert scenarios.drift_sessions(someone, PLAN, 3) == [2, 6, 9]


def test_scale_is_of_the_others_alone() -> None:
    scale = Scale.of([person("A"), person("B")])
    assert scale.estimated_on == ("A", "B")
    X = scale(person("C").X * 100)
    assert X.shape == (48, 3, 16, 1) and X.std() > 50


def test_thinning_keeps_the_rarer_class_and_the_order() -> None:
    someone = person("A")
    rare = someone.where(np.flatnonzero((someone.y == 0) | (someone.trial < 6)))
    few = thinned(rare, 8, seed=0)
    assert np.bincount(few.y).tolist() == [4, 4]
    assert (np.diff(few.trial) >= 0).all()


def test_batches_go_through_everything_and_balance_if_asked() -> None:
    rows = np.concatenate(batches_of(10, 3, size=8, seed=0))
    assert len(rows) == 32 and np.bincount(rows[:30]).tolist() == [3] * 10
    labels = np.array([0] * 9 + [1], np.int32)
    drawn = np.concatenate(batches_of(10, 4, size=8, seed=0, labels=labels))
    assert len(drawn) == 40 and np.bincount(labels[drawn]).tolist() == [20, 20]


def test_every_plan_says_what_linear_models_reach() -> None:
    assert len(PLANS) == 7
    for plan in PLANS.values():
        assert set(plan.linear) <= set(plan.scenarios)
        assert plan.linear, plan.name
