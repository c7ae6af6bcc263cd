# SPDX-License-Identifier: Apache-2.0
"""docs/results.md, all of it, from the outcomes of all experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biotrain_tf.experiment import words
from biotrain_tf.experiment.settings import Scope
from biotrain_tf.experiment.summary import BEST_LABEL, Row, Summary
from biotrain_tf.experiment.variants import FULL, LAST_LAYER, NONE

_INTRO = """# What adapting on the device reaches

A network is pre-trained in Keras on other people, its hyper-parameters are chosen on those, and
then it adapts to a person it never saw: on our runner, with the flatbuffer that a device gets.
Differences are paired, in points, with 95 % bootstrap intervals. `last-layer` is the classifier
alone; `full` moves every variable, with BatchNorm frozen, replaced by GroupNorm (and pre-trained
so), or live (keep). Forgotten is what the pre-training people lose. RAM and instructions are those
of one training step of batch 8 on a Cortex-M7, as the converter predicts them. The figures of
linear models are those of the data's README, on splits of their own.
"""
_COLUMNS = (
    "what moves",
    "score ± sd",
    "over none",
    "over last layer",
    "p",
    "forgotten",
    "RAM",
    "instructions",
)


def results_page(
    outcomes: Sequence[tuple[Summary, dict[str, Any] | None]], *, command: str, scope: Scope
) -> str:
    if not outcomes:
        return f"{_INTRO}\nNothing has been run yet: `{command}` does, and writes this page.\n"
    parts = [_INTRO, _made_by(command, scope), _overview([s for s, _ in outcomes])]
    parts += [_section(summary, check) for summary, check in outcomes]
    return "\n".join(parts)


def _made_by(command: str, scope: Scope) -> str:
    rates = ", ".join(f"{rate:g}" for rate in scope.learning_rates)
    epochs = ", ".join(map(str, scope.epochs))
    limits = [
        f"at most {scope.max_test_people} people of a set tested" if scope.max_test_people else "",
        f"at most {scope.max_sessions} later sessions" if scope.max_sessions else "",
        f"{scope.pretrain_share:g} of the pre-training epochs" if scope.pretrain_share != 1 else "",
    ]
    less = "; ".join(text for text in limits if text)
    seeds = ", ".join(map(str, scope.seeds))
    text = f"Made by `{command}`: seeds {seeds}; rates {rates}; epochs {epochs}"
    text += f"; {less}." if less else "."
    if command != "biotrain experiment all":
        text += " The whole of it is `biotrain experiment all`."
    return text + "\n"


def _overview(summaries: Sequence[Summary]) -> str:
    labels = [NONE.label, LAST_LAYER.label, *(v.label for v in FULL), BEST_LABEL]
    lines = [
        f"| data | scenario | {' | '.join(labels)} |",
        "|---|---|" + "---|" * len(labels),
    ]
    for summary in summaries:
        cells = [_percent(summary.row(label)) for label in labels]
        lines.append(f"| {summary.lab.plan.name} | {summary.lab.scenario} | {' | '.join(cells)} |")
    failing = [
        f"{s.lab.plan.name} {s.lab.scenario}: {'; '.join(found)}"
        for s in summaries
        if (found := words.not_above_last(s))
    ]
    if failing:
        lines += [
            "",
            "**Where full does not beat the last layer** (the interval is not above 0):",
            "",
        ]
        lines += [f"- {text}" for text in failing]
    else:
        lines += ["", "Full beats the last layer everywhere."]
    return "\n".join(lines) + "\n"


def _percent(row: Row | None) -> str:
    return "–" if row is None else f"{100 * row.mean:.1f}"


def _section(summary: Summary, check: dict[str, Any] | None) -> str:
    plan, lab = summary.lab.plan, summary.lab
    lines = [
        f"## {plan.name}, {lab.scenario}",
        "",
        f"{plan.title}. {words.scenario_sentence(summary)}",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
    ]
    lines += [_line(row) for row in summary.rows]
    linear = plan.linear.get(lab.scenario)
    if linear:
        lines += ["", f"Linear models: {linear}."]
    lines += ["", *[f"- {text}" for text in words.sentences(summary)]]
    lines += [f"- {words.device_sentence(check)}"]
    lines += [f"- hyper.json: `{summary.hyper_sha256[:12]}`", ""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    cost = row.cost or {}
    ram, instructions = cost.get("ram_bytes"), cost.get("instructions")
    cells = [
        f"{row.label} ({row.note})" if row.note else row.label,
        f"{100 * row.mean:.1f} ± {100 * row.spread:.1f}",
        words.interval(row.over_none),
        words.interval(row.over_last),
        words.probability(row.over_last),
        "–" if row.forgotten is None else words.points(row.forgotten),
        "–" if ram is None else f"{ram / 1024:,.0f} KB",
        "–" if instructions is None else f"{instructions / 1e6:,.1f} M",
    ]
    return f"| {' | '.join(cells)} |"
