# SPDX-License-Identifier: Apache-2.0
"""`biotrain profile`: the table and the JSON say the same, of descriptions and of models."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import pytest

from biotrain_tf.cli.main import main
from biotrain_tf.report.estimate import COLUMNS, headline, op_cells
from biotrain_tf.report.roofline import roofline
from converters import convert
from converters.gap9.network import FOLDER

NETWORK = FOLDER / "dscnn_xs.json"


def test_json_equals_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    out = tmp_path / "step.json"
    plot = tmp_path / "step.svg"
    assert main(["profile", str(NETWORK), "--json", str(out), "--plot", str(plot)]) == 0
    shown = capsys.readouterr().out
    estimate = json.loads(out.read_text())
    assert f"estimate {headline(estimate)}" in shown
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in shown.splitlines()
        if line.startswith("│")
    ]
    assert rows == [op_cells(op) for op in estimate["ops"]] and len(rows) >= 8
    assert len(rows[0]) == len(COLUMNS)
    total = sum(op["cycles"] for op in estimate["ops"])
    assert abs(total / estimate["cycles"] - 1) <= 1e-4
    assert abs(sum(op["mj"] for op in estimate["ops"]) / estimate["mj"] - 1) <= 1e-9
    assert plot.read_text() == roofline(estimate) and "estimate" in plot.read_text()


def test_a_model_is_converted_for_gap9_and_profiled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = keras.Input((6, 40, 1))
    x = keras.layers.Conv2D(4, (1, 5), padding="same", use_bias=False)(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.AveragePooling2D((1, 4))(x)
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs, name="small")
    result = convert(model, output_dir=tmp_path, target="gap9", batch_size=4)
    estimates = result.report["estimate"]
    assert set(estimates) == {"240MHz", "370MHz"}
    out = tmp_path / "step.json"
    arguments = ["profile", str(result.model_path), "--frequency", "240MHz", "--json", str(out)]
    assert main(arguments) == 0
    found = json.loads(out.read_text())
    assert {**found, "name": ""} == {**json.loads(json.dumps(estimates["240MHz"])), "name": ""}
    assert found["estimate"] is True and found["samples_per_step"] == 4
    assert found["cycles"] > 10_000 and "estimate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing.tflite"], "wanted a .tflite or .json file"),
        ([str(NETWORK), "--frequency", "1GHz"], "wanted one of 240MHz, 370MHz"),
        ([str(NETWORK), "--fpus", "9"], "fpus: wanted 1 to 8"),
    ],
)
def test_mistakes_end_in_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["profile", *arguments]) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
