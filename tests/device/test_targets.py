# SPDX-License-Identifier: Apache-2.0
"""The same training on every target and over every link: the same losses, the same bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biotrain_tf.device.run import run_device
from converters.targets import TARGETS, TargetProfile
from tests.device.conftest import EMULATED, SAMPLES
from tests.device.tiny_model import TinyShape, reference_losses, tiny_data

STEPS = 12
LOSS_TOLERANCE = 1e-5
WEIGHT_TOLERANCE = 1e-5


@cache
def trained(model: Path, data: Path, target: str, link: str | None) -> tuple[dict[str, Any], bytes]:
    """One run a place, shared by the tests."""
    weights = model.parent / f"{target}-{link}.weights"
    result = run_device(
        model=model, target=target, data=data, steps=STEPS, link=link, weights_path=weights
    )
    return result, weights.read_bytes()


@pytest.fixture
def train(
    tiny_path: Path, tiny_npz: Path, need_target: Callable[[str], TargetProfile]
) -> Callable[..., tuple[dict[str, Any], bytes]]:
    def run(target: str, link: str | None = None) -> tuple[dict[str, Any], bytes]:
        need_target(target)
        return trained(tiny_path, tiny_npz, target, link)

    return run


@pytest.mark.parametrize("target", TARGETS)
def test_training_is_what_numpy_says(target: str, train: Any, tiny_shape: TinyShape) -> None:
    result, weights = train(target)
    losses, expected = reference_losses(tiny_shape, *tiny_data(tiny_shape, SAMPLES), STEPS)
    found = np.frombuffer(weights, "<f4").reshape(expected.shape)
    loss_difference = np.abs(np.array(result["loss"]) - losses).max()
    weight_difference = np.abs(found - expected).max()
    print(f"{target}: losses={len(losses)} {loss_difference:.2g}")
    print(f"{target}: weights={found.size} {weight_difference:.2g}")
    assert len(result["loss"]) == len(losses) == STEPS and found.size == 18
    assert loss_difference <= LOSS_TOLERANCE
    assert weight_difference <= WEIGHT_TOLERANCE
    # The training moves far more than the tolerance.
    assert losses[0] - losses[-1] > 100 * LOSS_TOLERANCE
    assert result["weights_sha256"] == hashlib.sha256(weights).hexdigest()


@pytest.mark.parametrize("target", EMULATED)
def test_same_bits_as_on_the_host(target: str, train: Any) -> None:
    here, there = train("host"), train(target)
    assert there[1] == here[1] and len(here[1]) == 72
    assert there[0]["loss"] == here[0]["loss"]


@pytest.mark.parametrize("target", EMULATED)
def test_uart_and_semihosting_agree(target: str, train: Any) -> None:
    by_files, by_uart = train(target, "semihosting"), train(target, "uart")
    assert by_uart[0]["link"] == "uart" and by_files[0]["link"] == "semihosting"
    assert by_uart[1] == by_files[1] and len(by_files[1]) == 72
    # The link costs no instruction inside a step.
    assert by_uart[0]["instructions_of_each_step"] == by_files[0]["instructions_of_each_step"]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_reported(target: str, train: Any, tiny_path: Path) -> None:
    result, _ = train(target)
    assert result["accuracy_before"] < result["accuracy_after"] <= 1
    ram = result["ram_bytes"]
    assert ram["total"] == ram["static"] + ram["stack"] + ram["arena"]
    assert 0 < ram["stack"] < 32 << 10
    assert 0 < ram["static"] < 8 << 10
    assert result["flash_bytes"] > (0 if target == "host" else tiny_path.stat().st_size)
    assert result["wall_s"] > 0
    counts = result["instructions_of_each_step"]
    if target == "host":
        assert counts is None and result["instructions_per_step"] is None
        return
    assert len(counts) == STEPS
    assert result["instructions_per_step"] == round(sum(counts) / STEPS)
    # No step may cost what another one has left over: their costs are all but the same.
    assert min(counts) > 1000 and max(counts) < 1.1 * min(counts)
    json.dumps(result)
