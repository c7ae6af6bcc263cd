# SPDX-License-Identifier: Apache-2.0
"""`eeg_mi_openbci`: rest against right-hand grasp imagery, 7 people, 15 electrodes, 125 Hz.

Peterson et al., Heliyon 6(3):e03425, 2020 (MIT licence). The stored trials run from 1 s before to
4 s after the cue and were band-passed 0.5-45 Hz with zero phase before they came here, which no
device can repeat exactly.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

NAME = "eeg_mi_openbci"
ENVIRONMENT = "BIOTRAIN_DATA"
_BESIDE_REPOSITORY = Path(__file__).resolve().parents[3] / "shared" / "data"


def data_folder(data_dir: Path | None = None) -> Path | None:
    """The folder of the set, looked for in `data_dir`, else $BIOTRAIN_DATA, else ../shared/data."""
    folder = _root(data_dir) / NAME
    return folder if folder.is_dir() else None


def load(data_dir: Path | None = None) -> list[Recording]:
    """Every person of the set, in microvolts."""
    folder = data_folder(data_dir)
    if folder is None:
        raise BiotrainError(
            f"{NAME} not found in {_root(data_dir)}; "
            f"give --data-dir or set {ENVIRONMENT} to the folder that holds it"
        )
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise BiotrainError(f"{folder} holds no .npz file")
    return [_read(path) for path in files]


def _root(data_dir: Path | None) -> Path:
    """One place only: whoever names a folder does not want another one silently."""
    if data_dir is not None:
        return data_dir
    from_environment = os.environ.get(ENVIRONMENT)
    return Path(from_environment) if from_environment else _BESIDE_REPOSITORY


def _read(path: Path) -> Recording:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Recording(
                subject=str(stored["subject"]),
                X=stored["X"].astype(np.float32) * np.float32(stored["scale"]),
                y=stored["y"].astype(np.int32),
                session=stored["session"].astype(np.int32),
                ch_names=tuple(str(name) for name in stored["ch_names"]),
                label_names=tuple(str(name) for name in stored["label_names"]),
                sfreq=float(stored["fs"]),
                units=str(stored["units"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise BiotrainError(f"{path} is not a recording of {NAME}: {error}") from error
