# SPDX-License-Identifier: Apache-2.0
"""docs/gap9.md shows every point, and the predictions that the fixed costs give."""

from __future__ import annotations

import pytest

from biotrain_tf.bench.gap9 import predictions
from biotrain_tf.bench.gap9_page import blocks
from converters.gap9.calibrate import read_energies, read_points
from converters.gap9.machine import read_costs
from scripts.update_gap9_figures import END, PAGE, begin, page_with


def cells(name: str) -> list[list[str]]:
    text = PAGE.read_text().split(begin(name))[1].split(END)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_shows_every_point() -> None:
    assert [row[0] for row in cells("points")] == [point.name for point in read_points()]
    assert [row[:2] for row in cells("energy")] == [[p.name, p.frequency] for p in read_energies()]
    errors = [abs(float(row[-1].removesuffix("%"))) for row in cells("points")]
    assert sorted(errors)[len(errors) // 2] <= 15.0


def test_the_page_shows_the_predictions_of_the_fixed_costs() -> None:
    shown = {tuple(row[:3]): row[3:] for row in cells("biotrain")}
    compared = 0
    for row in predictions(read_costs()):
        found = shown[row.name, row.schedule, row.frequency]
        assert found[0] == f"{row.ms:.1f}" and found[5] == f"{row.mw:.1f}", row
        compared += 1
    print(f"compared={compared}")
    assert compared == 16 and len(shown) == 24


def test_blocks_are_replaced_and_a_missing_marker_is_an_error() -> None:
    names = ("points", "energy", "costs", "biotrain")
    empty = "".join(f"{begin(name)}\nold\n{END}\n" for name in names)
    page = page_with(empty, dict.fromkeys(names, "new"))
    assert "old" not in page and page.count("new") == 4
    with pytest.raises(ValueError, match="costs"):
        page_with(empty.replace(begin("costs"), ""), {"costs": "new"})
    data = {
        "points": [],
        "unscored": [],
        "median_error": 0.1,
        "energy": [],
        "costs": {},
        "rows": [],
    }
    assert set(blocks(data)) == set(names)
