# SPDX-License-Identifier: Apache-2.0
"""A budget nothing fits: one line with the least there is, and what each other choice needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import keras
import pytest

from biotrain_tf.cli.main import main
from converters import convert
from converters.errors import ConversionError
from converters.passes.fetch_samples import Sample
from converters.search.advice import Alternative, Chosen, alternatives, with_advice
from converters.search.budget import Budget
from converters.search.schedule import NothingFits, Schedule

L = keras.layers
CHOSEN = Chosen("keep", True, 8, "full", "momentum", Sample.FLOAT32)


def failure(least: int) -> NothingFits:
    schedule = cast(Schedule, SimpleNamespace(ram_bytes=least))
    return NothingFits(Budget(1000), schedule)


def advice(needs: Callable[[Alternative], int], chosen: Chosen = CHOSEN) -> str:
    stages: list[str] = []
    found = str(with_advice(failure(5000), chosen, needs, stages.append))
    assert len(stages) == len(list(alternatives(chosen)))
    assert "\n" not in found
    return found


def test_the_least_comes_first_and_what_needs_more_is_left_out() -> None:
    needs = {"group": 4000, "frozen": 4500, "flash": 3000, "int16": 5000, "sgd": 9000, 1: 4900}

    def need(alternative: Alternative) -> int:
        if alternative.value not in needs:
            raise ConversionError("this model has one layer")
        return needs[cast(Any, alternative.value)]

    assert advice(need).endswith(
        "5000 bytes at least, 1000 are given, 4000 too few; --sample flash would need 3000, "
        "--norm group 4000, --norm frozen 4500, --batch-size 1 4900"
    )


def test_nothing_helps() -> None:
    assert advice(lambda alternative: 5000).endswith("alone needs less")


def test_only_other_choices_are_tried() -> None:
    chosen = Chosen("group", True, 1, "last-layer", "sgd", Sample.INT16)
    assert [a.flag for a in alternatives(chosen)] == ["--sample flash", "--norm frozen"]
    plain = Chosen("keep", False, 1, "last-layer", "sgd", Sample.FLASH)
    assert not list(alternatives(plain))


def network() -> keras.Model:
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    x = i = keras.Input((4, 48, 1))
    x = L.Conv2D(6, (4, 1), use_bias=False)(x)
    x = L.Activation("elu")(L.BatchNormalization()(x))
    x = L.Flatten()(L.AveragePooling2D((1, 4))(x))
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def test_what_is_promised_is_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "small.keras"
    network().save(model)
    monkeypatch.chdir(tmp_path)
    assert main(["convert", str(model), "--ram", "2K", "--batch-size", "4"]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    lines = [line for line in errors if line.startswith("biotrain convert:")]
    assert len(lines) == 1
    print(lines[0])
    least = int(re.findall(r"in (\d+) bytes at least", lines[0])[0])
    needs = {
        m[1]: int(m[2]) for m in re.finditer(r"--([a-z-]+ \S+)(?: would need)? (\d+)", lines[0])
    }
    assert {"sample flash", "strategy last-layer"} <= set(needs)
    assert list(needs.values()) == sorted(needs.values()) and max(needs.values()) < least
    flash = needs["sample flash"]
    fits = convert(network(), output_dir=tmp_path, batch_size=4, sample="flash", ram=flash)
    assert fits.report["ram_total_bytes"] == flash
