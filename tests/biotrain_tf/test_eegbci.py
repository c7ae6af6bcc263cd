# SPDX-License-Identifier: Apache-2.0
"""EEGBCI's road from files to trials, on fabricated files: PhysioNet is not asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mne
import numpy as np
import pytest

from biotrain_tf.data import eegbci
from biotrain_tf.errors import BiotrainError

SFREQ = 160.0
# As PhysioNet spells them; MNE's `standardize` gives them their 10-05 names.
SPELLED = [f"{name.capitalize().ljust(4, '.')}" for name in (*eegbci.CHANNELS, "Fp1", "Oz")]


def fabricate(
    *,
    onsets: Sequence[float] = (2.0, 8.0, 14.0),
    labels: Sequence[str] = ("T2", "T1", "T2"),
    names: Sequence[str] = SPELLED,
    signal: np.ndarray | None = None,
) -> mne.io.RawArray:
    n_times = int(20 * SFREQ)
    if signal is None:
        rng = np.random.default_rng(0)
        signal = 1e-5 * rng.standard_normal((len(names), n_times))
    raw = mne.io.RawArray(signal, mne.create_info(list(names), SFREQ, "eeg"), verbose="error")
    rests = [onset + 4.1 for onset in onsets]
    raw.set_annotations(
        mne.Annotations([*onsets, *rests], 4.1, [*labels, *["T0"] * len(rests)]), verbose="error"
    )
    return raw


def test_files_to_recording(tmp_path: Path) -> None:
    paths = []
    for run in eegbci.RUNS:
        path = tmp_path / f"S001R{run:02d}_raw.fif"
        fabricate().save(path, verbose="error")
        paths.append(path)
    asked: list[int] = []

    def fetch(person: int) -> list[Path]:
        asked.append(person)
        return paths

    people = eegbci.load(people=(1, 2), fetch=fetch)
    assert asked == [1, 2]
    assert [r.subject for r in people] == ["S001", "S002"]
    person = people[0]
    assert person.X.shape == (9, 21, 800)
    assert person.y.tolist() == [1, 0, 1] * 3
    assert person.session.tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert person.ch_names == eegbci.CHANNELS
    assert 1.0 < person.X.std() < 20.0  # microvolts


def test_filter_is_causal() -> None:
    """An impulse after a trial's end must not be seen in the trial."""
    signal = np.zeros((len(SPELLED), int(20 * SFREQ)))
    signal[:, int(6.5 * SFREQ)] = 1e-3
    person = eegbci.recording_from_raws("S001", [fabricate(signal=signal)])
    assert np.abs(person.X[0]).max() == 0.0  # 1 s to 6 s
    assert np.abs(person.X[1]).max() > 0.0  # 7 s to 12 s: the filter still rings


def test_window_begins_before_the_cue() -> None:
    signal = np.zeros((len(SPELLED), int(20 * SFREQ)))
    signal[:, int(8.0 * SFREQ)] = 1e-3
    person = eegbci.recording_from_raws("S001", [fabricate(signal=signal)])
    first = int(np.flatnonzero(np.abs(person.X[1, 0]) > 0)[0])
    assert first == int(1.0 * SFREQ)


def test_missing_channel_is_named() -> None:
    with pytest.raises(BiotrainError, match="S009: channels C3 are missing"):
        eegbci.recording_from_raws("S009", [fabricate(names=[n for n in SPELLED if n != "C3.."])])


def test_run_without_trials_is_refused() -> None:
    with pytest.raises(BiotrainError, match="no T1 or T2 annotations"):
        eegbci.recording_from_raws("S001", [fabricate(labels=("T0", "T0", "T0"))])


def test_no_network_is_one_line() -> None:
    def fetch(person: int) -> list[Path]:
        raise ConnectionError("Max retries exceeded\nwith url: ...")

    with pytest.raises(BiotrainError, match="--data synthetic") as caught:
        eegbci.load(fetch=fetch)
    assert "\n" not in str(caught.value)


def test_mne_is_never_allowed_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[dict[str, object]] = []

    def load_data(subjects: int, runs: list[int], **options: object) -> list[str]:
        calls.append({"subjects": subjects, "runs": runs, **options})
        raise OSError("no network")

    monkeypatch.setattr(mne.datasets.eegbci, "load_data", load_data)
    with pytest.raises(BiotrainError, match="could not get person 3"):
        eegbci.load(tmp_path, people=(3,))
    assert calls[0]["update_path"] is True
    assert calls[0]["runs"] == [4, 8, 12]
    assert calls[0]["path"] == str(tmp_path)
