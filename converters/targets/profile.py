# SPDX-License-Identifier: Apache-2.0
"""What is known about a place where a model runs. Data only."""

from dataclasses import dataclass
from enum import Enum


class RegionKind(Enum):
    FLASH = "flash"
    RAM = "ram"


ARM_COMPILER_PACKAGES = (
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
    "make",
)


@dataclass(frozen=True)
class MemoryRegion:
    """One region of the linker script, by the same name."""

    name: str
    kind: RegionKind
    origin: int
    length: int


@dataclass(frozen=True)
class Uart:
    """The console: a driver in tflm_train/ports/uart and the base of its registers."""

    driver: str
    base: int


@dataclass(frozen=True)
class QemuMachine:
    """How QEMU is started for this target."""

    binary: str
    apt_package: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class RenodePlatform:
    """Files in scripts/renode, and the name of the UART in them."""

    platform: str
    script: str
    uart: str


@dataclass(frozen=True, kw_only=True)
class TargetProfile:
    """One target.

    ``arch`` names the entry of ``ARCH`` in tflm_train/flags.bzl, ``port`` a folder of
    tflm_train/ports, ``linker_script`` a file there. ``regions`` are in the order in which an
    arena is placed: the first RAM that holds it.
    """

    name: str
    description: str
    arch: str
    port: str
    compiler_prefix: str
    compiler_apt_packages: tuple[str, ...]
    regions: tuple[MemoryRegion, ...] = ()
    linker_script: str = ""
    uart: Uart | None = None
    qemu: QemuMachine | None = None
    renode: RenodePlatform | None = None
    costs: str = ""
    """The target whose measured instructions stand for this one's; none: its own."""

    @property
    def is_host(self) -> bool:
        return not self.regions

    @property
    def ram(self) -> tuple[MemoryRegion, ...]:
        return tuple(region for region in self.regions if region.kind is RegionKind.RAM)

    @property
    def flash(self) -> MemoryRegion | None:
        return next((region for region in self.regions if region.kind is RegionKind.FLASH), None)
