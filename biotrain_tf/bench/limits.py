# SPDX-License-Identifier: Apache-2.0
"""How many instructions a multiply-add may cost: what the kernels are meant to reach."""

from __future__ import annotations

from dataclasses import dataclass

from biotrain_tf.bench.kernel_cases import DW, DX, FORWARD

HELIUM_TARGET = "cortex-m55"
ALL = (FORWARD, DW, DX)


@dataclass(frozen=True)
class Limit:
    """Of a kernel by name; ``least_batch``: of shapes with at least so many samples."""

    kernel: str
    most: float
    directions: tuple[str, ...] = ALL
    helium: bool = False
    least_batch: int = 1


# The first that fits holds.
KERNELS = (
    Limit("temporal conv 1x64, fast FIR", 1.0),
    Limit("depthwise 1x128, fast FIR", 1.0),
    Limit("temporal conv 1x64", 1.25),
    Limit("depthwise 1x128", 1.25),
    Limit("depthwise 1x16", 1.4),
    Limit("conv 3x3", 1.8, (FORWARD, DW)),
    Limit("conv 3x3", 2.0, (DX,)),
    Limit("pointwise conv", 1.75),
    Limit("spatial depthwise 22x1", 1.85),
    Limit("dense", 2.6, (FORWARD,)),
    Limit("dense", 3.0, (DX,)),
    # A weight's gradient of one sample is an update; of several, a sum.
    Limit("dense", 3.5, (DW,), least_batch=2),
    Limit("temporal conv 1x64", 0.65, helium=True),
)
# Whole steps, by textbook multiply-add.
STEPS = {"eegnet": 0.5, "mi_bminet": 1.25, "epidenet": 2.3}


def kernel_limit(kernel: str, direction: str, shape: str, target: str) -> float | None:
    """Instructions a multiply-add; None where nothing is wanted of this kernel."""
    first = shape.split("x")[0]
    batch = int(first) if kernel == "dense" else 1
    for limit in KERNELS:
        if (
            kernel == limit.kernel
            and direction in limit.directions
            and limit.helium == (target == HELIUM_TARGET)
            and batch >= limit.least_batch
        ):
            return limit.most
    return None
