# SPDX-License-Identifier: Apache-2.0
"""Cortex-M55 with Helium (MVE): Arm MPS3 with image AN547."""

from .profile import (
    ARM_COMPILER_PACKAGES,
    MemoryRegion,
    QemuMachine,
    RegionKind,
    TargetProfile,
    Uart,
)

# Flash is the instruction TCM: the only memory where the core looks for its vectors.
CORTEX_M55 = TargetProfile(
    name="cortex-m55",
    description="Arm Cortex-M55, MPS3 AN547",
    arch="cortex-m55",
    port="cortex_m",
    compiler_prefix="arm-none-eabi-",
    compiler_apt_packages=ARM_COMPILER_PACKAGES,
    regions=(
        MemoryRegion("FLASH", RegionKind.FLASH, 0x0000_0000, 512 << 10),
        MemoryRegion("SRAM", RegionKind.RAM, 0x2100_0000, 4 << 20),
        MemoryRegion("PSRAM", RegionKind.RAM, 0x6000_0000, 16 << 20),
    ),
    linker_script="mps3_an547.ld",
    uart=Uart(driver="cmsdk_apb_uart", base=0x4930_3000),
    qemu=QemuMachine("qemu-system-arm", "qemu-system-arm", ("-M", "mps3-an547")),
)
