# SPDX-License-Identifier: Apache-2.0
"""What every loader gives: the labelled trials of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Trials of one person, in the order in which they were recorded.

    `X` is (trials, channels, samples) in `units`; `session` numbers the run or day of each trial.
    """

    subject: str
    X: NDArray[np.float32]
    y: NDArray[np.int32]
    session: NDArray[np.int32]
    ch_names: tuple[str, ...]
    label_names: tuple[str, ...]
    sfreq: float
    units: str = "uV"

    def __post_init__(self) -> None:
        if self.X.ndim != 3 or self.X.size == 0:
            raise BiotrainError(
                f"{self.subject}: X must be (trials, channels, samples) and not empty, "
                f"got shape {self.X.shape}"
            )
        for name, array in {"y": self.y, "session": self.session}.items():
            if array.shape != (len(self.X),):
                raise BiotrainError(
                    f"{self.subject}: {name} must have one entry per trial ({len(self.X)}), "
                    f"got shape {array.shape}"
                )
        if len(self.ch_names) != self.X.shape[1]:
            raise BiotrainError(
                f"{self.subject}: {self.X.shape[1]} channels but {len(self.ch_names)} channel names"
            )
        if not np.isfinite(self.X).all():
            raise BiotrainError(f"{self.subject}: X holds NaN or infinite samples")
        if self.y.min() < 0 or self.y.max() >= len(self.label_names):
            raise BiotrainError(
                f"{self.subject}: labels must be 0 to {len(self.label_names) - 1}, "
                f"found {self.y.min()} to {self.y.max()}"
            )

    @property
    def n_chans(self) -> int:
        return int(self.X.shape[1])

    @property
    def n_times(self) -> int:
        return int(self.X.shape[2])


def leave_one_person_out(
    recordings: Sequence[Recording], subject: str
) -> tuple[list[Recording], Recording]:
    """The other people, and `subject`.

    Refuses a set in which a trial of `subject` is also another's.
    """
    chosen = [r for r in recordings if r.subject == subject]
    others = [r for r in recordings if r.subject != subject]
    if len(chosen) != 1:
        known = ", ".join(r.subject for r in recordings)
        raise BiotrainError(f"no person {subject!r} in this data set; there are {known}")
    if not others:
        raise BiotrainError(f"nobody is left to pre-train on without {subject}")
    wanted = (chosen[0].ch_names, chosen[0].n_times, chosen[0].sfreq, chosen[0].label_names)
    seen = {trial.tobytes() for trial in chosen[0].X}
    for other in others:
        found = (other.ch_names, other.n_times, other.sfreq, other.label_names)
        if found != wanted:
            raise BiotrainError(
                f"{other.subject} and {subject} were recorded differently "
                "(channels, samples, sampling rate and labels must agree)"
            )
        if any(trial.tobytes() in seen for trial in other.X):
            raise BiotrainError(f"{other.subject} holds a trial of {subject}: the split would leak")
    return others, chosen[0]
