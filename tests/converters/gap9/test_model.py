# SPDX-License-Identifier: Apache-2.0
"""Descriptions, calibration, energy and the profile."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from converters.errors import ConversionError
from converters.gap9.calibrate import (
    energy_of,
    fit,
    predicted,
    read_energies,
    read_points,
    rounded,
)
from converters.gap9.machine import HIGH, LOW, Costs, Machine, operating_point, read_costs
from converters.gap9.network import (
    FOLDER,
    forward_macs,
    network_of,
    parameters,
    read_network,
    works_of,
)
from converters.gap9.place import in_l2, lives, peak
from converters.gap9.profile import profile_network
from converters.gap9.schedule import LAYER_BY_LAYER, OURS
from converters.gap9.verify import fault

# Published or recomputed: parameters (convolutions, norms and dense layers) and MACs of a forward.
KNOWN = {
    "resnet8_training": (78_042, 12_501_632),
    "mobilenetv1_training": (213_586, 7_489_664),
    "speechnet_training": (15_489, 3_711_968),
    "deep_ae": (265_864, 264_192),
    "mi_bminet": (7_938, 8_634_688),
    "epidenet": (4_179, 420_528),
}


@pytest.mark.parametrize("name", KNOWN)
def test_networks_are_those_that_were_published(name: str) -> None:
    network = read_network(FOLDER / f"{name}.json")
    assert network.source
    assert (parameters(network), forward_macs(network)) == KNOWN[name]


def test_a_step_is_three_forwards_less_the_first_input_gradient() -> None:
    network = read_network(FOLDER / "resnet8_training.json")
    works = works_of(network)
    first = next(work for work in works if work.macs)
    assert sum(work.macs for work in works) == 3 * forward_macs(network) - first.macs


def test_frozen_layers_have_no_gradients() -> None:
    works = works_of(read_network(FOLDER / "mi_bminet_last_layer.json"))
    kinds = {work.kind for work in works if work.phase == "backward"}
    assert kinds <= {"product", "reduce", "accumulate", "add"}, kinds


def test_the_costs_in_the_file_are_those_that_calibration_finds() -> None:
    points = read_points()
    found, kept = asdict(rounded(fit(points))), asdict(read_costs())
    names = ("cpi", "gather", "launch", "l2_bytes", "l3_bytes", "npu_share", "npu_launch")
    for name in names:
        assert abs(found[name] / kept[name] - 1) <= 2e-3, name
    content = json.loads((FOLDER.parent / "parameters.json").read_text())
    assert content["median_leave_one_out_error"] <= 0.15


def test_no_published_row_of_biotrain_is_a_point() -> None:
    named = {point.network for point in read_points() + read_points("unscored")}
    assert not {name for name in named if name.startswith(("mi_bminet", "epidenet"))}
    assert len(named) >= 9


def test_points_are_about_what_the_model_says() -> None:
    costs = read_costs()
    for point in read_points():
        assert abs(predicted(point, costs) / point.cycles - 1) <= 0.25, point.name
    for energy in read_energies():
        assert abs(energy_of(energy, costs) / energy.microjoules - 1) <= 0.45


def test_more_voltage_takes_more_energy_in_less_time() -> None:
    network = read_network(FOLDER / "epidenet.json")
    low, high = (
        profile_network(network, machine=Machine(), costs=Costs(), point=point)
        for point in (LOW, HIGH)
    )
    assert low.cycles == high.cycles and high.seconds < low.seconds
    assert 1.3 <= high.joules / low.joules <= (0.8 / 0.65) ** 2 + 1e-9


def test_a_searched_schedule_is_not_slower_and_fits() -> None:
    network = read_network(FOLDER / "dscnn_xs.json")
    costs, machine = read_costs(), Machine()
    ours, theirs = (
        profile_network(network, machine=machine, costs=costs, point=HIGH, policy=policy)
        for policy in (OURS, LAYER_BY_LAYER)
    )
    assert ours.cycles <= theirs.cycles
    checked = [fault(row.work, row.plan, machine) for row in ours.schedule.rows]
    assert len(checked) >= 100 and not any(checked)


def test_what_stays_in_l2_never_exceeds_it() -> None:
    works = works_of(read_network(FOLDER / "resnet8_training.json"))
    for budget in (200_000, 800_000):
        near = in_l2(works, budget)
        kept = [life for life in lives(works) if life.tensor in near]
        assert 0 < peak(kept, len(works)) <= budget


BASE = {"name": "n", "input": [1, 8, 8], "layers": [{"kind": "relu"}]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"layers": [{"kind": "lstm"}]}, "layer 0: wanted a kind of conv"),
        ({"layers": [{"kind": "conv"}]}, "layer 0, conv: wanted its sizes"),
        ({"precision": "int8"}, "training is estimated in float32 only"),
        ({"mode": "guess"}, "mode must be one of training, inference; found 'guess'"),
        ({"colour": "red"}, "found 'colour'"),
    ],
)
def test_a_bad_description_ends_in_one_line(change: dict[str, object], says: str) -> None:
    with pytest.raises(ConversionError, match=re.escape(says)) as caught:
        works_of(network_of({**BASE, **change}, "n.json"))
    assert "\n" not in str(caught.value)


def test_files_and_frequencies_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="wanted a JSON file"):
        read_network(tmp_path / "none.json")
    with pytest.raises(ConversionError, match="wanted one of 240MHz, 370MHz"):
        operating_point("400MHz")
