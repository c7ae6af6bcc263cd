# SPDX-License-Identifier: Apache-2.0
"""Experiments, the emulated device after them, and what is written for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from biotrain_tf.experiment import hyper, report, store, words
from biotrain_tf.experiment.device_check import DeviceCheck
from biotrain_tf.experiment.execute import cluster, execute
from biotrain_tf.experiment.experiment import run_experiment
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.page import results_page
from biotrain_tf.experiment.plans import Plan
from biotrain_tf.experiment.settings import Places, Scope
from biotrain_tf.experiment.summary import Summary
from biotrain_tf.report import experiment as html

Check = dict[str, Any] | None


def run_one(
    plan: Plan,
    scenario: str,
    *,
    scope: Scope,
    places: Places,
    jobs: int,
    dask: str | None,
    on_device: bool,
    console: Console,
) -> tuple[Summary, Check]:
    """One data set in one scenario; leaves results.csv and report.html in its folder."""
    lab = Lab(plan=plan, scenario=scenario, scope=scope, places=places)
    with cluster(dask, places.output):
        outcome = run_experiment(lab, jobs=jobs, console=console)
    check = _on_device(lab, outcome.summary, console) if on_device else None
    page = lab.folder / "report.html"
    page.write_text(html.page(report.content(outcome.summary, check)), encoding="utf-8")
    for row in outcome.summary.rows:
        console.print(
            f"{row.label:>16}: {100 * row.mean:5.1f} %   over last layer "
            f"{words.interval(row.over_last)}",
            highlight=False,
            markup=False,
        )
    for text in (*words.sentences(outcome.summary), words.device_sentence(check)):
        console.print(text.replace("**", ""), highlight=False, markup=False)
    console.print(
        f"{page}\n{lab.folder / 'results.csv'}", style="dim", highlight=False, markup=False
    )
    return outcome.summary, check


def run_all(
    plans: Sequence[Plan],
    *,
    page: Path,
    command: str,
    scope: Scope,
    **common: Any,
) -> None:
    """Every scenario of these data sets, and the page."""
    outcomes = []
    for plan in plans:
        for scenario in plan.scenarios:
            # A person is shown once on the device: on day 1, where there is one.
            on_device = common["on_device"] and scenario == plan.scenarios[0]
            outcomes.append(
                run_one(plan, scenario, scope=scope, **{**common, "on_device": on_device})
            )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(results_page(outcomes, command=command, scope=scope), encoding="utf-8")
    common["console"].print(f"{page}", style="dim", highlight=False, markup=False)


def _on_device(lab: Lab, summary: Summary, console: Console) -> Check:
    """Of the first person the variant that moves most."""
    runs = hyper.runs(lab, summary.hyper_sha256)
    able = [run for run in runs if run.variant.trains]
    full = [run for run in able if run.variant.strategy == "full"] or able
    if not full:
        return None
    check = DeviceCheck(planned=full[0])
    where = f"{lab.plan.name}, {lab.scenario}: {check.title}"
    execute(where, [check], jobs=1, console=console)
    return store.read_json(check.path)
