# SPDX-License-Identifier: Apache-2.0
"""What is done with each data set: windows, network, metric, and what linear models reach on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from biotrain_tf.errors import BiotrainError

DAY1, LONGITUDINAL = "day1", "longitudinal"
SCENARIOS = (DAY1, LONGITUDINAL)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Of one data set. `crop_s` counts from the first sample of a trial; `window_s` cuts what is
    left into pieces that are classified one by one (None: whole). All of it is causal.
    """

    name: str
    title: str
    scenarios: tuple[str, ...]
    model: str
    model_arguments: Mapping[str, Any] = field(default_factory=dict)
    crop_s: tuple[float, float] | None = None
    window_s: float | None = None
    decimate: int = 1
    rereference: bool = False
    bands_hz: tuple[tuple[float, float], ...] = ()
    """Each channel becomes one for each band, filtered from the first sample of the trial."""
    standardise: bool = False
    """Each window by its own mean and standard deviation, one of each for all channels."""
    own_scale: bool = False
    """Each channel by its typical spread in windows of the person's first session, whose labels
    are not looked at: electrodes of another person sit elsewhere.
    """
    classes: tuple[int, ...] | None = None
    """Labels of the data set that are told apart (None: all)."""
    balanced: bool = False
    """Balanced accuracy instead of accuracy."""
    points: tuple[int, ...] = ()
    """How many trials calibrate on day 1."""
    in_turn: bool = True
    """Calibration asks for the classes in turn; else they come as they come."""
    block_trials: int | None = None
    """Take so many trials for a session, whatever the set calls one."""
    within_session: bool = False
    """Day 1 is one session of the set, and its last quarter tests; else the last session tests."""
    base_sessions: int = 1
    """Sessions that the person's own weights come from."""
    pretrain_epochs: int = 20
    pretrain_cap: int = 400
    """Trials or windows of one person that are pre-trained on, at most."""
    least_per_class: int = 0
    """A test person needs so many calibration trials of each class."""
    linear: Mapping[str, str] = field(default_factory=dict)
    """By scenario: what linear models reach, by the data's README."""


_MOMENTUM = {"batch_norm_momentum": 0.1}
"""Of a few hundred steps the running statistics must not remember the first."""
_BMINET = {**_MOMENTUM, "F1": 16, "kernel_length": 64, "drop_prob": 0.25}

PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan(
            name="eeg_mi_openbci",
            title="EEG, rest against grasp imagery",
            scenarios=(DAY1, LONGITUDINAL),
            model="mi_bminet",
            model_arguments=_BMINET,
            crop_s=(1.0, 4.5),
            rereference=True,
            points=(20, 40, 80, 120),
            pretrain_epochs=12,
            linear={
                DAY1: "new person: CSP .58, Riemann .62, Riemann with per-person whitening .75; "
                "within person, leave-run-out: Riemann about .79",
                LONGITUDINAL: "run 1 to later runs: Riemann .69",
            },
        ),
        Plan(
            name="eeg_mi_days",
            title="EEG, idle against left and right imagery, one person, two days",
            scenarios=(LONGITUDINAL,),
            model="mi_bminet",
            model_arguments=_BMINET,
            crop_s=(0.5, 4.5),
            rereference=True,
            block_trials=30,
            base_sessions=5,
            pretrain_epochs=40,
            linear={LONGITUDINAL: "within day about .9; other day to this day about .6 to .85"},
        ),
        Plan(
            name="eeg_ssvep_exo",
            title="EEG, visually evoked potentials at 13, 17, 21 Hz and rest",
            # Its sessions are minutes apart.
            scenarios=(DAY1,),
            model="shallow_conv_net",
            model_arguments={
                **_MOMENTUM,
                "n_filters_time": 8,
                "filter_time_length": 13,
                "n_filters_spat": 16,
                "pool_time_length": 64,
                "pool_time_stride": 32,
                "conv_max_norm": None,
                "norm_rate": None,
            },
            # From the first second on, when the filters have settled.
            crop_s=(1.0, 5.0),
            decimate=4,
            rereference=True,
            bands_hz=((12.5, 13.5), (16.5, 17.5), (20.5, 21.5)),
            standardise=True,
            points=(8, 16, 32),
            linear={DAY1: "within person: Riemann .72; new person: Riemann .60"},
        ),
        Plan(
            name="emg_myo_25subj",
            title="EMG, 8 motions, 17 people",
            scenarios=(DAY1,),
            model="emg_cnn",
            model_arguments=_MOMENTUM,
            window_s=0.25,
            points=(8, 16, 24, 32),
            linear={DAY1: "LDA: 4 repeats to the 5th .98; new person .71, worst .30"},
        ),
        Plan(
            name="emg_myo_30days",
            title="EMG, 8 motions, 3 people, 30 days",
            scenarios=(DAY1, LONGITUDINAL),
            model="emg_cnn",
            model_arguments=_MOMENTUM,
            window_s=0.25,
            points=(8, 16, 24),
            within_session=True,
            pretrain_cap=2000,
            linear={
                DAY1: "LDA: same day .98; new person .82",
                LONGITUDINAL: "LDA: day 1 to later .87 (same placement .92, other .85)",
            },
        ),
        Plan(
            name="eog_office",
            title="EOG, office activities",
            scenarios=(DAY1,),
            model="epidenet",
            model_arguments=_MOMENTUM,
            decimate=4,
            own_scale=True,
            balanced=True,
            points=(10, 20, 40),
            linear={DAY1: "mixed-run .82; run 1 to run 2 .63; new person .71"},
        ),
        Plan(
            name="ecg_mitbih",
            title="ECG, ventricular against normal beats",
            scenarios=(DAY1,),
            model="ecg_cnn",
            model_arguments=_MOMENTUM,
            classes=(0, 2),
            balanced=True,
            in_turn=False,
            points=(100, 200, 300),
            pretrain_epochs=5,
            pretrain_cap=300,
            least_per_class=5,
            linear={DAY1: "own first 5 min .95; leave-patient-out .77"},
        ),
    )
}


def plan_of(name: str) -> Plan:
    if name not in PLANS:
        raise BiotrainError(f"data: wanted one of {', '.join(PLANS)}; found {name!r}")
    return PLANS[name]
