# SPDX-License-Identifier: Apache-2.0
"""One person's calibration on an emulated device: its predictions must be the host's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.device.interface import DeviceError
from biotrain_tf.experiment import scenarios, store
from biotrain_tf.experiment.lab import Lab, one_thread, setting_of
from biotrain_tf.experiment.people import Person
from biotrain_tf.experiment.plans import DAY1
from biotrain_tf.experiment.runner import Act, Answers, Evaluate
from biotrain_tf.experiment.tasks import Run

TARGET = "cortex-m7"
_MOST_TESTED = 40
"""Windows that are predicted before and after; training is the whole of it."""


@dataclass(frozen=True, kw_only=True)
class DeviceCheck:
    """The training of `run`, of its smallest day 1 or its first session, once more on TARGET."""

    planned: Run

    @property
    def title(self) -> str:
        return f"{self.planned.subject} on the emulated {TARGET}"

    @property
    def path(self) -> Path:
        return self.planned.lab.folder / "device" / self.planned.path.name

    def run(self) -> None:
        one_thread()
        run = self.planned
        person = run.lab.person(run.subject)
        found: dict[str, Answers] = {}
        steps = 0
        for target in ("host", TARGET):
            setting = setting_of(
                run.lab,
                person=person,
                names=run.fold.others,
                variant=run.variant,
                learning_rate=run.learning_rate,
                epochs=run.epochs,
                seed=run.seed,
                target=target,
            )
            calibration, test = _split(run.lab, person)
            act = scenarios.training(calibration, setting, run.lab.plan)
            question: Act = Evaluate(setting.scale(test.X))
            found[target] = setting.runner.play(setting.state, [question, act, question])
            steps = len(act.batches)
        store.write_json(
            self.path,
            {
                **compared(found["host"], found[TARGET]),
                "steps": steps,
                "target": TARGET,
                "subject": run.subject,
                "variant": run.variant.label,
            },
        )


def _split(lab: Lab, person: Person) -> tuple[Person, Person]:
    if lab.scenario == DAY1:
        pool, test = scenarios.split_day1(person, lab.plan)
        calibration = pool.first_trials(lab.points()[0], in_turn=lab.plan.in_turn)
    else:
        calibration, test = scenarios.split_session(person, lab.sessions(person)[0])
    return calibration, test.where(np.arange(min(len(test), _MOST_TESTED)))


def compared(host: Answers, device: Answers) -> dict[str, Any]:
    """Bits of predictions, losses and weights; DeviceError if there is nothing to compare."""
    ours, theirs = np.concatenate(host.outputs), np.concatenate(device.outputs)
    if ours.size == 0 or ours.shape != theirs.shape or len(host.losses) != len(device.losses):
        raise DeviceError(f"{TARGET}: wanted answers of shape {ours.shape}; found {theirs.shape}")
    instructions = device.counts.instructions
    return {
        "compared": int(ours.size),
        "predictions_equal": bool((ours.argmax(axis=1) == theirs.argmax(axis=1)).all()),
        "outputs_equal": ours.tobytes() == theirs.tobytes(),
        # Equal for NaN, too: where the host refuses a step the device must.
        "losses_equal": np.array_equal(host.losses, device.losses, equal_nan=True),
        "weights_equal": host.state == device.state,
        "instructions_per_step": None
        if not instructions
        else round(sum(instructions) / len(instructions)),
    }
