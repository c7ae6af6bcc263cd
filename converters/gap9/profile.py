# SPDX-License-Identifier: Apache-2.0
"""What a step takes on GAP9, as numbers: an estimate, with its band."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import Any

from converters.gap9.cost import Cycles
from converters.gap9.energy import joules
from converters.gap9.graph_works import Counts, graph_works, samples
from converters.gap9.kernels import PER_MAC, UPDATE
from converters.gap9.machine import Costs, Machine, OperatingPoint
from converters.gap9.network import Network, placed_layers, works_of
from converters.gap9.npu import layer_cycles
from converters.gap9.schedule import OURS, Policy, Row, Schedule, schedule
from converters.gap9.works import TilePlan, Work
from converters.graph import Graph


@dataclass(frozen=True)
class Profile:
    """``samples`` of one step; ``kernels`` says whose loops were counted."""

    name: str
    kernels: str
    samples: int
    point: OperatingPoint
    machine: Machine
    costs: Costs
    schedule: Schedule

    @property
    def cycles(self) -> float:
        return self.schedule.cycles

    @property
    def seconds(self) -> float:
        return self.cycles / self.point.hertz

    @property
    def joules(self) -> float:
        return sum(self._joules(row) for row in self.schedule.rows)

    def _joules(self, row: Row) -> float:
        spent = row.cycles
        return row.work.times * joules(
            cycles=spent.total,
            busy=min(spent.compute + spent.launch, spent.total),
            point=self.point,
            costs=self.costs,
        )

    def to_json(self) -> dict[str, Any]:
        """All that the table shows, and more."""
        costs = self.costs
        ops = [self._op(kind, rows) for kind, rows in _by_kind(self.schedule.rows).items()]
        return {
            "estimate": True,
            "name": self.name,
            "target": "gap9",
            "kernels": self.kernels,
            "frequency_mhz": self.point.hertz / 1e6,
            "volts": self.point.volts,
            "cores": self.machine.cores,
            "fpus": self.machine.fpus,
            "samples_per_step": self.samples,
            "cycles": round(self.cycles),
            "ms": 1e3 * self.seconds,
            "mj": 1e3 * self.joules,
            "mw": 1e3 * self.joules / self.seconds,
            "samples_per_second": self.samples / self.seconds,
            "error": costs.error,
            "mj_error": math.hypot(costs.error, costs.energy_error),
            "ms_band": [
                1e3 * self.seconds * (1 - costs.error),
                1e3 * self.seconds * (1 + costs.error),
            ],
            "roofline": {
                "fpu_macs_per_cycle": float(self.machine.fpus),
                "plain_macs_per_cycle": self.machine.cores / (PER_MAC * costs.cpi),
                "l2_bytes_per_cycle": costs.l2_bytes,
                "l3_bytes_per_cycle": costs.l3_bytes,
            },
            "ops": sorted(ops, key=lambda op: -op["cycles"]),
            "plans": [
                {"op": row.work.name, "kind": row.work.kind, **asdict(row.plan)}
                for row in self.schedule.rows
            ],
        }

    def _op(self, kind: str, rows: list[Row]) -> dict[str, Any]:
        def total(what: str) -> float:
            return sum(row.work.times * getattr(row.cycles, what) for row in rows)

        cycles = sum(row.total for row in rows)
        macs = sum(row.work.times * row.work.macs for row in rows)
        parts = {name: total(name) for name in ("compute", "l2", "l3", "launch")}
        return {
            "kind": kind,
            "runs": sum(row.work.times for row in rows),
            "cycles": round(cycles),
            "ms": 1e3 * cycles / self.point.hertz,
            "mj": 1e3 * sum(self._joules(row) for row in rows),
            "share": cycles / self.cycles,
            "macs": round(macs),
            "l2_bytes": round(total("l2_bytes")),
            "l3_bytes": round(total("l3_bytes")),
            "bound": max(parts, key=lambda name: parts[name]),
            "in_l2": sum(not row.plan.in_l1 for row in rows),
        }


def _by_kind(rows: tuple[Row, ...]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.work.kind].append(row)
    return found


def profile_network(
    network: Network,
    *,
    machine: Machine,
    costs: Costs,
    point: OperatingPoint,
    policy: Policy = OURS,
) -> Profile:
    """Plain kernels; int8 inference runs on the accelerator. ``batch`` samples, one update."""
    if network.precision == "int8":
        rows = tuple(
            _npu_row(one.name, layer_cycles(one, costs), network.batch)
            for one in placed_layers(network)
            if layer_cycles(one, costs)
        )
        found, kernels = Schedule(rows), "accelerator"
    else:
        works = [
            work if work.phase == UPDATE else replace(work, times=network.batch)
            for work in works_of(network)
        ]
        found, kernels = schedule(works, machine, costs, policy), "plain"
    return Profile(network.name, kernels, network.batch, point, machine, costs, found)


def _npu_row(name: str, cycles: float, times: int) -> Row:
    work = Work(name, "accelerated", "forward", (), (), (), times=times)
    spent = Cycles(cycles, 0.0, 0.0, 0.0, cycles, 0.0, 0.0)
    return Row(work, TilePlan((), (), 1), spent)


def profile_graph(
    graph: Graph,
    name: str,
    counts: Counts,
    *,
    machine: Machine,
    costs: Costs,
    point: OperatingPoint,
    policy: Policy = OURS,
    signature: str = "train",
) -> Profile:
    """A converted model with the kernels of this project."""
    works, variables = graph_works(graph, signature, counts)
    found = schedule(works, machine, costs, policy, variables)
    size = samples(graph) if signature == "train" else 1
    return Profile(name, "ours", size, point, machine, costs, found)
