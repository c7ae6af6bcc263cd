# SPDX-License-Identifier: Apache-2.0
"""A folder of .npz files, one per person, to recordings.

A file holds

- `X`: (trials, channels, samples), any number type; times `scale` it is in `units`;
- `y`: the class of each trial, from 0; `label_names`: what the classes are called;
- `session`: number of the session, run or day of each trial;
- `fs`: samples per second; `ch_names`; `scale`; `units`;

and may hold

- `subject` (default: the name of the file), `t0_s`: time of the first sample after the cue;
- `onset_s`: time of each cue from the beginning of its run; `run`: the uninterrupted recording
  of each trial (default: its session);
- anything else with one entry per trial, which goes to `Recording.details`.

A continuous recording has `X` (channels, samples) and `y` and `session` for each sample; it is read
with a `Windowing`, and may be filtered by a `Recipe` before it is cut, each run from rest.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recipe import Recipe
from biotrain_tf.data.recording import Recording
from biotrain_tf.data.windows import Windowing, cut
from biotrain_tf.errors import BiotrainError

_REQUIRED = ("X", "y", "session", "fs", "ch_names", "label_names", "scale", "units")
_OPTIONAL = ("subject", "t0_s", "onset_s", "run")


def load(
    folder: Path, *, windowing: Windowing | None = None, recipe: Recipe | None = None
) -> list[Recording]:
    """Every file of `folder`, in the order of the names."""
    files = sorted(folder.glob("*.npz"))
    if not files:
        raise BiotrainError(f"{folder} holds no .npz file")
    recordings = [_read(path, windowing, recipe) for path in files]
    subjects = [r.subject for r in recordings]
    twice = {subject for subject in subjects if subjects.count(subject) > 1}
    if twice:
        raise BiotrainError(f"{folder}: more than one file is of {', '.join(sorted(twice))}")
    return recordings


def _read(path: Path, windowing: Windowing | None, recipe: Recipe | None) -> Recording:
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BiotrainError(f"{path} is not a recording of {path.parent.name}: {error}") from error
    missing = [name for name in _REQUIRED if name not in stored]
    if missing:
        raise BiotrainError(
            f"{path} is not a recording of {path.parent.name}: it has no {', '.join(missing)}"
        )
    try:
        if stored["X"].ndim == 2:
            arrays = _windows(path, stored, windowing, recipe)
        elif recipe is None:
            arrays = _trials(stored)
        else:
            raise BiotrainError(f"{path} holds trials: a recipe filters continuous recordings")
        return Recording(
            subject=str(stored.get("subject", path.stem)),
            ch_names=_names(stored["ch_names"]),
            label_names=_names(stored["label_names"]),
            sfreq=float(stored["fs"]),
            units=str(stored["units"]),
            t0_s=float(stored.get("t0_s", 0.0)),
            **arrays,
        )
    except (TypeError, ValueError) as error:
        raise BiotrainError(f"{path} is not a recording of {path.parent.name}: {error}") from error


def _trials(stored: Mapping[str, NDArray]) -> dict[str, Any]:
    n_trials = len(stored["X"])
    arrays: dict[str, Any] = {
        "X": stored["X"].astype(np.float32) * np.float32(stored["scale"]),
        "y": stored["y"].astype(np.int32),
        "session": stored["session"].astype(np.int32),
        "details": {
            name: array
            for name, array in stored.items()
            if name not in (*_REQUIRED, *_OPTIONAL) and array.shape[:1] == (n_trials,)
        },
    }
    if "run" in stored:
        arrays["run"] = stored["run"].astype(np.int32)
    if "onset_s" in stored:
        first_s = stored["onset_s"].astype(np.float64) + float(stored.get("t0_s", 0.0))
        arrays["start"] = np.rint(first_s * float(stored["fs"])).astype(np.int64)
    return arrays


def _windows(
    path: Path,
    stored: Mapping[str, NDArray],
    windowing: Windowing | None,
    recipe: Recipe | None,
) -> dict[str, Any]:
    if windowing is None:
        raise BiotrainError(f"{path} is a continuous recording: it is read with a Windowing")
    sfreq = float(stored["fs"])
    length, step = windowing.samples(sfreq)
    signal = stored["X"].astype(np.float32) * np.float32(stored["scale"])
    if recipe is not None:
        for run in np.unique(stored["session"]):
            part = stored["session"] == run
            stream = recipe.stream(sfreq=sfreq, n_chans=len(signal))
            signal[:, part] = stream.process(signal[:, part])
    windows = cut(
        signal,
        stored["y"].astype(np.int32),
        stored["session"].astype(np.int32),
        length=length,
        step=step,
    )
    return {"X": windows.X, "y": windows.y, "session": windows.run, "start": windows.start}


def _names(stored: NDArray) -> tuple[str, ...]:
    return tuple(str(name) for name in stored)
