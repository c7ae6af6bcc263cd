# SPDX-License-Identifier: Apache-2.0
"""Small made-up recordings."""

from __future__ import annotations

import numpy as np

from biotrain_tf.data.recording import Recording


def recording(
    subject: str = "A",
    *,
    seed: int = 0,
    n_trials: int = 12,
    n_chans: int = 3,
    n_times: int = 20,
    sessions: int = 3,
    gain: float = 1.0,
) -> Recording:
    rng = np.random.default_rng([seed, *subject.encode()])
    return Recording(
        subject=subject,
        X=(gain * rng.standard_normal((n_trials, n_chans, n_times))).astype(np.float32),
        y=(np.arange(n_trials) % 2).astype(np.int32),
        session=(1 + np.arange(n_trials) * sessions // n_trials).astype(np.int32),
        ch_names=tuple(f"E{i}" for i in range(n_chans)),
        label_names=("left", "right"),
        sfreq=100.0,
    )
