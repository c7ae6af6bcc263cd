# SPDX-License-Identifier: Apache-2.0
"""How much is done: everything, a part of it, or as little as proves that it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from biotrain_tf.experiment import variants
from biotrain_tf.experiment.variants import Variant

BATCH_SIZE = 8
MOMENTUM = 0.9

CHANGED_AFTER_RESULTS = (
    "the rates to choose from are 0.001, 0.005, 0.02, and were 0.003, 0.02 (after emg_myo_25subj "
    "and eog_office, where the smallest was chosen for full in most folds)",
    "up to 4 people choose, and were 2, each adapted to twice where there is one; a run whose loss "
    "becomes infinite scores 0 (after layer-wise on emg_myo_25subj and ecg_mitbih)",
    "eog_office has windows of 30 s at 32 Hz, one every 10 s, scaled by the person's own first "
    "run, and 20 epochs of pre-training; it had windows of 10 s at 64 Hz scaled one by one, and 10 "
    "epochs (after its results; linear models of all its people told what to try, and of that it "
    "was best without adaptation for networks of 3 people on the other 2, whoever was left out of "
    "the comparison)",
)
"""Defaults that were changed when results of people who are tested had been seen. The page says so;
whoever changes one for such a reason adds a line.
"""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What decides the figures; results of another scope are other results."""

    seeds: tuple[int, ...] = (0, 1, 2)
    variants: tuple[Variant, ...] = variants.ALL
    learning_rates: tuple[float, ...] = (0.001, 0.005, 0.02)
    epochs: tuple[int, ...] = (3, 10, 20)
    max_test_people: int | None = None
    max_people: int | None = None
    max_sessions: int | None = None
    """Sessions of the longitudinal scenario, evenly spread; None: all."""
    max_points: int | None = None
    pretrain_share: float = 1.0
    """Of the epochs of the plan."""
    remembered: int = 96
    """Trials of pre-training people that forgetting is measured on."""

    @classmethod
    def quick(cls) -> Scope:
        return cls(
            seeds=(0,),
            variants=(
                variants.NONE,
                variants.LAST_LAYER,
                *variants.FULL,
                Variant(strategy="norm"),
            ),
            learning_rates=(0.01,),
            epochs=(2,),
            max_test_people=1,
            max_people=3,
            max_sessions=2,
            max_points=1,
            pretrain_share=0.1,
            remembered=16,
        )

    def limited(self, **changes: object) -> Scope:
        """The same with what a user named on the command line; None changes nothing."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where things lie; none of it decides a figure."""

    output: Path
    data_dir: Path | None = None

    @property
    def cache(self) -> Path:
        return self.output / "cache"
