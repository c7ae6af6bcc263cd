# SPDX-License-Identifier: Apache-2.0
"""The load-limited floor: what an ideal kernel executes for each multiply-add.

An instruction multiplies and adds, others load its operands, and nothing else is executed: no
addresses, no loops, no layout. Operands are reused as far as the registers reach:

* a product keeps a tile of R x C outputs; each step of its sum loads R + C operands:
  1 + (R + C) / (R C), with R C + min(R, C) + 1 registers;
* where the sum is so short that a block of one operand (sum x C) fits, it is loaded once for all
  rows: 1 + 1 / C, with sum C + 2 registers;
* a sliding window keeps F filters x T neighbouring outputs and the T inputs under them; each
  step of the sum loads F taps and one new input: 1 + (F + 1) / (F T), with F T + T + 1 registers.

The best tile is taken, and every output is stored once. This is the count of a register tile
(Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008, section 4), for
32 registers of one float, or of 8 registers of four lanes with the taps in general registers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Registers:
    """Those that hold floats, and how many floats each does."""

    count: int
    lanes: int = 1


SCALAR = Registers(32)
HELIUM = Registers(8, lanes=4)
# Two taps arrive with one LDRD; vectors take them from there.
_HELIUM_TAP = 0.5


@dataclass(frozen=True)
class Product:
    """``rows`` x ``columns`` outputs, each a sum of ``terms`` products.

    ``sliding``: neighbouring columns read neighbouring inputs, so that one new input a term serves
    all columns.
    """

    rows: int
    columns: int
    terms: int
    sliding: bool = False


def floor(product: Product, registers: Registers = SCALAR) -> float:
    """Instructions for each multiply-add."""
    stores = 1 / (product.terms * registers.lanes)
    tiles = _helium(product, registers) if registers.lanes > 1 else _scalar(product, registers)
    return 1 / registers.lanes + min(tiles) + stores


def _scalar(product: Product, registers: Registers) -> Iterator[float]:
    """Loads for each multiply-add, of every tile that fits."""
    for rows in range(1, min(product.rows, registers.count) + 1):
        for columns in range(1, min(product.columns, registers.count) + 1):
            outputs = rows * columns
            if outputs + min(rows, columns) + 1 <= registers.count:
                yield (rows + columns) / outputs
            if product.sliding and outputs + columns + 1 <= registers.count:
                yield (rows + 1) / outputs
    for columns in range(1, min(product.columns, registers.count) + 1):
        if product.terms * columns + 2 <= registers.count:
            yield 1 / columns


def _helium(product: Product, registers: Registers) -> Iterator[float]:
    for rows in range(1, min(product.rows, registers.count) + 1):
        for vectors in range(1, max(1, min(-(-product.columns // 4), registers.count)) + 1):
            if rows * vectors + 1 <= registers.count:
                loads = vectors + rows * _HELIUM_TAP
                yield loads / (rows * vectors * registers.lanes)
