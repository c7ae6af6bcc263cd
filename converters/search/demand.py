# SPDX-License-Identifier: Apache-2.0
"""What a user asks of a schedule, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.passes.fetch_samples import Sample
from converters.search.budget import Budget, read_budget
from converters.targets import ESTIMATED, TARGETS

SAMPLES = tuple(sample.value for sample in Sample)


@dataclass(frozen=True)
class Demand:
    """``scale``: what an int16 code is, in units of x."""

    budget: Budget
    target: str
    sample: Sample
    scale: float


def read_demand(
    ops: str, ram: str | int | None, target: str, sample: str, scale: float | None
) -> Demand:
    """ConversionError names the first option that cannot be."""
    known = (*TARGETS, *ESTIMATED)
    if target not in known:
        raise ConversionError(f"target must be one of {', '.join(known)}, got {target!r}")
    if sample not in SAMPLES:
        raise ConversionError(f"sample must be one of {', '.join(SAMPLES)}, got {sample!r}")
    if ops != "micro" and (ram is not None or sample != Sample.FLOAT32.value):
        raise ConversionError("ram and sample need ops micro: stock runtimes plan for themselves")
    if sample == Sample.INT16.value:
        if scale is None or not (math.isfinite(scale) and scale > 0):
            raise ConversionError(
                f"sample_scale must be what one int16 code is in units of x, got {scale!r}"
            )
    elif scale is not None:
        raise ConversionError(f"sample_scale is for sample int16, got it with {sample}")
    return Demand(read_budget(ram), target, Sample(sample), 1.0 if scale is None else scale)
