# SPDX-License-Identifier: Apache-2.0
"""`eog_office`: eye movements of 5 people during office activities, two runs each, 128 Hz.

Bulling et al., IEEE TPAMI 33(4), 2011 (CC BY-NC 3.0: not for anything that is shipped). The signal
is continuous with a label for each sample. Five of its eight labels are kept, the activities:
`null` is whatever else happened, and the two distractions last 3 to 45 seconds a run, which is too
little to learn from or to measure on.

An activity is one or two blocks of minutes in a run, so windows of one run are alike beyond what
the activity explains: test on the other run or on another person.

Electrodes drift by ten times the height of a saccade, so a high-pass comes first: a causal one, as
a device runs it.
"""

from __future__ import annotations

from pathlib import Path

from biotrain_tf.data import npz_folder
from biotrain_tf.data.recipe import Recipe
from biotrain_tf.data.recording import Recording
from biotrain_tf.data.windows import Windowing

ACTIVITIES = ("read", "browse", "write", "video", "copy")
WINDOWING = Windowing(length_s=30.0, step_s=10.0)
"""Long enough for some lines of reading. Neighbours share 20 s, and never a run: whoever splits
within one has to leave out those that do.
"""
RECIPE = Recipe(band_hz=(0.2, 30.0), order=2)


def load(folder: Path) -> list[Recording]:
    recordings = npz_folder.load(folder, windowing=WINDOWING, recipe=RECIPE)
    return [recording.with_labels(ACTIVITIES) for recording in recordings]
