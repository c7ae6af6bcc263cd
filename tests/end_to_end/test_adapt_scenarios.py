# SPDX-License-Identifier: Apache-2.0
"""A wearable on real recordings: when it trains, and what that costs against always and never.

The model is pre-trained on the first day and worn on all days that follow. Accuracy is that of each
window before anything was trained on it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from biotrain_tf.device.run import run_device
from converters import ConversionResult, convert
from tests.end_to_end.adapt_runs import ALWAYS, NEVER, Worn, table, wear, write_recording

L = keras.layers
EMG_GAIN = 8.0  # to a standard deviation of about one


@dataclass(frozen=True)
class Days:
    """Windows as the device gets them, [N, channels, samples, 1], and what one unit of them is."""

    x: np.ndarray
    y: np.ndarray
    day: np.ndarray
    scale: float = 1.0

    def of(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.x[chosen].astype(np.float32) * np.float32(self.scale), self.y[chosen]


def emg_days(data: Path, person: str) -> Days:
    """Trials of 1.5 s, each three windows of 0.5 s; 96 windows of 8 motions a day, 30 days."""
    with np.load(data / "emg_myo_30days" / f"{person}.npz") as stored:
        codes, scale = stored["X"].astype(np.int16), float(stored["scale"])
        y, day = stored["y"].astype(np.int32), stored["session"].astype(np.int32)
    x = codes.reshape(-1, 8, 3, 100).transpose(0, 2, 1, 3).reshape(-1, 8, 100, 1)
    return Days(x, np.repeat(y, 3), np.repeat(day, 3), EMG_GAIN * scale)


def eeg_days(data: Path) -> Days:
    """From 0.5 s after the cue on 4.1 s at 62.5 Hz, in standard deviations of the first day."""
    with np.load(data / "eeg_mi_days" / "P01_day12.npz") as stored:
        x = stored["X"][:, :, 125:637].astype(np.float32).reshape(300, 11, 256, 2).mean(axis=-1)
        y, day = stored["y"].astype(np.int32), stored["session"].astype(np.int32)
        run = stored["run"].astype(np.int32)
    x = (x / x[day == 1].std(axis=(0, 2), keepdims=True)).clip(-4, 4)
    # The two days are told apart by their runs, of which the second has five.
    return Days(x[..., None], y, np.where(day == 1, 1, 100 + run))


def emg_network() -> keras.Model:
    inputs = keras.Input((8, 100, 1))
    x = L.Conv2D(4, (1, 8), use_bias=False)(inputs)
    x = L.ReLU()(L.BatchNormalization(momentum=0.9)(x))
    x = L.Flatten()(L.AveragePooling2D((1, 93))(x))
    x = L.Dense(24, activation="relu")(x)
    return keras.Model(inputs, L.Dense(8, activation="softmax")(x))


def eeg_network() -> keras.Model:
    inputs = keras.Input((11, 256, 1))
    x = L.Conv2D(4, (1, 16), use_bias=False)(inputs)
    x = L.DepthwiseConv2D((11, 1), depth_multiplier=2, use_bias=False)(x)
    x = L.ReLU()(L.BatchNormalization(momentum=0.9)(x))
    x = L.AveragePooling2D((1, 60), strides=(1, 30))(x)
    x = L.Flatten()(L.Dropout(0.25)(x))
    return keras.Model(inputs, L.Dense(3, activation="softmax")(x))


def prepare(
    model: keras.Model, days: Days, folder: Path, *, rate: float, epochs: int
) -> tuple[ConversionResult, Path]:
    """Pre-trained on day 1 and converted; the recording of the other days."""
    keras.utils.set_random_seed(0)
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*days.of(days.day == 1), epochs=epochs, batch_size=16, verbose=0)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9), loss)
    conversion = convert(model, output_dir=folder, batch_size=16)
    later = days.day != 1
    worn = (days.x[later], days.y[later], days.day[later])
    return conversion, write_recording(folder / "worn", *worn, scale=days.scale)


def costs(conversion: ConversionResult, days: Days, folder: Path) -> dict[str, float]:
    """Millions of instructions of one step on Cortex-M7: told by the converter, and counted."""
    found = {"predicted": conversion.report["predicted_instructions_per_step"]["cortex-m7"] / 1e6}
    if shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-g++"):
        x, y = days.of(np.arange(16))
        np.savez(folder / "one.npz", X=x, y=y, X_test=x[:1], y_test=y[:1])
        counted = run_device(
            model=conversion.model_path, target="cortex-m7", data=folder / "one.npz", steps=1
        )
        found["executed"] = counted["instructions_per_step"] / 1e6
    return found


def compare(conversion: ConversionResult, recording: Path, **policy: float) -> dict[str, Worn]:
    kinds = {"never": NEVER, "when needed": {}, "always": ALWAYS}
    return {
        name: wear(conversion.model_path, recording, **{**policy, **kind})
        for name, kind in kinds.items()
    }


@pytest.mark.parametrize(("person", "least_gain"), [("S01", 0.03), ("S02", 0.01)])
def test_emg_of_thirty_days(
    person: str,
    least_gain: float,
    shared_data: Path,
    tmp_path: Path,
    need_command: Callable[..., None],
) -> None:
    need_command("g++", "make")
    days = emg_days(shared_data, person)
    conversion, recording = prepare(emg_network(), days, tmp_path, rate=0.02, epochs=30)
    policy: dict[str, float] = {"windows": 96, "min_windows": 32, "horizon": 24}
    worn = compare(conversion, recording, **policy)
    print(
        f"\nEMG {person}, 29 days of 96 windows\n{table(worn, costs(conversion, days, tmp_path))}"
    )
    never, needed, always = worn.values()
    assert all(len(run.days) == 29 and run.days[0]["windows"] == 96 for run in worn.values())
    assert never["steps"] == never["episodes"] == 0
    assert needed.accuracy() >= never.accuracy() + least_gain
    assert 0 < needed["steps"] <= 0.35 * always["steps"]
    # A day that goes well costs nothing.
    idle = sum(
        today["steps"] == before["steps"]
        for before, today in zip(needed.days, needed.days[1:], strict=False)
    )
    assert idle >= 5
    assert always["taken_back"] == 0 and always["steps"] > 4000

    assert wear(conversion.model_path, recording, **policy) == needed
    budget = wear(conversion.model_path, recording, **policy, steps_per_day=50)
    spent = np.diff([0, *(today["steps"] for today in budget.days)])
    assert spent.max() <= 50 and spent.sum() > 0


def test_eeg_of_two_days(
    shared_data: Path, tmp_path: Path, need_command: Callable[..., None]
) -> None:
    need_command("g++", "make")
    days = eeg_days(shared_data)
    conversion, recording = prepare(eeg_network(), days, tmp_path, rate=0.01, epochs=20)
    policy = {"windows": 96, "min_windows": 16, "horizon": 12, "check_every": 20}
    worn = compare(conversion, recording, **policy, min_gain=0.005)
    print(f"\nEEG P01, 5 runs of 30 windows\n{table(worn, costs(conversion, days, tmp_path))}")
    never, needed, always = worn.values()
    assert all(len(run.days) == 5 for run in worn.values())
    # 150 windows of three classes: a standard error of 0.04.
    assert needed.accuracy() >= never.accuracy() - 0.04
    assert 0 < needed["steps"] < always["steps"]
    assert needed["taken_back"] > 0
