# SPDX-License-Identifier: Apache-2.0
"""No kernel leans on a maths library: what is rounded where would be out of our hands."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from biotrain_tf.device.build import build_folder, make
from converters.targets import TARGETS, TargetProfile

# What the compiler may call: memory functions, and on cores without doubles their arithmetic.
MEMORY = {"memcpy", "memmove", "memset", "memcmp", "strlen"}
HOST_ONLY = {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
LIBGCC = ("__aeabi_", "__gnu_", "__")
MATHS = {
    name + suffix
    for name in """
        exp exp2 expm1 log log2 log10 log1p pow tanh sinh cosh tan sin cos atan atan2 asin acos
        sqrt cbrt hypot fma fmod remainder floor ceil round trunc rint nearbyint lround lrint
        erf erfc tgamma lgamma ldexp frexp scalbn modf fabs fmin fmax copysign
    """.split()  # noqa: SIM905
    for suffix in ("", "f", "l")
}


def undefined(profile: TargetProfile, objects: list[Path]) -> dict[str, set[str]]:
    """Symbols that the objects want from others, by object."""
    done = subprocess.run(
        [f"{profile.compiler_prefix}nm", "-A", "--undefined-only", *map(str, objects)],
        capture_output=True,
        text=True,
        check=True,
    )
    wanted: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        path, _, symbol = line.partition(": ")
        wanted.setdefault(Path(path).name, set()).add(symbol.split()[-1].split("@")[0])
    return wanted


@pytest.mark.parametrize("target", TARGETS)
def test_kernels_want_no_maths_library(
    target: str, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target(target)
    make(profile, "library")
    folder = build_folder(profile) / "tflm_train" / "kernels"
    objects = sorted(path for path in folder.glob("*.o") if not path.stem.endswith("_test"))
    assert len(objects) >= 10, objects
    wanted = undefined(profile, objects)
    count = sum(map(len, wanted.values()))
    print(f"{target}: objects={len(objects)} undefined={count}")
    assert count > 0, "nm has listed nothing"
    for name, symbols in wanted.items():
        others = {symbol for symbol in symbols if not symbol.startswith("_ZN")} - MEMORY - HOST_ONLY
        assert not others & MATHS, f"{name} calls {sorted(others & MATHS)}"
        strange = {symbol for symbol in others if not symbol.startswith(LIBGCC)}
        assert not strange, f"{name} calls {sorted(strange)}"


@pytest.mark.parametrize("target", ["cortex-m4f", "cortex-m7", "riscv32"])
def test_kernels_multiply_and_add_at_once(
    target: str, need_target: Callable[[str], TargetProfile]
) -> None:
    profile = need_target(target)
    make(profile, "library")
    path = build_folder(profile) / "tflm_train" / "kernels" / "tile_grid.o"
    done = subprocess.run(
        [f"{profile.compiler_prefix}objdump", "-d", str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "vfma.f32" in done.stdout or "fmadd.s" in done.stdout
