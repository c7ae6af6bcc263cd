# SPDX-License-Identifier: Apache-2.0
"""People as the network sees them: cropped, cut into windows, scaled by numbers of other people."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.leakage import overlaps
from biotrain_tf.data.recipe import Recipe
from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment.plans import Plan


@dataclass(frozen=True, kw_only=True)
class Person:
    """Windows of one person in the order recorded: X (windows, channels, times), one label, one
    session and one number of the trial that it is cut from for each.
    """

    source: Recording
    """What was recorded; a number of a trial is its place in it."""
    X: NDArray[np.float32]
    y: NDArray[np.int32]
    session: NDArray[np.int32]
    trial: NDArray[np.int32]
    classes: int

    @property
    def subject(self) -> str:
        return self.source.subject

    def __len__(self) -> int:
        return len(self.y)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Person:
        return replace(
            self,
            X=self.X[chosen],
            y=self.y[chosen],
            session=self.session[chosen],
            trial=self.trial[chosen],
        )

    def sessions(self) -> list[int]:
        return [int(s) for s in np.unique(self.session)]

    def first_trials(self, count: int, *, in_turn: bool = True) -> Person:
        """The windows of `count` trials, in the order recorded: of the first of each class in turn,
        as a calibration asks for them, or simply of the first.
        """
        trials, first = np.unique(self.trial, return_index=True)
        if in_turn:
            labels = self.y[first]
            rank = np.array([np.sum(labels[:i] == label) for i, label in enumerate(labels)])
            trials = trials[np.argsort(rank, kind="stable")]
        return self.where(np.isin(self.trial, trials[:count]))

    def apart_from(self, other: Person) -> Person:
        """Without the trials that share time with one of `other`, another part of the same."""
        mine = np.unique(self.trial)
        theirs = self.source.take(np.unique(other.trial))
        kept = ~overlaps(self.source.take(mine), theirs)
        return self if kept.all() else self.where(np.isin(self.trial, mine[kept]))

    @property
    def trials(self) -> int:
        return len(np.unique(self.trial))


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Offset and factor of each channel, (channels,), estimated on `estimated_on`."""

    offset: NDArray[np.float32]
    factor: NDArray[np.float32]
    estimated_on: tuple[str, ...]

    @classmethod
    def of(cls, people: Sequence[Person]) -> Scale:
        spread = np.array([p.X.std(axis=(0, 2)) for p in people])
        middle = np.array([p.X.mean(axis=(0, 2)) for p in people])
        typical = np.median(spread, axis=0)
        if not typical.min() > 0:
            raise BiotrainError("scaling needs people whose channels are not constant")
        return cls(
            offset=np.median(middle, axis=0).astype(np.float32),
            factor=(1.0 / typical).astype(np.float32),
            estimated_on=tuple(p.subject for p in people),
        )

    def __call__(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """(windows, channels, times) to the network's (windows, channels, times, 1)."""
        scaled = (X - self.offset[:, None]) * self.factor[:, None]
        return np.ascontiguousarray(scaled[..., np.newaxis], dtype=np.float32)


def load_people(plan: Plan, data_dir: Path | None) -> list[Person]:
    """Everybody in the set, as the plan wants them."""
    return _load(plan.name, data_dir, _Key(plan))


class _Key:
    """A plan in a cache: there is one of each name."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __hash__(self) -> int:
        return hash(self.plan.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.plan == other.plan


@functools.lru_cache(maxsize=2)
def _load(name: str, data_dir: Path | None, key: _Key) -> list[Person]:
    from biotrain_tf.data import sets

    return [person_of(recording, key.plan) for recording in sets.load(name, data_dir)]


def person_of(recording: Recording, plan: Plan) -> Person:
    X = recording.X
    if plan.rereference:
        X = X - X.mean(axis=1, keepdims=True, dtype=np.float32)
    if plan.bands_hz:
        X = _filter_bank(X, plan.bands_hz, recording.sfreq)
    kept = (
        np.arange(len(X))
        if plan.classes is None
        else np.flatnonzero(np.isin(recording.y, plan.classes))
    )
    y = recording.y[kept]
    if plan.classes is not None:
        y = np.searchsorted(np.array(plan.classes), y).astype(np.int32)
    X, sfreq = X[kept], recording.sfreq
    if plan.crop_s is not None:
        begin, end = (round(t * sfreq) for t in plan.crop_s)
        X = X[:, :, begin:end]
    if plan.decimate > 1:
        # The mean of neighbours is a filter that a device can run, and is enough where the set
        # was band-passed before.
        length = X.shape[2] // plan.decimate * plan.decimate
        X = X[:, :, :length].reshape(*X.shape[:2], -1, plan.decimate).mean(axis=3)
        sfreq /= plan.decimate
    size = X.shape[2] if plan.window_s is None else round(plan.window_s * sfreq)
    pieces = X.shape[2] // size
    if pieces < 1:
        raise BiotrainError(f"{recording.subject}: a trial has {X.shape[2]} samples, wanted {size}")
    windows = X[:, :, : pieces * size].reshape(*X.shape[:2], pieces, size).transpose(0, 2, 1, 3)
    windows = windows.reshape(-1, X.shape[1], size)
    if plan.standardise:
        windows = _standardised(windows)
    session = recording.session[kept]
    if plan.own_scale:
        windows = windows / _own_spread(windows[np.repeat(session == session.min(), pieces)])
    if plan.block_trials is not None:
        session = (1 + np.arange(len(kept)) // plan.block_trials).astype(np.int32)
    return Person(
        source=recording.take(kept),
        X=np.ascontiguousarray(windows, dtype=np.float32),
        y=np.repeat(y, pieces).astype(np.int32),
        session=np.repeat(session, pieces).astype(np.int32),
        trial=np.repeat(np.arange(len(kept)), pieces).astype(np.int32),
        classes=len(recording.label_names) if plan.classes is None else len(plan.classes),
    )


def _filter_bank(
    X: NDArray[np.float32], bands_hz: Sequence[tuple[float, float]], sfreq: float
) -> NDArray[np.float32]:
    """(trials, channels, samples) to (trials, bands * channels, samples), as a device filters."""
    trials, channels, samples = X.shape
    rows = np.ascontiguousarray(X, np.float32).reshape(trials * channels, samples)
    filtered = [
        Recipe(band_hz=band, order=2)
        .stream(sfreq=sfreq, n_chans=len(rows))
        .process(rows)
        .reshape(X.shape)
        for band in bands_hz
    ]
    return np.concatenate(filtered, axis=1)


def _standardised(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = windows - windows.mean(axis=(1, 2), keepdims=True)
    spread = centred.std(axis=(1, 2), keepdims=True)
    return centred / np.where(spread > 0, spread, np.float32(1))


def _own_spread(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(channels, 1): the median over windows; one blink more or less does not change it."""
    spread: NDArray[np.float32] = np.median(windows.std(axis=2), axis=0)[:, np.newaxis]
    return np.where(spread > 0, spread, np.float32(1))


def thinned(person: Person, cap: int, seed: int) -> Person:
    """At most `cap` windows, the rarer classes first, in the order recorded."""
    if len(person) <= cap:
        return person
    rng = np.random.default_rng([seed, len(person)])
    shuffled = rng.permutation(len(person))
    rank = np.empty(len(person), int)
    for label in range(person.classes):
        mine = shuffled[person.y[shuffled] == label]
        rank[mine] = np.arange(len(mine))
    return person.where(np.sort(np.argsort(rank, kind="stable")[:cap]))
