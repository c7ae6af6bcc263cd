# SPDX-License-Identifier: Apache-2.0
"""What happens to a person: day 1 on a growing number of trials, or drift over sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score

from biotrain_tf.experiment.people import Person, Scale
from biotrain_tf.experiment.plans import Plan
from biotrain_tf.experiment.runner import Act, Evaluate, Runner, Train, batches_of
from biotrain_tf.experiment.settings import BATCH_SIZE

NAN_LOSS = "a loss that is not finite"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """`scores` by the number of calibration trials or of the session; `early` in the longitudinal
    scenario is the score before the session's own calibration. `diverged`: a loss was not finite.
    """

    scores: dict[int, float]
    early: dict[int, float]
    remembered_before: float | None
    remembered_after: float | None
    steps: int
    diverged: bool

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.scores.values())))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How one person is adapted to. `state` is what the runner begins with; `memory` are windows
    of pre-training people (None: there are none).
    """

    runner: Runner
    state: bytes
    scale: Scale
    epochs: int
    seed: int
    trains: bool
    memory: Person | None = None


def score(plan: Plan, y: NDArray[np.int32], outputs: NDArray[np.float32]) -> float:
    """Accuracy, or the mean over the classes that occur."""
    found = outputs.argmax(axis=1)
    if plan.balanced:
        return float(balanced_accuracy_score(y, found))
    return float(np.mean(found == y))


def split_day1(person: Person, plan: Plan) -> tuple[Person, Person]:
    """What may calibrate, and the later trials that test."""
    sessions = person.sessions()
    if not plan.within_session:
        tests = person.session == sessions[-1]
        pool = person.where(~tests)
        return pool, person.where(tests).apart_from(pool)
    day = person.where(person.session == sessions[0])
    trials = np.unique(day.trial)
    tests = np.isin(day.trial, trials[len(trials) * 3 // 4 :])
    pool = day.where(~tests)
    return pool, day.where(tests).apart_from(pool)


def split_session(person: Person, session: int) -> tuple[Person, Person]:
    """Earlier half of a session's trials, to calibrate, and its later half, to test."""
    mine = person.where(person.session == session)
    early = mine.first_trials((mine.trials + 1) // 2)
    return early, mine.where(~np.isin(mine.trial, early.trial)).apart_from(early)


def drift_sessions(person: Person, plan: Plan, most: int | None) -> list[int]:
    """Sessions after those of the person's own weights; `most` of them, evenly spread."""
    later = person.sessions()[plan.base_sessions :]
    if most is None or len(later) <= most:
        return later
    return [later[i] for i in np.linspace(0, len(later) - 1, most).round().astype(int)]


def base_of(person: Person, plan: Plan) -> Person:
    """The sessions that the person's own weights come from."""
    return person.where(np.isin(person.session, person.sessions()[: plan.base_sessions]))


def training(person: Person, setting: Setting, plan: Plan) -> Train:
    batches = batches_of(
        len(person),
        setting.epochs,
        size=BATCH_SIZE,
        seed=setting.seed,
        labels=person.y if plan.balanced else None,
    )
    return Train(setting.scale(person.X), person.y, batches)


def day1(person: Person, plan: Plan, points: Sequence[int], setting: Setting) -> Measured:
    """From the pre-trained weights anew for each number of trials; 0 is nobody adapted."""
    pool, test = split_day1(person, plan)
    asked: list[Act] = [Evaluate(setting.scale(test.X)), *_remember(setting)]
    before = setting.runner.play(setting.state, asked).outputs
    scores = {0: score(plan, test.y, before[0])}
    last, steps, diverged = before, 0, False
    for point in points if setting.trains else ():
        act = training(pool.first_trials(point, in_turn=plan.in_turn), setting, plan)
        answers = setting.runner.play(setting.state, [act, *asked])
        scores[point] = score(plan, test.y, answers.outputs[0])
        last, steps = answers.outputs, len(act.batches)
        diverged |= not np.isfinite(answers.losses).all()
    return Measured(
        scores=scores if setting.trains else dict.fromkeys((0, *points), scores[0]),
        early={},
        remembered_before=_memory(setting, plan, before),
        remembered_after=_memory(setting, plan, last),
        steps=steps,
        diverged=diverged,
    )


def longitudinal(person: Person, plan: Plan, sessions: Sequence[int], setting: Setting) -> Measured:
    """Sessions one after the other, weights carried on; each is tested before and after its own
    calibration, on the same later half.
    """
    acts: list[Act] = _remember(setting)
    tests, steps = [], 0
    for session in sessions:
        early, late = split_session(person, session)
        tests.append(late)
        question = Evaluate(setting.scale(late.X))
        acts.append(question)
        if setting.trains:
            act = training(early, setting, plan)
            acts += [act, question]
            steps += len(act.batches)
    answers = setting.runner.play(setting.state, [*acts, *_remember(setting)])
    outputs = answers.outputs
    first = 1 if setting.memory is not None else 0
    stride = 2 if setting.trains else 1
    found = [
        [score(plan, t.y, outputs[first + stride * i + j]) for j in range(stride)]
        for i, t in enumerate(tests)
    ]
    return Measured(
        scores={s: row[-1] for s, row in zip(sessions, found, strict=True)},
        early={s: row[0] for s, row in zip(sessions, found, strict=True)},
        remembered_before=_memory(setting, plan, [outputs[0]]),
        remembered_after=_memory(setting, plan, [outputs[-1]]),
        steps=steps,
        diverged=not np.isfinite(answers.losses).all(),
    )


def _remember(setting: Setting) -> list[Act]:
    return [] if setting.memory is None else [Evaluate(setting.scale(setting.memory.X))]


def _memory(setting: Setting, plan: Plan, outputs: Sequence[NDArray[np.float32]]) -> float | None:
    """The answers about the memory are the last ones."""
    return None if setting.memory is None else score(plan, setting.memory.y, outputs[-1])
