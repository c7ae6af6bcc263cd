# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench memory`: RAM and instructions of a training step, over the whole dial.

RAM is measured on an emulated Cortex-M4F: what the linked ELF takes, its arena and the painted
stack. A plan that is larger than the emulated board is predicted only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.bench.bench_models import NAMED, NamedModel
from biotrain_tf.device.model import read_model
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError

TARGET = "cortex-m4f"
BATCH_SIZE = 8
STEPS = 2
KIB = 1024


@dataclass(frozen=True)
class Case:
    """A model as it is to be trained, and the KiB it should take with its samples in flash."""

    model: NamedModel
    norm: str
    limit_kib: int

    @property
    def name(self) -> str:
        return f"{self.model.name} {self.model.n_chans}x{self.model.n_times}"


CASES = (
    Case(NAMED["eegnet"], "keep", 96),
    Case(NamedModel("eegnet", 22, 1125, 4), "keep", 104),
    Case(NAMED["mi_bminet"], "group", 168),
    Case(NAMED["mi_bminet"], "keep", 176),
    Case(NAMED["epidenet"], "group", 88),
)


@dataclass(frozen=True)
class Rung:
    """One setting of the dial: ``ram`` and ``sample`` of convert()."""

    plan: str
    ram: str | None
    sample: str


def rungs(limit_kib: int) -> Iterator[Rung]:
    """From the least RAM to the whole batch in memory."""
    yield Rung("least", "min", "flash")
    for factor in (1, 2, 4):
        name = "budget" if factor == 1 else f"{factor} x budget"
        yield Rung(name, f"{factor * limit_kib}K", "flash")
    yield Rung("least, buffered", "min", "float32")
    yield Rung("resident", None, "float32")


def bench_memory(
    *, models: Sequence[str] = (), on_progress: Callable[[str], None] = lambda text: None
) -> list[dict[str, Any]]:
    """A row a plan, of all cases or of those of ``models``."""
    unknown = set(models) - {case.model.name for case in CASES}
    if unknown:
        known = ", ".join(sorted({case.model.name for case in CASES}))
        raise BiotrainError(f"model: wanted {known}; found {', '.join(sorted(unknown))}")
    rows = []
    for case in CASES:
        if models and case.model.name not in models:
            continue
        for rung in rungs(case.limit_kib):
            on_progress(f"{case.name}, norm {case.norm}: {rung.plan}")
            rows.append(_row(case, rung))
    return rows


def _row(case: Case, rung: Rung) -> dict[str, Any]:
    from converters import convert

    with tempfile.TemporaryDirectory(prefix="biotrain-memory-") as name:
        folder = Path(name)
        conversion = convert(
            case.model.build(),
            output_dir=folder,
            norm=case.norm,
            batch_size=BATCH_SIZE,
            ram=rung.ram,
            sample=rung.sample,
            target=TARGET,
        )
        report = conversion.report
        ram, instructions = report["ram_total_bytes"], None
        result = _measured(case, conversion.model_path, folder)
    predicted = report["predicted_instructions_per_step"][TARGET]
    if result is not None:
        ram, instructions = result["ram_bytes"]["total"], result["instructions_per_step"]
    macs = report["textbook_macs_per_step"]
    executed = predicted if instructions is None else instructions
    return {
        "model": case.name,
        "norm": case.norm,
        "batch_size": BATCH_SIZE,
        "plan": rung.plan,
        "level": report["schedule"]["level"],
        "sample": rung.sample,
        "ram_total_bytes": ram,
        "predicted_ram_bytes": report["ram_total_bytes"],
        "lower_bound_bytes": report["ram_bytes"]["lower_bound"]
        + report["schedule"]["overhead_bytes"],
        "limit_bytes": case.limit_kib * KIB if rung.plan in ("least", "budget") else None,
        "instructions_per_step": executed,
        "predicted_instructions_per_step": predicted,
        "instructions_per_mac": round(executed / macs, 3),
        "flash_bytes_of_samples": _sample_bytes(case) * BATCH_SIZE,
        "measured": instructions is not None,
    }


def _sample_bytes(case: Case) -> int:
    return 4 * case.model.n_chans * case.model.n_times


def _measured(case: Case, model: Path, folder: Path) -> dict[str, Any] | None:
    """Two steps on the emulated core; None if the plan does not fit it."""
    info = read_model(model)
    generator = np.random.default_rng(1)
    x = generator.standard_normal((STEPS * BATCH_SIZE, *info.x.shape[1:])).astype(np.float32)
    y = np.arange(len(x)) % case.model.n_outputs
    data = folder / "noise.npz"
    np.savez(data, X=x, y=y, X_test=x[:1], y_test=y[:1])
    try:
        return run_device(model=model, target=TARGET, data=data, steps=STEPS)
    except BiotrainError as error:
        if str(error).startswith("arena:"):
            return None
        raise


def print_memory(console: Any, rows: Sequence[dict[str, Any]]) -> None:
    """One table; what is over its limit in bold."""
    from rich.table import Table

    table = Table(title=f"a training step, batch {BATCH_SIZE}, {TARGET}", title_justify="left")
    for title in ("model", "norm", "plan", "sample"):
        table.add_column(title)
    for title in ("RAM KB", "wanted", "predicted", "lower bound", "instructions", "per MAC"):
        table.add_column(title, justify="right")
    for row in rows:
        limit = row["limit_bytes"]
        over = limit is not None and row["ram_total_bytes"] > limit
        ram = f"{row['ram_total_bytes'] / KIB:.1f}"
        table.add_row(
            row["model"],
            row["norm"],
            row["plan"],
            row["sample"],
            f"[bold]{ram}[/]" if over else ram,
            f"{limit // KIB}" if limit else "",
            f"{row['predicted_ram_bytes'] / KIB:.1f}",
            f"{row['lower_bound_bytes'] / KIB:.1f}",
            f"{row['instructions_per_step']:,}" + ("" if row["measured"] else " predicted"),
            f"{row['instructions_per_mac']:.2f}",
        )
    console.print(table)
