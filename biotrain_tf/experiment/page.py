# SPDX-License-Identifier: Apache-2.0
"""docs/results.md, all of it, from the outcomes of all experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biotrain_tf.experiment import words
from biotrain_tf.experiment.plans import DAY1, PLANS
from biotrain_tf.experiment.settings import CHANGED_AFTER_RESULTS, Scope
from biotrain_tf.experiment.summary import BEST_LABEL, FULL_LABELS, Row, Summary
from biotrain_tf.experiment.variants import FULL, LAST_LAYER, NONE

_INTRO = """# What adapting on the device reaches

A network is pre-trained in Keras on other people, its hyper-parameters are chosen on those, and
then it adapts to a person it never saw: on our runner, with the flatbuffer that a device gets.

- `none` is the network as it comes. `last-layer` moves the classifier alone; `full` moves every
  variable, with BatchNorm frozen, replaced by GroupNorm (and pre-trained so; `none, group` is what
  that network does unadapted), or live (keep). `norm` moves scale and shift of the norms, `lora:4`
  adapters of rank 4, `sparse:0.25` a quarter of the channels, `layer-wise` one layer at a time.
- `best efficient` is, in each fold, the one of those between last layer and full that did best on
  pre-training people. Nobody who is tested chose anything.
- Differences are paired, in points, with 95 % bootstrap intervals (BCa) over people, or over
  sessions where there is one person; p is Wilcoxon's. Of fewer than ten pairs such intervals are
  too narrow, and nothing is corrected for the number of comparisons.
- Forgotten is how many points are lost on what the network was pre-trained on.
- RAM and instructions are those of one training step of batch 8 on a Cortex-M7, as the converter
  predicts them.
- The figures of linear models are those of the data's README, on splits and windows of their own:
  they tell the order of magnitude, and no difference to them is tested.
- Networks, filters and pre-training epochs of a data set were settled on scores without adaptation
  of its first folds. Those scores may flatter `none` a little.
- Defaults that were changed after results of adapting to people who are tested had been seen:
"""
_INTRO += "".join(f"  - {change}\n" for change in CHANGED_AFTER_RESULTS)
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
    summaries = [summary for summary, _ in outcomes]
    parts = [_INTRO, _made_by(command, scope), _missing(summaries), _overview(summaries)]
    parts.append(_on_device([check for _, check in outcomes if check is not None]))
    parts += [_section(summary, check) for summary, check in outcomes]
    return "\n".join(part for part in parts if part)


def _missing(summaries: Sequence[Summary]) -> str:
    there = {(s.lab.plan.name, s.lab.scenario) for s in summaries}
    missing = [
        f"{plan.name} {scenario}"
        for plan in PLANS.values()
        for scenario in plan.scenarios
        if (plan.name, scenario) not in there
    ]
    return f"**Not run here:** {', '.join(missing)}.\n" if missing else ""


def _on_device(checks: Sequence[dict[str, Any]]) -> str:
    if not checks:
        return "No training was repeated on an emulated device.\n"
    same = [check for check in checks if words.is_same(check)]
    where = checks[0]["target"]
    text = f"For one person of each data set the training was repeated on the emulated {where}: "
    text += f"in {len(same)} of {len(checks)} sets its predictions, losses and weights are the "
    return text + "host's, bit for bit (each section says whose and how many).\n"


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
        "Mean scores in %, of people or sessions:",
        "",
        f"| data | scenario | {' | '.join(labels)} | linear models |",
        "|---|---|" + "---|" * (len(labels) + 1),
    ]
    for summary in summaries:
        cells = [_percent(summary.row(label)) for label in labels]
        plan, scenario = summary.lab.plan, summary.lab.scenario
        cells.append(plan.linear.get(scenario, "–"))
        lines.append(f"| {plan.name} | {scenario} | {' | '.join(cells)} |")
    failing = [
        f"{s.lab.plan.name} {s.lab.scenario}: {'; '.join(found)}"
        for s in summaries
        if (found := words.not_above_last(s))
    ]
    lines += ["", _beside_biotrain(summaries)]
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


def _beside_biotrain(summaries: Sequence[Summary]) -> str:
    """Whether what was published is seen here."""
    above, higher = [], []
    for summary in summaries:
        full = [row for label in FULL_LABELS if (row := summary.row(label)) is not None]
        over = [row.over_last for row in full if row.over_last is not None]
        name = f"{summary.lab.plan.name} {summary.lab.scenario}"
        if any(difference.is_above for difference in over):
            above.append(name)
        elif any(difference.mean > 0 for difference in over):
            higher.append(name)
    text = (
        "BioTrain (arXiv 2604.13359) reports that full fine-tuning gains over the last layer: 2.5 "
    )
    text += "to 11.6 points on EEG, 0.7 to 5.4 on EOG, 5 people and 5 seeds each, on other data. "
    text += f"Here a full variant is above the last layer in {len(above)} of {len(summaries)} "
    text += f"experiments{_named(above)}; in {len(higher)} more{_named(higher)} the mean of one is "
    return text + "higher, but the interval holds 0."


def _named(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


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
    lines += ["", *_curves(summary)]
    lines += ["", *[f"- {text}" for text in words.sentences(summary)]]
    lines += [f"- {words.chosen_sentence(summary)}"]
    lines += [f"- {words.device_sentence(check)}"]
    lines += [f"- hyper.json: `{summary.hyper_sha256[:12]}`", ""]
    return "\n".join(lines)


def _curves(summary: Summary) -> list[str]:
    """Mean scores by the number of calibration trials, or by session after its own calibration."""
    points = sorted({point for row in summary.rows for point in row.curve})
    unit = "trials" if summary.lab.scenario == DAY1 else "session"
    lines = [f"| {unit} | {' | '.join(map(str, points))} |", "|---" * (len(points) + 1) + "|"]
    for row in summary.rows:
        cells = [f"{100 * row.curve[p]:.1f}" if p in row.curve else "–" for p in points]
        lines.append(f"| {row.label} | {' | '.join(cells)} |")
    if summary.lab.scenario != DAY1:
        early = [f"{r.label} {100 * r.early:.1f}" for r in summary.rows if r.early is not None]
        lines += ["", f"Before each session's own calibration, on average: {', '.join(early)}."]
    return lines


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
