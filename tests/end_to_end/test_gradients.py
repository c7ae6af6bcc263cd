# SPDX-License-Identifier: Apache-2.0
"""Least-RAM plans have the gradients of their whole batch: against float64, tensor by tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from biotrain_tf.bench.generated_models import generated_models
from biotrain_tf.bench.memory import CASES, SCALE, TARGET, Case
from converters.graph import Op, Tensor
from converters.passes import slicing
from converters.passes.slicing import Pattern
from tests.end_to_end.architectures import ARCHITECTURES, batches
from tests.end_to_end.gradient_proof import (
    BATCH,
    Proof,
    as_after_training,
    assert_gradients,
    noise,
    pieces,
    prove,
)

SEED = 1
SEED_OF_CODES = 4
"""Of samples with which no input of a ReLU rounds to the other side of zero."""
EEGNET, EEGNET_LONG, MI_BMINET_GROUP, MI_BMINET, EPIDENET = range(len(CASES))
BETWEEN_NORMS = {
    EEGNET: frozenset({"temporal_norm/gamma"}),
    EEGNET_LONG: frozenset({"temporal_norm/gamma"}),
    MI_BMINET: frozenset({"spatial_norm/gamma"}),
}
"""At their first values a scale in front of another norm does nothing, but for its epsilon."""
FAST = {(MI_BMINET_GROUP, "initial"), (EPIDENET, "initial")}
GENERATED = (
    *("temporal_a", "temporal_b", "temporal_c", "temporal_d", "spatial_a", "spatial_b"),
    *("plain_a", "plain_b", "plain_c", "square"),
)
PLAIN = tuple(name for name, a in ARCHITECTURES.items() if not a.options)
FIRES = (*GENERATED, "dilated_conv2d", "separable2d_groupnorm")
FAST_NETWORKS = ("square", "dilated_conv2d", "depthwise_residual")


def _networks(names: Sequence[str], fast: Sequence[str]) -> list[Any]:
    return [pytest.param(name, marks=[] if name in fast else [pytest.mark.slow]) for name in names]


@pytest.mark.parametrize(
    ("number", "state"),
    [
        pytest.param(
            n,
            state,
            marks=[] if (n, state) in FAST else [pytest.mark.slow],
            id=f"{CASES[n].name}-{state}",
        )
        for n in range(len(CASES))
        for state in ("initial", "trained")
    ],
)
def test_measured_models(number: int, state: str, tmp_path: Path) -> None:
    case = CASES[number]
    model = _built(case, state)
    x, y = noise(model, case.model.n_outputs, SEED)
    proof = prove(model, x, y, tmp_path, norm=case.norm)
    assert max(pieces(proof.graph)) > 1, "no chain runs depth first"
    vanishing = BETWEEN_NORMS.get(number, frozenset()) if state == "initial" else frozenset()
    assert_gradients(proof, f"{case.name} {case.norm}", vanishing=vanishing)


@pytest.mark.slow
@pytest.mark.parametrize("state", ["initial", "trained"])
@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{c.name}-{c.norm}" for c in CASES])
def test_measured_models_of_codes(number: int, state: str, tmp_path: Path) -> None:
    """In the RAM that they are to fit into with one sample in memory."""
    case = CASES[number]
    model = _built(case, state)
    x, y = noise(model, case.model.n_outputs, SEED_OF_CODES)
    x = (np.rint(x / SCALE) * SCALE).astype(np.float32)
    plan: dict[str, Any] = {"sample": "int16", "sample_scale": SCALE, "target": TARGET}
    ram = f"{case.codes_limit_kib}K"
    proof = prove(model, x, y, tmp_path, norm=case.norm, ram=ram, **plan)
    kinds = {op.kind for subgraph in proof.graph.subgraphs for op in subgraph.ops}
    assert "BiotrainConv2DOfCodes" in kinds, "no convolution reads codes"
    vanishing = BETWEEN_NORMS.get(number, frozenset()) if state == "initial" else frozenset()
    assert_gradients(proof, f"{case.name} {case.norm}, codes", vanishing=vanishing)


def _built(case: Case, state: str) -> keras.Model:
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    model = case.model.build()
    if state == "trained":
        as_after_training(model)
    return model


@pytest.mark.parametrize("name", _networks(FIRES, FAST_NETWORKS))
def test_generated_architectures_run_depth_first(name: str, tmp_path: Path) -> None:
    proof = _proof_of(name, tmp_path)
    found = pieces(proof.graph)
    print(f"{name}: pieces={found}")
    assert found and max(found) > 1, "no chain runs depth first"
    assert_gradients(proof, name)


@pytest.mark.parametrize("name", _networks([n for n in PLAIN if n not in FIRES], FAST_NETWORKS))
def test_small_architectures(name: str, tmp_path: Path) -> None:
    """No tensor of theirs is worth a loop within a sample."""
    assert_gradients(_proof_of(name, tmp_path), name)


def test_planted_a_gradient_that_is_a_hundredth_of_a_percent_wrong_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(slicing._RULES, "BiotrainDepthwiseConv2DGradFilter", _scaled)
    proof = _proof_of("depthwise_residual", tmp_path)
    with pytest.raises(AssertionError, match="proved_gradient"):
        assert_gradients(proof, "planted")


def _scaled(op: Op, tensors: Sequence[Tensor], count: int) -> Pattern | None:
    found = slicing._depthwise_grad_filter(op, tensors, count)
    return found and replace(found, scale=1.0001)


def _proof_of(name: str, folder: Path) -> Proof:
    keras.backend.clear_session()
    keras.utils.set_random_seed(SEED)
    if name not in ARCHITECTURES:
        model, _ = generated_models()[name]
        as_after_training(model)
        return prove(model, *noise(model, model.output_shape[-1], SEED), folder)
    architecture = replace(ARCHITECTURES[name], batch_size=BATCH)
    model = architecture.build()
    as_after_training(model)
    x, y = batches(model, architecture, 1, SEED)
    return prove(model, x[0], y[0], folder, loss=architecture.loss)
