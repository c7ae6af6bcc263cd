# SPDX-License-Identifier: Apache-2.0
"""The page needs nothing but itself, and says what the report says."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from biotrain_tf.report import html, plots, table, text

MEMORY = [
    {"name": "w", "offset": 0, "bytes": 1024, "first_op": 0, "last_op": 9},
    {"name": "x<1>", "offset": 1024, "bytes": 8192, "first_op": 0, "last_op": 6},
    {"name": "y", "offset": 9216, "bytes": 4096, "first_op": 3, "last_op": 8},
]


def runtime(name: str, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": name,
        "status": "ran",
        "reason": "",
        "loss": [0.7, 0.65, 0.5, 0.4],
        "accuracy_before": 0.5,
        "accuracy_after": 0.75,
        "weights_sha256": None,
        "instructions_per_step": None,
        "textbook_macs_per_step": None,
        "ram_bytes": None,
        "flash_bytes": None,
        "wall_s": 1.25,
        "losses_compared": 4,
        "max_loss_difference": 2e-7,
        "max_weight_difference": None,
    }
    return {**fields, **changes}


def report(**changes: Any) -> dict[str, Any]:
    device = {
        "weights_sha256": "ab" * 32,
        "instructions_per_step": 186_000_000,
        "textbook_macs_per_step": 82_000_000,
        "ram_bytes": {"static": 44, "stack": 3000, "arena": 13312, "total": 16356},
        "flash_bytes": 300_000,
    }
    content: dict[str, Any] = {
        "passed": True,
        "problems": [],
        "notice": "",
        "data": {
            "source": "openbci",
            "title": "eeg_mi_openbci",
            "person": "S07",
            "pretrained_on": ["S01", "S02"],
            "labels": ["rest", "grasp"],
            "n_chans": 15,
            "n_times": 625,
            "sfreq": 125.0,
            "calibration_trials": 120,
            "test_trials": 40,
            "majority_share": 0.5,
            "scaling": {
                "rereference": "mean",
                "factor_per_uV": 0.1,
                "estimated_on": ["S01", "S02"],
            },
        },
        "accuracy": {"measured_on": "cortex-m7", "before": 0.5, "after": 0.75},
        "loss_fall": {"window": 2, "first": 0.675, "last": 0.45, "fraction": 1 / 3, "enough": True},
        "loss_tolerance": 2e-5,
        "runtimes": [
            runtime("keras", max_loss_difference=None),
            runtime("litert"),
            runtime("tflm", status="not run", reason="not <installed>", loss=[]),
            runtime("cortex-m7", **device),
            runtime("riscv32", **device),
        ],
        "weights": {"equal": True, "in_words": "The final weights are the same, bit for bit."},
        "model": {
            "parameters": 2034,
            "trained_parameters": 1954,
            "textbook_macs_per_step": 82_000_000,
            "flatbuffer_bytes": 80_000,
            "ram_bytes": {
                "arena": 13312,
                "weights_and_optimizer": 1024,
                "activations_and_gradients": 12288,
            },
            "op_list": [],
            "flags": {},
        },
        "memory_map": MEMORY,
        "settings": {"steps": 4, "runtimes": ["keras", "litert"], "person": None},
        "versions": {"python": "3.11"},
        "wall_s": 61.0,
        "artefacts": {"report.html": "build/demo/report.html"},
    }
    return {**content, **changes}


def test_page_fetches_nothing() -> None:
    page = html.page(report())
    links = re.findall(r'(?:src|href|url\()\s*=?\s*["\']?([^"\')\s>]+)', page)
    assert links, "the plots refer to their own shapes"
    assert all(link.startswith("#") for link in links)
    assert set(re.findall(r"https?://[^\"\s<]+", page)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "<script" not in page


def test_page_shows_what_was_asked_for() -> None:
    page = html.page(report())
    for wanted in (
        "50.0 → 75.0 %",
        "-33 %",
        "bit for bit",
        "186.0 M",
        "2.27 per textbook MAC",
        "13.0 KiB",
        "293.0 KiB",
        "ab" * 32,
        "not run: not &lt;installed&gt;",
        "Everything agrees.",
        "Not run: TFLM.",
        "fine-tuning step",
        "operator of the training step",
        "build/demo/report.html",
    ):
        assert wanted in page, wanted


def test_page_says_problems_and_notice_plainly() -> None:
    page = html.page(
        report(passed=False, problems=["host <disagrees>"], notice="SYNTHETIC SIGNALS")
    )
    assert "Not as it should be." in page
    assert "host &lt;disagrees&gt;" in page
    assert '<div class="notice">SYNTHETIC SIGNALS</div>' in page
    assert "Everything agrees" not in page


def test_page_without_our_runner() -> None:
    page = html.page(
        report(
            memory_map=None,
            model=dict.fromkeys(report()["model"]),
            runtimes=[runtime("keras"), runtime("litert")],
        )
    )
    assert "was not converted for our runner" in page


def test_plots_are_svg() -> None:
    for svg in (
        plots.loss_curves(report()["runtimes"], tolerance=2e-5),
        plots.memory_map(MEMORY, arena_bytes=13312),
    ):
        assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert "x&lt;1&gt;" in plots.memory_map(MEMORY, arena_bytes=13312)


def printed(content: dict[str, Any], width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    table.print_summary(console, content)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_summary_on_the_terminal() -> None:
    shown = printed(report(), 132)
    for wanted in ("runner, Cortex-M7", "186,000,000", "2e-7", "not run", "PASS in 1 min 1 s"):
        assert wanted in shown, wanted
    failing = printed(report(passed=False, problems=["host disagrees"]), 132)
    assert "PROBLEM host disagrees" in failing
    assert "FAIL in 1 min 1 s" in failing


def test_summary_on_a_narrow_terminal() -> None:
    shown = printed(report(), 80)
    assert "runner, Cortex-M7" in shown
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.tiny(2e-5), "2e-5"),
        (text.tiny(2.68e-7), "2.7e-7"),
        (text.tiny(float("nan")), "nan"),
        (text.tiny(None), "–"),
        (text.kib(44), "44 B"),
        (text.kib(6_175_360), "6,030.6 KiB"),
        (text.percent(0.625), "62.5 %"),
        (text.count(186818906.0), "186,818,906"),
    ],
)
def test_numbers(shown: str, expected: str) -> None:
    assert shown == expected
