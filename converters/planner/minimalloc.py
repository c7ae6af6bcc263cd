# SPDX-License-Identifier: Apache-2.0
"""Packing problems as google/minimalloc's CSV: ``id,lower,upper,size`` and an ``alignment`` if any
has one; a solution has an ``offset`` more.

A buffer lives from ``lower`` up to, not including, ``upper``. In the older form of that file the
columns are ``start`` and ``end``, and it lives at ``end`` too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from converters.errors import ConversionError
from converters.planner.problem import Buffer, Problem, Solution

_SAME = {"buffer": "id", "buffer_id": "id", "begin": "lower", "start": "lower", "end": "upper"}
_NEEDED = ("id", "lower", "upper", "size")


@dataclass(frozen=True)
class NamedProblem:
    """``names[i]`` is what the file calls buffer i; ``offsets``: its solution, if it has one."""

    problem: Problem
    names: tuple[str, ...]
    offsets: Mapping[int, int] | None = None


def read_csv(text: str) -> NamedProblem:
    """ConversionError names the line that cannot be."""
    rows = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(rows, [])]
    after_end = 1 if "end" in header else 0
    columns = [_SAME.get(name, name) for name in header]
    missing = [name for name in _NEEDED if name not in columns]
    if missing or len(set(columns)) != len(columns):
        raise ConversionError(
            f"csv: line 1 must name the columns {', '.join(_NEEDED)} once each, "
            f"found {', '.join(header) or 'nothing'}"
        )
    buffers: list[Buffer] = []
    names: list[str] = []
    offsets: dict[int, int] = {}
    for row in rows:
        if not row:
            break
        cells = _cells(row, columns, rows.line_num)
        number = len(buffers)
        size, alignment = _at_least(cells, "size", 1), _at_least(cells, "alignment", 1)
        last = cells["upper"] + after_end - 1
        if last < cells["lower"]:
            raise ConversionError(f"csv: line {rows.line_num}: upper must be above lower")
        buffers.append(Buffer(number, size, cells["lower"], last, alignment))
        names.append(row[columns.index("id")].strip())
        if "offset" in cells:
            offsets[number] = cells["offset"]
    if not buffers:
        raise ConversionError("csv: wanted a line for each buffer below the first, found none")
    return NamedProblem(Problem(tuple(buffers)), tuple(names), offsets or None)


class _Cells(dict[str, int]):
    line = 0


def _cells(row: list[str], columns: list[str], line: int) -> _Cells:
    if len(row) != len(columns):
        raise ConversionError(f"csv: line {line}: wanted {len(columns)} fields, found {len(row)}")
    cells = _Cells(alignment=1)
    cells.line = line
    for name, text in zip(columns, row, strict=True):
        if name == "gaps" and text.strip():
            raise ConversionError(f"csv: line {line}: buffers with gaps are not planned")
        if name in ("lower", "upper", "size", "alignment", "offset"):
            try:
                cells[name] = int(text)
            except ValueError:
                raise ConversionError(
                    f"csv: line {line}: {name} must be a whole number, found {text.strip()!r}"
                ) from None
    return cells


def _at_least(cells: _Cells, name: str, least: int) -> int:
    if cells[name] < least:
        raise ConversionError(
            f"csv: line {cells.line}: {name} must be at least {least}, found {cells[name]}"
        )
    return cells[name]


def write_csv(named: NamedProblem, solution: Solution | None = None) -> str:
    aligned = any(b.alignment != 1 for b in named.problem.buffers)
    header = [*_NEEDED, *(["alignment"] if aligned else []), *(["offset"] if solution else [])]
    lines = [header]
    for b in named.problem.buffers:
        row = [named.names[b.id], b.first, b.last + 1, b.size]
        row += [b.alignment] if aligned else []
        row += [solution.offsets[b.id]] if solution else []
        lines.append([str(value) for value in row])
    return "".join(",".join(line) + "\n" for line in lines)


def fault(named: NamedProblem, offsets: Mapping[int, int]) -> str | None:
    """What is wrong with a solution: the first buffer that cannot lie where it does."""
    alive: list[Buffer] = []
    for b in sorted(named.problem.buffers, key=lambda b: (b.first, b.id)):
        if offsets[b.id] < 0 or offsets[b.id] % b.alignment:
            return f"{named.names[b.id]} at {offsets[b.id]} is not a multiple of {b.alignment}"
        alive = [other for other in alive if other.last >= b.first]
        for other in alive:
            below, above = sorted((b, other), key=lambda one: offsets[one.id])
            if offsets[below.id] + below.size > offsets[above.id]:
                return f"{named.names[other.id]} and {named.names[b.id]} lie over one another"
        alive.append(b)
    return None
