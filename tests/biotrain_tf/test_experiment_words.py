# SPDX-License-Identifier: Apache-2.0
"""Statistics in pairs, and sentences that say plainly what they found."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import hyper, page, scenarios, store, summary, tasks, words
from biotrain_tf.experiment.lab import Lab
from biotrain_tf.experiment.people import Person
from biotrain_tf.experiment.plans import DAY1, plan_of
from biotrain_tf.experiment.settings import Places, Scope
from biotrain_tf.experiment.statistics import paired
from biotrain_tf.report.experiment_plots import pareto
from tests.biotrain_tf.experiment_people import write_emg

PEOPLE = ("S01", "S02", "S03", "S04", "S05", "S06", "S07")


def test_paired_agrees_with_scipy_and_knows_its_sign() -> None:
    rng = np.random.default_rng(1)
    a = {str(i): float(v) for i, v in enumerate(rng.normal(0.1, 0.02, 12))}
    b = dict.fromkeys(a, 0.0)
    found = paired(a, b)
    assert found.pairs == 12 and found.is_above and not found.is_below
    assert found.low is not None and found.high is not None
    assert found.low < found.mean < found.high
    assert found.p == pytest.approx(stats.wilcoxon(list(a.values())).pvalue)
    assert paired(b, a).is_below


def test_paired_refuses_nan_and_nothing() -> None:
    with pytest.raises(ValueError, match="not finite"):
        paired({"a": float("nan"), "b": 1.0}, {"a": 0.0, "b": 0.0})
    with pytest.raises(ValueError, match="nothing to compare"):
        paired({"a": 1.0}, {"b": 1.0})


def test_two_pairs_have_no_interval_and_equal_ones_no_width() -> None:
    assert paired({"a": 1.0}, {"a": 0.5}).low is None
    assert not paired({"a": 1.0, "b": 1.0}, {"a": 0.5, "b": 0.5}).is_above
    same = paired(dict.fromkeys("abc", 1.0), dict.fromkeys("abc", 1.0))
    assert (same.low, same.high, same.p) == (0.0, 0.0, 1.0)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    data = write_emg(tmp_path / "data", PEOPLE)
    return Lab(
        plan=plan_of("emg_myo_25subj"),
        scenario=DAY1,
        scope=dataclasses.replace(Scope.quick(), max_people=None, max_test_people=None),
        places=Places(output=tmp_path / "out", data_dir=data),
    )


def choose(lab: Lab, **more: Any) -> None:
    for choice in hyper.choices(lab):
        one = {"learning_rate": 0.01, "epochs": 2, "score": None}
        store.write_json(choice.path, {**one, **more, "tried": [one]})


def results(lab: Lab, sha256: str, scores: dict[str, float]) -> list[dict[str, Any]]:
    """Everybody scores `scores` with the most trials, give or take a little."""
    found = []
    for i, run in enumerate(hyper.runs(lab, sha256)):
        score = scores[run.variant.label] + 0.001 * (i % 5)
        content = {
            "data": lab.plan.name,
            "scenario": DAY1,
            "fold": run.fold.number,
            "subject": run.subject,
            "variant": run.variant.label,
            "seed": run.seed,
            "learning_rate": run.learning_rate,
            "epochs": run.epochs,
            "hyper_sha256": sha256,
            "scores": {"0": 0.1, "32": score},
            "early": {},
            "remembered_before": 0.9,
            "remembered_after": 0.8,
            "steps": 10,
            "diverged": False,
            "cost": {"ram_bytes": 1024, "instructions": 10**6} if run.variant.trains else None,
        }
        store.write_json(run.path, content)
        found.append(content)
    return found


def test_the_page_says_plainly_where_full_does_not_beat_the_last_layer(lab: Lab) -> None:
    choose(lab)
    sha256 = hyper.fix(lab)
    scores = {
        "none": 0.4,
        "last-layer": 0.7,
        "full, frozen": 0.6,
        "full, group": 0.7,
        "full, keep": 0.8,
        "norm": 0.75,
    }
    results(lab, sha256, scores)
    found = summary.summarise(lab, hyper.results(lab, sha256), sha256)
    assert words.not_above_last(found) == ["full, frozen", "full, group"]
    said = " ".join(words.sentences(found))
    assert "full, frozen: **does not beat the last layer: it is worse**, -10.0" in said
    assert "full, keep: beats the last layer, +10.0" in said
    assert found.row("full, keep").forgotten == pytest.approx(0.1)  # type: ignore[union-attr]
    text = page.results_page([(found, None)], command="biotrain experiment all", scope=lab.scope)
    assert "- emg_myo_25subj day1: full, frozen; full, group" in text
    assert "LDA: 4 repeats to the 5th .98" in text
    assert "best efficient (norm in 7 of 7 folds)" in text
    assert "| trials | 0 | 32 |" in text
    assert "above the last layer in 1 of 1 experiments (emg_myo_25subj day1); in 0 more" in text
    assert "Chosen rates × epochs (folds): full, frozen 0.01 × 2 (7)" in text
    assert "full, keep 0.01 × 2 (7)" in text and "of the grid" not in text
    wider = dataclasses.replace(lab, scope=lab.scope.limited(learning_rates=(0.01, 0.1)))
    choose(wider, people=["S01"], orders=2)
    hyper.fix(wider)
    said = words.chosen_sentence(dataclasses.replace(found, lab=wider))
    assert "In every fold the smallest rate of the grid: full, frozen; full, group; " in said
    assert "the largest rate" not in said
    assert said.startswith("Chosen rates × epochs (folds) on 1 person, 2 orders of batches each: ")
    assert "after results of adapting to people who are tested" in text
    assert "  - the rates to choose from are 0.001, 0.005, 0.02, and were 0.003, 0.02" in text
    assert "**Not run here:** eeg_mi_openbci day1, " in text
    assert "emg_myo_25subj day1" not in text.split("Not run here", 1)[1].split("\n", 1)[0]
    assert "No training was repeated on an emulated device" in text


def test_a_changed_file_of_hyper_parameters_is_refused(lab: Lab) -> None:
    choose(lab)
    sha256 = hyper.fix(lab)
    assert hyper.fix(lab) == sha256
    path = hyper.path_of(lab)
    before = path.read_text()
    path.write_text(before.replace('"epochs": 2', '"epochs": 3', 1))
    with pytest.raises(BiotrainError, match="was changed after it was written"):
        hyper.fix(lab)
    path.write_text(before)
    results(lab, sha256, dict.fromkeys([v.label for v in lab.scope.variants], 0.5))
    path.unlink()
    with pytest.raises(BiotrainError, match="gone, but there are results"):
        hyper.fix(lab)
    path.write_text(before + " ")
    with pytest.raises(BiotrainError, match="results were made with another one"):
        hyper.results(lab, store.file_digest(path))


def test_nobody_who_is_tested_chooses(lab: Lab) -> None:
    checked = 0
    for choice in hyper.choices(lab):
        validating = {p.subject for _, p in choice._validation()}
        assert validating and not validating & {*choice.fold.tested, *choice.fold.inner}
        checked += 1
    assert checked == 7 * 5


@pytest.mark.parametrize(("people", "orders"), [(1, 2), (2, 1), (6, 1)])
def test_a_rate_that_broke_off_is_not_chosen_whatever_it_scored(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, people: int, orders: int
) -> None:
    """On as many people as there are up to four; of a single one with batches in two orders."""
    lab = dataclasses.replace(lab, scope=lab.scope.limited(learning_rates=(0.01, 0.1)))
    first = hyper.choices(lab)[0]
    fold = dataclasses.replace(first.fold, validation=PEOPLE[1 : 1 + people])
    plain = scenarios.Setting(
        runner=None,  # type: ignore[arg-type]
        state=b"",
        scale=None,  # type: ignore[arg-type]
        epochs=1,
        seed=0,
        trains=True,
    )
    asked = []

    def setting(_: Lab, *, person: Person, learning_rate: float, **__: Any) -> scenarios.Setting:
        asked.append((person.subject, learning_rate))
        return plain

    def measured(_: Lab, person: Person, given: scenarios.Setting, **__: Any) -> scenarios.Measured:
        name, rate = asked[-1]
        runs.append((name, rate, given.seed))
        return scenarios.Measured(
            scores={32: 0.9 if rate == 0.1 else 0.8},
            early={},
            remembered_before=None,
            remembered_after=None,
            steps=1,
            diverged=rate == 0.1 and name == PEOPLE[1],
        )

    runs: list[tuple[str, float, int]] = []
    monkeypatch.setattr(tasks, "setting_of", setting)
    monkeypatch.setattr(tasks, "_measure", measured)
    choice = dataclasses.replace(first, fold=fold)
    choice.run()
    found = store.read_json(choice.path)
    assert (found["learning_rate"], found["score"]) == (0.01, pytest.approx(0.8))
    assert found["tried"][1]["score"] == pytest.approx(0.9 * (1 - 1 / min(people, 4)))
    assert found["people"] == list(PEOPLE[1 : 1 + min(people, 4)])
    assert len(runs) == len(set(runs)) == 2 * min(people, 4) * orders
    assert found["orders"] == orders


def test_more_seeds_go_on_in_the_same_folder_and_nothing_else_does(lab: Lab) -> None:
    def folder(**changes: Any) -> Path:
        return dataclasses.replace(lab, scope=lab.scope.limited(**changes)).folder

    assert folder(seeds=(0, 1)) == lab.folder
    others = [folder(epochs=(3,)), folder(max_test_people=2), folder(remembered=8)]
    assert len({lab.folder, *others}) == 4


def test_the_pareto_front_is_what_nothing_cheaper_reaches() -> None:
    points = [(1.0, 50.0, "a"), (2.0, 40.0, "b"), (3.0, 60.0, "c"), (3.0, 55.0, "d")]
    assert [name for _, _, name in pareto(points)] == ["a", "c"]
