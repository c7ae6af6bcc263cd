# SPDX-License-Identifier: Apache-2.0
"""The costs that fit published points best, and how far off they are on points left out.

Points have a known graph, and cycles or a known clock (points.json). Costs are fitted to the
logarithms of cycles, each held by a broad prior around what the hardware would give; a network is
left out with all its points. Everything is deterministic.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from converters.gap9.cost import Load, load, priced
from converters.gap9.energy import joules
from converters.gap9.machine import PARAMETERS, Costs, Machine, operating_point
from converters.gap9.network import FOLDER, Network, placed_layers, read_network, works_of
from converters.gap9.npu import inference_cycles
from converters.gap9.place import far_bytes, in_l2
from converters.gap9.tiler import largest_plan

POINTS = Path(__file__).with_name("points.json")
FITTED = ("cpi", "gather", "launch", "l2_bytes", "l3_bytes", "npu_share", "npu_launch")
PRIOR = Costs()
PRIOR_WIDTH = 0.5
"""Standard deviation of the logarithm of a cost around its prior."""
POINT_WIDTH = 0.1
"""The same of a point: what the model cannot say."""


@dataclass(frozen=True)
class Point:
    """``l2``: bytes for tensors that stay there (None: all fit)."""

    name: str
    network: str
    cycles: float
    source: str
    l2: int | None = None
    hides_l3: bool = False


@dataclass(frozen=True)
class Checked:
    """A point, and what the model says: fitted with it, and without its network."""

    point: Point
    fitted: float
    left_out: float

    @property
    def fit_error(self) -> float:
        return self.fitted / self.point.cycles - 1

    @property
    def error(self) -> float:
        return self.left_out / self.point.cycles - 1


@cache
def _network(name: str) -> Network:
    return read_network(FOLDER / f"{name}.json")


@cache
def _loads(name: str, l2: int | None, machine: Machine) -> list[tuple[Load, float]]:
    """What does not depend on costs: largest tiles, and bytes from L3."""
    works = works_of(_network(name))
    near = in_l2(works, machine.l2_bytes if l2 is None else l2)
    return [
        (load(work, largest_plan(work, machine), machine), far_bytes(work, near)) for work in works
    ]


def read_points(which: str = "cycles", path: Path = POINTS) -> list[Point]:
    return [Point(**entry) for entry in json.loads(path.read_text())[which]]


def predicted(point: Point, costs: Costs, machine: Machine | None = None) -> float:
    """Cycles of a point, scheduled as its authors' compilers do."""
    network = _network(point.network)
    if network.precision == "int8":
        return inference_cycles(placed_layers(network), costs)
    prepared = _loads(point.network, point.l2, machine or Machine())
    return sum(
        priced(load, costs, l3_bytes=far, hides_l3=point.hides_l3).total for load, far in prepared
    )


def fit(points: Sequence[Point]) -> Costs:
    prior = np.array([math.log(getattr(PRIOR, name)) for name in FITTED])

    def costs_of(logs: np.ndarray) -> Costs:
        values = {name: math.exp(v) for name, v in zip(FITTED, logs, strict=True)}
        return replace(PRIOR, **values)

    def residuals(logs: np.ndarray) -> np.ndarray:
        costs = costs_of(logs)
        off = [math.log(predicted(p, costs) / p.cycles) / POINT_WIDTH for p in points]
        return np.concatenate([np.array(off), (logs - prior) / PRIOR_WIDTH])

    found = least_squares(residuals, prior, method="trf")
    return costs_of(found.x)


def leave_one_out(points: Sequence[Point]) -> list[Checked]:
    """Each network is predicted by costs that have not seen it, in any configuration."""
    everything = fit(points)
    without = {
        name: fit([p for p in points if p.network != name]) for name in {p.network for p in points}
    }
    return [Checked(p, predicted(p, everything), predicted(p, without[p.network])) for p in points]


@dataclass(frozen=True)
class EnergyPoint:
    name: str
    frequency: str
    cycles: float
    microjoules: float


def read_energies(path: Path = POINTS) -> list[EnergyPoint]:
    return [EnergyPoint(**entry) for entry in json.loads(path.read_text())["energy"]]


def energy_of(point: EnergyPoint, costs: Costs) -> float:
    """Microjoules at the measured cycles: they isolate the energy model."""
    found = joules(
        cycles=point.cycles,
        busy=point.cycles,
        point=operating_point(point.frequency),
        costs=costs,
    )
    return 1e6 * found


def fit_energy(points: Sequence[EnergyPoint], costs: Costs) -> Costs:
    """One number: the geometric mean of what each point wants."""
    without = replace(costs, busy_joules=0.0)
    wanted = [
        math.log(1e-6 * (p.microjoules - energy_of(p, without)) / p.cycles)
        - 2 * math.log(operating_point(p.frequency).volts)
        for p in points
    ]
    return replace(costs, busy_joules=math.exp(sum(wanted) / len(wanted)))


def energy_errors(points: Sequence[EnergyPoint], costs: Costs) -> list[float]:
    """Of every point, its network left out at both clocks."""
    return [
        energy_of(p, fit_energy([q for q in points if q.name != p.name], costs)) / p.microjoules - 1
        for p in points
    ]


def band(errors: Sequence[float]) -> float:
    """The size that nine of ten errors do not exceed."""
    return float(np.quantile(np.abs(errors), 0.9))


def calibrate() -> tuple[Costs, list[Checked]]:
    points, energies = read_points(), read_energies()
    checked = leave_one_out(points)
    costs = fit_energy(energies, fit(points))
    costs = replace(
        costs,
        error=band([c.error for c in checked]),
        energy_error=band(energy_errors(energies, costs)),
    )
    return costs, checked


def median_error(checked: Sequence[Checked]) -> float:
    return median(abs(c.error) for c in checked)


def rounded(costs: Costs) -> Costs:
    """Four digits: more would tell of the solver, not of the points."""
    return Costs(**{name: float(f"{value:.4g}") for name, value in asdict(costs).items()})


def write_parameters(costs: Costs, checked: Sequence[Checked], path: Path = PARAMETERS) -> None:
    content: dict[str, Any] = {
        "costs": asdict(rounded(costs)),
        "median_leave_one_out_error": round(median_error(checked), 4),
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
