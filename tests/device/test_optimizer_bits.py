# SPDX-License-Identifier: Apache-2.0
"""AdamW with cosine, decay, clipping and accumulation: emulated cores end with the host's bits, and
a saved state goes on where it was, moments and counts included.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Kind
from converters import ConversionResult, convert
from converters.targets import TARGETS, TargetProfile
from tests.compare import assert_close
from tests.device.talk import talk_to, train_command
from tests.end_to_end.host_run import train_on
from tests.end_to_end.strategy_network import BATCH, batches, network

STEPS = 4
SAVE, QUIT = Command(Kind.SAVE), Command(Kind.QUIT)
EMULATED = [
    "cortex-m4f",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("cortex-m7", "riscv32")),
]


@pytest.fixture(scope="module")
def conversion(tmp_path_factory: pytest.TempPathFactory) -> ConversionResult:
    return convert(
        network(),
        output_dir=tmp_path_factory.mktemp("optimizer"),
        batch_size=BATCH,
        optimizer="adamw",
        learning_rate=0.02,
        schedule="cosine",
        schedule_steps=STEPS,
        weight_decay=0.05,
        clip_norm=0.3,
        accumulate=2,
    )


@pytest.mark.parametrize("target", EMULATED)
def test_an_emulated_core_ends_with_the_bits_of_the_host(
    target: str,
    conversion: ConversionResult,
    tmp_path: Path,
    need_target: Callable[[str], TargetProfile],
) -> None:
    need_target("host")
    need_target(target)
    x, y = batches(network(), STEPS)
    host, device = (train_on(where, conversion, x, y, tmp_path) for where in ("host", target))
    assert_close(device.losses, host.losses, "exact", what="losses")
    assert sum("/v" in name or "velocity" in name for name in host.variables) > 5, "no moments"
    for name, value in host.variables.items():
        assert_close(device.variables[name], value, "exact", what=name)


def test_a_restored_state_goes_on_as_if_never_stopped(
    conversion: ConversionResult, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    device = HostDevice(profile=TARGETS["host"], model=read_model(conversion.model_path))
    x, y = batches(network(), STEPS)
    steps = [train_command(a, b) for a, b in zip(x, y, strict=True)]
    # In the middle of an accumulation: its sums have to be saved, too.
    through = talk_to(device, [*steps[:3], SAVE, steps[3], SAVE, QUIT])
    at_three, at_end = through.frames(Kind.WEIGHTS)
    again = talk_to(device, [Command(Kind.RESTORE, at_three), steps[3], SAVE, QUIT])
    assert again.frames(Kind.WEIGHTS) == [at_end]
    assert np.frombuffer(at_end, np.uint8).size > 1000 and at_three != at_end
    # A state without the third step does end elsewhere.
    early = talk_to(device, [*steps[:2], SAVE, QUIT]).frames(Kind.WEIGHTS)[0]
    other = talk_to(device, [Command(Kind.RESTORE, early), steps[3], SAVE, QUIT])
    assert other.frames(Kind.WEIGHTS) != [at_end]
