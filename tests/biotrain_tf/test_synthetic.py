# SPDX-License-Identifier: Apache-2.0
"""The stand-in signals are 1/f with a mu rhythm that weakens opposite to the imagined hand."""

from __future__ import annotations

import numpy as np
import pytest

from biotrain_tf.data import synthetic
from biotrain_tf.data.recording import Recording


@pytest.fixture(scope="module")
def people() -> list[Recording]:
    return synthetic.generate(n_people=2)


def power(person: Recording, electrode: str, low: float, high: float) -> np.ndarray:
    """Mean power of every trial after the cue, in a band."""
    signal = person.X[:, person.ch_names.index(electrode), round(2 * person.sfreq) :]
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(signal.shape[-1]))) ** 2
    frequency = np.fft.rfftfreq(signal.shape[-1], 1 / person.sfreq)
    band = (frequency >= low) & (frequency < high)
    mean: np.ndarray = spectrum[:, band].mean(axis=-1)
    return mean


def least_ratio(person: Recording, electrodes: tuple[str, ...], label: int) -> float:
    """Mu power under `label` over that under the other label, at the electrode with the least."""
    powers = [power(person, electrode, 8.0, 13.0) for electrode in electrodes]
    return min(float(p[person.y == label].mean() / p[person.y != label].mean()) for p in powers)


def test_mu_weakens_on_the_other_side(people: list[Recording]) -> None:
    """Caps sit turned, so the electrode next to the source is not always C3 or C4."""
    left_side, right_side = ("F3", "C3", "P3"), ("F4", "C4", "P4")
    for person in people:
        opposite = least_ratio(person, left_side, 1), least_ratio(person, right_side, 0)
        same = least_ratio(person, left_side, 0), least_ratio(person, right_side, 1)
        assert max(opposite) < 0.75
        assert min(same) > 0.75


def test_spectrum_falls(people: list[Recording]) -> None:
    for person in people:
        bands = [power(person, "Fz", low, 2 * low).mean() for low in (2.0, 16.0, 28.0)]
        assert bands[0] > 2 * bands[1] > 2 * bands[2]


def test_the_same_again_and_people_differ(people: list[Recording]) -> None:
    again = synthetic.generate(n_people=2)
    for one, other in zip(people, again, strict=True):
        np.testing.assert_array_equal(one.X, other.X)
    assert not np.array_equal(people[0].X, people[1].X)
    different = synthetic.generate(n_people=1, seed=1)
    assert not np.array_equal(people[0].X, different[0].X)


def test_shape_and_sessions(people: list[Recording]) -> None:
    assert people[0].X.shape == (160, 15, 625)
    assert np.bincount(people[0].y).tolist() == [80, 80]
    assert np.bincount(people[0].session)[1:].tolist() == [40, 40, 40, 40]


def test_notice_is_in_large_letters() -> None:
    assert synthetic.NOTICE.upper() == synthetic.NOTICE
    assert "SYNTHETIC" in synthetic.NOTICE
