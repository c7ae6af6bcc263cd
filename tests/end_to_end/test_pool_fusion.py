# SPDX-License-Identifier: Apache-2.0
"""What the passes around maximum pools rewrite trains as before, on the host runner."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from converters import ConversionResult, convert
from converters import graph as graphs
from tests.compare import assert_all_close, assert_close
from tests.end_to_end.host_run import RunnerResult, train_on

STEPS, BATCH, SEED = 3, 4, 5
PASSES = (
    "converters.passes.relu_behind_pool.relu_behind_pool",
    "converters.search.resident.norm_into_pool",
)
FUSED = "BiotrainBatchNormMaxPool"
L = keras.layers


def _network() -> keras.Model:
    """Pools in one row and in two, behind a norm, a ReLU or both; some gammas are negative."""
    keras.utils.clear_session()  # the same names each time
    keras.utils.set_random_seed(SEED)
    anyhow = keras.initializers.RandomNormal(stddev=1.0)

    def norm(x: keras.KerasTensor) -> keras.KerasTensor:
        return L.BatchNormalization(gamma_initializer=anyhow, beta_initializer=anyhow)(x)

    x = inputs = keras.Input((2, 61, 1))
    x = L.MaxPooling2D((1, 4))(L.ReLU()(norm(L.Conv2D(5, (1, 3), padding="same")(x))))
    x = L.MaxPooling2D((1, 3))(norm(L.Conv2D(6, (1, 2))(x)))
    x = L.MaxPooling2D((2, 2), strides=(1, 1))(L.ReLU()(norm(L.Conv2D(4, (1, 1))(x))))
    return keras.Model(inputs, L.Dense(3)(L.Flatten()(x)))


def _train(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, without: tuple[str, ...]
) -> tuple[ConversionResult, RunnerResult]:
    with monkeypatch.context() as patch:
        for name in without:
            patch.setattr(name, lambda graph: graph)
        # Or the first norm would be in its convolution's filter.
        conversion = convert(
            _network(), output_dir=folder, batch_size=BATCH, learning_rate=0.05, commute=False
        )
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((STEPS, BATCH, 2, 61, 1)).astype(np.float32)
    y = rng.integers(0, 3, (STEPS, BATCH)).astype(np.int32)
    return conversion, train_on("host", conversion, x, y, folder)


def _count(conversion: ConversionResult, kind: str) -> int:
    graph = graphs.read(conversion.model_path.read_bytes())
    return [op.kind for op in graph.subgraph_of("train").ops].count(kind)


def test_steps_stay_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain_model, plain = _train(tmp_path / "plain", monkeypatch, without=PASSES)
    moved_model, moved = _train(tmp_path / "moved", monkeypatch, without=PASSES[1:])
    fused_model, fused = _train(tmp_path / "fused", monkeypatch, without=())
    assert [_count(m, "RELU") for m in (plain_model, moved_model, fused_model)] == [2, 0, 0]
    assert [_count(m, FUSED) for m in (plain_model, moved_model, fused_model)] == [0, 0, 2]
    assert [_count(m, f"{FUSED}Grad") for m in (plain_model, fused_model)] == [0, 2]

    # A ReLU behind its pool changes no bit.
    np.testing.assert_array_equal(moved.losses, plain.losses)
    compared = 0
    assert moved.variables.keys() == plain.variables.keys()
    for name, value in plain.variables.items():
        np.testing.assert_array_equal(moved.variables[name], value, name)
        compared += value.size
    print(f"compared={compared}")
    assert compared > 300 and len(set(plain.losses)) == STEPS

    # A norm inside its pool adds the terms of two sums in another order.
    np.testing.assert_array_equal(fused.losses[:1], plain.losses[:1])
    assert_close(fused.losses, plain.losses, "loss", what="fused: loss")
    floats = {n: v for n, v in plain.variables.items() if v.dtype == np.float32}
    assert_all_close({n: fused.variables[n] for n in floats}, floats, "weights", what="fused")

    assert fused_model.arena_bytes < moved_model.arena_bytes <= plain_model.arena_bytes
