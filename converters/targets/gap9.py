# SPDX-License-Identifier: Apache-2.0
"""GAP9: eight RV32 cores and a controller, 128 KB L1, 1.5 MB L2. No emulator of it is at hand.

What it costs is estimated (converters/gap9); schedules are chosen by the instructions of RV32.
"""

from .profile import MemoryRegion, RegionKind, TargetProfile

GAP9 = TargetProfile(
    name="gap9",
    description="GAP9, estimates only",
    arch="riscv32",
    port="gap9",
    compiler_prefix="riscv64-unknown-elf-",
    compiler_apt_packages=(),
    regions=(
        MemoryRegion("MRAM", RegionKind.FLASH, 0x1900_0000, 2 << 20),
        MemoryRegion("L2", RegionKind.RAM, 0x1C00_0000, 1536 << 10),
        MemoryRegion("L3", RegionKind.RAM, 0x8000_0000, 8 << 20),
    ),
    costs="riscv32",
)
