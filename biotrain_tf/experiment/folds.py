# SPDX-License-Identifier: Apache-2.0
"""Who is pre-trained on and who is tested: one person out where few, grouped 5-fold where many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from biotrain_tf.data import splits
from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment.people import Person
from biotrain_tf.experiment.plans import Plan

FEW = 10
"""So many people at most are left out one by one."""
_FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class Fold:
    """`tested` people the network never saw; `validation` are among `others`, and a network that
    has seen neither of both chooses hyper-parameters on them.
    """

    number: int
    tested: tuple[str, ...]
    others: tuple[str, ...]
    validation: tuple[str, ...]

    @property
    def inner(self) -> tuple[str, ...]:
        """Who the network for choosing hyper-parameters is pre-trained on."""
        return tuple(name for name in self.others if name not in self.validation)


def folds_of(people: Sequence[Person], plan: Plan) -> list[Fold]:
    """Every person is tested in one fold. A set of one person has one fold without others."""
    names = [person.subject for person in people]
    if len(names) == 1:
        return [Fold(number=0, tested=(names[0],), others=(), validation=())]
    recordings = [person.source for person in people]
    many = len({recording.person for recording in recordings}) > FEW
    if len({recording.person for recording in recordings}) < 3:
        raise BiotrainError(f"{plan.name}: wanted at least 3 people; found {len(names)}")
    parts = [
        tuple(recording.subject for recording in fold.test)
        for fold in splits.by_person(recordings, n_folds=_FOLDS if many else None)
    ]
    found = []
    for number, tested in enumerate(parts):
        # Neighbours validate for one another, so that one network without both does for two folds.
        partner = parts[number ^ 1] if number ^ 1 < len(parts) else parts[0]
        found.append(
            Fold(
                number=number,
                tested=tested,
                others=tuple(name for name in names if name not in tested),
                validation=partner,
            )
        )
    return found
