# SPDX-License-Identifier: Apache-2.0
"""BioTrain's published rows beside what the GAP9 model says of them, and of this project's models.

Predictions, never fits: the clock of the published rows is not known, so both are given.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from converters.emit.predict import counts_on
from converters.gap9.calibrate import (
    calibrate,
    energy_errors,
    energy_of,
    median_error,
    predicted,
    read_energies,
    read_points,
)
from converters.gap9.machine import POINTS, Costs, Machine, read_costs
from converters.gap9.network import FOLDER, read_network
from converters.gap9.profile import Profile, profile_graph, profile_network
from converters.gap9.schedule import LAYER_BY_LAYER, OURS
from converters.graph import Graph, read

PUBLISHED = Path(__file__).with_name("gap9_published.json")
RAM = {"EEG, full": "1400K", "EOG, full": "150K"}
"""Of the models of this project: below what fits L2 beside the program, where whole samples one by
one fit L1 and a whole batch would not.
"""


@dataclass(frozen=True)
class Row:
    """A network, a schedule and a clock; ``ms`` of 8 samples."""

    name: str
    schedule: str
    frequency: str
    ms: float
    mw: float
    mj: float
    samples_per_second: float
    published_ms: float | None = None
    published_mw: float | None = None


def _row(name: str, schedule: str, frequency: str, profile: Profile, entry: Any) -> Row:
    found = profile.to_json()
    return Row(
        name,
        schedule,
        frequency,
        ms=found["ms"] * 8 / found["samples_per_step"],
        mw=found["mw"],
        mj=found["mj"] * 8 / found["samples_per_step"],
        samples_per_second=found["samples_per_second"],
        published_ms=entry["ms"],
        published_mw=entry["mw"],
    )


def predictions(costs: Costs, machine: Machine | None = None) -> list[Row]:
    """Of every published row: its own schedule and a searched one, at both clocks."""
    machine = machine or Machine()
    rows = []
    for entry in json.loads(PUBLISHED.read_text()):
        network = read_network(FOLDER / f"{entry['network']}.json")
        for schedule, policy in (("layer by layer", LAYER_BY_LAYER), ("searched tiles", OURS)):
            for frequency, point in POINTS.items():
                profile = profile_network(
                    network, machine=machine, costs=costs, point=point, policy=policy
                )
                rows.append(_row(entry["name"], schedule, frequency, profile, entry))
    return rows


def converted(folder: Path) -> dict[str, Graph]:
    """This project's models of the same shapes, group norm, as converted for GAP9."""
    from biotrain_tf.models.epidenet import epidenet
    from biotrain_tf.models.mi_bminet import mi_bminet
    from converters import convert

    models = {
        "EEG, full": mi_bminet(n_chans=8, n_outputs=2, n_times=1900),
        "EOG, full": epidenet(n_chans=2, n_outputs=11, n_times=1000, pool_mode="mean"),
    }
    graphs = {}
    for name, model in models.items():
        result = convert(
            model, output_dir=folder / model.name, norm="group", target="gap9", ram=RAM[name]
        )
        graphs[name] = read(result.model_path.read_bytes())
    return graphs


def our_rows(graphs: dict[str, Graph], costs: Costs) -> list[Row]:
    """At both clocks, and with half as many FPUs: how many GAP9 has is not settled."""
    published = {entry["name"]: entry for entry in json.loads(PUBLISHED.read_text())}
    counts = counts_on("gap9")
    rows = []
    for name, graph in graphs.items():
        for fpus, words in ((8, "this project's kernels"), (4, "the same, 4 FPUs")):
            machine = Machine(fpus=fpus)
            for frequency, point in POINTS.items():
                profile = profile_graph(
                    graph, name, counts, machine=machine, costs=costs, point=point
                )
                rows.append(_row(name, words, frequency, profile, published[name]))
    return rows


def page_data(folder: Path) -> dict[str, Any]:
    """All that docs/gap9.md shows."""
    _, checked = calibrate()
    costs = read_costs()
    energies = read_energies()
    graphs = converted(folder)
    return {
        "costs": asdict(costs),
        "median_error": median_error(checked),
        "points": [
            {
                "name": c.point.name,
                "cycles": c.point.cycles,
                "fitted": c.fitted,
                "left_out": c.left_out,
                "error": c.error,
                "source": c.point.source,
            }
            for c in checked
        ],
        "unscored": [
            {"name": p.name, "cycles": p.cycles, "fitted": predicted(p, costs), "source": p.source}
            for p in read_points("unscored")
        ],
        "energy": [
            {
                "name": p.name,
                "frequency": p.frequency,
                "microjoules": p.microjoules,
                "fitted": energy_of(p, costs),
                "error": error,
            }
            for p, error in zip(energies, energy_errors(energies, costs), strict=True)
        ],
        "rows": [asdict(row) for row in predictions(costs) + our_rows(graphs, costs)],
        "roofline": profile_graph(
            graphs["EEG, full"],
            "MI-BMInet",
            counts_on("gap9"),
            machine=Machine(),
            costs=costs,
            point=POINTS["370MHz"],
        ).to_json(),
    }
