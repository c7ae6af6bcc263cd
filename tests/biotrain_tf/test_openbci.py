# SPDX-License-Identifier: Apache-2.0
"""The OpenBCI set is found where the user says, and read as it is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.data import location, openbci
from biotrain_tf.errors import BiotrainError


def write(folder: Path, subject: str, **changes: object) -> None:
    arrays: dict[str, object] = {
        "X": np.arange(24, dtype=np.int16).reshape(4, 2, 3),
        "scale": np.float32(0.5),
        "y": np.array([0, 1, 1, 0], np.int16),
        "session": np.array([1, 1, 2, 2], np.int16),
        "ch_names": np.array(["C3", "C4"]),
        "label_names": np.array(["rest", "grasp"]),
        "fs": 125.0,
        "subject": subject,
        "units": "uV",
    }
    arrays |= changes
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in arrays.items() if value is not None}
    np.savez(folder / f"{subject}.npz", **kept)  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for subject in ("S02", "S01"):
        write(tmp_path / "sets" / openbci.NAME, subject)
    return tmp_path / "sets"


def test_reads_microvolts(root: Path) -> None:
    people = openbci.load(root)
    assert [r.subject for r in people] == ["S01", "S02"]
    first = people[0]
    np.testing.assert_array_equal(first.X, np.arange(24, dtype=np.float32).reshape(4, 2, 3) / 2)
    dtypes = [array.dtype.name for array in (first.X, first.y, first.session)]
    assert dtypes == ["float32", "int32", "int32"]
    assert (first.sfreq, first.units, first.ch_names) == (125.0, "uV", ("C3", "C4"))


def test_argument_wins_over_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(location.ENVIRONMENT, str(root))
    assert openbci.data_folder() == root / openbci.NAME
    assert openbci.data_folder(root / "elsewhere") is None


def test_missing_set_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BiotrainError, match=f"not found in {tmp_path}.*--data-dir"):
        openbci.load(tmp_path)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / openbci.NAME).mkdir()
    with pytest.raises(BiotrainError, match="holds no .npz"):
        openbci.load(tmp_path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / openbci.NAME
    write(folder, "S01", scale=None)
    with pytest.raises(BiotrainError, match="S01.npz is not a recording"):
        openbci.load(tmp_path)
    (folder / "S01.npz").write_bytes(b"not a zip file")
    with pytest.raises(BiotrainError, match="S01.npz is not a recording"):
        openbci.load(tmp_path)


def test_the_real_set(shared_data: Path) -> None:
    people = openbci.load(shared_data)
    assert [r.subject for r in people] == [f"S0{i}" for i in range(1, 8)]
    for person in people:
        assert (person.n_chans, person.n_times, person.sfreq) == (15, 625, 125.0)
        assert person.X.std() < 100.0  # microvolts, not volts or counts
        assert set(person.session.tolist()) == {1, 2, 3, 4}
