# SPDX-License-Identifier: Apache-2.0
"""OnDeviceClassifier in evaluations of MOABB: within a session, and on a person left out.

MOABB asks for some thirty packages, so the project does not install it. To run this file:

    pip install moabb==1.7.2
    python -m pytest -m slow tests/biotrain_tf/test_estimator_moabb.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from biotrain_tf.estimator import OnDeviceClassifier
from tests.biotrain_tf.test_estimator import loudness

PEOPLE = 3
moabb = pytest.importorskip("moabb", reason="MOABB is not installed here; pip install moabb==1.7.2")


@pytest.mark.slow
@pytest.mark.parametrize("evaluation", ["WithinSessionEvaluation", "CrossSubjectEvaluation"])
def test_moabb_scores_it(evaluation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up people in whose right-hand trials the first channel is loud."""
    monkeypatch.setenv("MNE_DATA", str(tmp_path))
    monkeypatch.setenv("_MNE_FAKE_HOME_DIR", str(tmp_path))
    from mne.decoding import Scaler
    from moabb import evaluations, paradigms
    from moabb.datasets.fake import FakeDataset

    class Loud(paradigms.LeftRightImagery):
        def get_data(self, *args: Any, **kwargs: Any) -> Any:
            X, labels, metadata = super().get_data(*args, **kwargs)
            X[labels == "right_hand", 0] *= 4
            return X, labels, metadata

    people = FakeDataset(
        event_list=("left_hand", "right_hand"),
        n_sessions=1,
        n_runs=1,
        n_subjects=PEOPLE,
        n_events=40,
        duration=120,
        sfreq=64,
        seed=0,
    )
    pipeline = make_pipeline(
        Scaler(scalings="mean"), OnDeviceClassifier(loudness, learning_rate=0.05, epochs=20)
    )
    evaluate = getattr(evaluations, evaluation)(
        paradigm=Loud(fmin=4, fmax=28, resample=32),
        datasets=[people],
        hdf5_path=str(tmp_path),
        overwrite=True,
    )
    found = evaluate.process({"on the device": pipeline})
    assert len(found) == PEOPLE and set(found["pipeline"]) == {"on the device"}
    assert np.isfinite(found["score"]).all() and found["score"].min() > 0.8, found["score"]
