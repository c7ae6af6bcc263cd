# SPDX-License-Identifier: Apache-2.0
"""The figures of the README and of docs/kernels.md are those a command wrote."""

from __future__ import annotations

import re

import pytest

from biotrain_tf.bench.bench_models import NAMED
from biotrain_tf.bench.kernel_cases import kernel_cases
from biotrain_tf.bench.kernels import emulated_targets, row_of
from biotrain_tf.bench.memory import CASES, plans_of
from biotrain_tf.bench.page import kernels_table, steps_table, summary
from biotrain_tf.device.counting import Executed
from converters.search.budget import TOLERANCE_BYTES
from scripts.update_figures import BEGIN, END, replace_block
from scripts.update_kernel_figures import BLOCKS, PAGE, begin, blocks, page_with
from scripts.update_memory_figures import BEGIN as MEMORY_BEGIN
from scripts.update_memory_figures import PAGE as MEMORY_PAGE
from scripts.update_memory_figures import page_with as memory_page
from tests.house.tree import REPO


def test_readme_holds_one_block_of_figures() -> None:
    text = (REPO / "README.md").read_text()
    block = text.split(BEGIN)[1].split(END)[0]
    hashes = set(re.findall(r"`([0-9a-f]{12})`", block))
    print(f"hashes={hashes}")
    assert len(re.findall(r"^\| (?:host|cortex-m4f|cortex-m7|riscv32) ", block, re.MULTILINE)) == 4
    assert len(hashes) == 1, "the README shows targets that ended with different weights"


def test_block_is_replaced_and_nothing_else() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_block(text, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_missing_marker_is_an_error() -> None:
    with pytest.raises(ValueError, match=re.escape(END)):
        replace_block(f"{BEGIN}\n", "new")


def block_of(name: str) -> list[list[str]]:
    """The cells of a table of docs/kernels.md, its heading first."""
    text = PAGE.read_text().split(begin(name))[1].split("<!-- end")[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_shows_every_kernel_on_every_target() -> None:
    compared = 0
    for name, first, products in (("kernels", 5, True), ("elements", 3, False)):
        heading, *rows = block_of(name)
        assert heading[first:] == emulated_targets()
        cases = [case for case in kernel_cases() if bool(case.macs) == products]
        assert [row[:3] for row in rows] == [[c.kernel, c.direction, c.shape] for c in cases]
        for row in rows:
            assert all(float(cell.strip("*")) > 0 for cell in row[first:])
            compared += len(row) - first
    print(f"compared={compared}")
    assert compared >= 300


def test_the_page_shows_every_model_on_every_target() -> None:
    heading, *rows = block_of("steps")
    shown = [(row[0], row[heading.index("target")]) for row in rows]
    assert shown == [(model, target) for model in NAMED for target in emulated_targets()]


def test_the_summary_counts_what_is_bold() -> None:
    text = PAGE.read_text()
    bold = sum(cell.startswith("**") for name in BLOCKS for row in block_of(name) for cell in row)
    reached, wanted = map(int, re.findall(r"(\d+) of (\d+) wanted figures", text)[0])
    print(f"reached={reached} wanted={wanted}")
    assert wanted - reached == bold and wanted >= 100


def test_the_memory_page_shows_every_case_and_rung() -> None:
    text = MEMORY_PAGE.read_text().split(MEMORY_BEGIN)[1].split(END)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    shown = [[cell.strip() for cell in line.strip("|").split("|")][:3] for line in lines]
    wanted = [list(row) for case in CASES for row in plans_of(case)]
    print(f"compared={len(shown)}")
    assert shown == wanted
    assert memory_page(MEMORY_PAGE.read_text(), []) != MEMORY_PAGE.read_text()


def test_predictions_on_the_memory_page_are_near() -> None:
    (found,) = re.findall(
        r"Of (\d+) plans .* RAM is ([+-]\d+) to ([+-]\d+) .* are (\S+) to (\S+) %",
        MEMORY_PAGE.read_text(),
    )
    plans, *ram_and_steps = map(float, found)
    print(f"compared={plans:.0f} plans: {ram_and_steps}")
    least, most, fewest, many = ram_and_steps
    assert plans >= 40 and -TOLERANCE_BYTES <= least <= most <= TOLERANCE_BYTES
    assert -10 <= fewest <= many <= 10


def test_tables_take_what_the_command_writes() -> None:
    case = next(c for c in kernel_cases() if c.kernel == "pointwise conv")
    assert case.macs is not None
    dear = row_of(case, "cortex-m7", Executed(2 * case.macs, 0, 0))
    fair = row_of(case, "riscv32", Executed(case.macs, 0, 0))
    assert "| 1.75 | **2.00** | 1.00 |" in kernels_table([dear, fair])
    step = {
        "model": "eegnet",
        "plan": "batch size 8",
        "shape": "8x22x1000x1",
        "target": "cortex-m7",
        "instructions": 100,
        "macs": 400,
        "instructions_per_mac": 0.25,
    }
    assert "| 100 | 400 | 0.250 | 0.50 |" in steps_table([step])
    text = summary([dear, fair], [step])
    assert text.startswith("2 of 3 wanted figures are reached. Not everywhere: pointwise conv")
    empty = "".join(f"{begin(name)}\nold\n<!-- end of figures -->\n" for name in BLOCKS)
    page = page_with(empty, blocks([dear, fair], [step]))
    assert "old" not in page and page.count(text) == 1
