# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/gap9.md, from what biotrain_tf/bench/gap9.py computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def _table(headings: Sequence[str], left: int, rows: Sequence[Sequence[str]]) -> str:
    rule = "|" + "---|" * left + "---:|" * (len(headings) - left)
    return "\n".join(
        ["| " + " | ".join(cells) + " |" for cells in (headings,)]
        + [rule]
        + ["| " + " | ".join(cells) + " |" for cells in rows]
    )


def _signed(value: float) -> str:
    return f"{100 * value:+.1f} %"


def blocks(data: dict[str, Any]) -> dict[str, str]:
    """What stands between the markers, by name."""
    return {
        "points": points_table(data),
        "energy": energy_table(data["energy"]),
        "costs": costs_table(data["costs"]),
        "biotrain": biotrain_table(data["rows"]),
    }


def points_table(data: dict[str, Any]) -> str:
    rows = [
        [
            p["name"],
            p["source"],
            f"{p['cycles']:,.0f}",
            f"{p['fitted']:,.0f}",
            f"{p['left_out']:,.0f}",
            _signed(p["error"]),
        ]
        for p in data["points"]
    ]
    table = _table(("point", "source", "cycles", "fitted", "left out", "error"), 2, rows)
    unscored = "; ".join(
        f"{p['name']} ({p['source']}): {p['cycles']:,.0f} cycles, model {p['fitted']:,.0f}, "
        f"{_signed(p['fitted'] / p['cycles'] - 1)}"
        for p in data["unscored"]
    )
    median = f"Median leave-one-out error {100 * data['median_error']:.1f} %, wanted at most 15 %"
    return f"{table}\n\n{median}. Not scored: {unscored}."


def energy_table(points: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            p["name"],
            p["frequency"],
            f"{p['microjoules']:.2f}",
            f"{p['fitted']:.2f}",
            _signed(p["error"]),
        ]
        for p in points
    ]
    return _table(("MLPerf", "clock", "uJ", "fitted", "error, left out"), 2, rows)


def costs_table(costs: dict[str, float]) -> str:
    return _table(("cost", "value"), 1, [[name, f"{value:.4g}"] for name, value in costs.items()])


def biotrain_table(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        [
            r["name"],
            r["schedule"],
            r["frequency"],
            f"{r['ms']:.1f}",
            f"{r['published_ms']:.1f}",
            _signed(r["ms"] / r["published_ms"] - 1),
            f"{r['samples_per_second']:.1f}",
            f"{8e3 / r['published_ms']:.1f}",
            f"{r['mw']:.1f}",
            f"{r['published_mw']:.1f}",
        ]
        for r in rows
    ]
    headings = (
        "row",
        "schedule",
        "clock",
        "ms / 8",
        "published",
        "",
        "samples/s",
        "published",
        "mW",
        "published",
    )
    return _table(headings, 3, cells)
