# SPDX-License-Identifier: Apache-2.0
"""How much stack a firmware needs on each target, measured: data beside this file.

`biotrain bench memory --update-stacks` writes it. A table must not know how it was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DEFAULT = "cortex-m4f"
"""The target whose table serves where none has been measured."""
GUARD_BYTES = 128
"""Left untouched at the end of every stack: tflm_train/ports/bare_metal/start.cc takes a stack that
went so far for exhausted.
"""


@dataclass(frozen=True)
class StackTable:
    """Bytes. ``resident`` and ``fetched``: of an operator that needs none of its own, in a training
    step with its batch in memory or sample by sample; ``loop``: what every loop around it adds;
    ``families``: what an operator itself needs, by what computes it (stack_family of
    converters/emit). ``start``: of all checks before the first step, by how deep loops are.
    """

    target: str
    resident: int
    fetched: int
    loop: int
    start: tuple[int, ...]
    families: dict[str, int]

    def deepest(self, runs: Iterable[tuple[str, int]], *, fetched: bool) -> int:
        """Of operators as (family, loops around it)."""
        base = self.fetched if fetched else self.resident
        depth, most = 0, 0
        for family, loops in runs:
            depth = max(depth, loops)
            most = max(most, base + loops * self.loop + self.of(family))
        return max(most, self.start[min(depth, len(self.start) - 1)])

    def of(self, family: str) -> int:
        """Of one that was not measured: the most of its kernel's, if not of all there are. A stack
        that is too small ends a step, one that is too large costs some RAM.
        """
        if family in self.families:
            return self.families[family]
        kernel = family.rpartition(": ")[2]
        same = (need for name, need in self.families.items() if name.rpartition(": ")[2] == kernel)
        return max(same, default=max(self.families.values(), default=0))


def path_of(target: str) -> Path:
    return FOLDER / f"{target.replace('-', '_')}.json"


@cache
def read_stacks(target: str) -> StackTable:
    """The table of a target, or that of another one."""
    path = path_of(target)
    content = json.loads((path if path.is_file() else path_of(DEFAULT)).read_text())
    return StackTable(**{**content, "start": tuple(content["start"])})


def write_stacks(table: StackTable) -> Path:
    path = path_of(table.target)
    path.write_text(json.dumps(asdict(table), indent=1, sort_keys=True) + "\n")
    return path
