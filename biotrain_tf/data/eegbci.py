# SPDX-License-Identifier: Apache-2.0
"""PhysioNet EEG Motor Movement/Imagery (EEGBCI) by way of MNE: imagery of left against right fist.

Schalk et al., IEEE Trans. Biomed. Eng. 51(6), 2004; Goldberger et al., Circulation 101(23), 2000.
MNE downloads the files once (about 8 MB a person) and asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import mne
import numpy as np

from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

NAME = "EEGBCI (PhysioNet)"
RUNS = (4, 8, 12)
"""The three runs of left/right fist imagery; they become sessions 1, 2 and 3."""
PEOPLE = tuple(range(1, 9))
"""Enough for a demonstration. People 88, 92, 100 and 104 were recorded differently."""
CHANNELS = tuple(
    f"{row}{column}" for row in ("FC", "C", "CP") for column in ("5", "3", "1", "z", "2", "4", "6")
)
BAND_HZ = (0.5, 45.0)
WINDOW_S = (-1.0, 4.0)
_EVENTS = {"T1": 0, "T2": 1}
_LABELS = ("left_fist_MI", "right_fist_MI")

Fetch = Callable[[int], Sequence[Path]]


def load(
    data_dir: Path | None = None, *, people: Sequence[int] = PEOPLE, fetch: Fetch | None = None
) -> list[Recording]:
    """Load `people`, in microvolts; `fetch` gives the files of one person's runs (default: MNE)."""
    fetch = fetch or _fetch_with_mne(data_dir)
    recordings = []
    for person in people:
        try:
            raws = [mne.io.read_raw(path, preload=True, verbose="error") for path in fetch(person)]
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BiotrainError(
                f"{NAME}: could not get person {person}: {reason}; "
                "check the network, or use --data openbci or --data synthetic"
            ) from error
        recordings.append(recording_from_raws(f"S{person:03d}", raws))
    return recordings


def recording_from_raws(subject: str, raws: Sequence[mne.io.BaseRaw]) -> Recording:
    """Band-pass, cut and label the runs of one person; run i becomes session i + 1."""
    epochs = [_epochs(subject, raw) for raw in raws]
    if not epochs:
        raise BiotrainError(f"{subject}: no runs")
    return Recording(
        subject=subject,
        X=np.concatenate([e.get_data(units="uV") for e in epochs]).astype(np.float32),
        y=np.concatenate([e.events[:, 2] for e in epochs]).astype(np.int32),
        session=np.concatenate([np.full(len(e), i + 1) for i, e in enumerate(epochs)]).astype(
            np.int32
        ),
        ch_names=CHANNELS,
        label_names=_LABELS,
        sfreq=float(epochs[0].info["sfreq"]),
    )


def _epochs(subject: str, raw: mne.io.BaseRaw) -> mne.Epochs:
    raw = raw.copy().load_data()
    mne.datasets.eegbci.standardize(raw)
    missing = [name for name in CHANNELS if name not in raw.ch_names]
    if missing:
        raise BiotrainError(f"{subject}: channels {', '.join(missing)} are missing")
    raw.pick(list(CHANNELS)).reorder_channels(list(CHANNELS))
    # Forward only: a wearable filters as the samples come, so the network must not see more.
    raw.filter(*BAND_HZ, method="iir", phase="forward", verbose="error")
    present = {
        name: code for name, code in _EVENTS.items() if name in set(raw.annotations.description)
    }
    if not present:
        raise BiotrainError(f"{subject}: a run has no {' or '.join(_EVENTS)} annotations")
    events, _ = mne.events_from_annotations(raw, event_id=present, verbose="error")
    tmin, tmax = WINDOW_S
    return mne.Epochs(
        raw,
        events,
        event_id=present,
        tmin=tmin,
        # MNE includes the last sample; without it a 5 s window has 5 * sfreq samples.
        tmax=tmax - 1.0 / raw.info["sfreq"],
        baseline=None,
        preload=True,
        verbose="error",
    )


def _fetch_with_mne(data_dir: Path | None) -> Fetch:
    def fetch(person: int) -> list[Path]:
        paths = mne.datasets.eegbci.load_data(
            person,
            list(RUNS),
            path=None if data_dir is None else str(data_dir),
            update_path=True,  # None would ask
            verbose="error",
        )
        return [Path(path) for path in paths]

    return fetch
