# SPDX-License-Identifier: Apache-2.0
"""A training step as a flame graph: signature, kinds of operators, operators, by instructions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biotrain_tf.bench.step import OpCost, StepCost

# Okabe and Ito: told apart by the colour-blind.
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#D55E00", "#F0E442", "#B8C2CC")
_ROOT = "#0072B2"
_LETTER = 0.0072
"""Width of a letter, as a share of the plot."""
# No date, so that equal figures are equal files.
_UNDATED: dict[str, dict[str, Any]] = {".svg": {"Date": None}}
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "biotrain", "font.size": 9}


@dataclass(frozen=True)
class Box:
    """One box: where it begins and how wide it is, in instructions; level 0 is at the bottom."""

    level: int
    start: float
    width: float
    label: str
    colour: str


def boxes(cost: StepCost) -> list[Box]:
    """Every box rests on the one it is a part of; the widest of each level come first."""
    found: list[Box] = []
    start = 0.0
    for signature, ops in _grouped(cost.ops, lambda op: op.signature):
        width = _sum(ops)
        found.append(Box(0, start, width, signature, _ROOT))
        kind_start = start
        for place, (kind, same) in enumerate(_grouped(ops, lambda op: op.features.kind)):
            colour = _COLOURS[place % len(_COLOURS)]
            found.append(Box(1, kind_start, _sum(same), kind.removeprefix("Biotrain"), colour))
            op_start = kind_start
            for op in sorted(same, key=lambda op: -op.instructions):
                found.append(Box(2, op_start, op.instructions, op.features.shape, colour))
                op_start += op.instructions
            kind_start += _sum(same)
        start += width
    return found


def _sum(ops: list[OpCost]) -> float:
    return sum(op.instructions for op in ops)


def _grouped(ops, key) -> list[tuple[str, list[OpCost]]]:  # type: ignore[no-untyped-def]
    groups: dict[str, list[OpCost]] = defaultdict(list)
    for op in ops:
        groups[key(op)].append(op)
    return sorted(groups.items(), key=lambda item: -_sum(item[1]))


def write_flame(cost: StepCost, path: Path) -> None:
    """PNG or SVG, by the suffix of ``path``."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(14.0, 3.6), layout="constrained")
        axes = figure.subplots()
        for box in boxes(cost):
            _draw(axes, box, cost.instructions)
        axes.set_xlim(0, cost.instructions / 1e6)
        axes.set_ylim(0, 3)
        axes.set_yticks([0.5, 1.5, 2.5], ["signature", "kind", "operator"])
        axes.set_xlabel("executed instructions, millions")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(axis="y", length=0)
        macs = cost.model.macs
        per_mac = f", {cost.instructions / macs:.3f} per textbook MAC" if macs else ""
        axes.set_title(
            f"{cost.model.name}, one training step on {cost.target} ({cost.model.plan}): "
            f"{cost.instructions / 1e6:.1f} million instructions{per_mac}",
            loc="left",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150, metadata=_UNDATED.get(path.suffix))


def _draw(axes: Axes, box: Box, total: float) -> None:
    axes.bar(
        box.start / 1e6,
        0.96,
        width=box.width / 1e6,
        bottom=box.level + 0.02,
        align="edge",
        color=box.colour,
        edgecolor="white",
        linewidth=0.4,
    )
    share = box.width / total
    room = int(share / _LETTER)
    if room < 4:
        return
    lines = [box.label if len(box.label) <= room else box.label[: room - 1] + "…"]
    if share > 0.04:
        lines.append(f"{share:.1%}")
    axes.text(
        (box.start + box.width / 2) / 1e6,
        box.level + 0.5,
        "\n".join(lines),
        ha="center",
        va="center",
        color="white" if box.colour == _ROOT else "black",
    )
