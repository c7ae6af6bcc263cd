# SPDX-License-Identifier: Apache-2.0
"""A small model that trains, its samples, and the targets it is run on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.device.model import ModelInfo, read_model
from converters.targets import TARGETS, TargetProfile
from tests.device.tiny_model import TinyShape, tiny_data, write_tiny_model

EMULATED = [name for name, profile in TARGETS.items() if not profile.is_host]
SAMPLES = 22


@pytest.fixture(scope="session")
def tiny_shape() -> TinyShape:
    return TinyShape()


@pytest.fixture(scope="session")
def tiny_path(tmp_path_factory: pytest.TempPathFactory, tiny_shape: TinyShape) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"), tiny_shape)


@pytest.fixture(scope="session")
def tiny(tiny_path: Path) -> ModelInfo:
    return read_model(tiny_path)


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory, tiny_shape: TinyShape) -> Path:
    x, y = tiny_data(tiny_shape, SAMPLES)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, X=x, y=y)
    return path


@pytest.fixture
def need_target(need_command: Callable[..., None]) -> Callable[[str], TargetProfile]:
    """`need_target("cortex-m7")` skips where its compiler or QEMU is missing."""

    def need(name: str) -> TargetProfile:
        profile = TARGETS[name]
        need_command(f"{profile.compiler_prefix}g++", "make")
        if profile.qemu is not None:
            need_command(profile.qemu.binary)
        return profile

    return need
