# SPDX-License-Identifier: Apache-2.0
"""The figures of the README are those a command wrote."""

from __future__ import annotations

import re

import pytest

from scripts.update_figures import BEGIN, END, replace_block
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
