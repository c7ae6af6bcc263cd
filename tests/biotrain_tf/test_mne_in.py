# SPDX-License-Identifier: Apache-2.0
"""MNE's objects as they are made in memory: units, order, and which sample a trial begins at."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from biotrain_tf.data import units
from biotrain_tf.data.mne_in import from_epochs, from_raw
from biotrain_tf.errors import BiotrainError

SFREQ = 100.0


def raw(*, scale: float = 20e-6, kind: str = "eeg") -> mne.io.RawArray:
    """10 s, two channels, volts; cues at 2, 4, 6 and (too late for a whole trial) 9.8 s."""
    data = scale * np.random.default_rng(2).standard_normal((2, 1000))
    made = mne.io.RawArray(data, mne.create_info(["C3", "C4"], SFREQ, kind), verbose="error")
    made.set_annotations(mne.Annotations([2, 4, 6, 9.8], 0, ["left", "right", "left", "right"]))
    return made


def recorded(made: mne.io.BaseRaw, **changes: object) -> object:
    arguments = {"subject": "A", "labels": {"left": "L", "right": "R"}, "window_s": (-0.5, 1.0)}
    return from_raw(made, **{**arguments, **changes})  # type: ignore[arg-type]


def test_volts_become_microvolts() -> None:
    made = raw()
    got = from_raw(made, subject="A", labels={"left": "L", "right": "R"}, window_s=(-0.5, 1.0))
    assert got.units == "uV" and got.X.shape == (3, 2, 150)
    assert got.y.tolist() == [0, 1, 0] and got.label_names == ("L", "R")
    assert got.start is not None and got.start.tolist() == [150, 350, 550]
    assert got.t0_s == -0.5
    np.testing.assert_allclose(got.X[1], made.get_data()[:, 350:500] * 1e6, rtol=1e-6)


def test_a_cropped_raw_keeps_its_cues() -> None:
    got = from_raw(
        raw().crop(3.0), subject="A", labels={"left": "L", "right": "R"}, window_s=(-0.5, 1.0)
    )
    assert got.start is not None and got.start.tolist() == [50, 250]
    assert got.y.tolist() == [1, 0]
    np.testing.assert_allclose(got.X[0], raw().get_data()[:, 350:500] * 1e6, rtol=1e-6)


def test_what_the_caller_says_is_taken() -> None:
    made = raw(scale=20.0)
    got = from_raw(made, subject="A", labels={"left": "L"}, window_s=(0, 1), units="µV")
    assert got.units == "uV"
    assert 10 < got.X.std() < 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 20.0}, "are not what electrodes pick up .* units="),
        ({"scale": 0.0}, "are not what electrodes pick up"),
        ({"kind": "misc"}, "no unit of voltage for C3, C4; say .* units="),
    ],
)
def test_units_are_not_guessed(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BiotrainError, match=message):
        recorded(raw(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": {"up": "U"}}, "annotations have no up; there are left, right"),
        ({"window_s": (0.0, 30.0)}, "no trial lies in the recording"),
        ({"window_s": (1.0, 1.0)}, "is empty"),
    ],
)
def test_what_cannot_be_cut(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BiotrainError, match=message):
        recorded(raw(), **changes)


def test_epochs() -> None:
    made = raw()
    events, event_id = mne.events_from_annotations(made, verbose="error")
    epochs = mne.Epochs(made, events, event_id, tmin=-0.5, tmax=0.99, baseline=None, preload=True,
                        verbose="error")  # fmt: skip
    got = from_epochs(epochs, subject="A", session=2)
    whole = from_raw(made, subject="A", labels={"left": "left", "right": "right"},
                     window_s=(-0.5, 1.0))  # fmt: skip
    np.testing.assert_array_equal(got.X, whole.X)
    np.testing.assert_array_equal(got.y, whole.y)
    assert got.start is not None and whole.start is not None
    np.testing.assert_array_equal(got.start, whole.start)
    assert set(got.session.tolist()) == {2}
    with pytest.raises(BiotrainError, match="not in the order"):
        from_epochs(epochs[[1, 0, 2]], subject="A")


def test_units_by_name() -> None:
    assert units.factor("V", "uV") == 1e6
    assert units.factor("µV", "mV") == 1e-3
    assert units.factor("a.u.", "a.u.") == 1.0
    with pytest.raises(BiotrainError, match="'a.u.' is none of V, mV"):
        units.factor("a.u.", "uV")
