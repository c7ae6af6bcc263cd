# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench step --update-costs`: measures generated models and writes the cost tables."""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from biotrain_tf.bench.bench_models import BenchModel, prepare
from biotrain_tf.bench.cost_shapes import Sample, measure_samples
from biotrain_tf.bench.fit import fit
from biotrain_tf.bench.generated_models import drawn_models, generated_models
from biotrain_tf.bench.step import CHECKS, StepCost, bench_step
from converters.emit.predict import elements_checked, predict_step
from converters.graph import read
from converters.targets.costs import (
    EVERYWHERE,
    FOLDER,
    OTHER,
    SAMPLES,
    CostTable,
    read_costs,
    write_costs,
)

TARGETS_WITH_COSTS = ("cortex-m4f", "cortex-m7", "cortex-m33", "riscv32")
_DIGITS, _NOTHING = 5, 1e-6
_A_VIEW = 0.1
"""Instructions an element of what leaves its elements where they are."""
PIECES = "pieces"
_LOADING = ("codes", "code_lines", PIECES)
"""Terms of codes that become floats piece by piece, whatever kernel reads these."""

CODES, _CODE = "int16", 1 / 4096
"""A kind of samples, and what one of them is: noise of one unit has room for eight."""

UNSEEN_SEED = 0
"""Of the networks that a table is judged by: none of them is fitted to."""


@dataclass(frozen=True)
class Fit:
    """A table, and how far its prediction of each measured model is from the measurement.

    ``unseen``: of models that it was not fitted to.
    """

    table: CostTable
    path: Path
    errors: dict[str, float]
    unseen: dict[str, float]


def update_cost_tables(
    targets: Sequence[str] | None = None,
    *,
    folder: Path = FOLDER,
    on_progress: Callable[[str], None] = lambda text: None,
) -> list[Fit]:
    """Measures kernels and generated models on each target; writes a table a target."""
    chosen = targets or TARGETS_WITH_COSTS
    known = measure_models(generated_models(), chosen, on_progress=on_progress)
    unseen = measure_models(drawn_models(UNSEEN_SEED), chosen, on_progress=on_progress)
    fits = []
    for target in chosen:
        on_progress(f"kernels in drawn shapes on {target}")
        table = fit_table(target, known[target], measure_samples(target))
        table = _with_samples(table, folder)
        errors, of_unseen = (prediction_errors(costs[target], table) for costs in (known, unseen))
        fits.append(Fit(table, write_costs(table, folder), errors, of_unseen))
    return fits


def _with_samples(table: CostTable, folder: Path) -> CostTable:
    """``table`` with what the one in ``folder`` has of samples, where nothing was measured."""
    known = read_costs(table.target, folder)
    kept = {} if known is None else {k: v for k, v in known.coefficients.items() if k in SAMPLES}
    return replace(table, coefficients=kept | table.coefficients)


def measure_models(
    models: Mapping[str, tuple[Any, int]],
    targets: Sequence[str],
    *,
    codes: bool = True,
    on_progress: Callable[[str], None] = lambda text: None,
) -> dict[str, list[StepCost]]:
    """A step of each model, by target; models as generated_models.py gives them. Those with more
    than one sample in a batch also in the least RAM, sample by sample in loops; with ``codes``
    once more for samples that are int16.
    """
    costs: dict[str, list[StepCost]] = {target: [] for target in targets}
    with tempfile.TemporaryDirectory(prefix="biotrain-costs-") as work:
        for name, (model, batch) in models.items():
            on_progress(f"converting {name}")
            folder = Path(work) / name
            plans = [_convert(name, model, batch, folder)]
            if batch > 1:
                floats = "flash" if len(name) % 2 else "float32"
                for sample in (floats, CODES) if codes else (floats,):
                    title = f"{name}, least RAM{f', {CODES}' * (sample == CODES)}"
                    plans.append(_convert(title, model, batch, folder, sample=sample))
            for converted in plans:
                for target in targets:
                    on_progress(f"{converted.name} on {target}")
                    costs[target].append(bench_step(converted, target, compare=False))
    return costs


