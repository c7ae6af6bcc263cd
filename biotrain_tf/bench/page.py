# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/kernels.md, from what `biotrain bench kernels` and `bench step` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from biotrain_tf.bench.limits import STEPS, kernel_limit

Row = dict[str, Any]


def kernels_table(rows: Sequence[Row]) -> str:
    """A line a kernel, direction and shape, a column a target; bold is above what is wanted."""
    products = [row for row in rows if row["macs"]]
    targets = _targets(products)
    lines = _head(["kernel", "", "shape"], ["floor", "wanted", *targets])
    for key, found in _by_kernel(products).items():
        kernel, direction, shape = key
        floors = [row["floor"] for target, row in found.items() if target != "cortex-m55"]
        wanted = (kernel_limit(kernel, direction, shape, target) for target in targets)
        limits = sorted({limit for limit in wanted if limit is not None}, reverse=True)
        cells = [_figure(found.get(target)) for target in targets]
        numbers = [_number(floors[0] if floors else None), _limits(limits)]
        lines.append(_line([kernel, direction, shape, *numbers, *cells]))
    return "\n".join(lines)


def elements_table(rows: Sequence[Row]) -> str:
    """Kernels without products: instructions for each element."""
    plain = [row for row in rows if not row["macs"]]
    targets = _targets(plain)
    lines = _head(["kernel", "", "shape"], targets)
    for (kernel, direction, shape), found in _by_kernel(plain).items():
        cells = (_number(found[t]["instructions_per_element"]) for t in targets if t in found)
        lines.append(_line([kernel, direction, shape, *cells]))
    return "\n".join(lines)


def steps_table(rows: Sequence[Row]) -> str:
    """A line a model and target; bold is above what is wanted."""
    headings = ["instructions a step", "textbook MACs", "a MAC", "wanted"]
    lines = _head(["model", "plan", "shape", "target"], headings)
    for row in rows:
        wanted, a_mac = STEPS.get(row["model"]), row["instructions_per_mac"]
        numbers = [f"{row['instructions']:,}", f"{row['macs']:,}", _judged(a_mac, wanted, digits=3)]
        names = [row["model"], row["plan"], row["shape"], row["target"]]
        lines.append(_line([*names, *numbers, _number(wanted)]))
    return "\n".join(lines)


def summary(kernels: Sequence[Row], steps: Sequence[Row]) -> str:
    """How many of the wanted figures are reached, and which are not."""
    judged = [
        (f"{row['kernel']} {row['direction']}", row["instructions_per_mac"], limit)
        for row in kernels
        if row["macs"] and (limit := _limit(row)) is not None
    ]
    judged += [
        (f"step of {row['model']}", row["instructions_per_mac"], STEPS[row["model"]])
        for row in steps
        if row["model"] in STEPS
    ]
    missed = [found for found in judged if not (found[1] <= found[2])]
    text = f"{len(judged) - len(missed)} of {len(judged)} wanted figures are reached."
    worst: dict[str, float] = {}
    for name, value, _ in missed:
        worst[name] = max(value, worst.get(name, value))
    names = "; ".join(f"{name} ({value:.2f} at worst)" for name, value in worst.items())
    return f"{text} Not everywhere: {names}." if missed else text


def _limit(row: Row) -> float | None:
    return kernel_limit(row["kernel"], row["direction"], row["shape"], row["target"])


def _targets(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row["target"] for row in rows))


def _by_kernel(rows: Iterable[Row]) -> dict[tuple[str, str, str], dict[str, Row]]:
    found: dict[tuple[str, str, str], dict[str, Row]] = {}
    for row in rows:
        key = (row["kernel"], row["direction"], row["shape"])
        found.setdefault(key, {})[row["target"]] = row
    return found


def _figure(row: Row | None) -> str:
    return "" if row is None else _judged(row["instructions_per_mac"], _limit(row))


def _judged(value: float, limit: float | None, *, digits: int = 2) -> str:
    text = f"{value:.{digits}f}"
    if limit is None or value <= limit:
        return text
    # One that is above by less than is shown needs a digit more.
    return f"**{text if float(text) > limit else f'{value:.{digits + 1}f}'}**"


def _limits(limits: Sequence[float]) -> str:
    return "; ".join(f"{limit:g}" for limit in limits)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _head(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
    rule = "|" + "---|" * len(names) + "---:|" * len(numbers)
    return [_line([*names, *numbers]), rule]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
