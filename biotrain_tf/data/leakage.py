# SPDX-License-Identifier: Apache-2.0
"""Whether the test is new to who learnt: no person, no time and no samples are shared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

Words = NDArray[np.uint64]
_SEED = 20


def refuse_leaks(train: Sequence[Recording], test: Sequence[Recording]) -> None:
    """Raise BiotrainError if windows of `test` share samples with windows of `train`.

    Where the places of windows are known, none of one run may overlap. Where they are not, no half
    of a window's samples may lie in a window of the other side, shifted or not.
    """
    if not train or not test:
        raise BiotrainError("split: both sides must have recordings")
    unknown = False
    for held_out in test:
        for learnt in train:
            unknown |= not _places_are_known(held_out, learnt)
            overlapping = overlaps(held_out, learnt)
            if overlapping.any():
                first = int(np.flatnonzero(overlapping)[0])
                raise BiotrainError(
                    f"{held_out.subject}: {int(overlapping.sum())} windows, the first of them "
                    f"{first}, overlap with windows of the other side: the split would leak; drop "
                    "them (splits.without_overlap)"
                )
    if unknown:
        _refuse_shared_samples([train, test])


def refuse_shared_people(train: Sequence[Recording], test: Sequence[Recording]) -> None:
    """Raise BiotrainError if anybody is on both sides."""
    if not train or not test:
        raise BiotrainError("split: both sides must have recordings")
    both = {r.person for r in train} & {r.person for r in test}
    if both:
        raise BiotrainError(f"{', '.join(sorted(both))}: on both sides, so the split would leak")


def refuse_shared_recordings(recordings: Sequence[Recording]) -> None:
    """Raise BiotrainError if two people's windows share half of their samples, shifted or not.

    Sets come with one session under two names.
    """
    people = dict.fromkeys(r.person for r in recordings)
    _refuse_shared_samples([[r for r in recordings if r.person == person] for person in people])


def overlaps(of: Recording, other: Recording) -> NDArray[np.bool_]:
    """Which trials of `of` share time with a trial of `other`; none where places are unknown."""
    found = np.zeros(len(of.X), bool)
    if not _places_are_known(of, other) or of.start is None or other.start is None:
        return found
    for run in np.intersect1d(of.runs, other.runs):
        mine = of.runs == run
        theirs = np.sort(other.start[other.runs == run])
        # The first of theirs that ends after mine begins.
        at = np.searchsorted(theirs, of.start[mine] - other.n_times, side="right")
        begins = np.append(theirs, np.iinfo(np.int64).max)[at]
        found[mine] = begins < of.start[mine] + of.n_times
    return found


def _places_are_known(a: Recording, b: Recording) -> bool:
    return (
        a.subject == b.subject
        and a.sfreq == b.sfreq
        and a.start is not None
        and b.start is not None
    )


def _refuse_shared_samples(sides: Sequence[Sequence[Recording]]) -> None:
    recordings = [(side, r) for side, members in enumerate(sides) for r in members]
    # Half of a window holds a snippet of a quarter, wherever it begins.
    quarter = min(r.n_times for _, r in recordings) // 4
    length = 1 << max(quarter, 1).bit_length() - 1
    snippets = [_snippets(r, length) for _, r in recordings]
    words = np.concatenate([s.ravel() for s in snippets])
    owner = np.repeat(np.arange(len(recordings)), [s.size for s in snippets])
    moving = np.flatnonzero(words)
    order = moving[np.argsort(words[moving], kind="stable")]
    side_of = np.array([side for side, _ in recordings])[owner[order]]
    shared = (words[order][1:] == words[order][:-1]) & (side_of[1:] != side_of[:-1])
    if shared.any():
        at = int(np.flatnonzero(shared)[0])
        named = []
        for place in (order[at], order[at + 1]):
            index = int(owner[place])
            offset = sum(s.size for s in snippets[:index])
            trial = int(place - offset) // snippets[index].shape[1]
            named.append(f"trial {trial} of {recordings[index][1].subject}")
        raise BiotrainError(
            f"{named[0]} and {named[1]} share samples: the split would leak; leave one of them out"
        )


def _snippets(recording: Recording, length: int) -> Words:
    """A number for each `length` (a power of two) samples in a row, (trials, places); 0 if still.

    The same samples of all channels give the same number, wherever in a window they are.
    """
    rng = np.random.default_rng(_SEED)

    def odd_numbers(n: int) -> Words:
        return rng.integers(1, 1 << 63, n, dtype=np.uint64) | np.uint64(1)

    words: Words = np.zeros((len(recording.X), recording.n_times), np.uint64)
    # Adding zero makes -0 and 0 the same.
    bits = (recording.X + np.float32(0)).view(np.uint32)
    levels = odd_numbers(64)
    for channel, weight in enumerate(odd_numbers(recording.n_chans)):
        words += bits[:, channel] * weight
    moves = np.diff(words, axis=1) != 0
    for level in range(length.bit_length() - 1):
        words = words[:, : -(1 << level)] * levels[level] + words[:, 1 << level :]
    moved = np.cumsum(np.pad(moves, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    changes = moved[:, length - 1 :] - moved[:, : moved.shape[1] - length + 1]
    # A line that hardly moves is like any other.
    return np.where(2 * changes >= length - 1, words, np.uint64(0))
