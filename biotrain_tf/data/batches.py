# SPDX-License-Identifier: Apache-2.0
"""From recordings to what a network sees, and to the calibration file that goes to the device.

Everything here can run sample by sample on a device: re-reference to the mean of the electrodes
where there are enough of them, multiply by one number that was fixed before the new person came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recording import Recording
from biotrain_tf.data.splits import TimeSplit, by_session
from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """`(X - mean over electrodes) * factor`, sample by sample; the mean only with `rereference`."""

    factor: float
    estimated_on: tuple[str, ...]
    rereference: bool = True

    @classmethod
    def estimate(cls, recordings: Sequence[Recording], *, rereference: bool = True) -> Scaling:
        """One over the median person's standard deviation; the person to come is not among them.

        Without `rereference` for signals of one or two leads.
        """
        spread = [float((_rereference(r.X) if rereference else r.X).std()) for r in recordings]
        if not spread or min(spread) <= 0:
            raise BiotrainError("scaling needs recordings whose signals are not constant")
        return cls(
            factor=1.0 / float(np.median(spread)),
            estimated_on=tuple(r.subject for r in recordings),
            rereference=rereference,
        )

    def __call__(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """(trials, channels, samples) to the network's (trials, channels, samples, 1)."""
        referenced = _rereference(X) if self.rereference else X
        scaled: NDArray[np.float32] = (referenced * np.float32(self.factor))[..., np.newaxis]
        return scaled


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """One person's trials as the network sees them: `X`, `y` to learn from, the rest to test."""

    subject: str
    X: NDArray[np.float32]
    y: NDArray[np.int32]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int32]

    def batches(self, *, batch_size: int, steps: int) -> Iterator[tuple[NDArray, NDArray]]:
        """`steps` batches in the order recorded, from the first trial again after the last."""
        for step in range(steps):
            index = batch_indices(step, batch_size=batch_size, n_trials=len(self.X))
            yield self.X[index], self.y[index]

    def arrays(self) -> dict[str, NDArray]:
        return {"X": self.X, "y": self.y, "X_test": self.X_test, "y_test": self.y_test}

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path, X=self.X, y=self.y, X_test=self.X_test, y_test=self.y_test, subject=self.subject
        )


def batch_indices(step: int, *, batch_size: int, n_trials: int) -> NDArray[np.intp]:
    """Trials of batch number `step` (from 0): consecutive, and round again at the end."""
    return np.asarray(np.arange(step * batch_size, (step + 1) * batch_size) % n_trials)


def calibration(recording: Recording, scaling: Scaling) -> Calibration:
    """The last session tests, all earlier ones calibrate: the test is later in time, as in use."""
    sessions = np.unique(recording.session)
    if len(sessions) < 2:
        raise BiotrainError(
            f"{recording.subject}: two sessions or more are needed, to calibrate and to test"
        )
    (split,) = by_session(recording, n_calibration=len(sessions) - 1)
    return of_split(split, scaling)


def of_split(split: TimeSplit, scaling: Scaling) -> Calibration:
    """A split as the network sees it, both sides in the order recorded."""
    subject = split.calibration.subject
    if subject in scaling.estimated_on:
        raise BiotrainError(f"scaling was estimated on {subject}, who is to be new")
    return Calibration(
        subject=subject,
        X=scaling(split.calibration.X),
        y=split.calibration.y,
        X_test=scaling(split.test.X),
        y_test=split.test.y,
    )


def pooled(
    recordings: Sequence[Recording], scaling: Scaling
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """All trials of several people, for pre-training."""
    X = np.concatenate([scaling(r.X) for r in recordings])
    return X, np.concatenate([r.y for r in recordings])


def _rereference(X: NDArray[np.float32]) -> NDArray[np.float32]:
    referenced: NDArray[np.float32] = X - X.mean(axis=1, keepdims=True, dtype=np.float32)
    return referenced
