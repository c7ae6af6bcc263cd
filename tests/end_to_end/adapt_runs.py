# SPDX-License-Identifier: Apache-2.0
"""Wear a recording on this machine under any policy, and say what that cost."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biotrain_tf.device.build import build_replay
from converters.targets import TARGETS

# Trains whatever the accuracy is, and keeps whatever comes out.
ALWAYS = {"accuracy_floor": 1.1, "min_gain": -1.0, "steps_per_day": 1 << 30}
NEVER = {"accuracy_floor": 0.0, "confidence_floor": 0.0}


@dataclass(frozen=True)
class Worn:
    """One line a day; counts add up from the first day on."""

    days: list[dict[str, int]]

    def accuracy(self) -> float:
        return sum(d["right"] for d in self.days) / sum(d["windows"] for d in self.days)

    def __getitem__(self, key: str) -> int:
        return self.days[-1][key]


def write_recording(
    path: Path, x: np.ndarray, y: np.ndarray, day: np.ndarray, *, scale: float = 1.0
) -> Path:
    """x [N, ...] float32, or int16 codes of `scale` each."""
    assert len(x) == len(y) == len(day) and x.dtype in (np.float32, np.int16)
    elements = int(np.prod(x.shape[1:]))
    header = struct.pack("<iiif", len(x), elements, x.dtype.itemsize, scale)
    notes = np.stack([y, day], axis=1).astype("<i4")
    path.write_bytes(header + notes.tobytes() + np.ascontiguousarray(x).tobytes())
    return path


def wear(model: Path, recording: Path, **policy: float) -> Worn:
    program = build_replay(TARGETS["host"])
    arguments = [f"{key}={value}" for key, value in policy.items()]
    done = subprocess.run(
        [program, model, recording, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    *lines, verdict = done.stdout.splitlines()
    assert done.returncode == 0 and verdict == "PASS", done.stdout[-500:] + done.stderr
    days = [dict(pair.split("=") for pair in line.split()) for line in lines]
    assert days, "nothing was worn"
    return Worn([{key: int(value) for key, value in day.items()} for day in days])


def table(worn: dict[str, Worn], per_step: dict[str, float]) -> str:
    """One row a policy; `per_step` is millions of instructions, by how they were told."""
    names = [f"{name} Minstr" for name in per_step]
    rows = [("policy", "accuracy", "episodes", "taken back", "steps", "saves", *names)]
    for policy, run in worn.items():
        counts = [run[key] for key in ("episodes", "taken_back", "steps", "saves")]
        costs = [f"{run['steps'] * millions:.0f}" for millions in per_step.values()]
        rows.append((policy, f"{run.accuracy():.3f}", *map(str, counts), *costs))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)
