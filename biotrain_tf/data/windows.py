# SPDX-License-Identifier: Apache-2.0
"""Windows out of signals and trials, in the order in which a device would see them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class Windowing:
    """Windows of `length_s` seconds, one every `step_s` (default: one after the other)."""

    length_s: float
    step_s: float | None = None

    def samples(self, sfreq: float) -> tuple[int, int]:
        """Length and step in samples."""
        length = round(self.length_s * sfreq)
        step = length if self.step_s is None else round(self.step_s * sfreq)
        if length < 1 or step < 1:
            raise BiotrainError(
                f"windows of {self.length_s} s every {self.step_s or self.length_s} s are shorter "
                f"than one sample at {sfreq:g} Hz"
            )
        return length, step


@dataclass(frozen=True, kw_only=True)
class Windows:
    """`X` (windows, channels, samples); `start` is a sample of the window's own run."""

    X: NDArray[np.float32]
    y: NDArray[np.int32]
    run: NDArray[np.int32]
    start: NDArray[np.int64]


def cut(
    signal: NDArray[np.float32],
    labels: NDArray[np.int32],
    run: NDArray[np.int32],
    *,
    length: int,
    step: int,
) -> Windows:
    """Cut `signal` (channels, samples), with a label and a run for each sample.

    No window crosses from one label or run to another: windows are counted from the first sample of
    each stretch, and what is left over at its end is not used.
    """
    n_samples = signal.shape[1]
    for name, array in {"labels": labels, "run": run}.items():
        if array.shape != (n_samples,):
            raise BiotrainError(
                f"{name} must have one entry per sample ({n_samples}), got shape {array.shape}"
            )
    changes = np.flatnonzero((np.diff(labels) != 0) | (np.diff(run) != 0)) + 1
    bounds = np.concatenate([[0], changes, [n_samples]])
    starts = np.concatenate(
        [
            np.arange(first, end - length + 1, step, dtype=np.int64)
            for first, end in zip(bounds[:-1], bounds[1:], strict=True)
        ]
    )
    if len(starts) == 0:
        raise BiotrainError(f"no stretch of one label is {length} samples long")
    first_of_run = {int(r): int(np.flatnonzero(run == r)[0]) for r in np.unique(run)}
    window_run = run[starts]
    return Windows(
        X=np.stack([signal[:, s : s + length] for s in starts]),
        y=labels[starts],
        run=window_run,
        start=starts - np.array([first_of_run[int(r)] for r in window_run], np.int64),
    )


def of_trials(recording: Recording, windowing: Windowing) -> Recording:
    """Every trial cut into windows; what is left over at its end is not used.

    Where the places of trials are not known, each trial becomes a run of its own, so that windows
    that overlap are known as such all the same.
    """
    length, step = windowing.samples(recording.sfreq)
    offsets = np.arange(0, recording.n_times - length + 1, step)
    if len(offsets) == 0:
        raise BiotrainError(
            f"{recording.subject}: windows of {length} samples do not fit in trials of "
            f"{recording.n_times}"
        )
    n_trials = len(recording.X)
    trial = np.repeat(np.arange(n_trials), len(offsets))
    offset = np.tile(offsets, n_trials)
    begins = np.zeros(n_trials, np.int64) if recording.start is None else recording.start
    run = np.arange(n_trials, dtype=np.int32) if recording.start is None else recording.runs
    cut_up = np.stack([recording.X[:, :, o : o + length] for o in offsets], axis=1)
    return dataclasses.replace(
        recording,
        X=cut_up.reshape(-1, recording.n_chans, length),
        y=recording.y[trial],
        session=recording.session[trial],
        run=run[trial],
        start=begins[trial] + offset,
        details={name: array[trial] for name, array in recording.details.items()},
    )
