# SPDX-License-Identifier: Apache-2.0
"""What a search looked at, in the words of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from converters.search.recipe import Recipe


@dataclass(frozen=True)
class Considered:
    """``change``: what is different from the row that was taken before. ``fits``: in the RAM that
    is given. ``taken``: the search went on from here.
    """

    level: str
    change: str
    ram_bytes: int
    instructions: float
    fits: bool
    taken: bool = False

    def in_words(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "change": self.change,
            "ram_bytes": self.ram_bytes,
            "instructions_per_step": round(self.instructions),
            "fits": self.fits,
            "taken": self.taken,
        }


RESIDENT = "the whole batch in memory"
NOTED = "the whole batch in memory, bits and indices for gradients"


def in_words(recipe: Recipe) -> str:
    """Of a schedule that nothing was refined in yet."""
    sums = ", sums of normalisations ahead" if recipe.ahead else ""
    sums += ", bits and indices for gradients" if recipe.masks else ""
    if recipe.at_least is None:
        return f"samples one by one{sums}"
    return f"chains of tensors from {recipe.at_least} bytes on depth first{sums}"
