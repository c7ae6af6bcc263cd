# SPDX-License-Identifier: Apache-2.0
"""A disagreement, a NaN, a missing step or a loss that stays is said, and never passes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from biotrain_tf.demo.result import RuntimeResult
from biotrain_tf.demo.verdict import judge, loss_fall

FALLING = tuple(1.0 - 0.01 * step for step in range(50))


def keras_with(loss: tuple[float, ...] = FALLING) -> RuntimeResult:
    return RuntimeResult(name="keras", loss=loss, weights={"w": np.ones(3, np.float32)})


def other(
    name: str = "litert", *, loss: tuple[float, ...] = FALLING, sha: str | None = None
) -> RuntimeResult:
    return RuntimeResult(name=name, loss=loss, weights_sha256=sha)


def changed(step: int, by: float) -> tuple[float, ...]:
    return (*FALLING[:step], FALLING[step] + by, *FALLING[step + 1 :])


def test_agreement_passes() -> None:
    verdict = judge([keras_with(), other(loss=changed(7, 1.9e-5))])
    assert verdict.passed
    comparison = verdict.comparisons["litert"]
    assert comparison.losses_compared == 50
    assert comparison.max_loss_difference == pytest.approx(1.9e-5)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (changed(49, 2.1e-5), "litert disagrees with Keras: a loss differs by 2.1e-05"),
        (changed(3, math.nan), "litert disagrees with Keras: a loss differs by nan"),
        (changed(3, math.inf), "litert disagrees with Keras: a loss differs by inf"),
        (FALLING[:-1], "litert gave 49 losses, Keras gave 50"),
        ((), "litert gave 0 losses, Keras gave 50"),
    ],
)
def test_disagreement_is_said(loss: tuple[float, ...], words: str) -> None:
    verdict = judge([keras_with(), other(loss=loss)])
    assert not verdict.passed
    assert len(verdict.problems) == 1
    assert verdict.problems[0].startswith(words)


def test_nan_in_the_reference_cannot_pass() -> None:
    verdict = judge([keras_with(changed(3, math.nan)), other(loss=changed(3, math.nan))])
    assert any("disagrees" in problem for problem in verdict.problems)
    assert any("did not fall" in problem for problem in verdict.problems)


def test_failed_is_a_problem_and_not_run_is_not() -> None:
    missing = RuntimeResult(name="tflite-runtime", status="not run", reason="no .venv-compat")
    broken = RuntimeResult(name="cortex-m7", status="failed", reason="no compiler")
    assert judge([keras_with(), missing]).passed
    assert judge([keras_with(), broken]).problems == ("cortex-m7 failed: no compiler",)


@pytest.mark.parametrize(("last", "passes"), [(0.79, True), (0.81, False), (math.nan, False)])
def test_loss_has_to_fall_by_a_fifth(last: float, passes: bool) -> None:
    loss = (*[1.0] * 10, *[5.0] * 30, *[last] * 10)
    verdict = judge([keras_with(loss)])
    assert verdict.passed is passes
    assert verdict.fall.window == 10


def test_few_steps_have_a_shorter_window() -> None:
    assert loss_fall((1.0, 0.9, 0.2, 0.1, 0.1)).window == 2
    assert loss_fall((1.0,)).enough is False


def test_weights_of_our_runner_must_be_the_same_bits() -> None:
    same = judge([keras_with(), other("host", sha="aa"), other("riscv32", sha="aa")])
    assert same.hashes_equal is True
    assert "same, bit for bit, on host, riscv32" in same.hashes_in_words
    different = judge([keras_with(), other("host", sha="aa"), other("riscv32", sha="bb")])
    assert different.hashes_equal is False
    assert "host aa; riscv32 bb" in different.problems[0]
    unknown = judge([keras_with(), other("host"), other("riscv32")])
    assert unknown.hashes_equal is False
    alone = judge([keras_with(), other("host", sha="aa")])
    assert alone.hashes_equal is None
    assert alone.passed


def test_weights_are_held_against_keras() -> None:
    near = dataclasses.replace(
        other(), weights={"w": np.full(3, 1.5, np.float32), "step": np.ones(())}
    )
    assert judge([keras_with(), near]).comparisons["litert"].max_weight_difference == 0.5
    lacking = dataclasses.replace(other(), weights={"v": np.ones(3, np.float32)})
    assert judge([keras_with(), lacking]).problems == ("litert: final weights lack w",)
