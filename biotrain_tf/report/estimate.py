# SPDX-License-Identifier: Apache-2.0
"""An estimate on the terminal: of the step, and by kind of operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from biotrain_tf.report.text import count, share

COLUMNS = ("op", "runs", "cycles", "ms", "mJ", "share", "MACs", "L2 bytes", "L3 bytes", "bound by")


def headline(estimate: Mapping[str, Any]) -> str:
    low, high = estimate["ms_band"]
    return (
        f"{estimate['name']} on {estimate['target']} at {estimate['frequency_mhz']:g} MHz / "
        f"{estimate['volts']:g} V, {estimate['kernels']} kernels: "
        f"{estimate['cycles']:,} cycles, {estimate['ms']:.3f} ms ({low:.3f} to {high:.3f}), "
        f"{estimate['mj']:.4f} mJ (+-{share(estimate['mj_error'])}), "
        f"{estimate['samples_per_second']:.1f} samples/s"
    )


def op_cells(op: Mapping[str, Any]) -> list[str]:
    """In the order of COLUMNS."""
    return [
        op["kind"],
        str(op["runs"]),
        count(op["cycles"]),
        f"{op['ms']:.4f}",
        f"{op['mj']:.5f}",
        share(op["share"]),
        count(op["macs"]),
        count(op["l2_bytes"]),
        count(op["l3_bytes"]),
        op["bound"],
    ]


def print_estimate(console: Console, estimate: Mapping[str, Any], *, ops: bool = True) -> None:
    console.print(f"[bold]estimate[/] {headline(estimate)}", highlight=False, soft_wrap=True)
    if not ops:
        return
    table = Table(title="estimate, by op", title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in ("op", "bound by") else "right")
    for op in estimate["ops"]:
        table.add_row(*op_cells(op))
    console.print(table)
