# SPDX-License-Identifier: Apache-2.0
"""What to say where no schedule fits: which single choice would help, and how far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.passes.fetch_samples import Sample
from converters.search.schedule import NothingFits


@dataclass(frozen=True)
class Alternative:
    """One option with another value, named as convert() names it."""

    option: str
    value: str | int

    @property
    def flag(self) -> str:
        return f"--{self.option.replace('_', '-')} {self.value}"


@dataclass(frozen=True)
class Chosen:
    """The choices that RAM depends on. ``has_norm``: whether ``norm`` makes a difference."""

    norm: str
    has_norm: bool
    batch_size: int
    strategy: str
    optimizer: str
    sample: Sample


def alternatives(chosen: Chosen) -> Iterator[Alternative]:
    """Every choice that may need less, one changed at a time."""
    if chosen.sample is not Sample.FLASH:
        yield Alternative("sample", Sample.FLASH.value)
    if chosen.sample is Sample.FLOAT32:
        yield Alternative("sample", Sample.INT16.value)
    if chosen.has_norm:
        for norm in ("group", "frozen"):
            if norm != chosen.norm:
                yield Alternative("norm", norm)
    if chosen.batch_size > 1:
        yield Alternative("batch_size", 1)
    if chosen.optimizer != "sgd":
        yield Alternative("optimizer", "sgd")
    if chosen.strategy != "last-layer":
        yield Alternative("strategy", "last-layer")


def with_advice(
    error: NothingFits,
    chosen: Chosen,
    least_ram: Callable[[Alternative], int],
    progress: Callable[[str], None],
) -> NothingFits:
    """``error`` with what each alternative would need, the least first. ``least_ram`` plans one;
    those that cannot be are left out.
    """
    needed: list[tuple[int, str]] = []
    for alternative in alternatives(chosen):
        progress(f"nothing fits: trying {alternative.flag}")
        try:
            ram = least_ram(alternative)
        except ConversionError:
            continue
        if ram < error.least.ram_bytes:
            needed.append((ram, alternative.flag))
    return NothingFits(error.budget, error.least, _in_words(sorted(needed)))


def _in_words(needed: list[tuple[int, str]]) -> str:
    if not needed:
        return "no other norm, batch size, strategy, optimizer or sample alone needs less"
    (ram, flag), *rest = needed
    return ", ".join([f"{flag} would need {ram}", *(f"{flag} {ram}" for ram, flag in rest)])
