# SPDX-License-Identifier: Apache-2.0
"""The order of things in one experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from biotrain_tf.experiment import hyper
from biotrain_tf.experiment.execute import execute
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.summary import Summary, summarise, write_csv
from biotrain_tf.experiment.tasks import Convert, Pretrain


@dataclass(frozen=True, kw_only=True)
class Outcome:
    summary: Summary
    results: list[dict[str, Any]]


def run_experiment(lab: Lab, *, jobs: int, console: Console) -> Outcome:
    """Everything that is not done yet; nobody is tested before hyper.json is written."""
    where = f"{lab.plan.name}, {lab.scenario}"
    lab.folder.mkdir(parents=True, exist_ok=True)
    execute(f"{where}: networks", _networks(lab), jobs=jobs, console=console)
    execute(f"{where}: flatbuffers", _flatbuffers(lab), jobs=jobs, console=console)
    execute(f"{where}: choosing", hyper.choices(lab), jobs=jobs, console=console)
    sha256 = hyper.fix(lab)
    execute(f"{where}: testing", hyper.runs(lab, sha256), jobs=jobs, console=console)
    results = hyper.results(lab, sha256)
    write_csv(lab.folder / "results.csv", results)
    return Outcome(summary=summarise(lab, results, sha256), results=results)


def _networks(lab: Lab) -> list[Pretrain]:
    """For testing with each seed, and for choosing with the first, where there is a choice."""
    kinds = sorted({variant.kind for variant in lab.scope.variants})
    wanted = {
        (fold.others, kind, seed)
        for fold in lab.folds()
        for kind in kinds
        for seed in lab.scope.seeds
        if fold.others
    }
    wanted |= {
        (choice.fold.inner, choice.variant.kind, lab.scope.seeds[0])
        for choice in hyper.choices(lab)
        if choice.fold.inner and choice.is_choice
    }
    return [Pretrain(lab=lab, names=n, kind=k, seed=s) for n, k, s in sorted(wanted)]


def _flatbuffers(lab: Lab) -> list[Convert]:
    return [
        Convert(lab=lab, variant=variant, learning_rate=rate)
        for variant in lab.scope.variants
        if variant.trains and not variant.depends_on_weights
        for rate in lab.scope.learning_rates
    ]
