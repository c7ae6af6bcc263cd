# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench memory`: RAM and instructions of a training step, over the whole dial.

RAM is measured on an emulated Cortex-M4F: what the linked ELF takes, its arena and the painted
stack. A plan that is larger than the emulated board is predicted only. Beside them stand what a
step takes if nothing is planned, and what Keras and LiteRT need on the host.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.bench.bench_models import NAMED, NamedModel
from biotrain_tf.bench.eager import eager_bytes
from biotrain_tf.bench.host_memory import KERAS, LITERT, host_bytes
from biotrain_tf.device.model import read_model
from biotrain_tf.device.run import run_device
from biotrain_tf.errors import BiotrainError
from converters.graph import read

TARGET = "cortex-m4f"
BATCH_SIZE = 8
STEPS = 2
SCALE = 1 / 4096
"""Of int16 codes: noise of one unit has room for eight."""
HOSTS = (KERAS, LITERT)
HOST_NORM = "keep"
KIB = 1024


@dataclass(frozen=True)
class Case:
    """A model as it is to be trained, and the KiB it should take with its samples in flash, and
    with one of them in memory as int16 codes.
    """

    model: NamedModel
    norm: str
    limit_kib: int
    codes_limit_kib: int

    @property
    def name(self) -> str:
        return f"{self.model.name} {self.model.n_chans}x{self.model.n_times}"


CASES = (
    Case(NAMED["eegnet"], "keep", 96, 128),
    Case(NamedModel("eegnet", 22, 1125, 4), "keep", 104, 144),
    Case(NAMED["mi_bminet"], "group", 168, 196),
    Case(NAMED["mi_bminet"], "keep", 176, 204),
    Case(NAMED["epidenet"], "group", 88, 92),
)


@dataclass(frozen=True)
class Rung:
    """One setting of the dial: ``ram`` and ``sample`` of convert()."""

    plan: str
    ram: str | None
    sample: str
    limit_kib: int | None = None
    """What it should take."""


def rungs(limit_kib: int, codes_limit_kib: int) -> Iterator[Rung]:
    """From the least RAM to the whole batch in memory."""
    yield Rung("least", "min", "flash", limit_kib)
    yield Rung("budget", f"{limit_kib}K", "flash", limit_kib)
    for factor in (2, 4):
        yield Rung(f"{factor} x budget", f"{factor * limit_kib}K", "flash")
    yield Rung("least", "min", "int16", codes_limit_kib)
    yield Rung("budget", f"{codes_limit_kib}K", "int16", codes_limit_kib)
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
        for rung in rungs(case.limit_kib, case.codes_limit_kib):
            on_progress(f"{case.name}, norm {case.norm}: {rung.plan}, {rung.sample}")
            rows.append(_row(case, rung))
        for micro_batch in micro_batches(case):
            on_progress(f"{case.name}, norm {case.norm}: {eager_plan(micro_batch)}")
            rows.append(_eager(case, micro_batch))
        for plan in HOSTS:
            on_progress(f"{case.name}: {plan}")
            rows.append(_host(case, plan))
    return rows


def plans_of(case: Case) -> list[tuple[str, str, str]]:
    """(model, norm, plan) of all rows of a case, in order."""
    planned = [rung.plan for rung in rungs(case.limit_kib, case.codes_limit_kib)]
    eager = [eager_plan(size) for size in micro_batches(case)]
    ours = [(case.name, case.norm, plan) for plan in (*planned, *eager)]
    return ours + [(case.name, HOST_NORM, plan) for plan in HOSTS]


def micro_batches(case: Case) -> tuple[int, ...]:
    """A live norm has its statistics from the whole batch."""
    return (BATCH_SIZE,) if case.norm == "keep" else (BATCH_SIZE, 1)


def eager_plan(micro_batch: int) -> str:
    if micro_batch == BATCH_SIZE:
        return f"eager, batch {BATCH_SIZE}"
    return f"eager, micro-batch {micro_batch}"


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
            sample_scale=SCALE if rung.sample == "int16" else None,
            target=TARGET,
        )
        report = conversion.report
        ram, instructions = report["ram_total_bytes"], None
        result = measured(case, conversion.model_path, folder)
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
        "limit_bytes": None if rung.limit_kib is None else rung.limit_kib * KIB,
        "instructions_per_step": executed,
        "predicted_instructions_per_step": predicted,
        "instructions_per_mac": round(executed / macs, 3),
        "flash_bytes_of_samples": _sample_bytes(case, rung.sample) * BATCH_SIZE,
        "measured": instructions is not None,
    }


def _sample_bytes(case: Case, sample: str) -> int:
    return (2 if sample == "int16" else 4) * case.model.n_chans * case.model.n_times


def _eager(case: Case, micro_batch: int) -> dict[str, Any]:
    """Every tensor of a step at once; steps of a micro-batch add their gradients up."""
    from converters import convert

    with tempfile.TemporaryDirectory(prefix="biotrain-memory-") as name:
        conversion = convert(
            case.model.build(),
            output_dir=Path(name),
            norm=case.norm,
            batch_size=micro_batch,
            target=TARGET,
        )
        size = eager_bytes(read(conversion.model_path.read_bytes()))
        report = conversion.report
    times = BATCH_SIZE // micro_batch
    predicted = report["predicted_instructions_per_step"][TARGET] * times
    return {
        **_nothing_known(case, eager_plan(micro_batch), case.norm),
        "ram_total_bytes": size,
        "predicted_ram_bytes": size,
        "lower_bound_bytes": size,
        "instructions_per_step": predicted,
        "predicted_instructions_per_step": predicted,
        "instructions_per_mac": round(predicted / (report["textbook_macs_per_step"] * times), 3),
    }


def _host(case: Case, plan: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="biotrain-memory-") as name:
        size = host_bytes(plan, case.model, batch_size=BATCH_SIZE, folder=Path(name))
    return {**_nothing_known(case, plan, HOST_NORM), "ram_total_bytes": size, "measured": True}


def _nothing_known(case: Case, plan: str, norm: str) -> dict[str, Any]:
    return {
        "model": case.name,
        "norm": norm,
        "batch_size": BATCH_SIZE,
        "plan": plan,
        "level": plan.partition(",")[0].partition(" ")[0],
        "sample": "float32",
        "ram_total_bytes": None,
        "predicted_ram_bytes": None,
        "lower_bound_bytes": None,
        "limit_bytes": None,
        "instructions_per_step": None,
        "predicted_instructions_per_step": None,
        "instructions_per_mac": None,
        "flash_bytes_of_samples": None,
        "measured": False,
    }


def measured(case: Case, model: Path, folder: Path) -> dict[str, Any] | None:
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
        ram = _kib(row["ram_total_bytes"])
        table.add_row(
            row["model"],
            row["norm"],
            row["plan"],
            row["sample"],
            f"[bold]{ram}[/]" if over else ram,
            f"{limit // KIB}" if limit else "",
            _kib(row["predicted_ram_bytes"]),
            _kib(row["lower_bound_bytes"]),
            instructions_in_words(row),
            "" if row["instructions_per_mac"] is None else f"{row['instructions_per_mac']:.2f}",
        )
    console.print(table)


def instructions_in_words(row: dict[str, Any]) -> str:
    """Nothing, where nobody counts them."""
    if row["instructions_per_step"] is None:
        return ""
    return f"{row['instructions_per_step']:,}" + ("" if row["measured"] else " predicted")


def _kib(size: int | None) -> str:
    return "" if size is None else f"{size / KIB:,.1f}"
