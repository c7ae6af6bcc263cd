# SPDX-License-Identifier: Apache-2.0
"""A program that reads one file, writes another and marks what is to be counted, on QEMU."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from biotrain_tf.device.build import build_plugin
from biotrain_tf.device.counting import MARK_SYMBOL, Interval, read_intervals, write_weights
from biotrain_tf.device.elf import read_sizes
from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, DeviceError
from biotrain_tf.device.process import last_words, running
from biotrain_tf.device.qemu import qemu_arguments
from converters.targets import TARGETS, TargetProfile


@dataclass(frozen=True)
class CountedRun:
    lines: tuple[str, ...]
    intervals: tuple[Interval, ...]


def run_counted(
    profile: TargetProfile, program: Path, data: bytes, *, timeout_s: float = DEFAULT_TIMEOUT_S
) -> CountedRun:
    """Runs to the end; DeviceError unless the program's last word is PASS."""
    symbols = read_sizes(program, profile).symbols
    with tempfile.TemporaryDirectory(prefix="biotrain-") as name:
        folder = Path(name)
        (folder / "in").write_bytes(data)
        write_weights(program, profile, folder / "weights")
        command = qemu_arguments(
            profile,
            program,
            semihosting=",arg=biotrain,arg=in,arg=out",
            serial="null",
            plugin=build_plugin(TARGETS["host"]),
            mark=symbols[MARK_SYMBOL],
            weights=True,
        )
        with running(command, folder=folder) as process:
            try:
                process.wait(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                raise DeviceError(
                    f"{profile.name}: {program.name} took over {timeout_s:g} s; stopped it"
                ) from None
        out = folder / "out"
        lines = tuple(out.read_text(errors="replace").splitlines()) if out.exists() else ()
        if lines[-1:] != ("PASS",):
            said = next((line for line in lines if "error=" in line), last_words(folder))
            raise DeviceError(f"{profile.name}: {program.name} failed: {said or 'no word'}")
        return CountedRun(lines, tuple(read_intervals((folder / "counts").read_text())))
