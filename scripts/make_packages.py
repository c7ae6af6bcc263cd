# SPDX-License-Identifier: Apache-2.0
"""Writes the C++ library as packages for other build systems, each a folder of its own."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.packages import cmake, libraries
from scripts.packages.sources import ROOT, Library, library

PACKAGES: dict[str, Callable[[Library, Path], None]] = {
    "zephyr": cmake.zephyr,
    "esp_idf": cmake.esp_idf,
    "arduino": libraries.arduino,
    "platformio": libraries.platformio,
    "cmsis_pack": libraries.cmsis_pack,
}


def make_package(name: str, out: Path) -> Path:
    """Writes the package anew and returns its folder."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    PACKAGES[name](library(), folder)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "packages", help="folder")
    parser.add_argument("--only", choices=PACKAGES, action="append", help="default: all")
    arguments = parser.parse_args()
    for name in arguments.only or PACKAGES:
        print(make_package(name, arguments.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
