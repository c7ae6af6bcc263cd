# SPDX-License-Identifier: Apache-2.0
"""Pieces of work, each with a file as its result: what is there is not done again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from biotrain_tf.experiment import scenarios, store
from biotrain_tf.experiment.folds import Fold
from biotrain_tf.experiment.lab import Lab, one_thread, setting_of
from biotrain_tf.experiment.people import Person
from biotrain_tf.experiment.plans import DAY1
from biotrain_tf.experiment.scenarios import Measured
from biotrain_tf.experiment.variants import Variant

COST_TARGET = "cortex-m7"
_MOST_VALIDATED = 4
_LEAST_VALIDATIONS = 2
"""Of fewer people each is adapted to more often, with batches in another order."""
_VALIDATION_SESSIONS = 3


class Task(Protocol):
    @property
    def title(self) -> str: ...

    @property
    def path(self) -> Path: ...

    def run(self) -> None:
        """Writes `path`."""


@dataclass(frozen=True, kw_only=True)
class Pretrain:
    """A network in the cache; the file says only that it is there."""

    lab: Lab
    names: tuple[str, ...]
    kind: str
    seed: int

    @property
    def title(self) -> str:
        return f"pre-train on {len(self.names)} people, {self.kind} norm, seed {self.seed}"

    @property
    def path(self) -> Path:
        key = store.digest(self.names, self.kind, self.seed)
        return self.lab.folder / "pretrained" / f"{key}.json"

    def run(self) -> None:
        one_thread()
        self.lab.network(self.names, kind=self.kind, seed=self.seed)
        store.write_json(self.path, {"people": list(self.names), "kind": self.kind})


@dataclass(frozen=True, kw_only=True)
class Convert:
    """A flatbuffer in the cache."""

    lab: Lab
    variant: Variant

    @property
    def title(self) -> str:
        return f"convert {self.variant.label}"

    @property
    def path(self) -> Path:
        return self.lab.folder / "converted" / f"{store.digest(self.variant)}.json"

    def run(self) -> None:
        one_thread()
        flatbuffer = self.lab.flatbuffer(self.variant, self.lab.scope.learning_rates[0], {})
        store.write_json(self.path, {"flatbuffer": str(flatbuffer.path)})


@dataclass(frozen=True, kw_only=True)
class Choose:
    """Rate and epochs of a variant for a fold, on people that are pre-trained on."""

    lab: Lab
    fold: Fold
    variant: Variant

    @property
    def title(self) -> str:
        return f"choose for fold {self.fold.number}: {self.variant.label}"

    @property
    def path(self) -> Path:
        name = f"{self.fold.number}-{_slug(self.variant.label)}.json"
        return self.lab.folder / "chosen" / name

    def run(self) -> None:
        if self.is_choice:
            one_thread()
        scope = self.lab.scope
        tried = [
            {"learning_rate": rate, "epochs": epochs, "score": score}
            for rate in scope.learning_rates
            for epochs, score in zip(scope.epochs, self._scores(rate), strict=True)
        ]
        # Of equals the first: the smaller rate, the fewer epochs.
        best = max(tried, key=lambda t: -1.0 if t["score"] is None else t["score"])
        store.write_json(self.path, {**best, **self._described(), "tried": tried})

    def _described(self) -> dict[str, Any]:
        if not self.is_choice:
            return {}
        people = [person.subject for _, person in self._validation()]
        return {"people": people, "orders": self.orders}

    @property
    def is_choice(self) -> bool:
        scope = self.lab.scope
        rivals = [v for v in scope.variants if v.is_efficient]
        return len(scope.learning_rates) * len(scope.epochs) > 1 or (
            self.variant in rivals and len(rivals) > 1
        )

    def _scores(self, rate: float) -> list[float | None]:
        """For each number of epochs, the mean over those who validate; who diverges scores 0."""
        epochs = self.lab.scope.epochs
        if not self.is_choice:
            return [None] * len(epochs)
        found = []
        for lab, person in self._validation():
            setting = setting_of(
                lab,
                person=person,
                names=self.fold.inner,
                variant=self.variant,
                learning_rate=rate,
                epochs=epochs[0],
                seed=lab.scope.seeds[0],
            )
            setting = dataclasses.replace(setting, memory=None)
            for order in range(self.orders):
                seeded = dataclasses.replace(setting, seed=setting.seed + order)
                found.append(
                    [_score(lab, person, dataclasses.replace(seeded, epochs=n)) for n in epochs]
                )
        return [float(score) for score in np.mean(found, axis=0)]

    @property
    def orders(self) -> int:
        """So often each of those who validate is adapted to."""
        return -(-_LEAST_VALIDATIONS // len(self._validation()))

    def _validation(self) -> list[tuple[Lab, Person]]:
        """People and labs; of somebody who is alone, the earlier sessions validate."""
        if self.fold.validation:
            people = [self.lab.person(name) for name in self.fold.validation]
            able = [person for person in people if self.lab.can_be_tested(person)] or people
            return [(self.lab, person) for person in able[:_MOST_VALIDATED]]
        plan = self.lab.plan
        alone = scenarios.base_of(self.lab.person(self.fold.tested[0]), plan)
        shorter = dataclasses.replace(plan, base_sessions=max(1, plan.base_sessions - 2))
        return [(dataclasses.replace(self.lab, plan=shorter), alone)]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One person, one seed, one variant, with what was chosen beforehand."""

    lab: Lab
    fold: Fold
    subject: str
    variant: Variant
    seed: int
    learning_rate: float
    epochs: int
    hyper_sha256: str

    @property
    def title(self) -> str:
        return f"{self.subject}, {self.variant.label}, seed {self.seed}"

    @property
    def path(self) -> Path:
        name = f"{self.subject}-{self.seed}-{_slug(self.variant.label)}.json"
        return self.lab.folder / "runs" / name

    def run(self) -> None:
        one_thread()
        person = self.lab.person(self.subject)
        setting = setting_of(
            self.lab,
            person=person,
            names=self.fold.others,
            variant=self.variant,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            seed=self.seed,
        )
        measured = _measure(self.lab, person, setting)
        cost = setting.runner.flatbuffer.cost(COST_TARGET) if self.variant.trains else None
        store.write_json(self.path, {**self._described(), **_plain(measured), "cost": cost})

    def _described(self) -> dict[str, Any]:
        return {
            "data": self.lab.plan.name,
            "scenario": self.lab.scenario,
            "fold": self.fold.number,
            "subject": self.subject,
            "variant": self.variant.label,
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "epochs": self.epochs,
            "hyper_sha256": self.hyper_sha256,
        }


def _score(lab: Lab, person: Person, setting: scenarios.Setting) -> float:
    """A rate that broke off the training of one person may do worse to the next."""
    measured = _measure(lab, person, setting, brief=True)
    return 0.0 if measured.diverged else measured.mean


def _measure(
    lab: Lab, person: Person, setting: scenarios.Setting, *, brief: bool = False
) -> Measured:
    if lab.scenario == DAY1:
        points = lab.points()[-1:] if brief else lab.points()
        measured = scenarios.day1(person, lab.plan, points, setting)
        if brief and setting.trains:
            return dataclasses.replace(measured, scores={points[-1]: measured.scores[points[-1]]})
        return measured
    most = _VALIDATION_SESSIONS if brief else lab.scope.max_sessions
    sessions = scenarios.drift_sessions(person, lab.plan, most)
    return scenarios.longitudinal(person, lab.plan, sessions, setting)


def _plain(measured: Measured) -> dict[str, Any]:
    return {
        **dataclasses.asdict(measured),
        "scores": {str(k): v for k, v in measured.scores.items()},
        "early": {str(k): v for k, v in measured.early.items()},
    }


def _slug(label: str) -> str:
    return "".join(c if c.isalnum() or c in "-." else "_" for c in label)
