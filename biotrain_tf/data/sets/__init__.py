# SPDX-License-Identifier: Apache-2.0
"""The data sets of `../shared/data` by name: what is odd about each, one file each.

Reading is `npz_folder`'s; nothing here knows models, experiments or devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from biotrain_tf.data import location, npz_folder
from biotrain_tf.data.recording import Recording
from biotrain_tf.data.sets import ecg_mitbih, eeg_mi_days, eog_office
from biotrain_tf.errors import BiotrainError

_LOADERS: Mapping[str, Callable[[Path], list[Recording]]] = MappingProxyType(
    {
        "eeg_mi_openbci": npz_folder.load,
        "eeg_mi_days": eeg_mi_days.load,
        "eeg_ssvep_exo": npz_folder.load,
        "emg_myo_30days": npz_folder.load,
        "emg_myo_25subj": npz_folder.load,
        "eog_office": eog_office.load,
        "ecg_mitbih": ecg_mitbih.load,
    }
)
NAMES = tuple(_LOADERS)


def load(name: str, data_dir: Path | None = None) -> list[Recording]:
    """Every person of the set `name`, from `data_dir`, $BIOTRAIN_DATA or ../shared/data."""
    if name not in _LOADERS:
        raise BiotrainError(f"unknown data set {name!r}; there are {', '.join(NAMES)}")
    return _LOADERS[name](location.find(name, data_dir))
