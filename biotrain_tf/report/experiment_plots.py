# SPDX-License-Identifier: Apache-2.0
"""Curves over trials or sessions, and scores beside costs, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biotrain_tf.report.plots import COLOURS, MARKERS, STYLE, svg

Rows = Sequence[Mapping[str, Any]]


def score_curves(rows: Rows, *, axis: str, metric: str) -> str:
    """A line a strategy: its mean score by the number of trials or by session."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 4.8), layout="constrained")
        axes = figure.subplots()
        for i, row in enumerate(rows):
            points = sorted((int(key), 100 * value) for key, value in row["curve"].items())
            axes.plot(
                *zip(*points, strict=True),
                color=COLOURS[i % len(COLOURS)],
                marker=MARKERS[(i + i // len(COLOURS)) % len(MARKERS)],
                linestyle="--" if row["label"].startswith("none") else "-",
                linewidth=1.2,
                markersize=5,
                label=row["label"],
            )
        axes.set_xlabel(axis)
        axes.set_ylabel(f"{metric}, %")
        axes.legend(frameon=False, fontsize=9, ncols=2)
        return svg(figure)


def cost_plot(rows: Rows, *, metric: str) -> str:
    """Scores against RAM and against instructions of a step; the Pareto front is joined."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 4.2), layout="constrained")
        for axes, key, unit, name in zip(
            figure.subplots(1, 2, sharey=True),
            ("ram_bytes", "instructions"),
            (1024, 1e6),
            ("RAM, KB", "instructions, millions"),
            strict=True,
        ):
            _front(axes, [(r[key] / unit, 100 * r["mean"], r["label"]) for r in rows if r[key]])
            axes.set_xlabel(name)
            axes.set_xscale("log")
            axes.set_ylabel(f"{metric}, %")
        return svg(figure)


def pareto(points: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Those (cost, score, name) that nothing cheaper reaches, by cost."""
    front: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def _front(axes: Axes, points: Sequence[tuple[float, float, str]]) -> None:
    for i, (cost, score, name) in enumerate(points):
        axes.plot([cost], [score], MARKERS[i % len(MARKERS)], color=COLOURS[i % len(COLOURS)])
        axes.annotate(name, (cost, score), xytext=(5, 4), textcoords="offset points", fontsize=8)
    front = pareto(points)
    axes.plot([p[0] for p in front], [p[1] for p in front], color="#9aa5b1", linewidth=1, zorder=0)
