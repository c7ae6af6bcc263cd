# SPDX-License-Identifier: Apache-2.0
"""Planning any model of the zoo takes under five seconds, and always gives the same plan."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import pytest

from biotrain_tf import models
from converters import convert
from converters.search import dial

LIMIT_S = 5.0
"""Of the processor: what else runs on the machine does not count."""

EEG = {"n_chans": 22, "n_outputs": 4, "n_times": 1125}
SHAPES: dict[str, dict[str, Any]] = {
    "deep_ae": {"n_chans": 5, "n_outputs": None, "n_times": 128},
    "deep_conv_net": EEG,
    "ecg_cnn": {"n_chans": 2, "n_outputs": 5, "n_times": 117},
    "ecg_transformer": {"n_chans": 1, "n_outputs": 5, "n_times": 198},
    "eeg_tcnet": EEG,
    "eegnet": EEG,
    "emg_cnn": {"n_chans": 8, "n_outputs": 8, "n_times": 300},
    "epidenet": {"n_chans": 2, "n_outputs": 11, "n_times": 1000},
    "mi_bminet": {"n_chans": 8, "n_outputs": 2, "n_times": 1900},
    "shallow_conv_net": EEG,
}


def _planned(
    name: str, sample: str, ram: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[float, bytes]:
    """Seconds of the processor, and the flatbuffer."""
    took: list[float] = []
    choose = dial.choose

    def timed(*args: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return choose(*args, **options)
        finally:
            took.append(time.process_time() - started)

    keras.utils.clear_session()  # the same names each time
    keras.utils.set_random_seed(1)
    with monkeypatch.context() as patch:
        patch.setattr(dial, "choose", timed)
        conversion = convert(
            models.build(name, **SHAPES[name]),
            output_dir=folder,
            batch_size=8,
            loss="mse" if name == "deep_ae" else None,
            ram=ram,
            sample=sample,
            sample_scale=2.0**-10 if sample == "int16" else None,
        )
    (seconds,) = took
    used = conversion.report["ram_total_bytes"]
    print(f"{name} {sample} {ram}: {seconds:.2f} s, {used} bytes")
    return seconds, conversion.model_path.read_bytes()


def test_every_model_of_the_zoo_has_a_shape() -> None:
    assert set(SHAPES) == set(models.NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.NAMES)
def test_planning_is_quick(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [("float32", None), ("float32", "min"), ("int16", "min"), ("flash", "min")]
    took = {plan: _planned(name, *plan, tmp_path, monkeypatch)[0] for plan in plans}
    assert len(took) == 4 and max(took.values()) < LIMIT_S, took


@pytest.mark.parametrize("name", ["ecg_cnn"])
def test_a_plan_is_the_same_each_time(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        _planned(name, "int16", "min", tmp_path / folder, monkeypatch)[1] for folder in ("a", "b")
    )
    assert len(first) > 1000 and first == second
