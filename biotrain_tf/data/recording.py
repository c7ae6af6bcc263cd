# SPDX-License-Identifier: Apache-2.0
"""What every loader gives: the labelled trials of one person."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Trials of one person, in the order in which they were recorded.

    `X` is (trials, channels, samples) in `units`; `session` numbers the run or day of each trial.
    `run` is the uninterrupted recording that a trial was cut from (default: its session), `start`
    the sample of that run at which the trial begins, where that is known. `person` is who it was,
    where one person has more than one recording (default: `subject`).
    """

    subject: str
    X: NDArray[np.float32]
    y: NDArray[np.int32]
    session: NDArray[np.int32]
    ch_names: tuple[str, ...]
    label_names: tuple[str, ...]
    sfreq: float
    units: str = "uV"
    person: str = ""
    t0_s: float = 0.0
    """Time of a trial's first sample after its cue."""
    run: NDArray[np.int32] | None = None
    start: NDArray[np.int64] | None = None
    details: Mapping[str, NDArray] = field(default_factory=dict)
    """What else is known about each trial, by name."""

    def __post_init__(self) -> None:
        if not self.person:
            object.__setattr__(self, "person", self.subject)
        if self.X.ndim != 3 or self.X.size == 0:
            raise BiotrainError(
                f"{self.subject}: X must be (trials, channels, samples) and not empty, "
                f"got shape {self.X.shape}"
            )
        for name, array in self._per_trial().items():
            if array.shape[:1] != (len(self.X),):
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

    @property
    def runs(self) -> NDArray[np.int32]:
        """`run`, or what stands for it."""
        return self.session if self.run is None else self.run

    def take(self, index: NDArray) -> Recording:
        """The trials of `index` (numbers or a mask), in its order."""
        return dataclasses.replace(
            self,
            X=self.X[index],
            y=self.y[index],
            session=self.session[index],
            run=None if self.run is None else self.run[index],
            start=None if self.start is None else self.start[index],
            details={name: array[index] for name, array in self.details.items()},
        )

    def pick(self, ch_names: Sequence[str]) -> Recording:
        """Those channels, in that order."""
        missing = [name for name in ch_names if name not in self.ch_names]
        if missing:
            raise BiotrainError(
                f"{self.subject} has no channel {', '.join(missing)}; "
                f"there are {', '.join(self.ch_names)}"
            )
        index = [self.ch_names.index(name) for name in ch_names]
        return dataclasses.replace(self, X=self.X[:, index], ch_names=tuple(ch_names))

    def with_labels(self, label_names: Sequence[str]) -> Recording:
        """The trials of those classes, numbered from 0 in that order."""
        missing = [name for name in label_names if name not in self.label_names]
        if missing:
            raise BiotrainError(
                f"{self.subject} has no label {', '.join(missing)}; "
                f"there are {', '.join(self.label_names)}"
            )
        number = np.full(len(self.label_names), -1, np.int32)
        number[[self.label_names.index(name) for name in label_names]] = np.arange(len(label_names))
        renumbered = number[self.y]
        kept = renumbered >= 0
        if not kept.any():
            raise BiotrainError(f"{self.subject} has no trial of {', '.join(label_names)}")
        return dataclasses.replace(
            self, y=np.maximum(renumbered, 0), label_names=tuple(label_names)
        ).take(kept)

    def _per_trial(self) -> dict[str, NDArray]:
        arrays: dict[str, NDArray | None] = {
            "y": self.y,
            "session": self.session,
            "run": self.run,
            "start": self.start,
            **self.details,
        }
        return {name: array for name, array in arrays.items() if array is not None}


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of one person, in the order given, as one; each part is a run of its own.

    `start` and a detail are kept where all parts have them.
    """
    if not parts:
        raise BiotrainError("join: there is no recording")
    first = parts[0]
    for part in parts:
        for name in ("person", "ch_names", "label_names", "sfreq", "units", "n_times", "t0_s"):
            if getattr(part, name) != getattr(first, name):
                raise BiotrainError(
                    f"join: {name} of {part.subject} is {getattr(part, name)!r}, "
                    f"of {first.subject} {getattr(first, name)!r}"
                )
    runs: list[NDArray[np.int32]] = []
    for part in parts:
        _, number = np.unique(part.runs, return_inverse=True)
        before = int(runs[-1].max()) + 1 if runs else 0
        runs.append((before + number).astype(np.int32))
    starts = [part.start for part in parts if part.start is not None]
    details = set.intersection(*(set(part.details) for part in parts))
    return dataclasses.replace(
        first,
        X=np.concatenate([part.X for part in parts]),
        y=np.concatenate([part.y for part in parts]),
        session=np.concatenate([part.session for part in parts]),
        run=np.concatenate(runs),
        start=np.concatenate(starts) if len(starts) == len(parts) else None,
        details={
            name: np.concatenate([part.details[name] for part in parts]) for name in sorted(details)
        },
    )
