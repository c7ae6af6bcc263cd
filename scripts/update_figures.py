# SPDX-License-Identifier: Apache-2.0
"""Writes the demo's figures into README.md, from the report that `make demo` left."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- figures: make demo && make figures -->", "<!-- end of figures -->"


def table(report: dict[str, Any]) -> str:
    """The block between the markers: what happened, then one line a runtime."""
    accuracy, fall = report["accuracy"], report["loss_fall"]
    data = report["data"]
    lines = [
        f"{data['title']}, {data['person']} left out, {report['settings']['steps']} steps of "
        f"batch {report['settings']['batch_size']}: the loss falls by {fall['fraction']:.0%}; "
        f"accuracy {accuracy['before']:.1%} before, {accuracy['after']:.1%} after "
        f"({data['test_trials']} test trials, so one trial is {1 / data['test_trials']:.1%}).",
        "",
        "| runtime | largest loss difference | instructions a step | RAM | flash | weights |",
        "|---|---|---|---|---|---|",
    ]
    for runtime in report["runtimes"]:
        if runtime["status"] == "ran" and runtime["name"] != "keras":
            lines.append(_line(runtime))
    return "\n".join(lines)


def _line(runtime: dict[str, Any]) -> str:
    instructions, ram = runtime["instructions_per_step"], runtime["ram_bytes"]
    cells = [
        runtime["name"],
        f"{runtime['max_loss_difference']:.1e}",
        f"{instructions:,}" if instructions else "",
        f"{ram['total'] / 1024:,.0f} KB" if ram and instructions else "",
        f"{runtime['flash_bytes'] / 1024:,.0f} KB" if instructions else "",
        f"`{runtime['weights_sha256'][:12]}`" if runtime["weights_sha256"] else "",
    ]
    return "| " + " | ".join(cells) + " |"


def replace_block(
    text: str, block: str, *, begin: str = BEGIN, end: str = END, name: str = "README.md"
) -> str:
    """``text`` with a new block; ValueError if it has not one ``begin`` and ``end`` behind it."""
    head, found, rest = text.partition(begin)
    _, ended, tail = rest.partition(end)
    if not found or not ended or begin in rest:
        raise ValueError(f"{name}: wanted one {begin!r} and one {end!r}")
    return f"{head}{begin}\n{block}\n{end}{tail}"


def replace_blocks(
    text: str, contents: dict[str, str], *, begin: Callable[[str], str], end: str, name: str
) -> str:
    """``text`` with all of ``contents``, each behind the marker of its key."""
    for key, content in contents.items():
        text = replace_block(text, content, begin=begin(key), end=end, name=name)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "demo" / "report.json")
    report = parser.parse_args().report
    if not report.is_file():
        print(f"error: {report} is not there; run `make demo` first", file=sys.stderr)
        return 2
    readme = ROOT / "README.md"
    readme.write_text(replace_block(readme.read_text(), table(json.loads(report.read_text()))))
    print(f"figures of {report} are in {readme}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
