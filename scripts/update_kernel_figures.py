# SPDX-License-Identifier: Apache-2.0
"""Writes the figures of docs/kernels.md, from what the benchmarks left in build/."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from biotrain_tf.bench.page import elements_table, kernels_table, steps_table, summary
from scripts.update_figures import ROOT, replace_blocks

PAGE = ROOT / "docs" / "kernels.md"
END = "<!-- end of figures -->"
BLOCKS = ("summary", "kernels", "steps", "elements")


def begin(name: str) -> str:
    return f"<!-- {name}: make figures-kernels -->"


def blocks(kernels: list[dict[str, Any]], steps: list[dict[str, Any]]) -> dict[str, str]:
    """What stands between the markers, by name."""
    return {
        "summary": summary(kernels, steps),
        "kernels": kernels_table(kernels),
        "steps": steps_table(steps),
        "elements": elements_table(kernels),
    }


def page_with(text: str, contents: dict[str, str]) -> str:
    return replace_blocks(text, contents, begin=begin, end=END, name=PAGE.name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    build = ROOT / "build" / "figures"
    parser.add_argument("--kernels", type=Path, default=build / "kernels.json")
    parser.add_argument("--steps", type=Path, default=build / "steps.json")
    args = parser.parse_args()
    for path in (args.kernels, args.steps):
        if not path.is_file():
            print(f"error: {path} is not there; run `make figures-kernels`", file=sys.stderr)
            return 2
    kernels, steps = (json.loads(path.read_text()) for path in (args.kernels, args.steps))
    PAGE.write_text(page_with(PAGE.read_text(), blocks(kernels, steps)))
    print(f"figures of {args.kernels} and {args.steps} are in {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
