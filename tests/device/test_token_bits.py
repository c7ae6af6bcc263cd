# SPDX-License-Identifier: Apache-2.0
"""Attention, GELU, LayerNorm and dropout of tokens: an emulated core ends with the host's bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from biotrain_tf.models import build
from converters import convert
from converters.targets import TargetProfile
from tests.compare import assert_close
from tests.end_to_end.host_run import train_on

STEPS, BATCH = 2, 3


@pytest.mark.parametrize("target", ["cortex-m7"])
def test_a_transformer_trains_alike(
    target: str, tmp_path: Path, need_target: Callable[[str], TargetProfile]
) -> None:
    need_target("host")
    need_target(target)
    keras.utils.set_random_seed(4)
    model = build("ecg_transformer", n_chans=2, n_outputs=3, n_times=44, n_layers=1)
    conversion = convert(model, output_dir=tmp_path, batch_size=BATCH, learning_rate=0.05)
    generator = np.random.default_rng(4)
    x = generator.standard_normal((STEPS, BATCH, 2, 44, 1)).astype(np.float32)
    y = generator.integers(0, 3, (STEPS, BATCH)).astype(np.int32)
    host, device = (train_on(where, conversion, x, y, tmp_path) for where in ("host", target))
    assert_close(device.losses, host.losses, "exact", what="losses")
    assert len(host.variables) > 20
    for name, value in host.variables.items():
        assert_close(device.variables[name], value, "exact", what=name)
