# SPDX-License-Identifier: Apache-2.0
"""The content of an experiment's HTML page, as plain values."""

from __future__ import annotations

from typing import Any

from biotrain_tf.experiment import hyper, store, words
from biotrain_tf.experiment.plans import DAY1
from biotrain_tf.experiment.summary import Row, Summary


def content(summary: Summary, check: dict[str, Any] | None) -> dict[str, Any]:
    plan, lab = summary.lab.plan, summary.lab
    return {
        "title": plan.title,
        "data": plan.name,
        "scenario": lab.scenario,
        "how": words.scenario_sentence(summary),
        "metric": "balanced accuracy" if plan.balanced else "accuracy",
        "axis": "calibration trials" if lab.scenario == DAY1 else "session",
        "linear": plan.linear.get(lab.scenario, ""),
        "sentences": [text.replace("**", "") for text in words.sentences(summary)],
        "device": words.device_sentence(check).replace("**", ""),
        "rows": [_row(row) for row in summary.rows],
        "hyper": _hyper(summary),
        "settings": {
            "people tested": ", ".join(summary.people),
            "seeds": ", ".join(map(str, lab.scope.seeds)),
            "learning rates tried": ", ".join(f"{r:g}" for r in lab.scope.learning_rates),
            "epochs tried": ", ".join(map(str, lab.scope.epochs)),
            "share of pre-training epochs": f"{lab.scope.pretrain_share:g}",
            "SHA-256 of hyper.json": summary.hyper_sha256,
        },
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "note": row.note,
        "mean": row.mean,
        "spread": row.spread,
        "over_none": words.interval(row.over_none),
        "over_last": words.interval(row.over_last),
        "p": words.probability(row.over_last),
        "early": row.early,
        "forgotten": row.forgotten,
        "curve": {str(k): v for k, v in row.curve.items()},
        "ram_bytes": row.cost and row.cost.get("ram_bytes"),
        "instructions": row.cost and row.cost.get("instructions"),
        "trained_parameters": row.cost and row.cost.get("trained_parameters"),
    }


def _hyper(summary: Summary) -> list[list[str]]:
    folds = store.read_json(hyper.path_of(summary.lab))["folds"]
    return [
        [
            ", ".join(fold["tested"]),
            label,
            f"{chosen['learning_rate']:g}",
            str(chosen["epochs"]),
            "only one" if chosen["score"] is None else f"{100 * chosen['score']:.1f} %",
        ]
        for _, fold in sorted(folds.items())
        for label, chosen in sorted(fold["variants"].items())
    ]
