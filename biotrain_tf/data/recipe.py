# SPDX-License-Identifier: Apache-2.0
"""What is done to samples as they come, on a device and here alike: designed by SciPy, no more.

A recipe says what is wanted in Hz and seconds; `stream` runs it on this machine, and `header` gives
it to `tflm_train/signal`, which computes the same bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.data.streaming import (
    MovingAverage,
    RunningScale,
    SosFilter,
    Stage,
    Stream,
    SubtractFirst,
)
from biotrain_tf.errors import BiotrainError


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Minus the first sample, notch, Butterworth, minus moving average, standardise: in that order.

    `band_hz` of `(low, None)` is a high-pass. `order` is SciPy's: a band-pass has twice as many
    poles. `moving_average` is in samples; `running_scale_s` is the time constant of the running
    mean and standard deviation.
    """

    subtract_first: bool = True
    notch_hz: float | None = None
    notch_q: float = 30.0
    band_hz: tuple[float, float | None] | None = None
    order: int = 4
    moving_average: int = 0
    running_scale_s: float = 0.0

    def sections(self, sfreq: float) -> NDArray[np.float32]:
        """Second-order sections (sections, 6) as SciPy orders them, rounded to float32."""
        from scipy import signal

        designed = []
        if self.notch_hz is not None:
            self._check(sfreq, self.notch_hz)
            designed.append(signal.tf2sos(*signal.iirnotch(self.notch_hz, self.notch_q, fs=sfreq)))
        if self.band_hz is not None:
            low, high = self.band_hz
            self._check(sfreq, low, *(() if high is None else (high,)))
            if high is not None and high <= low:
                raise BiotrainError(f"filter: a band from {low:g} to {high:g} Hz is empty")
            edges, kind = (low, "highpass") if high is None else ((low, high), "bandpass")
            designed.append(signal.butter(self.order, edges, kind, fs=sfreq, output="sos"))
        return np.concatenate([np.zeros((0, 6)), *designed]).astype(np.float32)

    def stream(self, *, sfreq: float, n_chans: int) -> Stream:
        """The recipe at rest, for `n_chans` signals."""
        stages: list[Stage] = [SubtractFirst(n_chans)] if self.subtract_first else []
        sections = self.sections(sfreq)
        if len(sections):
            stages.append(SosFilter(sections, n_chans))
        if self.moving_average:
            stages.append(MovingAverage(self.moving_average, n_chans))
        if self.running_scale_s:
            stages.append(RunningScale(round(self.running_scale_s * sfreq), n_chans))
        return Stream(stages)

    def header(self, *, sfreq: float, n_chans: int, name: str = "kFilter") -> str:
        """A C++ header with the `ChainSettings` of `tflm_train/signal/chain.h`, called `name`."""
        sections = self.sections(sfreq)
        rows = ",\n".join(
            "    {" + ", ".join(_literal(row[i]) for i in (0, 1, 2, 4, 5)) + "}" for row in sections
        )
        words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix("k")).upper()
        guard = f"BIOTRAIN_{words}_H_"
        array = f"inline constexpr biotrain::SosSection {name}Sections[] = {{\n{rows},\n}};\n"
        pointer = f"{name}Sections" if len(sections) else "nullptr"
        return (
            f"// SPDX-License-Identifier: Apache-2.0\n// clang-format off\n"
            f"// Written by biotrain_tf.data.recipe:\n// {self}\n"
            f"#ifndef {guard}\n#define {guard}\n\n"
            f'#include "tflm_train/signal/chain.h"\n\n{array if len(sections) else ""}'
            f"inline constexpr biotrain::ChainSettings {name} = {{\n"
            f"    {_literal(sfreq)},  // Hz: {sfreq:g}\n    {n_chans},  // channels\n"
            f"    {str(self.subtract_first).lower()},  // minus the first sample\n"
            f"    {pointer},\n    {len(sections)},\n"
            f"    {self.moving_average},  // samples of the moving average\n"
            f"    {round(self.running_scale_s * sfreq)},  // samples of the running statistics\n"
            f"    {_literal(RunningScale.FLOOR)},\n}};\n\n#endif  // {guard}\n"
        )

    def _check(self, sfreq: float, *frequencies: float) -> None:
        for frequency in frequencies:
            if not 0 < frequency < sfreq / 2:
                raise BiotrainError(
                    f"filter: {frequency:g} Hz must lie between 0 and {sfreq / 2:g} Hz, "
                    f"half of {sfreq:g} samples a second; choose another band or resample"
                )


BIOTRAIN_PAPER = Recipe(notch_hz=50.0, band_hz=(0.5, 100.0), moving_average=125)
"""The preprocessing published with BioTrain (bmi-odcl), for 500 samples a second."""


def _literal(value: float) -> str:
    """A float32, exactly."""
    mantissa, exponent = float(np.float32(value)).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f" if value else "0.0f"
