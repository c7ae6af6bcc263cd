# SPDX-License-Identifier: Apache-2.0
"""`eeg_mi_openbci`: rest against right-hand grasp imagery, 7 people, 15 electrodes, 125 Hz.

Peterson et al., Heliyon 6(3):e03425, 2020 (MIT licence). The stored trials run from 1 s before to
4 s after the cue and were band-passed 0.5-45 Hz with zero phase before they came here, which no
device can repeat exactly.
"""

from __future__ import annotations

from pathlib import Path

from biotrain_tf.data import location, npz_folder
from biotrain_tf.data.recording import Recording

NAME = "eeg_mi_openbci"


def data_folder(data_dir: Path | None = None) -> Path | None:
    """The folder of the set, looked for in `data_dir`, else $BIOTRAIN_DATA, else ../shared/data."""
    folder = location.root(data_dir) / NAME
    return folder if folder.is_dir() else None


def load(data_dir: Path | None = None) -> list[Recording]:
    """Every person of the set, in microvolts."""
    return npz_folder.load(location.find(NAME, data_dir))
