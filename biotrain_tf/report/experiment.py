# SPDX-License-Identifier: Apache-2.0
"""The page of an experiment: what each strategy reaches, what it costs, how it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from biotrain_tf.report import experiment_plots as plots
from biotrain_tf.report.markup import document, row, table
from biotrain_tf.report.text import UNKNOWN, count, kib, percent

Content = Mapping[str, Any]


def page(content: Content) -> str:
    """One self-contained HTML page."""
    parts = (_head, _table, _curves, _pareto, _hyper, _settings)
    body = "\n".join(part(content) for part in parts)
    return document(f"{content['data']}, {content['scenario']}", body)


def _head(content: Content) -> str:
    said = "".join(f"<li>{escape(text)}</li>" for text in content["sentences"])
    linear = f"<p>Linear models: {escape(content['linear'])}.</p>" if content["linear"] else ""
    return (
        f"<h1>{escape(content['data'])}, {escape(content['scenario'])}</h1>"
        f'<p class="dim">{escape(content["title"])}. {escape(content["how"])}</p>'
        f"<ul>{said}</ul>{linear}<p>{escape(content['device'])}</p>"
    )


def _table(content: Content) -> str:
    rows = [
        row(
            f"{r['label']} ({r['note']})" if r["note"] else r["label"],
            f"{percent(r['mean'])} ± {100 * r['spread']:.1f}",
            r["over_none"],
            r["over_last"],
            r["p"],
            percent(r["early"]),
            UNKNOWN if r["forgotten"] is None else f"{100 * r['forgotten']:+.1f}",
            kib(r["ram_bytes"]),
            count(r["instructions"]),
            count(r["trained_parameters"]),
        )
        for r in content["rows"]
    ]
    return "<h2>What each strategy reaches</h2>" + table(
        (
            "what moves",
            content["metric"],
            "over none, points",
            "over the last layer",
            "p (Wilcoxon)",
            "before the session's own calibration",
            "forgotten, points",
            "RAM of a step",
            "instructions of a step",
            "parameters that move",
        ),
        rows,
    )


def _curves(content: Content) -> str:
    return f"<h2>By {escape(content['axis'])}</h2>" + plots.score_curves(
        content["rows"], axis=content["axis"], metric=content["metric"]
    )


def _pareto(content: Content) -> str:
    if not any(r["ram_bytes"] and r["instructions"] for r in content["rows"]):
        return ""
    return (
        "<h2>What it costs</h2><p>One training step of batch 8 on a Cortex-M7, predicted by the "
        "converter. Nothing is both cheaper and better than what the line joins.</p>"
        + plots.cost_plot(content["rows"], metric=content["metric"])
    )


def _hyper(content: Content) -> str:
    rows = [row(*cells) for cells in content["hyper"]]
    heads = ("people tested", "what moves", "rate", "epochs", "score on pre-training people")
    return "<h2>Chosen beforehand</h2>" + table(heads, rows)


def _settings(content: Content) -> str:
    rows = [row(key, str(value)) for key, value in content["settings"].items()]
    return "<h2>Settings</h2>" + table(("setting", "value"), rows, kind="pairs")
