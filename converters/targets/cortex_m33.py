# SPDX-License-Identifier: Apache-2.0
"""Cortex-M33: Arm MPS2 with image AN505, in the secure state it starts in."""

from .profile import (
    ARM_COMPILER_PACKAGES,
    MemoryRegion,
    QemuMachine,
    RegionKind,
    RenodePlatform,
    TargetProfile,
    Uart,
)

# The core reads its vectors at 0x1000_0000. Bit 28 of an address says secure; what lies there is
# the same memory as without that bit.
CORTEX_M33 = TargetProfile(
    name="cortex-m33",
    description="Arm Cortex-M33, MPS2 AN505",
    arch="cortex-m33",
    port="cortex_m",
    compiler_prefix="arm-none-eabi-",
    compiler_apt_packages=ARM_COMPILER_PACKAGES,
    regions=(
        MemoryRegion("FLASH", RegionKind.FLASH, 0x1000_0000, 4 << 20),
        MemoryRegion("SRAM", RegionKind.RAM, 0x3800_0000, 4 << 20),
        MemoryRegion("PSRAM", RegionKind.RAM, 0x8000_0000, 16 << 20),
    ),
    linker_script="mps2_an505.ld",
    uart=Uart(driver="cmsdk_apb_uart", base=0x4020_0000),
    qemu=QemuMachine("qemu-system-arm", "qemu-system-arm", ("-M", "mps2-an505")),
    renode=RenodePlatform("cortex_m33.repl", "cortex_m33.resc", "uart0"),
)
