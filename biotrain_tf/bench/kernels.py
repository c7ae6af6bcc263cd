# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench kernels`: what each kernel executes, beside the floor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from biotrain_tf.bench.floor import HELIUM, SCALAR, floor
from biotrain_tf.bench.kernel_cases import END, KernelCase, kernel_cases
from biotrain_tf.device.build import build_kernel_bench
from biotrain_tf.device.counted_program import run_counted
from biotrain_tf.device.counting import Executed
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.errors import BiotrainError
from converters.targets import TARGETS

Row = dict[str, Any]


def emulated_targets() -> list[str]:
    return [name for name, profile in TARGETS.items() if profile.qemu is not None]


def bench_kernels(
    targets: Sequence[str],
    *,
    only: str = "",
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Row]:
    """One row a kernel, direction, shape and target; ``only`` is a part of a kernel's name."""
    cases = [case for case in kernel_cases() if only in case.kernel]
    if not cases:
        known = ", ".join(dict.fromkeys(case.kernel for case in kernel_cases()))
        raise BiotrainError(f"kernel: wanted a part of one of {known}; found {only!r}")
    rows: list[Row] = []
    for target in targets:
        if target not in emulated_targets():
            known = ", ".join(emulated_targets())
            raise BiotrainError(f"target: wanted one that QEMU runs, {known}; found {target!r}")
        on_progress(f"kernels on {target}")
        rows += _run(target, cases)
    return rows


def _run(target: str, cases: Sequence[KernelCase]) -> list[Row]:
    profile = TARGETS[target]
    program = build_kernel_bench(profile)
    data = b"".join(case.request() for case in cases) + END
    run = run_counted(profile, program, data)
    if len(run.intervals) != len(cases):
        raise DeviceError(
            f"{target}: wanted {len(cases)} counts, one a kernel; found {len(run.intervals)}"
        )
    pairs = zip(cases, run.intervals, strict=True)
    return [row_of(case, target, interval.total) for case, interval in pairs]


def row_of(case: KernelCase, target: str, executed: Executed) -> Row:
    registers = HELIUM if target == "cortex-m55" else SCALAR
    return {
        "kernel": case.kernel,
        "direction": case.direction,
        "shape": case.shape,
        "target": target,
        "instructions": executed.instructions,
        "macs": case.macs,
        "instructions_per_mac": _ratio(executed.instructions, case.macs),
        "instructions_per_element": _ratio(executed.instructions, case.outputs),
        "loads": executed.loads,
        "fmas": executed.fmas,
        "loads_per_mac": _ratio(executed.loads, case.macs),
        "floor": round(floor(case.product, registers), 4) if case.product else None,
    }


def _ratio(count: int, of: int | None) -> float | None:
    return round(count / of, 4) if of else None
