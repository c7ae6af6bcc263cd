# SPDX-License-Identifier: Apache-2.0
"""EEG-like signals for a machine without recordings: they prove that the tools run, nothing else.

1/f noise that neighbouring electrodes share, plus a mu rhythm over either sensorimotor cortex that
weakens (desynchronises) on the side opposite to the imagined hand. People differ in frequency,
in the strength of either side, in gain and in how their cap sits; in some trials nothing happens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recording import Recording

NAME = "SYNTHETIC SIGNALS"
NOTICE = "THESE SIGNALS ARE SYNTHETIC - NO PERSON WAS RECORDED - THE ACCURACIES MEAN NOTHING"
# 10-20 positions on the unit disc, x to the right ear and y to the nose.
_POSITIONS = {
    "F7": (-0.8, 0.6), "F3": (-0.4, 0.5), "Fz": (0.0, 0.5), "F4": (0.4, 0.5), "F8": (0.8, 0.6),
    "T3": (-1.0, 0.0), "C3": (-0.5, 0.0), "Cz": (0.0, 0.0), "C4": (0.5, 0.0), "T4": (1.0, 0.0),
    "T5": (-0.8, -0.6), "P3": (-0.4, -0.5), "Pz": (0.0, -0.5), "P4": (0.4, -0.5), "T6": (0.8, -0.6),
}  # fmt: skip
_SESSIONS = 4
_CUE_S = 1.0
# So that a net trained on others is right about as often as on real people, and calibrating helps.
_MU = 0.8
_DEPTH = (0.35, 0.6)
_LAPSES = 0.05
_ASYMMETRY = 0.7
_TURN_RAD = 0.5
"""How far a cap sits turned."""


def generate(
    *,
    n_people: int = 7,
    n_trials: int = 160,
    sfreq: float = 125.0,
    duration_s: float = 5.0,
    seed: int = 0,
) -> list[Recording]:
    """`n_people` synthetic people, equal for equal arguments."""
    return [
        _person(f"SYN{i + 1:02d}", np.random.default_rng([seed, i]), n_trials, sfreq, duration_s)
        for i in range(n_people)
    ]


def _person(
    subject: str, rng: np.random.Generator, n_trials: int, sfreq: float, duration_s: float
) -> Recording:
    n_times = round(duration_s * sfreq)
    labels = rng.permutation(np.arange(n_trials) % 2).astype(np.int32)
    shape = (n_trials, len(_POSITIONS), n_times)
    places = np.array(list(_POSITIONS.values()))
    signal = np.einsum("cd,ndt->nct", _mixing(places), _pink(rng, shape))
    turn = rng.normal(0.0, _TURN_RAD)
    time = np.arange(n_times) / sfreq
    # Weakening sets in over about half a second after the cue, and not in every trial.
    after_cue = 1.0 / (1.0 + np.exp(-(time - _CUE_S - 0.5) / 0.15))
    attentive = rng.random(n_trials) >= _LAPSES
    frequency = rng.uniform(9.0, 12.0)
    depth = rng.uniform(*_DEPTH)
    for electrode, weakened_by in (("C3", 1), ("C4", 0)):
        source = _turned(np.array(_POSITIONS[electrode]), turn)
        topography = np.exp(-((np.linalg.norm(places - source, axis=1) / 0.4) ** 2))
        # Hemispheres differ, more from person to person than from trial to trial.
        strength = _MU * np.exp(rng.normal(0.0, _ASYMMETRY) + rng.normal(0.0, 0.2, n_trials))
        phase = rng.uniform(0, 2 * np.pi, (n_trials, 1))
        wander = np.cumsum(rng.normal(0, 0.05, (n_trials, n_times)), axis=1)
        rhythm = strength[:, None] * np.sin(2 * np.pi * frequency * time + phase + wander)
        rhythm *= 1.0 - depth * after_cue * (attentive & (labels == weakened_by))[:, None]
        signal += rhythm[:, None, :] * topography[None, :, None]
    return Recording(
        subject=subject,
        X=(rng.uniform(6.0, 12.0) * signal).astype(np.float32),
        y=labels,
        session=(1 + np.arange(n_trials) * _SESSIONS // n_trials).astype(np.int32),
        ch_names=tuple(_POSITIONS),
        label_names=("left_hand_MI", "right_hand_MI"),
        sfreq=sfreq,
    )


def _mixing(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit-variance mixtures in which neighbours share most."""
    distance = np.linalg.norm(places[:, None] - places[None, :], axis=-1)
    mixing = np.exp(-((distance / 0.7) ** 2))
    return np.asarray(mixing / np.linalg.norm(mixing, axis=1, keepdims=True))


def _turned(place: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray([[cosine, -sine], [sine, cosine]] @ place)


def _pink(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Unit-variance noise whose power falls as 1/f."""
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=-1)
    frequency = np.arange(spectrum.shape[-1], dtype=np.float64)
    frequency[0] = np.inf  # no constant part
    pink = np.fft.irfft(spectrum / np.sqrt(frequency), n=shape[-1], axis=-1)
    pink /= pink.std()
    return pink
