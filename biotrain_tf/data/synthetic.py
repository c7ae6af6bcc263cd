# SPDX-License-Identifier: Apache-2.0
"""EEG-like signals for a machine without recordings: they prove that the tools run, nothing else.

1/f noise that neighbouring electrodes share, plus a mu rhythm over either sensorimotor cortex that
weakens (desynchronises) on the side opposite to the imagined hand. People differ in frequency,
strength and gain.
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
    gain_uv = rng.uniform(6.0, 12.0)
    frequency = rng.uniform(9.0, 12.0)
    strength = rng.uniform(0.8, 1.3)
    depth = rng.uniform(0.5, 0.8)
    places = np.array(list(_POSITIONS.values()))
    distance = np.linalg.norm(places[:, None] - places[None, :], axis=-1)
    mixing = np.exp(-((distance / 0.7) ** 2))
    mixing /= np.linalg.norm(mixing, axis=1, keepdims=True)

    noise = np.einsum("cd,ndt->nct", mixing, _pink(rng, (n_trials, len(places), n_times)))
    time = np.arange(n_times) / sfreq
    # Weakening sets in over about half a second after the cue.
    after_cue = 1.0 / (1.0 + np.exp(-(time - _CUE_S - 0.5) / 0.15))
    signal = noise
    for electrode, weakened_by in (("C3", 1), ("C4", 0)):
        place = np.array(_POSITIONS[electrode])
        topography = np.exp(-((np.linalg.norm(places - place, axis=1) / 0.4) ** 2))
        phase = rng.uniform(0, 2 * np.pi, (n_trials, 1))
        wander = np.cumsum(rng.normal(0, 0.05, (n_trials, n_times)), axis=1)
        rhythm = strength * np.sin(2 * np.pi * frequency * time + phase + wander)
        rhythm *= 1.0 - depth * after_cue * (labels == weakened_by)[:, None]
        signal = signal + rhythm[:, None, :] * topography[None, :, None]
    return Recording(
        subject=subject,
        X=(gain_uv * signal).astype(np.float32),
        y=labels,
        session=(1 + np.arange(n_trials) * _SESSIONS // n_trials).astype(np.int32),
        ch_names=tuple(_POSITIONS),
        label_names=("left_hand_MI", "right_hand_MI"),
        sfreq=sfreq,
    )


def _pink(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Unit-variance noise whose power falls as 1/f."""
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=-1)
    frequency = np.arange(spectrum.shape[-1], dtype=np.float64)
    frequency[0] = np.inf  # no constant part
    pink = np.fft.irfft(spectrum / np.sqrt(frequency), n=shape[-1], axis=-1)
    pink /= pink.std()
    return pink
