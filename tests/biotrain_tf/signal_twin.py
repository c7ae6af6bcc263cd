# SPDX-License-Identifier: Apache-2.0
"""The recipe of tflm_train/signal/chain_test.cc, and what NumPy makes of the same samples.

`python -m tests.biotrain_tf.signal_twin` writes its header anew and prints the hashes.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.recipe import Recipe

HEADER = Path(__file__).resolve().parents[2] / "tflm_train" / "signal" / "recipe_test.h"
SFREQ = 125.0
N_CHANS = 3
N_TIMES = 700
RECIPE = Recipe(notch_hz=50.0, band_hz=(0.5, 45.0), moving_average=125, running_scale_s=2.0)
VARIANTS = {
    "everything": RECIPE,
    "no scale": dataclasses.replace(RECIPE, running_scale_s=0.0),
    "sections only": dataclasses.replace(
        RECIPE, subtract_first=False, moving_average=0, running_scale_s=0.0
    ),
}


def header() -> str:
    return RECIPE.header(sfreq=SFREQ, n_chans=N_CHANS, name="kTestRecipe")


def samples() -> NDArray[np.float32]:
    """TestRandom of tflm_train/testing/test_data.h, seed 7: an offset, and noise of 10."""
    state = (7 * 2654435761 + 1) & 0xFFFFFFFF
    uniform = np.empty(N_TIMES * N_CHANS, np.float32)
    for i in range(len(uniform)):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        uniform[i] = np.float32((state >> 8) - 8388608) / np.float32(8388608)
    return (np.float32(10) * uniform + np.float32(100)).reshape(N_TIMES, N_CHANS).T


def fnv1a(signal: NDArray[np.float32]) -> int:
    """Of the words of (channels, samples), sample by sample."""
    value = 2166136261
    for word in np.ascontiguousarray(signal.T).view(np.uint32).ravel().tolist():
        value = ((value ^ word) * 16777619) & 0xFFFFFFFF
    return value


def hashes() -> dict[str, int]:
    return {
        name: fnv1a(recipe.stream(sfreq=SFREQ, n_chans=N_CHANS).process(samples()))
        for name, recipe in VARIANTS.items()
    }


if __name__ == "__main__":
    HEADER.write_text(header())
    for name, value in hashes().items():
        print(f"{name}: 0x{value:08x}u")
