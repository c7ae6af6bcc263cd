# SPDX-License-Identifier: Apache-2.0
"""Files as they were recorded: EDF, GDF, FIF and WFDB, beside what the npz folders made of them."""

from __future__ import annotations

from pathlib import Path

import mne
import numpy as np
import pytest

from biotrain_tf.data import sets, wfdb_in
from biotrain_tf.data.mne_in import from_raw
from biotrain_tf.data.recipe import Recipe
from biotrain_tf.errors import BiotrainError

CUES = {"OVTK_GDF_Tongue": "rest", "OVTK_GDF_Right": "right_hand_grasp_MI"}
FLICKER = {33024: "rest", 33025: "13Hz", 33026: "21Hz", 33027: "17Hz"}
FLICKER_EVENTS = {1: "rest", 2: "13Hz", 3: "21Hz", 4: "17Hz"}
SSVEP = "S04_2012.07.18-17.52.30"


def folder(shared_data: Path, name: str) -> Path:
    found = shared_data / name
    if not found.is_dir():
        pytest.skip(f"needs the native files, and there is no {found}")
    return found


def similar(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of two signals of any scale; NaN if one is flat."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.fixture(scope="module")
def edf(shared_data: Path) -> Path:
    return folder(shared_data, "eeg_mi_openbci/native_edf") / "S01_run002.edf"


def test_edf_without_a_unit_is_refused(edf: Path) -> None:
    raw = mne.io.read_raw_edf(edf, verbose="error")
    with pytest.raises(BiotrainError, match=r"no unit of voltage for Pz.*units='uV'"):
        from_raw(raw, subject="S01", labels=CUES, window_s=(-1, 4))


def test_edf_in_microvolts(edf: Path, shared_data: Path) -> None:
    """Both ways of saying so give the same, and the trials of the npz folder."""
    window = (-1.0, 4.0)
    by_mne = from_raw(mne.io.read_raw_edf(edf, units="uV", verbose="error"),
                      subject="S01", labels=CUES, window_s=window)  # fmt: skip
    raw = mne.io.read_raw_edf(edf, verbose="error")
    ours = from_raw(raw, subject="S01", labels=CUES, window_s=window, units="uV")
    assert (ours.units, by_mne.units) == ("uV", "uV")
    np.testing.assert_allclose(ours.X, by_mne.X, rtol=1e-6)
    stored = sets.load("eeg_mi_openbci", shared_data)[0]
    run = stored.take(stored.session == 1)
    assert (ours.label_names, ours.ch_names, ours.sfreq) == (
        run.label_names, run.ch_names, run.sfreq)  # fmt: skip
    np.testing.assert_array_equal(ours.y, run.y)
    assert run.start is not None and ours.start is not None
    assert np.abs(ours.start - run.start).max() <= 1
    assert ours.X.shape == run.X.shape == (40, 15, 625)
    # Filtered otherwise than the npz, but microvolts both.
    ratio = ours.X.std() / run.X.std()
    assert 0.5 < ratio < 2, ratio


def test_edf_filtered_as_it_streams(edf: Path) -> None:
    """The filter has seen the whole run: a trial is not filtered from rest."""
    recipe = Recipe(notch_hz=50.0, band_hz=(0.5, 45.0))
    raw = mne.io.read_raw_edf(edf, units="uV", verbose="error")
    got = from_raw(raw, subject="S01", labels=CUES, window_s=(-1, 4), recipe=recipe)
    plain = from_raw(raw, subject="S01", labels=CUES, window_s=(-1, 4))
    alone = recipe.stream(sfreq=125.0, n_chans=15).process(plain.X[3])
    assert similar(got.X[3], plain.X[3]) > 0.5
    assert np.abs(alone - got.X[3])[:, :100].max() > 1.0
    mains = np.abs(np.fft.rfft(np.stack([plain.X, got.X])))[..., 50 * 5].mean((1, 2))
    assert mains[1] < 0.2 * mains[0]


def test_gdf_with_numbers_for_annotations(shared_data: Path) -> None:
    path = folder(shared_data, "eeg_ssvep_exo/native_gdf_fif") / f"{SSVEP}.gdf"
    raw = mne.io.read_raw_gdf(path, verbose="error")
    with pytest.raises(BiotrainError, match="not what electrodes pick up"):
        from_raw(raw, subject="S04", labels=FLICKER, window_s=(0, 5))
    got = from_raw(raw, subject="S04", labels=FLICKER, window_s=(0, 5), units="a.u.")
    run = sets.load("eeg_ssvep_exo", shared_data)[2]
    assert run.subject == "S04"
    first = run.take(run.session == 1)
    assert got.units == "a.u." and got.X.shape == first.X.shape == (32, 8, 1280)
    np.testing.assert_array_equal(got.y, first.y)
    assert got.label_names == first.label_names


def test_fif_with_its_events(shared_data: Path) -> None:
    files = folder(shared_data, "eeg_ssvep_exo/native_gdf_fif")
    raw = mne.io.read_raw_fif(files / f"{SSVEP}_raw.fif", verbose="error")
    events = mne.read_events(files / f"{SSVEP}-eve.fif", verbose="error")
    with pytest.raises(BiotrainError, match="units="):
        from_raw(raw, subject="S04", labels=FLICKER_EVENTS, window_s=(0, 5), events=events)
    # As the npz was filtered, which no device can.
    raw.load_data().filter(1.0, 48.0, method="iir", phase="zero", verbose="error")
    got = from_raw(raw, subject="S04", labels=FLICKER_EVENTS, window_s=(0, 5), events=events,
                   units="a.u.")  # fmt: skip
    run = sets.load("eeg_ssvep_exo", shared_data)[2]
    first = run.take(run.session == 1)
    np.testing.assert_array_equal(got.y, first.y)
    assert got.X.shape == first.X.shape
    late = got.X[..., 1:], first.X[..., :-1]
    early = got.X[..., :-1], first.X[..., 1:]
    likeness = similar(got.X, first.X)
    print(f"likeness={likeness:.4f}")
    assert likeness > 0.8
    assert likeness > max(similar(*late), similar(*early)) + 0.02, "not a sample off"
    assert 0.5 < got.X.std() / first.X.std() < 2
    with pytest.raises(BiotrainError, match="events have no 9; there are 1, 2, 3, 4"):
        from_raw(raw, subject="S04", labels={9: "x"}, window_s=(0, 5), events=events, units="a.u.")


@pytest.mark.parametrize("record", ["100", "208"])
def test_wfdb_beats(shared_data: Path, record: str) -> None:
    pytest.importorskip("wfdb", reason="needs wfdb: pip install -r requirements-test.txt")
    path = folder(shared_data, "ecg_mitbih/native_wfdb") / record
    got = wfdb_in.from_record(path)
    assert (got.units, got.sfreq, got.ch_names[0]) == ("mV", 360.0, "MLII")
    stored = next(r for r in sets.load("ecg_mitbih", shared_data) if r.subject == f"R{record}")
    early, wanted = got.take(got.session == 1), stored.take(stored.session == 1)
    np.testing.assert_array_equal(early.y, wanted.y)
    assert got.label_names == stored.label_names
    assert early.start is not None and wanted.start is not None
    assert np.abs(early.start / 360 - wanted.start / 180).max() < 0.01
    likeness = [
        similar(a[0, ::2], b[0]) for a, b in zip(early.X[::50], wanted.X[::50], strict=True)
    ]
    assert len(likeness) > 5 and min(likeness) > 0.9, likeness


def test_wfdb_record_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("wfdb", reason="needs wfdb: pip install -r requirements-test.txt")
    with pytest.raises(BiotrainError, match="is not a WFDB record"):
        wfdb_in.from_record(tmp_path / "none")
