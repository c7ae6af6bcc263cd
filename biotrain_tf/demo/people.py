# SPDX-License-Identifier: Apache-2.0
"""Which recordings the demo uses, and how they are split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from biotrain_tf.data import openbci, synthetic
from biotrain_tf.data.batches import Calibration, Scaling, calibration
from biotrain_tf.data.recording import Recording
from biotrain_tf.data.splits import leave_one_person_out
from biotrain_tf.demo.settings import DEFAULT_PERSON, DemoSettings
from biotrain_tf.errors import BiotrainError

SOURCES = ("openbci", "eegbci", "synthetic")


@dataclass(frozen=True, kw_only=True)
class People:
    """A data set split by person. `notice` is to be shown large when it is not empty."""

    source: str
    title: str
    notice: str
    others: list[Recording]
    person: Recording
    scaling: Scaling
    calibration: Calibration


def load_people(settings: DemoSettings) -> People:
    source = choose_source(settings.data, settings.data_dir)
    recordings, title = _load(source, settings.data_dir)
    others, person = leave_one_person_out(recordings, settings.person or DEFAULT_PERSON[source])
    scaling = Scaling.estimate(others)
    return People(
        source=source,
        title=title,
        notice=synthetic.NOTICE if source == "synthetic" else "",
        others=others,
        person=person,
        scaling=scaling,
        calibration=calibration(person, scaling),
    )


def choose_source(requested: str, data_dir: Path | None) -> str:
    """`auto` takes the recordings that are there, and never downloads."""
    if requested == "auto":
        return "openbci" if openbci.data_folder(data_dir) else "synthetic"
    if requested not in SOURCES:
        raise BiotrainError(f"unknown data {requested!r}; there are auto, {', '.join(SOURCES)}")
    return requested


def _load(source: str, data_dir: Path | None) -> tuple[list[Recording], str]:
    if source == "openbci":
        return openbci.load(data_dir), openbci.NAME
    if source == "eegbci":
        from biotrain_tf.data import eegbci  # MNE takes a second to import

        return eegbci.load(data_dir), eegbci.NAME
    return synthetic.generate(), synthetic.NAME
