# SPDX-License-Identifier: Apache-2.0
"""Predicts on GAP9 what docs/gap9.md shows, and writes it there: `make figures-gap9`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from biotrain_tf.bench.gap9 import page_data
from biotrain_tf.bench.gap9_page import blocks
from biotrain_tf.report.roofline import roofline
from scripts.update_figures import ROOT, replace_blocks

PAGE = ROOT / "docs" / "gap9.md"
END = "<!-- end of figures -->"


def begin(name: str) -> str:
    return f"<!-- {name}: make figures-gap9 -->"


def page_with(text: str, contents: dict[str, str]) -> str:
    return replace_blocks(text, contents, begin=begin, end=END, name=PAGE.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "figures" / "gap9")
    args = parser.parse_args()
    data = page_data(args.folder)
    args.folder.mkdir(parents=True, exist_ok=True)
    (args.folder / "gap9.json").write_text(json.dumps(data, indent=1) + "\n")
    PAGE.write_text(page_with(PAGE.read_text(), blocks(data)))
    PAGE.with_name("gap9.svg").write_text(roofline(data["roofline"]))
    print(f"figures are in {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
