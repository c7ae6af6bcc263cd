# SPDX-License-Identifier: Apache-2.0
"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from biotrain_tf.report.conversion import final_point, levels
from biotrain_tf.report.text import UNKNOWN, count, kib, percent, share, tiny, titles

_WIDE = 110
_MOST_CHOICES = 6
"""Of a schedule, on the terminal."""


def print_opening(console: Console, people: Any, settings: Any) -> None:
    """What is about to be done, and a notice in large letters if there is one."""
    if people.notice:
        console.print(Panel(people.notice, style="bold white on red", padding=(1, 4)))
    others = ", ".join(r.subject for r in people.others)
    person = people.person
    console.print(
        f"{people.title}: pre-train on {others}; then calibrate for [bold]{person.subject}[/] "
        f"({len(people.calibration.y)} trials, tested on {len(people.calibration.y_test)} later "
        "ones). "
        f"{person.n_chans} electrodes, {person.n_times} samples at {person.sfreq:g} Hz. "
        f"Seed {settings.seed}.",
        highlight=False,
    )


def print_summary(console: Console, report: Mapping[str, Any]) -> None:
    console.print(_runtimes(report, narrow=console.width < _WIDE))
    fall, accuracy, data = report["loss_fall"], report["accuracy"], report["data"]
    lines = [
        f"{data['person']}: accuracy {percent(accuracy['before'])} before, "
        f"{percent(accuracy['after'])} after fine-tuning by {titles(accuracy['measured_on'])} "
        f"({data['test_trials']} test trials, the larger class is "
        f"{percent(data['majority_share'])})",
        f"loss {fall['first']:.3f} to {fall['last']:.3f}: fell by {share(fall['fraction'])} "
        f"(means of the first and last {fall['window']} steps)",
        report["weights"]["in_words"],
    ]
    for line in lines:
        console.print(line, highlight=False)
    console.print(_artefacts(report["artefacts"]))
    for problem in report["problems"]:
        console.print(f"[bold red]PROBLEM[/] {problem}", highlight=False)
    minutes, seconds = divmod(round(report["wall_s"]), 60)
    word = "[bold green]PASS[/]" if report["passed"] else "[bold red]FAIL[/]"
    console.print(f"{word} in {minutes} min {seconds} s", highlight=False)


def print_conversion(console: Console, report: Mapping[str, Any]) -> None:
    """The end of `biotrain convert`."""
    ram = report.get("ram_bytes") or {}
    title = f"{report['model']}, --ops {report['ops']}"
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column("")
    table.add_column("", justify="right")
    rows = {
        **_choices(report["flags"]),
        "flatbuffer": f"{count(report['flatbuffer_bytes'])} bytes",
        "flash of the model": kib(report["flash_bytes"]),
        "RAM, weights and optimiser": kib(ram.get("weights_and_optimizer")),
        "RAM, activations and gradients": kib(ram.get("activations_and_gradients")),
        "RAM, arena together": kib(ram.get("arena")),
        "no plan of this schedule is below": _bound(ram),
        "parameters": count(report["parameters"]),
        "trainable parameters": count(report["trained_parameters"]),
        "textbook MACs of a training step": count(report["textbook_macs_per_step"]),
        **_rewrites(report),
        **_levels(report),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
    console.print(_artefacts(report["files"]))


def _bound(ram: Mapping[str, Any]) -> str:
    """The lower bound, and how far above it the arena is."""
    if not ram:
        return UNKNOWN
    apart = 100 * (ram["arena"] / ram["lower_bound"] - 1)
    return f"{kib(ram['lower_bound'])} (the arena is {apart:.2f}% above)"


def _choices(flags: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen for the user, and why: a wrong loss must be seen before it trains."""
    momentum = f", momentum {flags['momentum']:g}" if flags["momentum"] else ""
    return {
        "loss": f"{flags['loss']} ({flags['loss_origin']})",
        "optimiser": f"SGD, learning rate {flags['learning_rate']:g}{momentum} "
        f"({flags['optimizer_origin']})",
        "batch, norm, strategy": f"{flags['batch_size']}, {flags['norm']}, {flags['strategy']}",
    }


def _levels(report: Mapping[str, Any]) -> dict[str, str]:
    """The choice of a schedule, level by level."""
    if not report.get("schedule"):
        return {}
    ram, instructions = final_point(report)
    rows = {
        f"level {level}: {least['change']}": (
            f"{kib(least['ram_bytes'])}, {count(least['instructions_per_step'])} instr.: {why}"
        )
        for level, least, why in levels(report)
    }
    taken = [row for row in report["schedule"]["considered"] if row["taken"]]
    refined = [row["change"] for row in taken[1:]]
    rows |= {f"then: {change}": "taken" for change in refined[:_MOST_CHOICES]}
    if len(refined) > _MOST_CHOICES:
        rows["then"] = f"{len(refined) - _MOST_CHOICES} choices more, in the report"
    regions = report["schedule"].get("regions", ())
    rows |= {
        f"RAM, region {region['name']}": f"{kib(region['taken_bytes'])} of {kib(region['bytes'])}"
        for region in regions
    }
    return rows | {"RAM with the stack, predicted": kib(ram), "instructions": count(instructions)}


def _rewrites(report: Mapping[str, Any]) -> dict[str, str]:
    """What the converter changed to save work, and what a step is expected to cost."""
    chains = {
        f"commuted {' and '.join((chain['layers'][0], chain['layers'][-1]))}, MACs": (
            f"{count(chain['macs_before'])} to {count(chain['macs_after'])}"
        )
        for chain in report.get("commuted") or []
    }
    predicted = report.get("predicted_instructions_per_step") or {}
    return {
        **chains,
        **{f"instructions a step, predicted, {t}": count(n) for t, n in predicted.items()},
    }


def _runtimes(report: Mapping[str, Any], *, narrow: bool) -> Table:
    headings = [
        "last loss",
        "off Keras",
        "before",
        "after",
        "instr./step",
        "RAM",
        "flash",
        "weights",
    ]
    if narrow:  # what a small terminal has no room for is in the report
        headings = headings[1:6]
    table = Table(title="The same fine-tuning everywhere", title_justify="left")
    table.add_column("runtime", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for runtime in report["runtimes"]:
        name = titles(runtime["name"])
        if runtime["status"] != "ran":
            table.add_row(name, f"[red]{runtime['status']}[/]")
            continue
        cells = {
            "last loss": f"{runtime['loss'][-1]:.6f}",
            "off Keras": tiny(runtime["max_loss_difference"]),
            "before": percent(runtime["accuracy_before"]),
            "after": percent(runtime["accuracy_after"]),
            "instr./step": count(runtime["instructions_per_step"]),
            "RAM": kib((runtime["ram_bytes"] or {}).get("total")),
            "flash": kib(runtime["flash_bytes"]),
            "weights": (runtime["weights_sha256"] or UNKNOWN)[:12],
        }
        table.add_row(name, *[cells[heading] for heading in headings])
    return table


def _artefacts(files: Mapping[str, str]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, path in files.items():
        table.add_row(name, path, style="dim")
    return table
