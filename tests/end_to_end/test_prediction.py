# SPDX-License-Identifier: Apache-2.0
"""A cost table predicts the step of a model that it was not fitted to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from biotrain_tf.bench.bench_models import prepare
from biotrain_tf.bench.step import bench_step
from biotrain_tf.models.eegnet import eegnet
from converters.emit.op_features import TERMS, features, multiply_adds
from converters.emit.predict import predict_step
from converters.graph import Op, Subgraph, Tensor, read
from converters.targets.costs import OTHER, CostTable, read_costs, write_costs

TOLERANCE = 0.10
TARGET = "cortex-m7"
WITH_TABLES = ("cortex-m4f", "cortex-m7", "cortex-m33", "riscv32")


@pytest.mark.parametrize("target", WITH_TABLES)
def test_tables_are_there_and_of_this_version(target: str) -> None:
    table = read_costs(target)
    assert table is not None and table.terms == TERMS
    rows = np.array(list(table.coefficients.values()))
    assert rows.shape == (len(table.coefficients), len(TERMS)) and len(rows) >= 20
    assert np.isfinite(rows).all() and rows.min() >= 0 and OTHER in table.coefficients


def test_prediction_is_near_the_measured_step(
    tmp_path: Path, need_command: Callable[..., None]
) -> None:
    need_command("arm-none-eabi-g++", "make", "qemu-system-arm")
    source = tmp_path / "other.keras"
    eegnet(n_chans=12, n_outputs=3, n_times=384, F1=6, kernel_length=48).save(source)
    model = prepare(str(source), tmp_path / "converted", batch_size=2)
    table = read_costs(TARGET)
    assert table is not None
    predicted = predict_step(read(model.info.content), table)
    measured = bench_step(model, TARGET, compare=False).instructions
    print(f"predicted={predicted} measured={measured:.0f} apart={predicted / measured - 1:+.1%}")
    assert abs(predicted / measured - 1) <= TOLERANCE


def test_a_table_survives_its_file(tmp_path: Path) -> None:
    table = CostTable("x-1", ("a", "b"), {"ADD": (1.5, 0.0), OTHER: (2.0, 3.0)}, (10.0, 0.5))
    write_costs(table, tmp_path)
    again = read_costs("x-1", tmp_path)
    assert again == table
    assert table.instructions("ADD", (2.0, 1.0)) == 3.0
    assert table.instructions("never seen", (2.0, 1.0)) == 7.0
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
    op = Op(kind, tuple(range(len(given))), (len(given),))
    assert multiply_adds(op, given, results) == macs
    subgraph = Subgraph("s", (*given, *results), (op,), (0,), (len(given),))
    found = features(subgraph, op)
    assert found.macs == macs and found.outputs == int(np.prod(output))
