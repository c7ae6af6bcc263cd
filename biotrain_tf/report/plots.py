# SPDX-License-Identifier: Apache-2.0
"""Plots as inline SVG: text stays text, colours are told apart by the colour-blind."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from biotrain_tf.report.text import tiny, titles

# Okabe and Ito, with a brown for their yellow, which is too pale for a line on white.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#8C564B")
MARKERS = "oxs+^vD*"
_LEAST = 3e-8
"""Half a float32 step near 0.5: where equality is drawn on a logarithmic axis."""
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "biotrain",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
}
_WEIGHTS, _ACTIVATION, _BUSIEST = "#56B4E9", "#B8C2CC", "#E69F00"


def loss_curves(
    runtimes: Sequence[Mapping[str, Any]], *, tolerance: float, reference: str = "keras"
) -> str:
    """All loss curves over one another, and below how far each is from the reference."""
    ran = [runtime for runtime in runtimes if runtime["status"] == "ran"]
    expected = next(runtime["loss"] for runtime in ran if runtime["name"] == reference)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 5.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        for i, runtime in enumerate(ran):
            colour = COLOURS[i % len(COLOURS)]
            marker = MARKERS[i % len(MARKERS)]
            steps = range(1, len(runtime["loss"]) + 1)
            # Curves coincide: each marks steps of its own, so that none is hidden by the last.
            upper.plot(
                steps,
                runtime["loss"],
                color=colour,
                linewidth=1.0,
                marker=marker,
                markersize=5,
                markevery=(i, len(ran)),
                label=titles(runtime["name"]),
            )
            if runtime["name"] == reference or len(runtime["loss"]) != len(expected):
                continue
            apart = [abs(a - b) for a, b in zip(runtime["loss"], expected, strict=True)]
            apart = [max(value, _LEAST) for value in apart]
            lower.plot(
                steps,
                apart,
                marker,
                color=colour,
                markersize=4,
                fillstyle="none",
                markeredgewidth=0.8,
            )
        lower.axhline(tolerance, color="#b00020", linewidth=1, linestyle="--")
        lower.text(1, tolerance * 0.75, f"allowed: {tiny(tolerance)}", color="#b00020", va="top")
        lower.set_yscale("log")
        lower.set_ylim(2e-8, tolerance * 5)
        upper.set_ylabel("training loss of the batch")
        lower.set_ylabel("|loss − Keras's|")
        lower.set_xlabel("fine-tuning step")
        upper.legend(ncols=2, frameon=False, fontsize=9)
        return svg(figure)


def ram_curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """RAM of a training step against its instructions a multiply-accumulate, a curve a model."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        point = (row["ram_total_bytes"] / 1024, row["instructions_per_mac"])
        curves.setdefault(f"{row['model']}, norm {row['norm']}", []).append(point)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 4.4), layout="constrained")
        axes = figure.subplots()
        for i, (name, points) in enumerate(curves.items()):
            ram, cost = zip(*sorted(points), strict=True)
            axes.plot(
                ram,
                cost,
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[i % len(MARKERS)],
                linewidth=1.2,
                markersize=5,
                label=name,
            )
        _against_ram(axes, "instructions per textbook MAC")
        return svg(figure)


def dial_curve(rows: Sequence[Mapping[str, Any]], *, final: tuple[int, int]) -> str:
    """RAM against instructions of the schedules that were looked at, by level; the way to
    ``final``, which is (RAM in bytes, instructions).
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 4.4), layout="constrained")
        axes = figure.subplots()
        for i, level in enumerate(dict.fromkeys(row["level"] for row in rows)):
            inside = [row for row in rows if row["level"] == level]
            axes.plot(
                [row["ram_bytes"] / 1024 for row in inside],
                [row["instructions_per_step"] / 1e6 for row in inside],
                MARKERS[i % len(MARKERS)],
                color=COLOURS[1 + i % (len(COLOURS) - 1)],
                markersize=5,
                fillstyle="none",
                label=level,
            )
        taken = [(row["ram_bytes"], row["instructions_per_step"]) for row in rows if row["taken"]]
        way = sorted({*taken, final})
        axes.plot(
            [ram / 1024 for ram, _ in way],
            [cost / 1e6 for _, cost in way],
            color=COLOURS[0],
            linewidth=1.0,
            label="gone on from",
        )
        ram, cost = final
        axes.plot([ram / 1024], [cost / 1e6], "*", color="#b00020", markersize=12, label="chosen")
        _against_ram(axes, "million instructions a step, predicted")
        return svg(figure)


def _against_ram(axes: Axes, label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlabel("RAM, KB")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False)


def memory_map(rows: Sequence[Mapping[str, Any]], *, arena_bytes: int) -> str:
    """Every tensor of a training step as a rectangle: when it lives and where in the arena."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 5.0), layout="constrained")
        axes = figure.subplots()
        last_op = max(row["last_op"] for row in rows)
        busiest = _busiest_op(rows)
        groups: dict[str, list[Rectangle]] = {_WEIGHTS: [], _ACTIVATION: [], _BUSIEST: []}
        for row in rows:
            always = row["first_op"] == 0 and row["last_op"] == last_op
            alive = row["first_op"] <= busiest <= row["last_op"]
            colour = _WEIGHTS if always else _BUSIEST if alive else _ACTIVATION
            corner = (row["first_op"] - 0.5, row["offset"] / 1024)
            length = row["last_op"] - row["first_op"] + 1
            groups[colour].append(Rectangle(corner, length, row["bytes"] / 1024))
        for colour, patches in groups.items():
            axes.add_collection(
                PatchCollection(patches, facecolor=colour, edgecolor="white", linewidth=0.4)
            )
        _label_largest(axes, rows, arena_bytes, last_op)
        axes.axvline(busiest, color="#b00020", linewidth=0.8, linestyle="--")
        axes.set_xlim(-1, last_op + 1)
        axes.set_ylim(0, arena_bytes / 1024 * 1.02)
        axes.set_xlabel("operator of the training step")
        axes.set_ylabel("arena, KiB")
        axes.legend(
            handles=[
                Patch(color=_WEIGHTS, label="weights and optimiser state (always)"),
                Patch(color=_BUSIEST, label=f"alive at the fullest operator ({busiest})"),
                Patch(color=_ACTIVATION, label="other activations and gradients"),
            ],
            frameon=False,
            ncols=3,
            fontsize=9,
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
        )
        return svg(figure)


def _busiest_op(rows: Sequence[Mapping[str, Any]]) -> int:
    def alive(op: int) -> int:
        return sum(row["bytes"] for row in rows if row["first_op"] <= op <= row["last_op"])

    return max(sorted({int(row["first_op"]) for row in rows}), key=alive)


def _label_largest(
    axes: Axes, rows: Sequence[Mapping[str, Any]], arena_bytes: int, last_op: int
) -> None:
    """Names on rectangles large enough to hold them."""
    for row in rows:
        length = row["last_op"] - row["first_op"] + 1
        name = str(row["name"]).rsplit(";", maxsplit=1)[-1]
        room = int(length / (last_op + 2) * 110)
        if row["bytes"] > arena_bytes * 0.04 and room >= 6:
            axes.text(
                row["first_op"] + length / 2 - 0.5,
                (row["offset"] + row["bytes"] / 2) / 1024,
                name if len(name) <= room else name[: room - 1] + "…",
                ha="center",
                va="center",
                fontsize=8,
            )


def svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    return text[text.index("<svg") :]
