# SPDX-License-Identifier: Apache-2.0
"""What operators cost on each target, measured: data beside this file, a table a target.

`biotrain bench step --update-costs` writes them. A table must not know how it was fitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
OTHER = "other"
"""The entry for operators that were never measured."""
EVERYWHERE = "everywhere"
"""The entry for terms that cost the same in every family."""
SAMPLES = (
    EVERYWHERE,
    "BiotrainFetch",
    "BiotrainDequantise",
    "column of codes",
    "column of codes, gradient",
)
"""Entries that samples of a batch one by one have; no step with its batch in memory does."""


@dataclass(frozen=True)
class CostTable:
    """Executed instructions of an operator: the sum of ``coefficients[family]`` times its terms.

    converters/emit/op_features.py computes families and terms; one that is left out costs nothing.
    ``step`` is what the runner executes besides operators: a constant and a part by element of the
    input.
    """

    target: str
    coefficients: dict[str, dict[str, float]]
    step: tuple[float, float]

    def instructions(self, family: str, terms: Mapping[str, float]) -> float:
        known = self.coefficients.get(EVERYWHERE, {}) | self.coefficients.get(
            family, self.coefficients[OTHER]
        )
        return sum(known.get(term, 0.0) * count for term, count in terms.items())


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
        coefficients=content["coefficients"],
        step=(content["step"][0], content["step"][1]),
    )


def write_costs(table: CostTable, folder: Path = FOLDER) -> Path:
    rows = ",\n".join(
        f"  {json.dumps(kind)}: {json.dumps(row)}"
        for kind, row in sorted(table.coefficients.items())
    )
    path = path_of(table.target, folder)
    path.write_text(
        f'{{\n "step": {json.dumps(list(table.step))},\n "coefficients": {{\n{rows}\n }}\n}}\n'
    )
    return path
