# SPDX-License-Identifier: Apache-2.0
"""The order of things in one experiment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from biotrain_tf.experiment import hyper, store
from biotrain_tf.experiment.device_check import DeviceCheck
from biotrain_tf.experiment.execute import execute
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.summary import Summary, summarise, write_csv
from biotrain_tf.experiment.tasks import Convert, Pretrain, Run, Task

Check = dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`check` is of the emulated device; None where nothing was asked of it, or nothing trains."""

    summary: Summary
    results: list[dict[str, Any]]
    check: Check


def run_experiment(lab: Lab, *, jobs: int, on_device: bool, console: Console) -> Outcome:
    """Everything that is not done yet; nobody is tested before hyper.json is written."""
    where = f"{lab.plan.name}, {lab.scenario}"
    lab.folder.mkdir(parents=True, exist_ok=True)
    prepared: list[Task] = [*_networks(lab), *_flatbuffers(lab)]
    execute(f"{where}: networks and flatbuffers", prepared, jobs=jobs, console=console)
    choices = hyper.choices(lab)
    # Writing down what is the only one is no work for other processes.
    alone = 1 if not any(choice.is_choice for choice in choices) else jobs
    execute(f"{where}: choosing", choices, jobs=alone, console=console)
    sha256 = hyper.fix(lab)
    runs = hyper.runs(lab, sha256)
    check = _device_check(runs) if on_device else None
    tests: list[Task] = [*runs] if check is None else [check, *runs]
    execute(f"{where}: testing", tests, jobs=jobs, console=console)
    results = hyper.results(lab, sha256)
    write_csv(lab.folder / "results.csv", results)
    return Outcome(
        summary=summarise(lab, results, sha256),
        results=results,
        check=None if check is None else store.read_json(check.path),
    )


def _device_check(runs: list[Run]) -> DeviceCheck | None:
    """Of the first person the variant that moves most."""
    able = [run for run in runs if run.variant.trains]
    full = [run for run in able if run.variant.strategy == "full"] or able
    return DeviceCheck(planned=full[0]) if full else None


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
        Convert(lab=lab, variant=variant)
        for variant in lab.scope.variants
        if variant.trains and not variant.depends_on_weights
    ]
