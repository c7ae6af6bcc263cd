# SPDX-License-Identifier: Apache-2.0
"""Causal filters: SciPy's answer, in blocks of any length, and the bits of the C++."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from biotrain_tf.data.recipe import BIOTRAIN_PAPER, Recipe
from biotrain_tf.data.streaming import (
    MovingAverage,
    RunningScale,
    SosFilter,
    sos_filter_by_steps,
)
from biotrain_tf.errors import BiotrainError
from tests.biotrain_tf import signal_twin
from tests.compare import assert_close

SFREQ = 500.0


@pytest.fixture(scope="module")
def eeg() -> NDArray[np.float32]:
    """12 s of two channels in microvolts: an electrode's offset, drift, mains and noise."""
    rng = np.random.default_rng(5)
    time = np.arange(6000) / SFREQ
    x = 10 * rng.standard_normal((2, 6000)) + 20 * np.sin(2 * np.pi * 50 * time)
    x += np.array([[3000.0], [-500.0]]) + 30 * np.sin(2 * np.pi * 0.05 * time)
    return x.astype(np.float32)


def published(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """Notch 50 Hz of Q 30, Butterworth 0.5-100 Hz of order 4, minus the mean of 125: in float64."""
    from scipy import signal

    y = x.astype(np.float64) - x[:, :1]
    y = signal.lfilter(*signal.iirnotch(50.0, 30.0, fs=SFREQ), y)
    sections = signal.butter(4, (0.5, 100.0), "bandpass", fs=SFREQ, output="sos")
    y = signal.sosfilt(sections, y)
    last = np.arange(1, y.shape[1] + 1)
    first = np.maximum(last - 125, 0)
    sums = np.concatenate([np.zeros((len(y), 1)), np.cumsum(y, axis=1)], axis=1)
    averaged: NDArray[np.float64] = y - (sums[:, last] - sums[:, first]) / (last - first)
    return averaged


def test_the_published_preprocessing(eeg: NDArray[np.float32]) -> None:
    got = BIOTRAIN_PAPER.stream(sfreq=SFREQ, n_chans=2).process(eeg)
    assert_close(got, published(eeg), "filtered")
    # Another cut-off frequency is not taken for it.
    other = Recipe(notch_hz=50.0, band_hz=(0.6, 100.0), moving_average=125)
    with pytest.raises(AssertionError):
        wrong = other.stream(sfreq=SFREQ, n_chans=2).process(eeg)
        assert_close(wrong, published(eeg), "filtered")


def test_causal_and_in_blocks(eeg: NDArray[np.float32]) -> None:
    recipe = Recipe(notch_hz=50.0, band_hz=(0.5, None), moving_average=25, running_scale_s=0.5)
    x = eeg[:, :1000]
    whole = recipe.stream(sfreq=SFREQ, n_chans=2).process(x)
    stream = recipe.stream(sfreq=SFREQ, n_chans=2)
    bounds = [0, 1, 1, 8, 300, 999, 1000]
    parts = [stream.process(x[:, a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    assert np.concatenate(parts, axis=1).tobytes() == whole.tobytes()
    changed = x.copy()
    changed[:, 600:] += 1
    after = recipe.stream(sfreq=SFREQ, n_chans=2).process(changed)
    assert after[:, :600].tobytes() == whole[:, :600].tobytes()
    assert (after[:, 600:] != whole[:, 600:]).mean() > 0.9


def test_scipy_computes_the_written_out_bits(eeg: NDArray[np.float32]) -> None:
    sections = BIOTRAIN_PAPER.sections(SFREQ)
    x = eeg[:, :600]
    state = np.zeros((len(sections), 2, 2), np.float32)
    slow = sos_filter_by_steps(sections, state, x)
    fast = SosFilter(sections, 2).process(x)
    print(f"compared={slow.size}")
    assert slow.shape == (2, 600)
    assert fast.tobytes() == slow.tobytes()


def test_the_device_test_knows_these_bits(repo: Path) -> None:
    assert signal_twin.HEADER.read_text() == signal_twin.header(), (
        "python -m tests.biotrain_tf.signal_twin writes it"
    )
    source = (repo / "tflm_train" / "signal" / "chain_test.cc").read_text()
    hashes = signal_twin.hashes()
    assert len(set(hashes.values())) == 3
    for name, value in hashes.items():
        assert re.search(rf'0x{value:08x}u,\s+"{name}"', source), f"{name}: 0x{value:08x}u"


def test_running_scale_standardises() -> None:
    x = np.random.default_rng(6).standard_normal((2, 6000)) * [[3.0], [40.0]] + 500
    out = RunningScale(1000, 2).process(x.astype(np.float32))[:, 2000:]
    assert np.abs(out.mean(1)).max() < 0.1
    assert np.abs(out.std(1) - 1).max() < 0.1
    still = RunningScale(100, 1).process(np.full((1, 300), 7.0, np.float32))
    assert (still == 0).all()


def test_a_header_without_filters() -> None:
    text = Recipe(moving_average=9).header(sfreq=250.0, n_chans=2, name="kMine")
    assert "nullptr" in text and "SosSection" not in text


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe(band_hz=(0.5, 100.0)), "100 Hz must lie between 0 and 62.5 Hz"),
        (Recipe(notch_hz=62.5), "62.5 Hz must lie"),
        (Recipe(band_hz=(0.0, None)), "0 Hz must lie"),
        (Recipe(band_hz=(20.0, 5.0)), "from 20 to 5 Hz is empty"),
    ],
)
def test_bands_that_cannot_be(recipe: Recipe, message: str) -> None:
    with pytest.raises(BiotrainError, match=message):
        recipe.sections(125.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(BiotrainError, match="wanted float32 \\(2, samples\\)"):
        MovingAverage(5, 2).process(np.zeros((3, 4), np.float32))
    with pytest.raises(BiotrainError, match="a0 = 1"):
        SosFilter(np.zeros((1, 6), np.float32), 1)
    with pytest.raises(BiotrainError, match="length must be 1 or more"):
        RunningScale(0, 1)
