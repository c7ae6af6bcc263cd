# SPDX-License-Identifier: Apache-2.0
"""GAP9 as the model sees it: memories, cores, operating points, and the fitted costs."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from converters.errors import ConversionError

PARAMETERS = Path(__file__).with_name("parameters.json")


@dataclass(frozen=True)
class Machine:
    """``cores`` compute, one more orchestrates. ``fpus``: shared evenly where fewer than cores; how
    many GAP9 has is not settled. Bytes; a tile begins at a multiple of ``alignment``.
    """

    cores: int = 8
    fpus: int = 8
    l1_bytes: int = 128 * 1024
    l1_reserved: int = 8 * 1024
    """The runtime and small stacks. Published arenas are of 116 to 122 KB; kL1Bytes of the port
    (tflm_train/ports/gap9/cluster.h) is what is left.
    """
    l2_bytes: int = 1536 * 1024
    alignment: int = 8

    @property
    def l1_budget(self) -> int:
        return self.l1_bytes - self.l1_reserved


@dataclass(frozen=True)
class OperatingPoint:
    """``hertz`` of the cluster at ``volts``."""

    hertz: float
    volts: float

    @property
    def name(self) -> str:
        return f"{self.hertz / 1e6:g} MHz"


LOW = OperatingPoint(240e6, 0.65)
HIGH = OperatingPoint(370e6, 0.80)
POINTS = {"240MHz": LOW, "370MHz": HIGH}


def operating_point(frequency: str) -> OperatingPoint:
    """Of ``240MHz`` or ``370MHz``: at others the voltage is not published."""
    if frequency not in POINTS:
        raise ConversionError(
            f"frequency: wanted one of {', '.join(POINTS)} (their voltages are known), "
            f"found {frequency!r}"
        )
    return POINTS[frequency]


@dataclass(frozen=True)
class Costs:
    """Fitted by calibrate.py; cycles, instructions, bytes a cycle, joules."""

    cpi: float = 2.0
    """Cycles an instruction of compiled loops, stalls included."""
    gather: float = 4.0
    """Instructions to copy one element into a column of im2col."""
    launch: float = 1500.0
    """Cycles of every operator: fork, arguments, barrier, first descriptors."""
    l2_bytes: float = 8.0
    """L2 to L1, bytes a cycle."""
    l3_bytes: float = 1.0
    """L3 to L2, bytes a cycle."""
    npu_share: float = 0.8
    """Of the accelerator's peak."""
    npu_launch: float = 1500.0
    """Cycles of a layer on the accelerator: set up, borders, waiting."""
    idle_watts: float = 0.0088
    """At 240 MHz / 0.65 V, everything clocked and nothing running: read off the traces."""
    busy_joules: float = 2e-10
    """A busy cycle of the cluster, at 1 V."""
    dma_setup: float = 60.0
    """Cycles to start a transfer: not fitted."""
    error: float = 0.0
    """Half the band of cycles and time: the 90th percentile of the leave-one-out errors."""
    energy_error: float = 0.0
    """The same of energy at known cycles."""


@cache
def read_costs(path: Path = PARAMETERS) -> Costs:
    """The costs that calibration left."""
    content = json.loads(path.read_text())["costs"]
    known = {field.name for field in fields(Costs)}
    return Costs(**{name: value for name, value in content.items() if name in known})
