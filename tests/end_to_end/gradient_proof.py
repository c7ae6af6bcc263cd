# SPDX-License-Identifier: Apache-2.0
"""The gradients of one training step of our runner, beside Keras's in float64 and in float32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from converters import convert
from converters import graph as graphs
from converters.graph import FOR_EACH, Graph
from tests.compare import assert_close
from tests.end_to_end.host_run import train_on
from tests.oracle.gradients import gradients

BATCH = 8
ZERO = 1e-12
"""Float64 leaves no more than this of a gradient whose terms cancel."""
_MOMENTUM = "/momentum"


@dataclass(frozen=True)
class Proof:
    """Gradients by the path of their variable; ``graph`` is that of the converted model."""

    ours: dict[str, np.ndarray]
    exact: dict[str, np.ndarray]
    keras: dict[str, np.ndarray]
    graph: Graph


def prove(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    folder: Path,
    *,
    loss: str = "sparse_categorical_crossentropy",
    norm: str = "keep",
    **options: Any,
) -> Proof:
    """One step on x [B, ...], y [B, ...], in the least RAM with the samples read in flash.

    From nothing, at a learning rate of 1, momentum is the gradient with its sign changed.
    """
    plan = {"ram": "min", "sample": "flash", **options}
    conversion = convert(
        model,
        output_dir=folder,
        batch_size=len(x),
        loss=loss,
        norm=norm,
        learning_rate=1.0,
        momentum=0.9,
        **plan,
    )
    run = train_on("host", conversion, x[None], y[None], folder)
    moved = {n: v for n, v in run.variables.items() if n.endswith(_MOMENTUM)}
    exact, single = (
        gradients(model, x, y, loss=loss, dtype=dtype, norm=norm)
        for dtype in ("float64", "float32")
    )
    ours = {name.removesuffix(_MOMENTUM): -value for name, value in moved.items()}
    graph = graphs.read(conversion.model_path.read_bytes())
    return Proof(ours, exact, single, graph)


def assert_gradients(proof: Proof, what: str, *, vanishing: frozenset[str] = frozenset()) -> None:
    """Tensor by tensor. ``vanishing``: those that are zero but for the epsilon of a norm, which
    are bounded as if they were.
    """
    assert proof.exact and set(proof.ours) == set(proof.exact), (
        f"{what}: gradients of {sorted(proof.ours)}, wanted those of {sorted(proof.exact)}"
    )
    assert vanishing <= set(proof.exact), f"{what}: no {vanishing - set(proof.exact)}"
    for name, exact in proof.exact.items():
        largest = float(np.abs(exact).max())
        is_zero = name in vanishing or largest <= ZERO
        print(
            f"{name}: largest={largest:.3g} ours={_error(proof.ours[name], exact):.2g} "
            f"keras_float32={_error(proof.keras[name], exact):.2g}"
        )
        tolerance = "no_gradient" if is_zero else "proved_gradient"
        assert_close(proof.ours[name], exact, tolerance, what=f"{what}: {name}")


def _error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).max())


def as_after_training(model: keras.Model) -> None:
    """Norms with a scale and a shift, and small depthwise kernels: then what comes before a norm
    has a gradient that epsilon lets through, not rounding alone.
    """
    generator = np.random.default_rng(3)
    for layer in model.layers:
        values = layer.get_weights()
        if isinstance(layer, keras.layers.BatchNormalization) and len(values) == 4:
            gamma, beta, *moving = values
            gamma = gamma + generator.normal(0, 0.2, gamma.shape)
            layer.set_weights([gamma, generator.normal(0, 0.5, beta.shape), *moving])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([0.1 * w for w in values])


def noise(model: keras.Model, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch of normal samples, every class in it."""
    shape = (BATCH, *model.input_shape[1:])
    x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return x, (np.arange(BATCH) % classes).astype(np.int32)


def pieces(graph: Graph) -> list[int]:
    """In how many each chain of a training step runs that goes depth first within a sample."""
    found = []
    for at, place, _ in graph.runs(graph.signatures["train"].subgraph):
        op = graph.subgraphs[at].ops[place]
        if op.kind == FOR_EACH:
            body = graph.subgraphs[op.options["subgraph"]]
            found += [inner.options["count"] for inner in body.ops if inner.kind == FOR_EACH]
    return found
