# SPDX-License-Identifier: Apache-2.0
"""From the results of single runs to one row a variant, and to what may be said of it."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.experiment import hyper, store
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.plans import DAY1
from biotrain_tf.experiment.statistics import Paired, paired
from biotrain_tf.experiment.variants import FULL, LAST_LAYER, NONE, Variant

Result = Mapping[str, Any]
BEST_LABEL = "best efficient"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One variant. `by_unit` is the score of each person (or session of one person), seeds
    averaged; `curve` the mean by number of trials or session.
    """

    label: str
    note: str
    by_unit: Mapping[str, float]
    curve: Mapping[int, float]
    early: float | None
    forgotten: float | None
    over_none: Paired | None
    over_last: Paired | None
    cost: Mapping[str, Any] | None
    diverged: int

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.by_unit.values())))

    @property
    def spread(self) -> float:
        return float(np.std(list(self.by_unit.values())))


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of one data set in one scenario."""

    lab: Lab
    rows: tuple[Row, ...]
    hyper_sha256: str
    people: tuple[str, ...]
    unit: str

    def row(self, label: str) -> Row | None:
        return next((row for row in self.rows if row.label == label), None)


def summarise(lab: Lab, results: Sequence[Result], sha256: str) -> Summary:
    by_label: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_label[result["variant"]].append(result)
    best, note = _best_efficient(lab, by_label)
    if best:
        by_label[BEST_LABEL] = best
    people = tuple(sorted({r["subject"] for r in results}))
    alone = len(people) == 1 and lab.scenario != DAY1
    units = {label: _by_unit(found, alone=alone) for label, found in by_label.items()}
    rows = []
    for label, found in by_label.items():
        base = units.get(_base_of(label, lab.scope.variants))
        last = units.get(LAST_LAYER.label)
        rows.append(
            Row(
                label=label,
                note=note if label == BEST_LABEL else "",
                by_unit=units[label],
                curve=_curve(found),
                early=_mean([np.mean(list(r["early"].values())) for r in found if r["early"]]),
                forgotten=_mean(
                    [
                        r["remembered_before"] - r["remembered_after"]
                        for r in found
                        if r["remembered_before"] is not None
                    ]
                ),
                over_none=None
                if base is None or label.startswith("none")
                else paired(units[label], base),
                over_last=None
                if last is None or label in (LAST_LAYER.label, NONE.label)
                else paired(units[label], last),
                cost=_cost(found),
                diverged=sum(r["diverged"] for r in found),
            )
        )
    return Summary(
        lab=lab,
        rows=tuple(rows),
        hyper_sha256=sha256,
        people=people,
        unit="session" if alone else "person",
    )


def _base_of(label: str, variants: Sequence[Variant]) -> str:
    """What nobody adapted is for a network with the same norms."""
    known = {variant.label: variant for variant in variants}
    kind = known[label].kind if label in known else NONE.kind
    same = [v.label for v in variants if not v.trains and v.kind == kind]
    return same[0] if same else NONE.label


def _final(result: Result) -> float:
    """Day 1: with the most trials. Longitudinal: the mean over sessions."""
    scores = {int(k): float(v) for k, v in result["scores"].items()}
    if result["scenario"] == DAY1:
        return scores[max(scores)]
    return float(np.mean(list(scores.values())))


def _by_unit(results: Sequence[Result], *, alone: bool) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for result in results:
        if alone:
            for session, value in result["scores"].items():
                values[session].append(float(value))
        else:
            values[result["subject"]].append(_final(result))
    return {unit: float(np.mean(found)) for unit, found in values.items()}


def _curve(results: Sequence[Result]) -> dict[int, float]:
    values: dict[int, list[float]] = defaultdict(list)
    for result in results:
        for key, value in result["scores"].items():
            values[int(key)].append(float(value))
    return {key: float(np.mean(values[key])) for key in sorted(values)}


def _mean(values: Sequence[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _cost(results: Sequence[Result]) -> dict[str, Any] | None:
    costs = [r["cost"] for r in results if r["cost"] is not None]
    if not costs:
        return None
    keys = [key for key in costs[0] if all(c[key] is not None for c in costs)]
    return {key: float(np.mean([c[key] for c in costs])) for key in keys}


def _best_efficient(lab: Lab, by_label: Mapping[str, Sequence[Result]]) -> tuple[list[Result], str]:
    """In each fold the strategy that was best on pre-training people, not on those tested."""
    folds = store.read_json(hyper.path_of(lab))["folds"]
    best = {int(number): fold[hyper.BEST] for number, fold in folds.items()}
    found = [r for label in by_label for r in by_label[label] if best.get(r["fold"]) == label]
    names = Counter(name for name in best.values() if name)
    note = ", ".join(f"{name} in {n} of {len(best)} folds" for name, n in names.most_common())
    return found, note


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """A line for each score of each run."""
    fields = ("data", "scenario", "fold", "subject", "variant", "seed", "learning_rate", "epochs")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*fields, "at", "score", "score_before", "steps", "hyper_sha256"])
        for result in results:
            for at, value in result["scores"].items():
                early = result["early"].get(at, "")
                writer.writerow(
                    [*(result[f] for f in fields), at, value, early]
                    + [result["steps"], result["hyper_sha256"]]
                )


FULL_LABELS = tuple(variant.label for variant in FULL)
