# SPDX-License-Identifier: Apache-2.0
"""A cost table predicts the step of a model that it was not fitted to."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biotrain_tf.bench.bench_models import NAMED, prepare
from biotrain_tf.bench.cost_shapes import Window, requests
from biotrain_tf.bench.cost_tables import UNSEEN_SEED, measure_models, prediction_errors
from biotrain_tf.bench.generated_models import drawn_models, generated_models
from biotrain_tf.bench.step import StepCost, bench_step
from converters.emit.conv_features import Axis
from converters.emit.op_features import features, multiply_adds
from converters.graph import Op, Subgraph, Tensor
from converters.targets.costs import OTHER, CostTable, read_costs, write_costs

TOLERANCE = 0.10
TARGET = "cortex-m7"
FILTERS_AT_ONCE = {"fours": 4, "pairs": 2, "singles": 1, "codes": 1}
"""Terms that count codes, each for so many filters."""
WITH_TABLES = ("cortex-m4f", "cortex-m7", "cortex-m33", "riscv32")


@pytest.fixture
def need_tools(need_command: Callable[..., None]) -> None:
    need_command("arm-none-eabi-g++", "make", "qemu-system-arm")


def table_of(target: str) -> CostTable:
    table = read_costs(target)
    assert table is not None, f"no cost table of {target}"
    return table


def check_errors(costs: Sequence[StepCost], target: str) -> None:
    """Compares the prediction of each step with its measurement."""
    errors = prediction_errors(costs, table_of(target))
    print(f"{target}: compared={len(errors)}", *(f"{n}={e:+.1%}" for n, e in errors.items()))
    assert len(errors) == len(costs) > 0
    missed = [name for name, error in errors.items() if not (abs(error) <= TOLERANCE)]
    assert not missed, f"{target}: {missed} more than {TOLERANCE:.0%} apart"


def measured(
    models: Mapping[str, tuple[Any, int]], target: str, *, codes: bool = True
) -> list[StepCost]:
    return measure_models(models, [target], codes=codes)[target]


@pytest.fixture(scope="module")
def unseen(need_command: Callable[..., None]) -> list[StepCost]:
    """Steps of networks that no table was fitted to."""
    need_command("arm-none-eabi-g++", "make", "qemu-system-arm")
    return measured(drawn_models(UNSEEN_SEED), TARGET, codes=False)


@pytest.mark.parametrize("target", WITH_TABLES)
def test_tables_are_there_and_know_every_kernel(target: str) -> None:
    table = table_of(target)
    rows = list(table.coefficients.values())
    values = np.array([value for row in rows for value in row.values()])
    assert len(rows) >= 40 and len(values) >= 150 and OTHER in table.coefficients
    assert np.isfinite(values).all() and values.min() > 0
    drawn = {found.family for _, found in requests()}
    assert len(drawn) >= 15 and drawn <= set(table.coefficients)


def test_steps_that_were_not_fitted_to_are_predicted(unseen: list[StepCost]) -> None:
    check_errors(unseen, TARGET)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_more_unseen_steps(seed: int, need_tools: None) -> None:
    check_errors(measured(drawn_models(seed), TARGET), TARGET)


@pytest.mark.slow
@pytest.mark.parametrize("target", WITH_TABLES)
def test_all_generated_steps(target: str, need_tools: None) -> None:
    check_errors(measured(generated_models(), target), target)


@pytest.mark.slow
def test_published_models_are_predicted(tmp_path: Path, need_tools: None) -> None:
    models = [prepare(name, tmp_path / name, batch_size=1) for name in NAMED]
    check_errors([bench_step(model, TARGET, compare=False) for model in models], TARGET)


def test_a_wrong_table_is_noticed(unseen: list[StepCost]) -> None:
    table = table_of(TARGET)
    by_family: dict[str, float] = defaultdict(float)
    for op in unseen[0].ops:
        by_family[op.features.family] += op.instructions
    dearest = max(by_family, key=lambda family: by_family[family])
    planted = {name: value * 1.5 for name, value in table.coefficients[dearest].items()}
    wrong = replace(table, coefficients=table.coefficients | {dearest: planted})
    ((_, error),) = prediction_errors(unseen[:1], wrong).items()
    print(f"{dearest}: {error:+.1%} apart")
    assert error > TOLERANCE


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = CostTable("x-1", {"ADD": {"a": 1.5}, OTHER: {"a": 2.0, "b": 3.0}}, (10.0, 0.5))
    write_costs(table, tmp_path)
    again = read_costs("x-1", tmp_path)
    assert again == table
    assert table.instructions("ADD", {"a": 2.0, "b": 1.0}) == 3.0
    assert table.instructions("never seen", {"a": 2.0, "b": 1.0, "c": 1.0}) == 7.0
    assert read_costs("y", tmp_path) is None


def tensor(*shape: int) -> Tensor:
    return Tensor("t", shape, "FLOAT32")


@pytest.mark.parametrize(
    ("kind", "inputs", "output", "macs"),
    [
        ("BiotrainConv2D", ((2, 3, 5, 7), (4, 3, 1, 2)), (2, 4, 5, 6), 2 * 4 * 5 * 6 * 6),
        ("BiotrainConv2DGradFilter", ((2, 3, 5, 7), (2, 4, 5, 6)), (4, 3, 1, 2), 2 * 4 * 30 * 6),
        ("BiotrainConv2DGradInput", ((4, 3, 1, 2), (2, 4, 5, 6)), (2, 3, 5, 7), 2 * 4 * 30 * 6),
        ("BiotrainDepthwiseConv2D", ((2, 3, 5, 7), (3, 2, 5, 1)), (2, 6, 1, 7), 2 * 6 * 7 * 5),
        ("FULLY_CONNECTED", ((8, 240), (4, 240)), (8, 4), 8 * 240 * 4),
        ("RELU", ((8, 240),), (8, 240), 0),
    ],
)
def test_multiply_adds_of_operators(
    kind: str, inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...], macs: int
) -> None:
    given, results = [tensor(*shape) for shape in inputs], [tensor(*output)]
    strides = dict.fromkeys(("stride_h", "stride_w", "dilation_h", "dilation_w"), 1)
    op = Op(kind, tuple(range(len(given))), (len(given),), strides | {"padding": "VALID"})
    assert multiply_adds(op, given, results) == macs
    subgraph = Subgraph("s", (*given, *results), (op,), (0,), (len(given),))
    found = features(subgraph, op)
    assert found.macs == macs and found.outputs == int(np.prod(output))


@pytest.mark.parametrize("size", [1, 5, 8, 19])
@pytest.mark.parametrize("taps", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_how_many_taps_meet_an_element(size: int, taps: int, stride: int) -> None:
    out = -(-size // stride)
    pad = max((out - 1) * stride + taps - size, 0) // 2
    axis = Axis(size, out, taps, stride, 1, pad)
    meets = np.zeros((out, taps, size), int)
    for o in range(out):
        for tap in range(taps):
            if 0 <= (position := o * stride + tap - pad) < size:
                meets[o, tap, position] = 1

    def histogram(counts: np.ndarray) -> dict[int, int]:
        return {int(n): int((counts == n).sum()) for n in np.unique(counts)}

    assert dict(axis.taps_of_outputs()) == histogram(meets.sum((1, 2)))
    assert dict(axis.taps_of_inputs()) == histogram(meets.sum((0, 1)))
    assert [axis.outputs_of_tap(tap) for tap in range(taps)] == list(meets.sum((0, 2)))


def test_tiles_cover_all_multiply_adds() -> None:
    compared = 0
    for case, found in requests():
        # On padding there is nothing to multiply.
        least = found.macs * (0.2 if "fast" in case.routine else 0.35)
        at_once = FILTERS_AT_ONCE if found.family.startswith("column of codes") else {}
        counted = sum(
            n * at_once.get(term, 1)
            for term, n in found.terms.items()
            if "macs" in term or term in at_once
        )
        assert all(math.isfinite(n) and n >= 0 for n in found.terms.values())
        assert least <= counted, (case, counted, found.macs)
        compared += 1
    print(f"compared={compared}")
    assert compared >= 500


def test_a_filter_of_25_taps_leaves_nine() -> None:
    (_, found) = Window(1, 1, 1, 100, 1, 1, 25).request("forward")
    assert found.family == "long window"
    # Of 100 items seven tiles of 15: 16 taps a turn, nine one by one.
    assert found.terms["macs"] == 105 * 16 and found.terms["rest_macs"] == 105 * 9