def _convert(
    name: str, model: Any, batch: int, folder: Path, *, sample: str | None = None
) -> BenchModel:
    """``sample``: the least RAM, with samples of this kind."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.keras"
    model.save(path)
    ram = None if sample is None else "min"
    converted = folder / ("resident" if sample is None else f"least_{sample}")
    scale = _CODE if sample == CODES else None
    result = prepare(
        str(path), converted, batch_size=batch, ram=ram, sample=sample, sample_scale=scale
    )
    return replace(result, name=name)


def prediction_errors(costs: Sequence[StepCost], table: CostTable) -> dict[str, float]:
    """Relative, by the name of the model; above 0 where too much is predicted."""
    return {
        cost.model.name: predict_step(read(cost.model.info.content), table) / cost.whole - 1
        for cost in costs
    }


def fit_table(target: str, costs: Sequence[StepCost], samples: Sequence[Sample] = ()) -> CostTable:
    measured = [
        Sample(op.features, op.instructions / op.runs)
        for cost in costs
        for op in cost.ops
        if op.features.kind != CHECKS
    ]
    in_pieces: list[Sample] = []
    by_family: dict[str, list[Sample]] = defaultdict(list)
    for op in (*measured, *samples):
        of_pieces = PIECES in op.features.terms
        (in_pieces if of_pieces else by_family[op.features.family]).append(op)
    coefficients = {family: _coefficients(ops) for family, ops in by_family.items()}
    everything = [op for ops in by_family.values() for op in ops]
    products = [op for op in everything if op.features.macs]
    # What was never measured costs what others cost: those that multiply by their multiply-adds.
    plain = {family for family, ops in by_family.items() if not ops[0].features.macs}
    coefficients[OTHER] = _usual({n: c for n, c in coefficients.items() if n in plain})
    coefficients[OTHER] |= _products_at_large(products)
    if in_pieces:
        coefficients[EVERYWHERE] = _loading(in_pieces, coefficients)
    return CostTable(target, coefficients, _checks(costs))


def _loading(ops: Sequence[Sample], known: dict[str, dict[str, float]]) -> dict[str, float]:
    """What codes cost that become floats for a kernel of floats: what is left of such ops when
    that kernel is paid.
    """
    table = CostTable("", known, (0.0, 0.0))
    terms = [[op.features.terms.get(name, 0.0) for name in _LOADING] for op in ops]
    whole = np.array([op.instructions for op in ops], np.float64)
    beside = [
        table.instructions(
            op.features.family, {k: n for k, n in op.features.terms.items() if k not in _LOADING}
        )
        for op in ops
    ]
    found = _rounded(fit(np.array(terms), whole - np.array(beside), whole))
    return {name: value for name, value in zip(_LOADING, found, strict=True) if value}


def _coefficients(ops: Sequence[Sample]) -> dict[str, float]:
    if not ops:
        return {}
    names = sorted({term for op in ops for term in op.features.terms})
    terms = np.array([[op.features.terms.get(name, 0.0) for name in names] for op in ops])
    found = _rounded(fit(terms, np.array([op.instructions for op in ops], np.float64)))
    return {name: value for name, value in zip(names, found, strict=True) if value}


def _usual(rows: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Of each term the median of the families that pay for more than being called."""
    prices: dict[str, list[float]] = defaultdict(list)
    for row in rows.values():
        if any(price > _A_VIEW for name, price in row.items() if name != "op"):
            for name, price in row.items():
                prices[name].append(price)
    return {name: statistics.median(found) for name, found in sorted(prices.items())}


def _products_at_large(ops: Sequence[Sample]) -> dict[str, float]:
    """The same price for each term that counts multiply-adds."""
    if not ops:
        return {}
    counts = np.array([[float(op.features.macs)] for op in ops])
    (price,) = _rounded(fit(counts, np.array([op.instructions for op in ops], np.float64)))
    names = {term for op in ops for term in op.features.terms if "macs" in term}
    return dict.fromkeys(sorted(names), price)


def _checks(costs: Sequence[StepCost]) -> tuple[float, float]:
    """What comes before the operators: a constant, and a part by element of x and y."""
    if not costs:
        return 0.0, 0.0
    fed = [elements_checked(read(cost.model.info.content)) for cost in costs]
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
    table.add_section()
    for name in fits[0].unseen:
        errors = (f"{found.unseen[name]:+.1%}" for found in fits)
        table.add_row(f"{name}, not fitted to", *errors)
    console.print(table)
    for found in fits:
        console.print(f"written: {found.path}", highlight=False)
