# SPDX-License-Identifier: Apache-2.0
"""A batch of one sample has no loop to fetch it, and yet takes any RAM and any kind of sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from biotrain_tf.device.data import as_stored
from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.interface import DeviceError
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Frame, Kind, Line, Reply
from converters import ConversionResult, convert
from converters.targets import TARGETS
from tests.compare import assert_all_close, assert_close
from tests.end_to_end.host_run import train_on

SEED, STEPS, CLASSES = 3, 3, 3
CODE = 2.0**-10
L = keras.layers


def _model(norm: str) -> keras.Model:
    """A convolution with a norm and a constraint, a pool, another one, and dense."""
    keras.utils.clear_session()  # the same names each time
    keras.utils.set_random_seed(SEED)
    x = inputs = keras.Input((4, 160, 1))
    for taps in (9, 5):
        x = L.Conv2D(8, (1, taps), padding="same", use_bias=False)(x)
        x = L.BatchNormalization()(x) if norm == "batch" else L.GroupNormalization(1)(x)
        x = L.MaxPooling2D((1, 4))(L.ReLU()(x))
    limit = keras.constraints.MaxNorm(0.5)
    x = L.Dense(CLASSES, activation="softmax", kernel_constraint=limit)(L.Flatten()(x))
    return keras.Model(inputs, x)


def _data() -> tuple[np.ndarray, np.ndarray]:
    """x [steps, 1, ...] that int16 codes can say, y [steps, 1]."""
    generator = np.random.default_rng(SEED)
    x = np.rint(generator.standard_normal((STEPS, 1, 4, 160, 1)) / CODE) * CODE
    return x.astype(np.float32), generator.integers(0, CLASSES, (STEPS, 1)).astype(np.int32)


def _converted(norm: str, sample: str, ram: str | int | None, folder: Path) -> ConversionResult:
    return convert(
        _model(norm),
        output_dir=folder,
        batch_size=1,
        learning_rate=0.05,
        ram=ram,
        sample=sample,
        sample_scale=CODE if sample == "int16" else None,
    )


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_every_plan_trains_alike(norm: str, tmp_path: Path) -> None:
    x, y = _data()
    fastest = _converted(norm, "float32", None, tmp_path / "fastest")
    wanted = train_on("host", fastest, x, y, tmp_path)
    assert len(set(wanted.losses)) == STEPS
    for sample in ("float32", "int16", "flash"):
        found = _converted(norm, sample, "min", tmp_path / sample)
        print(f"{sample}: {fastest.report['ram_total_bytes']} {found.report['ram_total_bytes']}")
        assert found.report["ram_total_bytes"] < fastest.report["ram_total_bytes"]
        assert found.report["schedule"]["loops"] > 0, "nothing runs depth first"
        ours = train_on("host", found, x, y, tmp_path)
        assert_close(ours.losses, wanted.losses, "loss", what=f"{sample}: loss")
        assert_all_close(ours.variables, wanted.variables, "weights", what=sample)


def test_a_sample_that_does_not_come_leaves_the_weights(tmp_path: Path) -> None:
    x, y = _data()
    conversion = _converted("group", "flash", "min", tmp_path)
    info = read_model(conversion.model_path)
    device = HostDevice(profile=TARGETS["host"], model=replace(info, stored=as_stored(x[0], info)))
    missing = np.array([1], "<i4").tobytes() + y[0].tobytes()
    replies: list[Reply] = []
    commands = [Command(Kind.SAVE), Command(Kind.TRAIN_STORED, missing), Command(Kind.SAVE)]
    commands.append(Command(Kind.QUIT))
    device.run(commands, lambda _, reply: replies.append(reply), timeout_s=60)
    before, after = (reply.payload for reply in replies if isinstance(reply, Frame))
    refusals = [r.text for r in replies if isinstance(r, Line) and r.text.startswith("error=")]
    assert len(refusals) == 1 and "kBadArgument" in refusals[0], refusals
    assert len(before) > 100 and before == after


def test_planted_a_write_before_the_last_sample_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if samples came without fail."""
    monkeypatch.setattr("converters.passes.commit_last.FETCH", "nothing")
    x, y = _data()
    conversion = _converted("group", "flash", "min", tmp_path)
    with pytest.raises(DeviceError, match="kNoPlan"):
        train_on("host", conversion, x, y, tmp_path)
