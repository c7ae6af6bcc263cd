# SPDX-License-Identifier: Apache-2.0
"""What the figures say, in sentences that are made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from biotrain_tf.experiment import hyper, store
from biotrain_tf.experiment.plans import DAY1
from biotrain_tf.experiment.statistics import Paired
from biotrain_tf.experiment.summary import BEST_LABEL, FULL_LABELS, Row, Summary
from biotrain_tf.experiment.variants import LAST_LAYER

_MANY = 6
"""Pairs below which no p value can be under 0.05."""


def points(value: float) -> str:
    return f"{100 * value:+.1f}"


def interval(difference: Paired | None) -> str:
    """`+3.1 [+0.2, +6.0]` in points."""
    if difference is None:
        return "–"
    if difference.low is None or difference.high is None:
        return f"{points(difference.mean)} [too few]"
    return f"{points(difference.mean)} [{points(difference.low)}, {points(difference.high)}]"


def counted(count: int, thing: str) -> str:
    plural = {"person": "people"}.get(thing, f"{thing}s")
    return f"{count} {thing if count == 1 else plural}"


def probability(difference: Paired | None) -> str:
    if difference is None or difference.p is None:
        return "–"
    return f"{difference.p:.3f}"


def sentences(summary: Summary) -> list[str]:
    said = [_against_last(row, summary) for row in _full(summary)]
    best = summary.row(BEST_LABEL)
    if best is not None and best.over_last is not None:
        said.append(
            f"The parameter-efficient strategy that was chosen beforehand ({best.note}) "
            + _verdict(best.over_last, summary)
        )
    row = summary.row(LAST_LAYER.label)
    if row is not None and row.over_none is not None:
        said.append(f"The last layer alone is {interval(row.over_none)} points from no adaptation.")
    diverged = [f"{row.label} ({row.diverged} runs)" for row in summary.rows if row.diverged]
    if diverged:
        said.append(f"Losses became infinite or NaN in {', '.join(diverged)}.")
    pairs = max((row.over_last.pairs for row in summary.rows if row.over_last), default=0)
    if pairs < _MANY:
        said.append(
            f"An interval over {counted(pairs, 'pair')} says little, and no p value can be below "
            "0.05."
        )
    return said


def not_above_last(summary: Summary) -> list[str]:
    """The full variants whose interval over the last layer is not above nought."""
    return [
        row.label
        for row in _full(summary)
        if row.over_last is not None and not row.over_last.is_above
    ]


def _full(summary: Summary) -> list[Row]:
    return [row for label in FULL_LABELS if (row := summary.row(label)) is not None]


def _against_last(row: Row, summary: Summary) -> str:
    if row.over_last is None:
        return f"{row.label}: there is no last layer to compare with."
    return f"{row.label}: {_verdict(row.over_last, summary)}"


def _verdict(over: Paired, summary: Summary) -> str:
    figures = f"{interval(over)} points over {counted(over.pairs, summary.unit)}"
    if over.low is None:
        return f"says nothing against the last layer, {figures}."
    if over.is_above:
        return f"beats the last layer, {figures}."
    if over.is_below:
        return f"**does not beat the last layer: it is worse**, {figures}."
    return f"**does not beat the last layer**, {figures}."


def chosen_sentence(summary: Summary) -> str:
    """What hyper.json says, and how often the end of the grid was best."""
    folds = store.read_json(hyper.path_of(summary.lab))["folds"].values()
    scope = summary.lab.scope
    by_label: dict[str, Counter[str]] = {}
    slowest: Counter[str] = Counter()
    fastest: Counter[str] = Counter()
    for fold in folds:
        for label, chosen in fold["variants"].items():
            rate, epochs = chosen["learning_rate"], chosen["epochs"]
            by_label.setdefault(label, Counter())[f"{rate:g} × {epochs}"] += 1
            slowest[label] += rate == min(scope.learning_rates)
            fastest[label] += rate == max(scope.learning_rates) and epochs == max(scope.epochs)
    texts = [
        f"{label} {', '.join(f'{pair} ({n})' for pair, n in counts.most_common())}"
        for label, counts in by_label.items()
    ]
    said = f"Chosen rates × epochs (folds){_chosen_on(folds)}: {'; '.join(texts)}."
    for ends, grid in (
        (slowest, "the smallest rate"),
        (fastest, "the largest rate and most epochs"),
    ):
        always = [label for label, n in ends.items() if n == len(folds)]
        if always and len(scope.learning_rates) > 1:
            said += f" In every fold {grid} of the grid: {'; '.join(always)} "
            said += "(beyond it may be better)."
    return said


def _chosen_on(folds: Iterable[Any]) -> str:
    """How many validated; nothing where nothing was to be chosen."""
    found = [c for fold in folds for c in fold["variants"].values() if "people" in c]
    if not found:
        return ""
    sizes = sorted({len(chosen["people"]) for chosen in found})
    orders = max(chosen["orders"] for chosen in found)
    people = " or ".join([*map(str, sizes[:-1]), counted(sizes[-1], "person")])
    return f" on {people}" + (f", {orders} orders of batches each" if orders > 1 else "")


def is_same(check: dict[str, Any]) -> bool:
    return all(check[f"{name}_equal"] for name in ("predictions", "outputs", "losses", "weights"))


def device_sentence(check: dict[str, Any] | None) -> str:
    if check is None:
        return "Not run on an emulated device."
    what = (
        f"{check['subject']}, {check['variant']}, on the emulated {check['target']}: "
        f"{check['steps']} steps"
    )
    count = check["instructions_per_step"]
    cost = f", {count:,} executed instructions a step" if count else ""
    if is_same(check):
        return f"{what}{cost}; all {check['compared']} outputs, losses and weights are the host's."
    return f"{what}{cost}; **outputs differ from the host's** ({check['compared']} compared)."


def scenario_sentence(summary: Summary) -> str:
    plan, scope = summary.lab.plan, summary.lab.scope
    seeds = f"{len(scope.seeds)} seed{'s' if len(scope.seeds) > 1 else ''}"
    people = f"{len(summary.people)} of {len(summary.lab.people())} people tested"
    metric = "balanced accuracy" if plan.balanced else "accuracy"
    if summary.lab.scenario == DAY1:
        what = f"day 1, the score with {summary.lab.points()[-1]} calibration trials"
    else:
        what = "drift, the mean over later sessions, from the person's own weights"
    said = f"{plan.model}; {what}; {metric}; {people}, {seeds}."
    if plan.own_scale:
        said += " Each channel is scaled by the person's own first session, whose labels are not "
        said += "looked at: `none` has that, too."
    return said
