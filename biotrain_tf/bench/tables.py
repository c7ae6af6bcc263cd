# SPDX-License-Identifier: Apache-2.0
"""Benchmarks as tables on the terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from biotrain_tf.bench.step import TOLERANCE, OpCost, StepCost

_ROWS = 40


def print_kernels(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """A line a kernel, a column a target: instructions for each multiply-add, or element."""
    targets = list(dict.fromkeys(row["target"] for row in rows))
    table = Table(
        title="Executed instructions per multiply-add (el: per element, where there is none)",
        title_justify="left",
    )
    for heading in ("kernel", "direction", "shape"):
        table.add_column(heading)
    for heading in ("MACs", "loads/MAC", "floor", *targets):
        table.add_column(heading, justify="right")
    lines: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in rows:
        lines[row["kernel"], row["direction"], row["shape"]][row["target"]] = row
    for (kernel, direction, shape), found in lines.items():
        first = next(iter(found.values()))
        table.add_row(
            kernel,
            direction,
            shape,
            f"{first['macs']:,}" if first["macs"] else "",
            _number(first["loads_per_mac"]),
            _number(first["floor"]),
            *(_cost(found.get(target)) for target in targets),
        )
    console.print(table)
    console.print(
        "floor: one instruction a multiply-add, its operands loaded as rarely as registers allow, "
        "outputs stored once (biotrain_tf/bench/floor.py); loads and floor of "
        f"{targets[0]}",
        highlight=False,
    )


def _cost(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["macs"] is None:
        return f"{row['instructions_per_element']:.2f} el"
    return _number(row["instructions_per_mac"])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def print_step(console: Console, cost: StepCost) -> None:
    """The dearest operators, what they are together, and whether that is the whole step."""
    title = f"{cost.model.name} on {cost.target}: one training step ({cost.model.plan})"
    table = Table(title=title, title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("operator")
    table.add_column("shape", overflow="fold")
    for heading in ("instructions", "share", "MACs", "per MAC"):
        table.add_column(heading, justify="right")
    dearest = sorted(cost.ops, key=lambda op: -op.instructions)
    for op in dearest[:_ROWS]:
        table.add_row(*_op_row(op, cost.instructions))
    rest = dearest[_ROWS:]
    if rest:
        together = sum(op.instructions for op in rest)
        share = f"{together / cost.instructions:.1%}"
        table.add_row("", f"{len(rest)} more operators", "", f"{together:,.0f}", share, "", "")
    macs = cost.model.macs
    table.add_section()
    table.add_row(
        "",
        "whole step",
        "x".join(map(str, cost.model.info.x.shape)),
        f"{cost.instructions:,.0f}",
        "100%",
        f"{macs:,}" if macs else "",
        f"{cost.instructions / macs:.3f}" if macs else "",
    )
    console.print(table)
    word = "[bold green]PASS[/]" if cost.adds_up else "[bold red]FAIL[/]"
    console.print(
        f"{word} {cost.model.name} on {cost.target}: operators together {cost.instructions:,.0f}, "
        f"a step of the whole run {cost.whole:,.0f}; {cost.difference:.3%} apart, "
        f"{TOLERANCE:.0%} allowed",
        highlight=False,
    )


def _op_row(op: OpCost, total: float) -> tuple[str, ...]:
    macs = op.features.macs
    return (
        str(op.index) if op.index >= 0 else "",
        op.features.kind,
        op.features.shape,
        f"{op.instructions:,.0f}",
        f"{op.instructions / total:.1%}",
        f"{macs:,}" if macs else "",
        f"{op.instructions / macs:.2f}" if macs else "",
    )
