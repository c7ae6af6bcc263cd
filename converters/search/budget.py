# SPDX-License-Identifier: Apache-2.0
"""RAM as users name it, and what a firmware needs of it beside the arena."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.graph import Graph

LEAST = "min"
_UNITS = {"": 1, "K": 1 << 10, "KB": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MB": 1 << 20}
STATIC_BYTES = 16
STACK_BYTES = (5152, 5560, 5952)
"""Of our firmware, by how deep its loops are, whatever its operators are."""


BUDGET_NAME = "biotrain_ram"
"""Metadata of a model that is made for so much RAM."""
TOLERANCE_BYTES = 256
"""How far from the measured RAM what is predicted may be."""


@dataclass(frozen=True)
class Budget:
    """``ram_bytes``: all there is, with variables, samples, runner and stack; None: enough for
    anything. ``least``: as little as possible, whatever it costs.
    """

    ram_bytes: int | None = None
    least: bool = False

    @property
    def is_free(self) -> bool:
        return self.ram_bytes is None and not self.least


def read_budget(ram: str | int | None) -> Budget:
    """``128K``, ``1M``, a number of bytes, ``min``, or None."""
    if ram is None:
        return Budget()
    if isinstance(ram, int):
        return _checked(ram, ram)
    text = ram.strip().upper()
    if text == LEAST.upper():
        return Budget(least=True)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Z]*)", text)
    if match is None or match[2] not in _UNITS:
        raise ConversionError(f"ram must be like 128K, 1M, 131072 or min, got {ram!r}")
    return _checked(int(float(match[1]) * _UNITS[match[2]]), ram)


def _checked(size: int, given: object) -> Budget:
    if size < 1:
        raise ConversionError(f"ram must be more than nothing, got {given!r}")
    return Budget(ram_bytes=size)


def budget_metadata(budget: Budget, target: str, predicted: int) -> bytes:
    """The RAM that there is on ``target``; if as little as possible is wanted, what is predicted
    and the error it may have.
    """
    given = predicted + TOLERANCE_BYTES if budget.ram_bytes is None else budget.ram_bytes
    return json.dumps({"target": target, "bytes": given}).encode()


def loop_depth(graph: Graph) -> int:
    """How deep the loops of any signature are."""

    signatures = {signature.subgraph for signature in graph.signatures.values()}
    return max(max(graph.loops_around(index).values()) for index in signatures)


def overhead_bytes(graph: Graph) -> int:
    """RAM of a firmware beside the arena, where nobody knows what its operators need."""
    return STATIC_BYTES + STACK_BYTES[loop_depth(graph)]
