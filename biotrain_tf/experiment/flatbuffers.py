# SPDX-License-Identifier: Apache-2.0
"""One flatbuffer for each strategy and rate; the weights of a person are restored into it."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biotrain_tf.errors import BiotrainError
from biotrain_tf.experiment import pretrain, store
from biotrain_tf.experiment.plans import Plan
from biotrain_tf.experiment.settings import BATCH_SIZE, MOMENTUM
from biotrain_tf.experiment.store import Weights
from biotrain_tf.experiment.variants import BATCH, Variant

_VERSION = 1
_NAME = "model"
_RATE = "learning_rate"
_ANY_RATE = 0.01
"""Of the conversion; each rate that is tried is written into its result."""


@dataclass(frozen=True, kw_only=True)
class Flatbuffer:
    """A converted network and its report.json."""

    path: Path
    report: dict[str, Any]

    def state(self, saved: bytes, weights: Weights, *, seed: int) -> bytes:
        """`saved`, a state of this flatbuffer, with `weights` and the seed of dropout in it.

        Variables that Keras's network does not have (momentum, adapters) stay as saved.
        """
        shapes: dict[str, list[int]] = self.report["variables"]
        words = np.frombuffer(saved, "<u4").copy()
        sizes = {name: math.prod(shapes[name]) for name in sorted(shapes)}
        if words.size != sum(sizes.values()):
            raise BiotrainError(
                f"{self.path}: a state of {words.size} words, wanted {sum(sizes.values())}"
            )
        unknown = sorted(set(weights) - set(shapes))
        if unknown:
            raise BiotrainError(f"{self.path}: wanted all weights; found no {', '.join(unknown)}")
        begin = 0
        for name, size in sizes.items():
            if name == "seed":
                words[begin : begin + size] = np.uint32(seed)
            elif name in weights:
                words[begin : begin + size] = _words(weights[name], shapes[name], name)
            begin += size
        return words.astype("<u4").tobytes()

    def cost(self, target: str) -> dict[str, int | None]:
        """RAM and instructions of one training step, as the converter predicts them."""
        predicted = self.report.get("predicted_instructions_per_step") or {}
        return {
            "ram_bytes": self.report.get("ram_total_bytes") or self.report["ram_bytes"]["arena"],
            "instructions": predicted.get(target),
            "flatbuffer_bytes": self.report["flatbuffer_bytes"],
            "trained_parameters": self.report["trained_parameters"],
        }


def _words(value: NDArray[Any], shape: list[int], name: str) -> NDArray[np.uint32]:
    if value.size != math.prod(shape):
        raise BiotrainError(f"{name}: wanted {shape} values; the network has {value.shape}")
    return np.ascontiguousarray(value, "<f4").reshape(-1).view("<u4")


def converted(
    plan: Plan,
    variant: Variant,
    *,
    shape: tuple[int, int, int],
    learning_rate: float,
    weights: Weights,
    cache: Path,
) -> Flatbuffer:
    """`shape` is channels, times, classes. Of `weights` only a sparse strategy takes notice."""
    key = store.digest(
        _VERSION,
        store.converter_digest(),
        (plan.model, plan.model_arguments, shape),
        (variant, BATCH_SIZE, MOMENTUM),
        weights if variant.depends_on_weights else {},
    )
    folder = cache / "flatbuffers" / key
    if not (folder / "report.json").exists():
        _convert(plan, variant, shape, weights, folder)
    path = folder / f"rate-{learning_rate!r}.tflite"
    if not path.exists():
        first = (folder / f"{_NAME}.tflite").read_bytes()
        store.write_bytes(path, with_rate(first, learning_rate))
    return Flatbuffer(path=path, report=store.read_json(folder / "report.json"))


def with_rate(flatbuffer: bytes, learning_rate: float) -> bytes:
    """The same training step at another rate: what converting anew gives, without TensorFlow."""
    from converters import graph as graphs

    graph = graphs.read(flatbuffer)
    for index, subgraph in enumerate(graph.subgraphs):
        ops = tuple(
            replace(op, options={**op.options, _RATE: learning_rate})
            if isinstance(op.options, dict) and _RATE in op.options
            else op
            for op in subgraph.ops
        )
        graph = graph.with_subgraph(index, replace(subgraph, ops=ops))
    return graphs.write(graph)


def _convert(
    plan: Plan,
    variant: Variant,
    shape: tuple[int, int, int],
    weights: Weights,
    folder: Path,
) -> None:
    import keras

    from converters import convert

    keras.backend.clear_session()
    n_chans, n_times, classes = shape
    model = pretrain.build(plan, n_chans=n_chans, n_times=n_times, classes=classes, kind=BATCH)
    pretrain.set_weights(model, weights)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".convert-"))
    try:
        convert(
            model,
            output_dir=scratch,
            name=_NAME,
            norm=variant.norm,
            strategy=variant.strategy,
            optimizer="momentum",
            learning_rate=_ANY_RATE,
            momentum=MOMENTUM,
            batch_size=BATCH_SIZE,
            loss="sparse_categorical_crossentropy",
            target="cortex-m7",
        )
        try:
            scratch.rename(folder)
        except OSError:  # another process was faster
            if not (folder / "report.json").exists():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
