# SPDX-License-Identifier: Apache-2.0
"""OnDeviceClassifier in scikit-learn's and MNE's hands."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from biotrain_tf.errors import BiotrainError
from biotrain_tf.estimator import EXPECTED_FAILED_CHECKS, OnDeviceClassifier

CHANS, TIMES = 3, 16
CLASSIFIER_PAGE = Path(__file__).parents[2] / "docs" / "classifier.md"
OF_THE_MACHINE = {"check_array_api_input"}
"""Skipped unless SCIPY_ARRAY_API=1 is set."""


def tiny(n_chans: int, n_outputs: int, n_times: int) -> Any:
    import keras

    inputs = keras.Input((n_chans, n_times, 1))
    x = keras.layers.Conv2D(4, (n_chans, 1), name="spatial", activation="relu")(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(n_outputs, activation="softmax", name="out")(x))


def loudness(n_chans: int, n_outputs: int, n_times: int) -> Any:
    """Classes by how loud mixtures of channels are, whenever they are."""
    import keras

    inputs = keras.Input((n_chans, n_times, 1))
    x = keras.layers.Conv2D(16, (n_chans, 1), name="spatial", activation="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(n_outputs, activation="softmax", name="out")(x))


def epochs(n: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Classes differ in which channel is loud."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = rng.standard_normal((n, CHANS, TIMES))
    X[np.arange(n), y] += 1.5
    return X, np.array(["left", "right"])[y]


@pytest.fixture(scope="module")
def fitted() -> OnDeviceClassifier:
    X, y = epochs()
    return OnDeviceClassifier(tiny, learning_rate=0.02, epochs=5).fit(X, y)


def test_it_learns_and_names_its_classes(fitted: OnDeviceClassifier) -> None:
    X, y = epochs()
    assert fitted.score(X, y) > 0.9
    assert set(fitted.predict(X)) == {"left", "right"}
    assert len(fitted.losses_) == 5 * len(X) // 8
    assert np.mean(fitted.losses_[-6:]) < np.mean(fitted.losses_[:6])


def test_probabilities_are_of_the_classes(fitted: OnDeviceClassifier) -> None:
    X, _ = epochs()
    found = fitted.predict_proba(X)
    assert found.shape == (len(X), 2)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)


def test_partial_fit_goes_on(fitted: OnDeviceClassifier) -> None:
    X, y = epochs()
    more = pickle.loads(pickle.dumps(fitted))
    more.partial_fit(X[:16], y[:16])
    assert more.steps_ == fitted.steps_ + 2
    assert more.state_ != fitted.state_
    with pytest.raises(ValueError, match="wanted labels among"):
        more.partial_fit(X[:1], ["up"])


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_momentum_is_of_the_optimizer_of_that_name(optimizer: str) -> None:
    X, y = epochs(8)
    fitted = OnDeviceClassifier(tiny, optimizer=optimizer, epochs=1).fit(X, y)
    assert fitted.report_["flags"]["optimizer"] == optimizer


def test_fit_again_gives_the_same(fitted: OnDeviceClassifier) -> None:
    X, y = epochs()
    assert clone(fitted).fit(X, y).state_ == fitted.state_


def test_in_a_pipeline_with_mne() -> None:
    from mne.decoding import Scaler

    X, y = epochs()
    pipeline = make_pipeline(
        Scaler(scalings="mean"), OnDeviceClassifier(tiny, learning_rate=0.02, epochs=5)
    )
    assert pipeline.fit(X, y).score(X, y) > 0.9


def test_cross_validated_behind_mne_on_recorded_epochs() -> None:
    """Two days of one person's arm: 8 motions, of which half of the trials tests in turn."""
    import mne
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    from biotrain_tf.data import sets

    try:
        someone = sets.load("emg_myo_30days", None)[0]
    except BiotrainError as missing:
        pytest.skip(str(missing))
    days = someone.take(np.flatnonzero(someone.session <= 2))
    info = mne.create_info(list(days.ch_names), days.sfreq, "emg")
    recorded = mne.EpochsArray(days.X, info, verbose="error")
    pipeline = make_pipeline(
        mne.decoding.Scaler(scalings="mean"),
        OnDeviceClassifier(loudness, learning_rate=0.05, epochs=40),
    )
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    scores = cross_val_score(pipeline, recorded.get_data(copy=False), days.y, cv=folds)
    assert len(scores) == 2 and scores.min() > 0.6, scores


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        (np.zeros((4, 6)), [0, 1, 0, 1], r"wanted \(epochs, channels, times\)"),
        (np.full((4, CHANS, TIMES), np.nan), [0, 1, 0, 1], "NaN"),
        (np.zeros((4, CHANS, TIMES)), [1, 1, 1, 1], "only one class"),
        (np.zeros((4, CHANS, TIMES)), [0, 1, 0], "inconsistent"),
        (np.zeros((4, CHANS, TIMES)), None, "requires y to be passed"),
    ],
)
def test_bad_input_is_named(X: np.ndarray, y: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OnDeviceClassifier(tiny).fit(X, y)


def test_a_classifier_that_is_not_fitted_says_so() -> None:
    with pytest.raises(NotFittedError):
        OnDeviceClassifier(tiny).predict(np.zeros((2, CHANS, TIMES)))


def test_other_epochs_are_refused(fitted: OnDeviceClassifier) -> None:
    with pytest.raises(ValueError, match="wanted epochs of shape"):
        fitted.predict(np.zeros((2, CHANS, TIMES + 1)))


class OneChannel(OnDeviceClassifier):
    """Takes scikit-learn's tables (samples, features) as epochs of one channel, so that all of its
    checks can be made; the subclass for them has to say what the class says of itself.
    """

    def _checked(self, X: Any, y: Any = "no_validation", *, reset: bool) -> tuple[Any, Any]:
        found = validate_data(self, X, y, dtype=np.float32, reset=reset)
        table, labels = found if isinstance(found, tuple) else (found, None)
        if labels is not None:
            check_classification_targets(labels)
        return table[:, np.newaxis], labels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class Table(OnDeviceClassifier):
    """Says that it takes tables, and does not: the checks that scikit-learn leaves out are made."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def verdicts(estimator: OnDeviceClassifier) -> dict[str, set[str]]:
    """Names of scikit-learn's checks by how they ended; a check may be made more than once."""
    found: dict[str, set[str]] = {}
    for result in check_estimator(estimator, on_skip=None, on_fail=None):
        found.setdefault(result["status"], set()).add(result["check_name"])
    return found


def test_the_checks_that_cannot_be_met_are_the_listed_ones() -> None:
    """One that is listed and met fails here, too."""
    found = verdicts(Table(tiny))
    assert len(found["passed"]) > 15 and found.get("skipped", set()) <= OF_THE_MACHINE
    assert found["failed"] == set(EXPECTED_FAILED_CHECKS)
    assert not found["failed"] & found["passed"]
    assert all(EXPECTED_FAILED_CHECKS.values())
    listed = set(re.findall(r"^- `(check_\w+)`", CLASSIFIER_PAGE.read_text(), re.MULTILINE))
    assert listed == set(EXPECTED_FAILED_CHECKS)


def test_what_scikit_learn_asks_of_three_axes() -> None:
    found = verdicts(OnDeviceClassifier(tiny))
    assert set(found) == {"passed"}, found


@pytest.mark.slow
def test_a_table_of_one_channel_meets_every_check() -> None:
    found = verdicts(OneChannel(tiny, epochs=20, learning_rate=0.01))
    assert not found.get("failed"), found["failed"]
    assert set(EXPECTED_FAILED_CHECKS) <= found["passed"]
    assert found.get("skipped", set()) <= OF_THE_MACHINE
