# SPDX-License-Identifier: Apache-2.0
"""Each data set by its name, with what is odd about it put right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.data import npz_folder, sets
from biotrain_tf.data.recipe import Recipe
from biotrain_tf.data.windows import Windowing, cut
from biotrain_tf.errors import BiotrainError

# People, channels, samples, Hz, classes, sessions of the first person, unit: of the set's README.
WANTED = {
    "eeg_mi_openbci": (7, 15, 625, 125.0, 2, 4, "uV"),
    "eeg_mi_days": (1, 11, 687, 125.0, 3, 2, "uV"),
    "eeg_ssvep_exo": (8, 8, 1280, 256.0, 4, 2, "a.u."),
    "emg_myo_30days": (3, 8, 300, 200.0, 8, 30, "normalised (raw/128)"),
    "emg_myo_25subj": (17, 8, 400, 200.0, 8, 5, "Myo ADC counts (int8)"),
    "eog_office": (5, 2, 3840, 128.0, 5, 2, "TMSi Mobi amplitude units, median-subtracted per run"),
    "ecg_mitbih": (30, 2, 117, 180.0, 5, 2, "mV"),
}


@pytest.mark.parametrize("name", WANTED)
def test_a_set(name: str, shared_data: Path) -> None:
    people, channels, samples, sfreq, classes, sessions, unit = WANTED[name]
    found = sets.load(name, shared_data)
    assert len(found) == len({r.subject for r in found}) == people
    for r in found:
        assert (r.n_chans, r.n_times, r.sfreq, r.units) == (channels, samples, sfreq, unit)
        assert r.label_names == found[0].label_names and len(r.label_names) == classes
        assert r.ch_names == found[0].ch_names
        assert (np.diff(r.session) >= 0).all()
    assert len(np.unique(found[0].session)) == sessions


def test_every_set_is_tested() -> None:
    assert set(sets.NAMES) == set(WANTED)


def test_what_is_odd(shared_data: Path) -> None:
    days = sets.load("emg_myo_30days", shared_data)[0]
    assert set(days.details["placement"].tolist()) == {"N", "I", "O"}
    imagery = sets.load("eeg_mi_days", shared_data)[0]
    assert len(np.unique(imagery.runs)) == 10
    flicker = {r.subject: r for r in sets.load("eeg_ssvep_exo", shared_data)}
    assert flicker["S08"].details["author_excluded"].sum() == 32
    office = sets.load("eog_office", shared_data)
    assert office[0].label_names == ("read", "browse", "write", "video", "copy")
    assert all(np.bincount(r.y, minlength=5).min() > 0 for r in office)


def test_leads_are_by_name(shared_data: Path) -> None:
    """Record 114 is stored with its leads the other way round."""
    record = next(r for r in sets.load("ecg_mitbih", shared_data) if r.subject == "R114")
    with np.load(shared_data / "ecg_mitbih" / "R114.npz") as stored:
        assert stored["ch_names"].tolist() == ["V5", "MLII"]
        limb = stored["X"][:, 1].astype(np.float32) * stored["scale"]
    np.testing.assert_array_equal(record.pick(("MLII",)).X[:, 0], limb)
    assert set(record.details["chest_lead"].tolist()) == {"V5"}
    with pytest.raises(BiotrainError, match="R114 has no channel V1; there are MLII, V"):
        record.pick(("V1",))


def test_classes_are_renumbered(shared_data: Path) -> None:
    record = next(r for r in sets.load("ecg_mitbih", shared_data) if r.subject == "R208")
    two = record.with_labels(("V", "N"))
    assert two.label_names == ("V", "N")
    assert np.bincount(two.y).tolist() == [(record.y == 2).sum(), (record.y == 0).sum()]
    np.testing.assert_array_equal(two.X[two.y == 0], record.X[record.y == 2])
    with pytest.raises(BiotrainError, match="has no label W; there are N, S, V, F, Q"):
        record.with_labels(("W",))


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BiotrainError, match="unknown data set 'eeg'; there are eeg_mi_openbci"):
        sets.load("eeg", tmp_path)
    with pytest.raises(BiotrainError, match="eog_office not found in"):
        sets.load("eog_office", tmp_path)


def test_windows_stay_in_one_label_and_run() -> None:
    signal = np.arange(40, dtype=np.float32).reshape(2, 20)
    labels = np.array([0] * 7 + [1] * 6 + [0] * 7, np.int32)
    run = np.array([1] * 10 + [2] * 10, np.int32)
    got = cut(signal, labels, run, length=3, step=2)
    # 0-6 of label 0; 7-9 of 1 in run 1; 10-12 of 1 in run 2; 13-19 of 0.
    assert got.y.tolist() == [0, 0, 0, 1, 1, 0, 0, 0]
    assert got.run.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert got.start.tolist() == [0, 2, 4, 7, 0, 3, 5, 7]
    np.testing.assert_array_equal(got.X[3], signal[:, 7:10])
    with pytest.raises(BiotrainError, match="no stretch of one label is 8 samples long"):
        cut(signal, labels, run, length=8, step=1)
    with pytest.raises(BiotrainError, match="labels must have one entry per sample"):
        cut(signal, labels[:-1], run, length=3, step=1)


def write(path: Path, **changes: object) -> None:
    arrays: dict[str, object] = {
        "X": np.arange(48, dtype=np.int8).reshape(2, 24),
        "y": np.repeat([0, 1], 12),
        "session": np.ones(24, int),
        "fs": 4.0,
        "ch_names": ["a", "b"],
        "label_names": ["x", "y"],
        "scale": 0.5,
        "units": "uV",
    }
    arrays |= changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]


def test_a_continuous_file_wants_windows(tmp_path: Path) -> None:
    write(tmp_path / "P1.npz")
    (got,) = npz_folder.load(tmp_path, windowing=Windowing(length_s=1.0))
    assert got.subject == "P1" and got.X.shape == (6, 2, 4)
    assert got.X[0].tolist() == [[0, 0.5, 1, 1.5], [12, 12.5, 13, 13.5]]
    with pytest.raises(BiotrainError, match="P1.npz is a continuous recording"):
        npz_folder.load(tmp_path)
    with pytest.raises(BiotrainError, match="shorter than one sample at 4 Hz"):
        npz_folder.load(tmp_path, windowing=Windowing(length_s=0.01))


def test_a_recipe_filters_each_run_from_rest(tmp_path: Path) -> None:
    signal = np.array([[40, 40, 40, 44] + [9, 9, 9, 10]], np.int8)
    write(
        tmp_path / "P1.npz",
        X=signal,
        y=np.zeros(8, int),
        session=np.repeat([1, 2], 4),
        ch_names=["a"],
    )
    recipe = Recipe(moving_average=2)
    (got,) = npz_folder.load(tmp_path, windowing=Windowing(length_s=1.0), recipe=recipe)
    assert got.X.tolist() == [[[0, 0, 0, 1.0]], [[0, 0, 0, 0.25]]]


def test_a_recipe_for_trials_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "P1.npz", X=np.zeros((24, 2, 3)))
    with pytest.raises(BiotrainError, match="P1.npz holds trials: a recipe filters continuous"):
        npz_folder.load(tmp_path, recipe=Recipe())


def test_two_files_of_one_person_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.npz", subject="P1")
    with pytest.raises(BiotrainError, match="more than one file is of P1"):
        npz_folder.load(tmp_path, windowing=Windowing(length_s=1.0))


@pytest.mark.parametrize("key", ["X", "y", "session", "fs", "ch_names", "label_names", "units"])
def test_what_is_missing_is_named(tmp_path: Path, key: str) -> None:
    write(tmp_path / "P1.npz", **{key: None})
    with pytest.raises(BiotrainError, match=f"P1.npz is not a recording of .*: it has no {key}"):
        npz_folder.load(tmp_path, windowing=Windowing(length_s=1.0))
