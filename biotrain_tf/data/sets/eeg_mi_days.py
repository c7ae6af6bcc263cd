# SPDX-License-Identifier: Apache-2.0
"""`eeg_mi_days`: idle, left and right hand imagery of one person on two days, 5 runs each, 125 Hz.

From the recordings of tomerroditi/bci4als-online. The files say "uV (OpenBCI, nominal)": the gain
is the amplifier's, not a calibration's. Eye and muscle activity probably helps to tell the classes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from biotrain_tf.data import npz_folder
from biotrain_tf.data.recording import Recording


def load(folder: Path) -> list[Recording]:
    return [dataclasses.replace(r, units="uV") for r in npz_folder.load(folder)]
