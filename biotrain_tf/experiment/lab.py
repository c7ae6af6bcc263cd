# SPDX-License-Identifier: Apache-2.0
"""One data set in one scenario: who is there, which networks, which flatbuffers, where files go."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import pretrain, scenarios, store
from biotrain_tf.experiment.flatbuffers import Flatbuffer, converted
from biotrain_tf.experiment.folds import Fold, folds_of
from biotrain_tf.experiment.people import Person, Scale, load_people, thinned
from biotrain_tf.experiment.plans import DAY1, Plan
from biotrain_tf.experiment.pretrain import Recipe
from biotrain_tf.experiment.runner import Runner
from biotrain_tf.experiment.settings import Places, Scope
from biotrain_tf.experiment.store import Weights
from biotrain_tf.experiment.variants import GROUP, LAST_LAYER, Variant

_OWN_EPOCHS = 10
_PROTOCOL = 2
"""Of how is chosen and measured: whoever changes it counts up; old results are left alone."""
_SEED = 7
"""Of choices that are no experiment: which windows of many are pre-trained on or remembered."""


@dataclass(frozen=True, kw_only=True)
class Lab:
    """Everything is found anew from these four, so that any process or machine can do any part."""

    plan: Plan
    scenario: str
    scope: Scope
    places: Places

    def __post_init__(self) -> None:
        if self.scenario not in self.plan.scenarios:
            raise BiotrainError(
                f"{self.plan.name}: wanted one of {', '.join(self.plan.scenarios)}; "
                f"found {self.scenario!r}"
            )

    def people(self) -> list[Person]:
        """All of the set, or the first of them, those before others who can be tested."""
        people = load_people(self.plan, self.places.data_dir)
        if self.scope.max_people is None:
            return people
        # A stable order: False comes before True.
        return sorted(people, key=lambda p: not self.can_be_tested(p))[: self.scope.max_people]

    def person(self, subject: str) -> Person:
        return next(p for p in self.people() if p.subject == subject)

    def folds(self) -> list[Fold]:
        """Those with somebody to test in them."""
        return self._folds

    @functools.cached_property
    def _folds(self) -> list[Fold]:
        tested = set(self.tested())
        return [f for f in folds_of(self.people(), self.plan) if tested & set(f.tested)]

    def tested(self) -> list[str]:
        """Everybody who has enough to calibrate with, or the first of them."""
        able = [p.subject for p in self.people() if self.can_be_tested(p)]
        return able[: self.scope.max_test_people]

    def can_be_tested(self, person: Person) -> bool:
        if self.scenario != DAY1:
            return len(person.sessions()) > self.plan.base_sessions
        if len(person.sessions()) < 2:
            return False
        pool, test = scenarios.split_day1(person, self.plan)
        least = min(min(np.bincount(part.y, minlength=person.classes)) for part in (pool, test))
        return int(least) >= self.plan.least_per_class

    @functools.cached_property
    def folder(self) -> Path:
        """Another one for other recordings, another converter or another scope; more seeds go on in
        the same.
        """
        fixed = replace(self.scope, seeds=self.scope.seeds[:1])
        content = [(p.subject, p.source.person, p.X, p.y, p.session) for p in self.people()]
        key = store.digest(
            _PROTOCOL, self.plan, self.scenario, fixed, content, store.converter_digest()
        )
        return self.places.output / f"{self.plan.name}-{self.scenario}-{key}"

    def points(self) -> tuple[int, ...]:
        """Numbers of calibration trials, the largest last."""
        points, most = self.plan.points, self.scope.max_points
        return points if most is None else points[-most:]

    def sessions(self, person: Person) -> list[int]:
        return scenarios.drift_sessions(person, self.plan, self.scope.max_sessions)

    def network(self, names: Sequence[str], *, kind: str, seed: int) -> tuple[Weights, Scale]:
        """Pre-trained on these people."""
        people = [self.person(name) for name in names]
        scale = Scale.of(people)
        recipe = Recipe(
            kind=kind,
            seed=seed,
            epochs=self._epochs(self.plan.pretrain_epochs),
            cap=self.plan.pretrain_cap,
        )
        return pretrain.trained(self.plan, people, scale, recipe, self.places.cache), scale

    def own(
        self, person: Person, names: Sequence[str], *, kind: str, seed: int
    ) -> tuple[Weights, Scale]:
        """The person's own weights: all of the network trained on the first sessions, from what
        others gave, if there are others.
        """
        base = scenarios.base_of(person, self.plan)
        if names:
            start, scale = self.network(names, kind=kind, seed=seed)
            epochs = _OWN_EPOCHS
        else:
            start, scale, epochs = None, Scale.of([base]), self.plan.pretrain_epochs
        recipe = Recipe(kind=kind, seed=seed, epochs=self._epochs(epochs), cap=len(base))
        weights = pretrain.trained(self.plan, [base], scale, recipe, self.places.cache, start=start)
        return weights, scale

    def flatbuffer(self, variant: Variant, learning_rate: float, weights: Weights) -> Flatbuffer:
        person = self.people()[0]
        if not variant.trains:
            # Nothing trains: any flatbuffer with the same norms answers alike.
            carrier = LAST_LAYER if variant.kind != GROUP else _FULL_GROUP
            variant, learning_rate = carrier, self.scope.learning_rates[-1]
        return converted(
            self.plan,
            variant,
            shape=(person.X.shape[1], person.X.shape[2], person.classes),
            learning_rate=learning_rate,
            weights=weights,
            cache=self.places.cache,
        )

    def memory(self, names: Sequence[str]) -> Person | None:
        """Windows of pre-training people that adapting may make the network forget."""
        if not names:
            return None
        share = -(-self.scope.remembered // len(names))
        parts = [thinned(self.person(name), share, _SEED) for name in names]
        return replace(
            parts[0],
            X=np.concatenate([part.X for part in parts]),
            y=np.concatenate([part.y for part in parts]),
            session=np.concatenate([part.session for part in parts]),
            trial=np.arange(sum(map(len, parts)), dtype=np.int32),
        )

    def _epochs(self, epochs: int) -> int:
        return max(1, round(epochs * self.scope.pretrain_share))


_FULL_GROUP = Variant(strategy="full", norm=GROUP)


def setting_of(
    lab: Lab,
    *,
    person: Person,
    names: Sequence[str],
    variant: Variant,
    learning_rate: float,
    epochs: int,
    seed: int,
    target: str = "host",
) -> scenarios.Setting:
    """Adapting to `person` from a network of `names`, ready to run."""
    if lab.scenario == DAY1:
        weights, scale = lab.network(names, kind=variant.kind, seed=seed)
    else:
        weights, scale = lab.own(person, names, kind=variant.kind, seed=seed)
    runner = Runner(lab.flatbuffer(variant, learning_rate, weights), target)
    return scenarios.Setting(
        runner=runner,
        state=runner.flatbuffer.state(runner.first_state(), weights, seed=seed),
        scale=scale,
        epochs=epochs,
        seed=seed,
        trains=variant.trains,
        memory=lab.memory(names),
    )


def one_thread() -> None:
    """Keras in a process that works beside others; same sums in every process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:  # TensorFlow is at work already, in the user's own process
        return
