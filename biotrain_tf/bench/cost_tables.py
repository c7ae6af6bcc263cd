# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench step --update-costs`: measures generated models and writes the cost tables."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from biotrain_tf.bench.bench_models import BenchModel, prepare
from biotrain_tf.bench.fit import fit
from biotrain_tf.bench.generated_models import generated_models
from biotrain_tf.bench.step import CHECKS, OpCost, StepCost, bench_step
from converters.emit.op_features import TERMS
from converters.emit.predict import predict_step
from converters.graph import read
from converters.targets.costs import FOLDER, OTHER, CostTable, write_costs

TARGETS_WITH_COSTS = ("cortex-m4f", "cortex-m7", "cortex-m33", "riscv32")
_DIGITS, _NOTHING = 5, 1e-6


@dataclass(frozen=True)
class Fit:
    """A table, and how far its prediction of each measured model is from the measurement."""

    table: CostTable
    path: Path
    errors: dict[str, float]


def update_cost_tables(
    targets: Sequence[str] | None = None,
    *,
    folder: Path = FOLDER,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Fit]:
    """Measures all generated models on each target; writes a table a target into ``folder``."""
    chosen = targets or TARGETS_WITH_COSTS
    costs: dict[str, list[StepCost]] = {target: [] for target in chosen}
    with tempfile.TemporaryDirectory(prefix="biotrain-costs-") as work:
        for name, (model, batch) in generated_models().items():
            on_progress(f"converting {name}")
            converted = _convert(name, model, batch, Path(work) / name)
            for target in chosen:
                on_progress(f"{name} on {target}")
                costs[target].append(bench_step(converted, target, compare=False))
        return [_fit(target, costs[target], folder) for target in chosen]


def _convert(name: str, model: Any, batch: int, folder: Path) -> BenchModel:
    folder.mkdir()
    path = folder / f"{name}.keras"
    model.save(path)
    return prepare(str(path), folder / "converted", batch_size=batch)


def _fit(target: str, costs: Sequence[StepCost], folder: Path) -> Fit:
    table = fit_table(target, costs)
    errors = {
        cost.model.name: predict_step(read(cost.model.info.content), table) / cost.whole - 1
        for cost in costs
    }
    return Fit(table, write_costs(table, folder), errors)


def fit_table(target: str, costs: Sequence[StepCost]) -> CostTable:
    by_family: dict[str, list[OpCost]] = defaultdict(list)
    for cost in costs:
        for op in cost.ops:
            if op.features.kind != CHECKS:
                by_family[op.features.family].append(op)
    coefficients = {family: _coefficients(ops) for family, ops in by_family.items()}
    plain = [op for ops in by_family.values() for op in ops if not op.features.macs]
    coefficients[OTHER] = _coefficients(plain)
    return CostTable(target, TERMS, coefficients, _checks(costs))


def _coefficients(ops: Sequence[OpCost]) -> tuple[float, ...]:
    terms = np.array([op.features.terms for op in ops], np.float64)
    return _rounded(fit(terms, np.array([op.instructions for op in ops], np.float64)))


def _checks(costs: Sequence[StepCost]) -> tuple[float, float]:
    """What comes before the operators: a constant, and a part by element of x and y."""
    fed = [cost.model.info.x.elements + cost.model.info.y.elements for cost in costs]
    terms = np.array([(1.0, elements) for elements in fed])
    before = [op.instructions for cost in costs for op in cost.ops if op.features.kind == CHECKS]
    constant, by_element = _rounded(fit(terms, np.array(before)))
    return constant, by_element


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") if value > _NOTHING else 0.0 for value in values)


def print_fits(console: Console, fits: Sequence[Fit]) -> None:
    table = Table(title="Predicted step against the measured one", title_justify="left")
    table.add_column("model")
    for found in fits:
        table.add_column(found.table.target, justify="right")
    for name in fits[0].errors:
        table.add_row(name, *(f"{found.errors[name]:+.1%}" for found in fits))
    console.print(table)
    for found in fits:
        console.print(f"written: {found.path}", highlight=False)
