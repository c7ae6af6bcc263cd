# SPDX-License-Identifier: Apache-2.0
"""Every tolerance of the Python tests, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Tolerance:
    """|actual - expected| <= ``absolute`` + ``relative`` * (largest |expected| of the tensor)."""

    absolute: float
    relative: float
    why: str


TOLERANCES: Mapping[str, Tolerance] = MappingProxyType(
    {
        "exact": Tolerance(0.0, 0.0, "the same bits"),
        "loss": Tolerance(5e-6, 0.0, "loss of one step against Keras, stock runtimes, 20 steps"),
        "weights": Tolerance(1e-5, 0.0, "weights after 20 steps against Keras, stock runtimes"),
        "momentum": Tolerance(1e-6, 0.0, "momentum, which is smaller than what it moves"),
        "zero_gradient": Tolerance(1e-5, 0.0, "weights whose true gradient is zero: rounding only"),
        "output": Tolerance(1e-5, 0.0, "what infer gives, against Keras"),
        "device_loss": Tolerance(2e-5, 0.0, "loss of 50 steps against Keras, our runner"),
        "gradient": Tolerance(0.0, 5e-6, "a float32 gradient against float64 autodiff"),
        "long_gradient": Tolerance(0.0, 3e-5, "the same, through the statistics of a norm"),
        "proved_gradient": Tolerance(0.0, 1e-5, "of a whole step, its largest for a measure"),
        "no_gradient": Tolerance(1e-6, 0.0, "of a step, where the true one is zero: rounding only"),
        "commuted_gradient": Tolerance(0.0, 1e-5, "of convolutions in the other order"),
        "finite_difference": Tolerance(0.0, 1e-6, "float64 central differences"),
        "filtered": Tolerance(0.0, 5e-4, "a float32 filter from 0.5 Hz of 500 against float64"),
        "forward": Tolerance(0.0, 2e-6, "a float32 value against float64"),
    }
)

MOVED = 100
"""A test of training proves nothing unless every tensor moves by this many times its tolerance."""
