# SPDX-License-Identifier: Apache-2.0
"""Did every runtime do what Keras did, and did the loss fall? Every problem in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from biotrain_tf.demo import weights
from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.settings import KERAS, RUNNER_TARGETS
from biotrain_tf.errors import BiotrainError

LOSS_TOLERANCE = 2e-5
"""Largest difference of any step's loss to Keras's."""
WANTED_FALL = 0.2
"""The loss has to fall by this part of its beginning."""
WINDOW = 10
"""Steps averaged at the beginning and at the end; half of all where there are fewer than 20."""


@dataclass(frozen=True, kw_only=True)
class LossFall:
    window: int
    first: float
    last: float

    @property
    def fraction(self) -> float:
        return 1.0 - self.last / self.first

    @property
    def enough(self) -> bool:
        return self.fraction >= WANTED_FALL  # False for NaN


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One runtime against Keras. NaN where something was NaN, None where nothing was compared."""

    losses_compared: int
    max_loss_difference: float | None
    max_weight_difference: float | None
    problems: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    problems: tuple[str, ...]
    comparisons: dict[str, Comparison]
    fall: LossFall
    hashes_equal: bool | None
    hashes_in_words: str

    @property
    def passed(self) -> bool:
        return not self.problems


def judge(results: Sequence[RuntimeResult]) -> Verdict:
    by_name = {result.name: result for result in results}
    reference = by_name[KERAS]
    comparisons = {
        result.name: compare(result, reference)
        for result in results
        if result.status == "ran" and result.name != KERAS
    }
    problems = [f"{r.name} failed: {r.reason}" for r in results if r.status == "failed"]
    for comparison in comparisons.values():
        problems += comparison.problems
    fall = loss_fall(reference.loss)
    if not fall.enough:
        problems.append(
            f"the loss did not fall by a fifth: from {fall.first:.3f} (mean of the first "
            f"{fall.window} steps) to {fall.last:.3f} (last {fall.window}), {fall.fraction:.0%}"
        )
    equal, words = _compare_hashes(by_name)
    if equal is False:
        problems.append(words)
    return Verdict(
        problems=tuple(problems),
        comparisons=comparisons,
        fall=fall,
        hashes_equal=equal,
        hashes_in_words=words,
    )


def compare(result: RuntimeResult, reference: RuntimeResult) -> Comparison:
    problems = []
    loss_difference = weight_difference = None
    if len(result.loss) != len(reference.loss) or not result.loss:
        problems.append(
            f"{result.name} gave {len(result.loss)} losses, Keras gave {len(reference.loss)}"
        )
    else:
        loss_difference = max_difference(result.loss, reference.loss)
        if not loss_difference <= LOSS_TOLERANCE:
            problems.append(
                f"{result.name} disagrees with Keras: a loss differs by {loss_difference:.1e}, "
                f"{LOSS_TOLERANCE:.0e} is allowed"
            )
    if result.weights is not None and reference.weights is not None:
        try:
            weight_difference = weights.max_difference(result.weights, reference.weights)
        except BiotrainError as error:
            problems.append(f"{result.name}: {error}")
    return Comparison(
        losses_compared=0 if loss_difference is None else len(result.loss),
        max_loss_difference=loss_difference,
        max_weight_difference=weight_difference,
        problems=tuple(problems),
    )


def max_difference(losses: Sequence[float], reference: Sequence[float]) -> float:
    """NaN if any loss is NaN: `max` alone would let one pass."""
    differences = [abs(a - b) for a, b in zip(losses, reference, strict=True)]
    return math.nan if any(math.isnan(d) for d in differences) else max(differences)


def loss_fall(losses: Sequence[float]) -> LossFall:
    window = max(1, min(WINDOW, len(losses) // 2))
    first, last = losses[:window], losses[-window:]
    return LossFall(window=window, first=sum(first) / window, last=sum(last) / window)


def _compare_hashes(by_name: dict[str, RuntimeResult]) -> tuple[bool | None, str]:
    hashes = {
        name: result.weights_sha256
        for name in RUNNER_TARGETS
        if (result := by_name.get(name)) is not None and result.status == "ran"
    }
    if len(hashes) < 2:
        return (
            None,
            "The final weights were not compared: fewer than two targets of our runner ran.",
        )
    names = ", ".join(hashes)
    if len(set(hashes.values())) == 1 and None not in hashes.values():
        return True, f"The final weights are the same, bit for bit, on {names}."
    each = "; ".join(f"{name} {(value or 'no hash')[:12]}" for name, value in hashes.items())
    return False, f"The final weights differ between our runner's targets: {each}."
