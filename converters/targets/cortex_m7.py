# SPDX-License-Identifier: Apache-2.0
"""Cortex-M7: Arm MPS2 with image AN500."""

from .profile import (
    ARM_COMPILER_PACKAGES,
    MemoryRegion,
    QemuMachine,
    RegionKind,
    RenodePlatform,
    TargetProfile,
    Uart,
)

CORTEX_M7 = TargetProfile(
    name="cortex-m7",
    description="Arm Cortex-M7, MPS2 AN500",
    arch="cortex-m7",
    port="cortex_m",
    compiler_prefix="arm-none-eabi-",
    compiler_apt_packages=ARM_COMPILER_PACKAGES,
    regions=(
        MemoryRegion("FLASH", RegionKind.FLASH, 0x0000_0000, 4 << 20),
        MemoryRegion("SRAM", RegionKind.RAM, 0x2000_0000, 4 << 20),
        MemoryRegion("PSRAM", RegionKind.RAM, 0x6000_0000, 16 << 20),
    ),
    linker_script="mps2_an500.ld",
    uart=Uart(driver="cmsdk_apb_uart", base=0x4000_4000),
    qemu=QemuMachine("qemu-system-arm", "qemu-system-arm", ("-M", "mps2-an500")),
    renode=RenodePlatform("cortex_m7.repl", "cortex_m7.resc", "uart0"),
)
