# SPDX-License-Identifier: Apache-2.0
"""Experiments, the emulated device after them, and what is written for people to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from biotrain_tf.experiment import report, words
from biotrain_tf.experiment.execute import cluster
from biotrain_tf.experiment.experiment import Check, run_experiment
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.page import results_page
from biotrain_tf.experiment.plans import Plan
from biotrain_tf.experiment.settings import Places, Scope
from biotrain_tf.experiment.summary import Summary
from biotrain_tf.report import experiment as html


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
        outcome = run_experiment(lab, jobs=jobs, on_device=on_device, console=console)
    check = outcome.check
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
