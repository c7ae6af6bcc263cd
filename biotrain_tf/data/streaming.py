# SPDX-License-Identifier: Apache-2.0
"""Filters that keep their state: the bits of `tflm_train/signal`, in blocks of any length.

Everything is float32, each product and each sum rounded by itself, in the order of the C++.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.errors import BiotrainError

Signal = NDArray[np.float32]


class Stage(Protocol):
    def process(self, x: Signal) -> Signal:
        """(channels, samples) to the same shape; the state goes on from call to call."""
        ...


class Stream:
    """Stages one after the other."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._stages = tuple(stages)

    def process(self, x: NDArray) -> Signal:
        signal: Signal = np.ascontiguousarray(x, np.float32)
        for stage in self._stages:
            signal = stage.process(signal)
        return signal


class SubtractFirst:
    """Minus the first sample that came.

    An electrode's offset, thousands of times the signal, would be rounded off in the filters of low
    frequencies; and a band-pass that starts at rest there has no step to settle from.
    """

    def __init__(self, n_chans: int) -> None:
        self._n_chans = n_chans
        self._first: Signal | None = None

    def process(self, x: Signal) -> Signal:
        _check(x, self._n_chans)
        if self._first is None and x.shape[1]:
            self._first = x[:, :1].copy()
        return x if self._first is None else x - self._first


class SosFilter:
    """Second-order sections in transposed direct form II, for each channel."""

    def __init__(self, sections: Signal, n_chans: int) -> None:
        if sections.ndim != 2 or sections.shape[1] != 6 or not (sections[:, 3] == 1).all():
            raise BiotrainError(
                f"filter: sections must be (n, 6) with a0 = 1, got shape {sections.shape}"
            )
        self._sections = sections.astype(np.float32)
        self._state = np.zeros((len(sections), n_chans, 2), np.float32)

    def process(self, x: Signal) -> Signal:
        _check(x, self._state.shape[1])
        if x.shape[1] == 0:
            return x
        if not _scipy_rounds_every_step():
            return sos_filter_by_steps(self._sections, self._state, x)
        from scipy import signal

        filtered, self._state = signal.sosfilt(self._sections, x, axis=-1, zi=self._state)
        return np.asarray(filtered)


class MovingAverage:
    """Minus the mean of the newest `length` samples, or of as many as there were."""

    def __init__(self, length: int, n_chans: int) -> None:
        if length < 1:
            raise BiotrainError(f"moving average: the length must be 1 or more, got {length}")
        self._ring = np.zeros((length, n_chans), np.float32)
        self._sum = np.zeros(n_chans, np.float32)
        # Replaces the sum whenever the ring is full, so rounding errors do not pile up.
        self._since_full = np.zeros(n_chans, np.float32)
        self._next = 0
        self._seen = 0

    def process(self, x: Signal) -> Signal:
        _check(x, len(self._sum))
        length = len(self._ring)
        out = np.empty_like(x)
        for t in range(x.shape[1]):
            sample = x[:, t]
            self._sum = (self._sum + sample) - self._ring[self._next]
            self._since_full = self._since_full + sample
            self._ring[self._next] = sample
            self._seen = min(self._seen + 1, length)
            self._next = (self._next + 1) % length
            if self._next == 0:
                self._sum, self._since_full = self._since_full, np.zeros_like(self._sum)
            out[:, t] = sample - self._sum / np.float32(self._seen)
        return out


class RunningScale:
    """(x - mean) / sqrt(variance + FLOOR^2), with statistics that follow the signal.

    They are those of all samples for the first `length` of them, then exponential with that time
    constant.
    """

    FLOOR: ClassVar[float] = 1e-6

    def __init__(self, length: int, n_chans: int) -> None:
        if length < 1:
            raise BiotrainError(f"running scale: the length must be 1 or more, got {length}")
        self._length = length
        self._mean = np.zeros(n_chans, np.float32)
        self._variance = np.zeros(n_chans, np.float32)
        self._seen = 0

    def process(self, x: Signal) -> Signal:
        _check(x, len(self._mean))
        one, least = np.float32(1), np.float32(self.FLOOR) * np.float32(self.FLOOR)
        out = np.empty_like(x)
        for t in range(x.shape[1]):
            self._seen = min(self._seen + 1, self._length)
            share = one / np.float32(self._seen)
            distance = x[:, t] - self._mean
            step = share * distance
            self._mean = self._mean + step
            self._variance = (one - share) * (self._variance + step * distance)
            out[:, t] = (x[:, t] - self._mean) / np.sqrt(self._variance + least)
        return out


def sos_filter_by_steps(sections: Signal, state: Signal, x: Signal) -> Signal:
    """What `SosFilter` computes, written out. `state` (sections, channels, 2) is changed."""
    y = x.copy()
    for (b0, b1, b2, _, a1, a2), s in zip(sections, state, strict=True):
        for t in range(x.shape[1]):
            sample = y[:, t].copy()
            out = b0 * sample + s[:, 0]
            s[:, 0] = (b1 * sample - a1 * out) + s[:, 1]
            s[:, 1] = b2 * sample - a2 * out
            y[:, t] = out
    return y


@functools.cache
def _scipy_rounds_every_step() -> bool:
    """Whether SciPy was compiled without contraction to fused multiply-adds, as for x86-64."""
    from scipy import signal

    sections = np.array([[0.3, -0.7, 0.2, 1.0, -1.9, 0.93]], np.float32)
    x = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    state = np.zeros((1, 4, 2), np.float32)
    fast, _ = signal.sosfilt(sections, x, axis=-1, zi=state.copy())
    slow = sos_filter_by_steps(sections, state, x)
    return fast.dtype == np.float32 and fast.tobytes() == slow.tobytes()


def _check(x: Signal, n_chans: int) -> None:
    if x.ndim != 2 or x.shape[0] != n_chans or x.dtype != np.float32:
        raise BiotrainError(
            f"filter: wanted float32 ({n_chans}, samples), found {x.dtype} {x.shape}"
        )
