# SPDX-License-Identifier: Apache-2.0
"""RAM as users name it: all of it, or region by region."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.graph import Graph
from converters.planner.regions import Region

LEAST = "min"
_UNITS = {"": 1, "K": 1 << 10, "KB": 1 << 10, "KIB": 1 << 10, "M": 1 << 20, "MB": 1 << 20}
STATIC_BYTES = 16
MAX_REGIONS = 4
"""As many as the runner can have."""

BUDGET_NAME = "biotrain_ram"
"""Metadata of a model that is made for so much RAM."""
TOLERANCE_BYTES = 256
"""How far from the measured RAM what is predicted may be."""


@dataclass(frozen=True)
class Budget:
    """``ram_bytes``: all there is, with variables, samples, runner and stack; None: enough for
    anything. ``least``: as little as possible, whatever it costs. ``regions``: several memories,
    the fastest first; the stack lies in that one.
    """

    ram_bytes: int | None = None
    least: bool = False
    regions: tuple[Region, ...] = ()

    @property
    def is_free(self) -> bool:
        return self.ram_bytes is None and not self.least


def read_budget(ram: str | int | None) -> Budget:
    """``128K``, ``1M``, a number of bytes, ``tcm=64K,sram=320K``, ``min``, or None."""
    if ram is None:
        return Budget()
    if isinstance(ram, int):
        return _checked(ram, ram)
    text = ram.strip().upper()
    if text == LEAST.upper():
        return Budget(least=True)
    if "=" in text:
        return _read_regions(ram)
    return _checked(_bytes(text, ram), ram)


def _bytes(text: str, ram: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Z]*)", text)
    if match is None or match[2] not in _UNITS:
        raise ConversionError(
            f"ram must be like 128K, 1M, 131072, tcm=64K,sram=320K or min, got {ram!r}"
        )
    return int(float(match[1]) * _UNITS[match[2]])


def _read_regions(ram: str) -> Budget:
    regions: list[Region] = []
    for part in ram.split(","):
        name, _, size = (word.strip() for word in part.partition("="))
        if not re.fullmatch(r"[A-Za-z]\w*", name) or name in (r.name for r in regions):
            raise ConversionError(f"ram: every region needs a name of its own, got {ram!r}")
        found = _checked(_bytes(size.upper(), ram), ram).ram_bytes
        regions.append(Region(name, found or 0))
    if len(regions) > MAX_REGIONS:
        raise ConversionError(f"ram: at most {MAX_REGIONS} regions, got {len(regions)}")
    total = sum(region.bytes for region in regions)
    return Budget(ram_bytes=total, regions=tuple(regions) if len(regions) > 1 else ())


def _checked(size: int, given: object) -> Budget:
    if size < 1:
        raise ConversionError(f"ram must be more than nothing, got {given!r}")
    return Budget(ram_bytes=size)


def budget_metadata(budget: Budget, target: str, predicted: int) -> bytes:
    """The RAM that there is on ``target``; if as little as possible is wanted, what is predicted
    and the error it may have.
    """
    given = predicted + TOLERANCE_BYTES if budget.ram_bytes is None else budget.ram_bytes
    regions = {"regions": [[r.name, r.bytes] for r in budget.regions]} if budget.regions else {}
    return json.dumps({"target": target, "bytes": given, **regions}).encode()


def loop_depth(graph: Graph) -> int:
    """How deep the loops of any signature are."""
    signatures = {signature.subgraph for signature in graph.signatures.values()}
    return max(max(graph.loops_around(index).values()) for index in signatures)
