# SPDX-License-Identifier: Apache-2.0
"""What a user can put right is one line and exit code 2; a traceback comes with -v only."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from biotrain_tf.cli import demo
from biotrain_tf.cli.main import main
from biotrain_tf.models.eegnet import eegnet


@pytest.mark.parametrize(
    "arguments",
    [[], ["bake"], ["convert"], ["convert", "m.h5", "--ops", "magic"], ["demo", "--data", "x"]],
    ids=" ".join,
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: biotrain" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["convert", "run", "demo"])
def test_help_is_0(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"usage: biotrain {command}" in shown
    assert "--verbose" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert", "no-such-model.h5"], "no-such-model.h5"),
        (["demo", "--steps", "0"], "--steps must be at least 1, got 0"),
        (["demo", "--batch-size", "0"], "--batch-size must be at least 1, got 0"),
        (["demo", "--runtimes", "keras,abacus"], "unknown runtime 'abacus'"),
        (["demo", "--data", "openbci", "--data-dir", "nowhere"], "not found in nowhere"),
        (["demo", "--data", "synthetic", "--person", "S99"], "no person 'S99'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"biotrain {arguments[0]}: ")
    assert words in lines[0]


def break_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(args: Any) -> int:
        raise error

    monkeypatch.setattr(demo, "run", run)


def test_a_bug_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_with(RuntimeError("lost\nand more"), monkeypatch)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == (
        "biotrain demo: unexpected RuntimeError: lost (-v shows where)\n"
    )


def test_v_shows_the_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_with(RuntimeError("lost"), monkeypatch)
    assert main(["demo", "-v"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert "RuntimeError: lost" in shown


@pytest.mark.parametrize("code", [0, 1])
def test_exit_code_is_the_commands(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run", lambda args: code)
    assert main(["demo"]) == code


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "small.keras"
    eegnet(3, 2, 64, F1=2, kernel_length=8).save(model)
    output = tmp_path / "out"
    assert main(["convert", str(model), "--output-dir", str(output), "--batch-size", "2"]) == 0
    shown = capsys.readouterr().out
    for wanted in ("trainable parameters", "RAM, arena", "textbook MACs"):
        assert wanted in shown, wanted
    assert (output / "small.tflite").stat().st_size > 0
    report = json.loads((output / "report.json").read_text())
    assert report["flags"]["batch_size"] == 2


def test_every_flag_reaches_convert(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def convert(model: Path, **options: Any) -> SimpleNamespace:
        seen.update(options, model=model)
        return SimpleNamespace(report={})

    monkeypatch.setattr("converters.convert", convert, raising=False)
    monkeypatch.setattr("biotrain_tf.report.table.print_conversion", lambda console, report: None)
    flags = "--output-dir d --ops builtin --norm group --strategy last-layer --optimizer sgd "
    flags += "--learning-rate 0.5 --momentum 0.25 --batch-size 3 --loss mse --seed 4 --no-commute "
    flags += "--tensor-names --ram 64K --target riscv32 --sample int16 --sample-scale 0.25 "
    flags += "--schedule cosine --schedule-steps 9 --weight-decay 0.1 --clip-norm 2 --accumulate 6"
    assert main(["convert", "m.h5", *flags.split()]) == 0
    del seen["progress"]
    assert seen == {
        "model": Path("m.h5"),
        "output_dir": Path("d"),
        "ops": "builtin",
        "norm": "group",
        "strategy": "last-layer",
        "optimizer": "sgd",
        "learning_rate": 0.5,
        "momentum": 0.25,
        "batch_size": 3,
        "loss": "mse",
        "seed": 4,
        "commute": False,
        "tensor_names": True,
        "ram": "64K",
        "target": "riscv32",
        "sample": "int16",
        "sample_scale": 0.25,
        "schedule": "cosine",
        "schedule_steps": 9,
        "weight_decay": 0.1,
        "clip_norm": 2.0,
        "accumulate": 6,
    }
