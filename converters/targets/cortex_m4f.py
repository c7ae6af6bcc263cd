# SPDX-License-Identifier: Apache-2.0
"""Cortex-M4F: Arm MPS2 with image AN386."""

from .profile import (
    ARM_COMPILER_PACKAGES,
    MemoryRegion,
    QemuMachine,
    RegionKind,
    RenodePlatform,
    TargetProfile,
    Uart,
)

CORTEX_M4F = TargetProfile(
    name="cortex-m4f",
    description="Arm Cortex-M4F, MPS2 AN386",
    arch="cortex-m4f",
    port="cortex_m",
    compiler_prefix="arm-none-eabi-",
    compiler_apt_packages=ARM_COMPILER_PACKAGES,
    regions=(
        MemoryRegion("FLASH", RegionKind.FLASH, 0x0000_0000, 4 << 20),
        MemoryRegion("SRAM", RegionKind.RAM, 0x2000_0000, 4 << 20),
        MemoryRegion("PSRAM", RegionKind.RAM, 0x2100_0000, 16 << 20),
    ),
    linker_script="mps2_an386.ld",
    uart=Uart(driver="cmsdk_apb_uart", base=0x4000_4000),
    qemu=QemuMachine("qemu-system-arm", "qemu-system-arm", ("-M", "mps2-an386")),
    renode=RenodePlatform("cortex_m4f.repl", "cortex_m4f.resc", "uart0"),
)
