# SPDX-License-Identifier: Apache-2.0
"""`ecg_mitbih`: beats of 30 records of the MIT-BIH Arrhythmia Database, AAMI classes N S V F Q.

Moody, Mark, IEEE Eng. Med. Biol. 20(3), 2001 (ODC-By 1.0). Session 1 holds every beat of the first
five minutes; session 2 is a choice of later beats, so its class proportions are not natural.

- The second lead differs between records, and record 114 has the leads the other way round. Here
  MLII is first and the other one, any chest lead, is called `V`; `Recording.pick(("MLII",))` leaves
  the lead that all share.
- Records 201 and 202 are one person, who is never on both sides of a split.
- Both sessions are on one clock, and neighbouring beats may overlap: all beats are one run.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from biotrain_tf.data import npz_folder
from biotrain_tf.data.recording import Recording
from biotrain_tf.errors import BiotrainError

LIMB_LEAD = "MLII"
CHEST_LEAD = "V"
_SAME_PERSON = {"R202": "R201"}


def load(folder: Path) -> list[Recording]:
    return [_mended(recording) for recording in npz_folder.load(folder)]


def _mended(record: Recording) -> Recording:
    if LIMB_LEAD not in record.ch_names or record.n_chans != 2:
        raise BiotrainError(
            f"{record.subject}: wanted {LIMB_LEAD} and one more lead, "
            f"found {', '.join(record.ch_names)}"
        )
    (other,) = (name for name in record.ch_names if name != LIMB_LEAD)
    return dataclasses.replace(
        record.pick((LIMB_LEAD, other)),
        ch_names=(LIMB_LEAD, CHEST_LEAD),
        person=_SAME_PERSON.get(record.subject, record.subject),
        run=np.ones_like(record.session),
        details={**record.details, "chest_lead": np.full(len(record.X), other)},
    )
