# SPDX-License-Identifier: Apache-2.0
"""RV32IMAFC: QEMU's `virt` machine."""

from .profile import (
    MemoryRegion,
    QemuMachine,
    RegionKind,
    RenodePlatform,
    TargetProfile,
    Uart,
)

RISCV32 = TargetProfile(
    name="riscv32",
    description="RISC-V RV32IMAFC, QEMU virt",
    arch="riscv32",
    port="riscv32",
    compiler_prefix="riscv64-unknown-elf-",
    # The Arm packages bring the C++ headers.
    compiler_apt_packages=(
        "gcc-riscv64-unknown-elf",
        "picolibc-riscv64-unknown-elf",
        "libstdc++-arm-none-eabi-newlib",
        "make",
    ),
    regions=(
        MemoryRegion("FLASH", RegionKind.FLASH, 0x8000_0000, 4 << 20),
        MemoryRegion("SRAM", RegionKind.RAM, 0x8100_0000, 4 << 20),
        MemoryRegion("PSRAM", RegionKind.RAM, 0x8200_0000, 16 << 20),
    ),
    linker_script="virt_rv32.ld",
    uart=Uart(driver="ns16550", base=0x1000_0000),
    qemu=QemuMachine(
        "qemu-system-riscv32",
        "qemu-system-misc",
        ("-M", "virt", "-cpu", "rv32", "-bios", "none"),
    ),
    renode=RenodePlatform("riscv32.repl", "riscv32.resc", "uart0"),
)
