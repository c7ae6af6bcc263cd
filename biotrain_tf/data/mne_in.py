# SPDX-License-Identifier: Apache-2.0
"""MNE's `Raw` and `Epochs` to recordings: in microvolts, filtered forward only, in streaming order.

MNE says that everything is in volts. That is not so where the file's header says nothing (EDF
without a physical dimension) or something wrong; such data is refused until `units=` says in what
the numbers are, and then it is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data import units as unit_names
from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

if TYPE_CHECKING:
    import mne

    from biotrain_tf.data.recipe import Recipe

OURS = "uV"
PLAUSIBLE_UV = (0.1, 5000.0)
"""Standard deviation of what electrodes on the skin pick up, with a wide margin either way."""


def from_raw(
    raw: mne.io.BaseRaw,
    *,
    subject: str,
    labels: Mapping[str, str] | Mapping[int, str],
    window_s: tuple[float, float],
    events: NDArray | None = None,
    units: str | None = None,
    session: int = 1,
    recipe: Recipe | None = None,
) -> Recording:
    """Cut trials out of one run.

    `labels` maps annotations (text), or numbers of the third column of `events`, to classes, which
    are numbered in the order of the mapping. Trials run from `window_s[0]` to `window_s[1]`, the
    last sample left out. `recipe` filters the whole run, from its first sample on, before it is
    cut; its state does not know where trials begin.
    """
    names = tuple(dict.fromkeys(labels.values()))
    marks = _marks(raw, labels, events, subject)
    signal, unit = _signal(raw, raw.get_data(), units, subject)
    sfreq = float(raw.info["sfreq"])
    if recipe is not None:
        signal = recipe.stream(sfreq=sfreq, n_chans=signal.shape[0]).process(signal)
    first, length = round(window_s[0] * sfreq), round((window_s[1] - window_s[0]) * sfreq)
    if length < 1:
        raise BiotrainError(f"{subject}: a window from {window_s[0]} to {window_s[1]} s is empty")
    kept = [(s + first, c) for s, c in marks if 0 <= s + first <= signal.shape[1] - length]
    if not kept:
        raise BiotrainError(f"{subject}: no trial lies in the recording as a whole")
    return Recording(
        subject=subject,
        X=np.stack([signal[:, start : start + length] for start, _ in kept]),
        y=np.array([names.index(name) for _, name in kept], np.int32),
        session=np.full(len(kept), session, np.int32),
        ch_names=tuple(raw.ch_names),
        label_names=names,
        sfreq=sfreq,
        units=unit,
        t0_s=first / sfreq,
        start=np.array([start for start, _ in kept], np.int64),
    )


def from_epochs(
    epochs: mne.BaseEpochs, *, subject: str, units: str | None = None, session: int = 1
) -> Recording:
    """Epochs as they are, in their order; classes are those of `epochs.event_id`."""
    names = tuple(sorted(epochs.event_id, key=lambda name: epochs.event_id[name]))
    codes = [epochs.event_id[name] for name in names]
    signal, unit = _signal(epochs, epochs.get_data(copy=True), units, subject)
    sfreq = float(epochs.info["sfreq"])
    starts = epochs.events[:, 0].astype(np.int64) + round(float(epochs.times[0]) * sfreq)
    if np.any(np.diff(starts) < 0):
        raise BiotrainError(f"{subject}: epochs are not in the order in which they were recorded")
    return Recording(
        subject=subject,
        X=signal,
        y=np.array([codes.index(code) for code in epochs.events[:, 2]], np.int32),
        session=np.full(len(signal), session, np.int32),
        ch_names=tuple(epochs.ch_names),
        label_names=names,
        sfreq=sfreq,
        units=unit,
        t0_s=float(epochs.times[0]),
        start=starts,
    )


def _marks(
    raw: mne.io.BaseRaw,
    labels: Mapping[str, str] | Mapping[int, str],
    events: NDArray | None,
    subject: str,
) -> Sequence[tuple[int, str]]:
    """Sample (from the first that is stored) and class of each cue, as they came."""
    wanted = {str(key): name for key, name in labels.items()}
    if events is None:
        notes = raw.annotations
        # Onsets count from where the recording began, which a cropped one has left behind.
        samples = np.rint((notes.onset - raw.first_time) * raw.info["sfreq"])
        found = [
            (int(sample), str(text))
            for sample, text in zip(samples, notes.description, strict=True)
        ]
        where = "annotations"
    else:
        found = [(int(e[0]) - int(raw.first_samp), str(int(e[2]))) for e in events]
        where = "events"
    marks = [(sample, wanted[text]) for sample, text in found if text in wanted]
    absent = sorted(set(wanted) - {text for _, text in found})
    if absent:
        there = ", ".join(sorted({text for _, text in found})) or "none"
        raise BiotrainError(f"{subject}: {where} have no {', '.join(absent)}; there are {there}")
    return sorted(marks)


def _signal(
    instance: mne.io.BaseRaw | mne.BaseEpochs,
    volts: NDArray,
    units: str | None,
    subject: str,
) -> tuple[NDArray[np.float32], str]:
    """The numbers as float32, and their unit: microvolts, or what the caller says."""
    if units is not None:
        return volts.astype(np.float32), unit_names.spelled(units)
    cure = "say in what the numbers are, for example units='uV'"
    unknown = [
        name
        for name, channel in zip(instance.ch_names, instance.info["chs"], strict=True)
        if int(channel["unit"]) != _FIFF_UNIT_V
        or not unit_names.is_voltage(getattr(instance, "_orig_units", {}).get(name, "V"))
    ]
    if unknown:
        raise BiotrainError(
            f"{subject}: the file has no unit of voltage for {', '.join(unknown)}; {cure}, "
            "or pick other channels"
        )
    microvolts = volts * unit_names.factor("V", OURS)
    spread = float(np.median(np.moveaxis(microvolts, -2, 0).reshape(volts.shape[-2], -1).std(1)))
    low, high = PLAUSIBLE_UV
    if not low <= spread <= high:
        raise BiotrainError(
            f"{subject}: signals of {spread:.3g} uV (standard deviation) are not what electrodes "
            f"pick up ({low:g} to {high:g}), so the file's unit is wrong; {cure}"
        )
    return microvolts.astype(np.float32), OURS


_FIFF_UNIT_V = 107
