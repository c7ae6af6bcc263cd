# SPDX-License-Identifier: Apache-2.0
"""Small made-up people for the experiment's tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from biotrain_tf.data.recording import Recording
from biotrain_tf.experiment.people import Person

MOTIONS = 8


def person(subject: str, *, group: str = "", sessions: int = 3, trials: int = 8) -> Person:
    """`trials` a session, classes 0 and 1 in blocks, 2 windows of a trial."""
    rng = np.random.default_rng([*subject.encode()])
    count = sessions * trials
    labels = np.tile(np.arange(trials) * 2 // trials, sessions)
    session = 1 + np.arange(count) // trials
    source = Recording(
        subject=subject,
        person=group or subject,
        X=rng.standard_normal((count, 3, 32)).astype(np.float32),
        y=labels.astype(np.int32),
        session=session.astype(np.int32),
        ch_names=("a", "b", "c"),
        label_names=("0", "1"),
        sfreq=100.0,
    )
    return Person(
        source=source,
        X=rng.standard_normal((2 * count, 3, 16)).astype(np.float32),
        y=np.repeat(labels, 2).astype(np.int32),
        session=np.repeat(session, 2).astype(np.int32),
        trial=np.repeat(np.arange(count), 2).astype(np.int32),
        classes=2,
    )


def write_emg(folder: Path, subjects: tuple[str, ...]) -> Path:
    """Files like those of emg_myo_25subj, one second of 8 motions, 3 repeats."""
    where = folder / "emg_myo_25subj"
    where.mkdir(parents=True)
    for subject in subjects:
        rng = np.random.default_rng([*subject.encode()])
        y = np.tile(np.arange(MOTIONS), 3)
        loud = 1.0 + 9.0 * (np.arange(8)[None, :] == y[:, None])
        X = rng.standard_normal((len(y), 8, 100)) * loud[:, :, None]
        np.savez(
            where / f"{subject}.npz",
            X=np.clip(np.rint(X), -127, 127).astype(np.int8),
            scale=np.float32(1.0),
            y=y.astype(np.int16),
            label_names=np.array([f"motion{i}" for i in range(MOTIONS)]),
            subject=subject,
            session=np.repeat([1, 2, 3], MOTIONS).astype(np.int16),
            fs=np.float32(200.0),
            ch_names=np.array([f"EMG{i + 1}" for i in range(8)]),
            units="Myo ADC counts (int8)",
        )
    return folder
