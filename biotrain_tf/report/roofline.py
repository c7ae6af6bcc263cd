# SPDX-License-Identifier: Apache-2.0
"""The roofline of an estimate as SVG: what each kind of operator reaches, and what it could."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib
from matplotlib.figure import Figure

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "biotrain", "font.family": "sans-serif"}
_MARKERS = "ox+s^vD*"


def roofline(estimate: Mapping[str, Any]) -> str:
    """Operators that multiply; those that do not have no place here."""
    roofs = estimate["roofline"]
    ops = [op for op in estimate["ops"] if op["macs"] and op["l2_bytes"]]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8.4, 4.6), layout="constrained")
        axes = figure.subplots()
        reach = [op["macs"] / op["l2_bytes"] for op in ops] or [1.0]
        left, right = min(*reach, 0.1) / 2, max(*reach, 10.0) * 2
        peak = roofs["fpu_macs_per_cycle"]
        for name, slope in (
            ("L2", roofs["l2_bytes_per_cycle"]),
            ("L3", roofs["l3_bytes_per_cycle"]),
        ):
            knee = peak / slope
            axes.plot([left, knee, max(right, knee)], [left * slope, peak, peak], label=name)
        axes.axhline(roofs["plain_macs_per_cycle"], color="#8C564B", linestyle="--", linewidth=1)
        axes.text(left, roofs["plain_macs_per_cycle"] * 1.08, "plain inner loops", fontsize=8)
        for i, (op, at) in enumerate(zip(ops, reach, strict=True)):
            marker, colour = _MARKERS[i % len(_MARKERS)], f"C{(i + 2) % 10}"
            reached = op["macs"] / op["cycles"]
            axes.plot(
                at, reached, marker, color=colour, markersize=7, fillstyle="none", label=op["kind"]
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(left, right)
        axes.set_xlabel("multiply-adds a byte between L2 and L1")
        axes.set_ylabel("multiply-adds a cycle")
        axes.set_title(f"estimate: {estimate['name']} on {estimate['target']}", loc="left")
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()
