# SPDX-License-Identifier: Apache-2.0
"""OnDeviceClassifier in scikit-learn's and MNE's hands."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import Tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from biotrain_tf.estimator import EXPECTED_FAILED_CHECKS, OnDeviceClassifier

CHANS, TIMES = 3, 16


def tiny(n_chans: int, n_outputs: int, n_times: int) -> Any:
    import keras

    inputs = keras.Input((n_chans, n_times, 1))
    x = keras.layers.Conv2D(4, (n_chans, 1), name="spatial", activation="relu")(inputs)
    x = keras.layers.Flatten()(x)
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


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        (np.zeros((4, 6)), [0, 1, 0, 1], r"wanted \(epochs, channels, times\)"),
        (np.full((4, CHANS, TIMES), np.nan), [0, 1, 0, 1], "NaN"),
        (np.zeros((4, CHANS, TIMES)), [1, 1, 1, 1], "only one class"),
        (np.zeros((4, CHANS, TIMES)), [0, 1, 0], "inconsistent"),
    ],
)
def test_bad_input_is_named(X: np.ndarray, y: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        OnDeviceClassifier(tiny).fit(X, y)


def test_other_epochs_are_refused(fitted: OnDeviceClassifier) -> None:
    with pytest.raises(ValueError, match="wanted epochs of shape"):
        fitted.predict(np.zeros((2, CHANS, TIMES + 1)))


class OneChannel(OnDeviceClassifier):
    """Takes scikit-learn's tables (samples, features) as epochs of one channel, so that all of its
    checks can be made; the subclass for them has to say what the class says of itself.
    """

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        if y is None:
            table = validate_data(self, X, dtype=np.float32, reset=reset)
            return table[:, np.newaxis], None
        table, labels = validate_data(self, X, y, dtype=np.float32, reset=reset)
        check_classification_targets(labels)
        return table[:, np.newaxis], labels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def name_of(check: Any) -> str:
    return str(getattr(check, "func", check).__name__)


def every_check(estimator: Any) -> Any:
    """scikit-learn's own marks have ids with an address, which are others in every process."""
    found = list(estimator_checks_generator(estimator))
    return pytest.mark.parametrize(
        ("estimator", "check"), found, ids=[name_of(check) for _, check in found]
    )


@every_check(OnDeviceClassifier(tiny))
def test_what_scikit_learn_asks_of_three_axes(estimator: OnDeviceClassifier, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@every_check(OneChannel(tiny, epochs=20, learning_rate=0.01))
def test_what_scikit_learn_asks(estimator: OneChannel, check: Any) -> None:
    if name_of(check) in EXPECTED_FAILED_CHECKS:
        pytest.xfail(EXPECTED_FAILED_CHECKS[name_of(check)])
    check(estimator)
