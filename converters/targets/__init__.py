# SPDX-License-Identifier: Apache-2.0
"""Device profiles as data. A new target is a file here, a line in this table and its flags."""

from .cortex_m4f import CORTEX_M4F
from .cortex_m7 import CORTEX_M7
from .cortex_m33 import CORTEX_M33
from .cortex_m55 import CORTEX_M55
from .gap9 import GAP9
from .host import HOST
from .profile import (
    MemoryRegion,
    QemuMachine,
    RegionKind,
    RenodePlatform,
    TargetProfile,
    Uart,
)
from .riscv32 import RISCV32

TARGETS: dict[str, TargetProfile] = {
    profile.name: profile
    for profile in (HOST, CORTEX_M4F, CORTEX_M7, CORTEX_M33, CORTEX_M55, RISCV32)
}

ESTIMATED: dict[str, TargetProfile] = {GAP9.name: GAP9}
"""Schedules are chosen for them; there is no firmware, so what they cost is an estimate."""


def get(name: str) -> TargetProfile:
    """The profile of that name; ValueError names the known ones."""
    if name not in TARGETS:
        raise ValueError(f"target: wanted one of {', '.join(TARGETS)}; found {name!r}")
    return TARGETS[name]


__all__ = [
    "ESTIMATED",
    "TARGETS",
    "MemoryRegion",
    "QemuMachine",
    "RegionKind",
    "RenodePlatform",
    "TargetProfile",
    "Uart",
    "get",
]
