# SPDX-License-Identifier: Apache-2.0
"""What operators cost on each target, measured: data beside this file, a table a target.

`biotrain bench step --update-costs` writes them. A table must not know how it was fitted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
OTHER = "other"
"""The entry for operators that were never measured."""


@dataclass(frozen=True)
class CostTable:
    """Executed instructions of an operator: ``coefficients[family]`` times its terms, in order.

    ``terms`` names them; converters/emit/op_features.py computes them. ``step`` is what the runner
    executes besides operators: a constant and a part by element of the input.
    """

    target: str
    terms: tuple[str, ...]
    coefficients: dict[str, tuple[float, ...]]
    step: tuple[float, float]

    def instructions(self, family: str, terms: tuple[float, ...]) -> float:
        known = self.coefficients.get(family, self.coefficients[OTHER])
        return sum(a * b for a, b in zip(known, terms, strict=True))


def path_of(target: str, folder: Path = FOLDER) -> Path:
    return folder / f"{target.replace('-', '_')}.json"


@cache
def read_costs(target: str, folder: Path = FOLDER) -> CostTable | None:
    """The table of a target; None if it has not been measured."""
    path = path_of(target, folder)
    if not path.is_file():
        return None
    content = json.loads(path.read_text())
    return CostTable(
        target=target,
        terms=tuple(content["terms"]),
        coefficients={kind: tuple(row) for kind, row in content["coefficients"].items()},
        step=(content["step"][0], content["step"][1]),
    )


def write_costs(table: CostTable, folder: Path = FOLDER) -> Path:
    rows = ",\n".join(
        f"  {json.dumps(kind)}: {json.dumps(list(row))}"
        for kind, row in sorted(table.coefficients.items())
    )
    path = path_of(table.target, folder)
    path.write_text(
        f'{{\n "terms": {json.dumps(list(table.terms))},\n'
        f' "step": {json.dumps(list(table.step))},\n'
        f' "coefficients": {{\n{rows}\n }}\n}}\n'
    )
    return path
