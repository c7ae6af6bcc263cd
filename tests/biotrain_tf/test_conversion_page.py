# SPDX-License-Identifier: Apache-2.0
"""The page of a conversion: the curve, and why each level was taken or not."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from biotrain_tf.report.conversion import conversion_page, levels
from biotrain_tf.report.table import _levels


def entry(
    level: str, change: str, ram: int, cost: int, *, fits: bool, taken: bool
) -> dict[str, Any]:
    return {
        "level": level,
        "change": change,
        "ram_bytes": ram,
        "instructions_per_step": cost,
        "fits": fits,
        "taken": taken,
    }


REPORT: dict[str, Any] = {
    "model": "small<net>",
    "ram_total_bytes": 64_000,
    "ram_bytes": {"arena": 59_008},
    "memory_map": [{"name": "w", "offset": 0, "bytes": 512, "first_op": 0, "last_op": 9}],
    "schedule": {
        "level": "channels",
        "predicted_instructions_per_step": 7_000_000,
        "considered": [
            entry("resident", "all of it", 900_000, 3_000_000, fits=False, taken=False),
            entry("samples", "one by one", 120_000, 5_000_000, fits=False, taken=False),
            entry("channels", "from 4000 bytes on", 60_000, 9_000_000, fits=True, taken=True),
            entry("channels", "chain 0 in 4 pieces", 64_000, 7_000_000, fits=True, taken=True),
            entry("channels", "chain 0 in 2 pieces", 70_000, 6_500_000, fits=False, taken=False),
        ],
        "regions": [
            {"name": "tcm", "bytes": 16_384, "taken_bytes": 16_000, "arena_bytes": 11_008},
            {"name": "sram", "bytes": 65_536, "taken_bytes": 48_000, "arena_bytes": 48_000},
        ],
    },
}


def test_every_level_says_why() -> None:
    found = {level: (least["change"], why) for level, least, why in levels(REPORT)}
    assert found == {
        "resident": ("all of it", "too large"),
        "samples": ("one by one", "too large"),
        "channels": ("from 4000 bytes on", "chosen"),
    }


def test_the_page_has_the_curve_and_every_choice() -> None:
    page = conversion_page(REPORT)
    assert page.count("<svg") == 2 and "small&lt;net&gt;" in page
    compared = 0
    for considered in REPORT["schedule"]["considered"]:
        assert considered["change"] in page
        compared += 1
    for words in ("Level by level", "too large", "chosen", "tcm", "sram", "gone on from"):
        assert words in page
        compared += 1
    assert compared == 11


def test_the_terminal_says_it_in_short() -> None:
    rows = _levels(REPORT)
    assert rows["then: chain 0 in 4 pieces"] == "taken"
    assert rows["level samples: one by one"].endswith("too large")
    assert rows["RAM, region tcm"].count("of") == 1
    Console(quiet=True).print(rows)
    assert _levels({"schedule": None}) == {}
