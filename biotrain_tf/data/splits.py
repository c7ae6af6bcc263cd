# SPDX-License-Identifier: Apache-2.0
"""Who or when to learn from, and who or when to test on. Every split here is checked for leaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from biotrain_tf.data.leakage import (
    overlaps,
    refuse_leaks,
    refuse_shared_people,
    refuse_shared_recordings,
)
from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class PersonFold:
    """`train` to pre-train on; `test` are people of whom nothing is in `train`."""

    train: tuple[Recording, ...]
    test: tuple[Recording, ...]


@dataclass(frozen=True, kw_only=True)
class TimeSplit:
    """One person's trials: `calibration` came before all of `test`."""

    calibration: Recording
    test: Recording


def by_person(
    recordings: Sequence[Recording], *, n_folds: int | None = None, seed: int = 0
) -> Iterator[PersonFold]:
    """Every person is tested once: alone (leave-one-out), or in one of `n_folds` groups."""
    from sklearn.model_selection import GroupKFold

    people = [r.person for r in recordings]
    n_people = len(set(people))
    if n_people < 2 or not 2 <= (n_folds or n_people) <= n_people:
        raise BiotrainError(
            f"split by person: wanted 2 people or more and 2 to {max(n_people, 2)} folds, "
            f"found {n_people} people and {n_folds or n_people} folds"
        )
    _same_kind(recordings)
    refuse_shared_recordings(recordings)
    if n_folds is None:
        tested = [[i for i, p in enumerate(people) if p == one] for one in dict.fromkeys(people)]
    else:
        folds = GroupKFold(n_folds, shuffle=True, random_state=seed)
        tested = [test.tolist() for _, test in folds.split(people, groups=people)]
    for test in tested:
        fold = PersonFold(
            train=tuple(r for i, r in enumerate(recordings) if i not in test),
            test=tuple(recordings[i] for i in test),
        )
        refuse_shared_people(fold.train, fold.test)
        yield fold


def leave_one_person_out(
    recordings: Sequence[Recording], subject: str
) -> tuple[list[Recording], Recording]:
    """The other people, and `subject`; without what else was recorded of the same person."""
    chosen = [r for r in recordings if r.subject == subject]
    people = {r.person for r in chosen}
    others = [r for r in recordings if r.person not in people]
    if len(chosen) != 1:
        known = ", ".join(r.subject for r in recordings)
        raise BiotrainError(f"no person {subject!r} in this data set; there are {known}")
    if not others:
        raise BiotrainError(f"nobody is left to pre-train on without {subject}")
    _same_kind([*chosen, *others])
    refuse_leaks(others, chosen)
    return others, chosen[0]


def by_session(recording: Recording, *, n_calibration: int = 1) -> Iterator[TimeSplit]:
    """The first `n_calibration` sessions to learn from; each later one is tested by itself."""
    require_order(recording)
    sessions = np.unique(recording.session)
    if not 1 <= n_calibration < len(sessions):
        raise BiotrainError(
            f"{recording.subject}: wanted {n_calibration} sessions to learn from and one or more "
            f"to test, found {len(sessions)}"
        )
    calibration = recording.take(np.isin(recording.session, sessions[:n_calibration]))
    for session in sessions[n_calibration:]:
        later = recording.take(recording.session == session)
        yield _checked(calibration, later)


def by_trials(recording: Recording, *, n_calibration: int) -> TimeSplit:
    """The first `n_calibration` trials to learn from, in streaming order; the rest to test."""
    require_order(recording)
    if not 1 <= n_calibration < len(recording.X):
        raise BiotrainError(
            f"{recording.subject}: wanted {n_calibration} trials to learn from and one or more to "
            f"test, found {len(recording.X)}"
        )
    index = np.arange(len(recording.X))
    return _checked(recording.take(index[:n_calibration]), recording.take(index[n_calibration:]))


def without_overlap(test: Recording, train: Recording) -> Recording:
    """`test` without the windows that share time with one of `train`."""
    kept = ~overlaps(test, train)
    if not kept.any():
        raise BiotrainError(f"{test.subject}: every window to test overlaps with one learnt from")
    return test if kept.all() else test.take(kept)


def require_order(recording: Recording) -> None:
    """Refuse trials that are not in the order in which they came."""
    backwards = np.diff(recording.session) < 0
    if recording.start is not None:
        backwards |= (np.diff(recording.runs) == 0) & (np.diff(recording.start) < 0)
    if backwards.any():
        raise BiotrainError(
            f"{recording.subject}: trial {int(np.flatnonzero(backwards)[0]) + 1} came before the "
            "one it follows; keep trials in the order in which they were recorded"
        )


def _checked(calibration: Recording, later: Recording) -> TimeSplit:
    split = TimeSplit(calibration=calibration, test=without_overlap(later, calibration))
    refuse_leaks([split.calibration], [split.test])
    return split


def _same_kind(recordings: Sequence[Recording]) -> None:
    first = recordings[0]
    wanted = (first.ch_names, first.n_times, first.sfreq, first.label_names, first.units)
    for other in recordings[1:]:
        found = (other.ch_names, other.n_times, other.sfreq, other.label_names, other.units)
        if found != wanted:
            raise BiotrainError(
                f"{other.subject} and {first.subject} were recorded differently (channels, "
                "samples, sampling rate, labels and units must agree)"
            )
