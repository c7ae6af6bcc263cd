# SPDX-License-Identifier: Apache-2.0
"""report.html of a conversion: the schedule that was chosen, and what it was chosen from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from biotrain_tf.report import plots
from biotrain_tf.report.markup import document, row, table
from biotrain_tf.report.text import count, kib

Report = Mapping[str, Any]
Row = Mapping[str, Any]


def conversion_page(report: Report) -> str:
    """Of a report whose model was planned for our runner."""
    title = f"{report['model']}: RAM and instructions of a training step"
    considered = report["schedule"]["considered"]
    body = (
        f"<h1>{escape(title)}</h1>"
        f"<p>{escape(_chosen(report))}</p>"
        "<h2>RAM against instructions</h2>"
        "<p>Every schedule that was looked at. What was gone on from is joined by a line; the last "
        "one is what the model was converted to.</p>"
        + plots.dial_curve(considered, final=final_point(report))
        + "<h2>Level by level</h2>"
        + table(("level", "schedules", "least RAM", "its instructions", "", ""), _levels(report))
        + "<h2>Choices, one after the other</h2>"
        + table(("choice", "RAM", "instructions", "what became of it"), _choices(considered))
        + _regions(report)
        + "<h2>Memory map of one training step</h2>"
        + plots.memory_map(report["memory_map"], arena_bytes=report["ram_bytes"]["arena"])
    )
    return document(title, body)


def final_point(report: Report) -> tuple[int, int]:
    """RAM and instructions of what was chosen."""
    return report["ram_total_bytes"], report["schedule"]["predicted_instructions_per_step"]


def levels(report: Report) -> list[tuple[str, Row, str]]:
    """Each level that was looked at, its schedule with the least RAM, and why it was taken or
    not.
    """
    schedule = report["schedule"]
    found: dict[str, list[Row]] = {}
    for entry in schedule["considered"]:
        found.setdefault(entry["level"], []).append(entry)
    result = []
    for level, rows in found.items():
        least = min(rows, key=lambda entry: (not entry["fits"], entry["ram_bytes"]))
        if level == schedule["level"]:
            why = "chosen"
        elif not least["fits"]:
            why = "too large"
        else:
            why = "fits, but executes more or takes more than what was chosen"
        result.append((level, least, why))
    return result


def _chosen(report: Report) -> str:
    ram, instructions = final_point(report)
    return (
        f"Chosen: level {report['schedule']['level']}, {kib(ram)} of RAM with the stack, "
        f"{count(instructions)} predicted instructions a step."
    )


def _levels(report: Report) -> list[str]:
    rows = []
    for level, least, why in levels(report):
        number = sum(entry["level"] == level for entry in report["schedule"]["considered"])
        cost = count(least["instructions_per_step"])
        rows.append(row(level, count(number), kib(least["ram_bytes"]), cost, least["change"], why))
    return rows


def _choices(considered: Sequence[Row]) -> list[str]:
    return [
        row(
            entry["change"],
            kib(entry["ram_bytes"]),
            count(entry["instructions_per_step"]),
            "taken" if entry["taken"] else "left" if entry["fits"] else "too large",
        )
        for entry in considered
    ]


def _regions(report: Report) -> str:
    rows = [
        row(region["name"], kib(region["bytes"]), kib(region["taken_bytes"]))
        for region in report["schedule"].get("regions", ())
    ]
    return "<h2>Regions</h2>" + table(("region", "given", "taken"), rows) if rows else ""
