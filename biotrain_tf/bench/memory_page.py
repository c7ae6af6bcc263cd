# SPDX-License-Identifier: Apache-2.0
"""The table and the plot of docs/memory.md, from what `biotrain bench memory` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biotrain_tf.bench.memory import instructions_in_words
from biotrain_tf.report.plots import ram_curves
from converters.targets.stacks import GUARD_BYTES

_KIB = 1024
_HEADINGS = ("RAM KB", "wanted", "lower bound", "instructions", "a MAC")


def memory_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line a model and plan; bold is above what is wanted."""
    names = ("model", "norm", "plan", "level", "sample")
    lines = [
        "| " + " | ".join((*names, *_HEADINGS)) + " |",
        "|" + "---|" * len(names) + "---:|" * len(_HEADINGS),
    ]
    for row in rows:
        ram, limit = row["ram_total_bytes"], row["limit_bytes"]
        shown = f"{ram / _KIB:,.1f}"
        cells = [
            *(row[name] for name in names),
            f"**{shown}**" if limit is not None and ram > limit else shown,
            "" if limit is None else str(limit // _KIB),
            "" if row["lower_bound_bytes"] is None else f"{row['lower_bound_bytes'] / _KIB:,.1f}",
            instructions_in_words(row),
            "" if row["instructions_per_mac"] is None else f"{row['instructions_per_mac']:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    found = predictions(rows)
    return "\n".join([*lines, "", found] if found else lines)


def predictions(rows: Sequence[dict[str, Any]]) -> str:
    """How far what was predicted is from what was measured, of all rows that have both."""
    both = [row for row in rows if row["measured"] and row["predicted_ram_bytes"] is not None]
    if not both:
        return ""
    ram = [row["predicted_ram_bytes"] - row["ram_total_bytes"] for row in both]
    steps = [
        100 * (row["predicted_instructions_per_step"] / row["instructions_per_step"] - 1)
        for row in both
    ]
    return (
        f"Of {len(both)} plans that were run, predicted RAM is {min(ram):+,d} to {max(ram):+,d} "
        f"bytes from the measured, {GUARD_BYTES} of them the end of a stack that must stay free; "
        f"the instructions are {min(steps):+.1f} to {max(steps):+.1f} %."
    )


def memory_plot(rows: Sequence[dict[str, Any]]) -> str:
    """Of plans: what nobody has planned, and hosts, are not on the curves."""
    return ram_curves(
        [row for row in rows if row["predicted_ram_bytes"] is not None and row["level"] != "eager"]
    )
