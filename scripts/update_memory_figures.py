# SPDX-License-Identifier: Apache-2.0
"""Writes the figures of docs/memory.md, from what `biotrain bench memory` left in build/."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from biotrain_tf.bench.memory_page import memory_plot, memory_table
from scripts.update_figures import ROOT, replace_block

PAGE = ROOT / "docs" / "memory.md"
BEGIN, END = "<!-- memory: make figures-memory -->", "<!-- end of figures -->"


def page_with(text: str, rows: list[dict[str, Any]]) -> str:
    return replace_block(text, memory_table(rows), begin=BEGIN, end=END, name=PAGE.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=ROOT / "build" / "figures" / "memory.json")
    args = parser.parse_args()
    if not args.rows.is_file():
        print(f"error: {args.rows} is not there; run `make figures-memory`", file=sys.stderr)
        return 2
    rows = json.loads(args.rows.read_text())
    PAGE.write_text(page_with(PAGE.read_text(), rows))
    PAGE.with_suffix(".svg").write_text(memory_plot(rows))
    print(f"figures of {args.rows} are in {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
