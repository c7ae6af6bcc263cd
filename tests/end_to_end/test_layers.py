# SPDX-License-Identifier: Apache-2.0
"""Every supported layer, loss and strategy trains as Keras trains it: our runner, and LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import ConversionResult, convert
from tests.compare import assert_all_close, assert_close
from tests.end_to_end.architectures import ARCHITECTURES, Architecture, batches
from tests.end_to_end.host_run import train_on
from tests.oracle import keras_reference

STEPS = 4
SEED = 7


def _keras_loss(model: keras.Model, architecture: Architecture) -> Any:
    last = model.layers[-1]
    linear = not isinstance(last, keras.layers.Softmax) and last.activation.__name__ == "linear"
    if architecture.loss == "sparse_categorical_crossentropy":
        return keras.losses.SparseCategoricalCrossentropy(from_logits=linear)
    return architecture.loss


def reference(
    model: keras.Model, architecture: Architecture, x: np.ndarray, y: np.ndarray
) -> keras_reference.KerasRun:
    if architecture.options.get("strategy") == "last-layer":
        weighted = [layer for layer in model.layers if layer.weights]
        for layer in weighted[:-1]:
            layer.trainable = False
    return keras_reference.train(
        model,
        x,
        y,
        loss=_keras_loss(model, architecture),
        learning_rate=architecture.learning_rate,
        momentum=0.0 if architecture.options.get("optimizer") == "sgd" else 0.9,
    )


def _convert(model: keras.Model, name: str, ops: str, folder: Path) -> ConversionResult:
    architecture = ARCHITECTURES[name]
    options: dict[str, Any] = {"loss": architecture.loss, **architecture.options}
    return convert(
        model,
        name=name,
        ops=ops,
        output_dir=folder / ops,
        batch_size=architecture.batch_size,
        learning_rate=architecture.learning_rate,
        **options,
    )


def _litert(
    conversion: ConversionResult, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    interpreter = Interpreter(str(conversion.model_path))
    train = interpreter.get_signature_runner("train")
    losses = [float(train(x=batch, y=labels)["loss"]) for batch, labels in zip(x, y, strict=True)]
    return np.array(losses), interpreter.get_signature_runner("save")()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_trains_as_keras_does(name: str, tmp_path: Path) -> None:
    architecture = ARCHITECTURES[name]
    keras.utils.set_random_seed(SEED)
    model = architecture.build()
    x, y = batches(model, architecture, STEPS, SEED)
    micro = _convert(model, name, "micro", tmp_path)
    builtin = _convert(model, name, "builtin", tmp_path)
    expected = reference(model, architecture, x, y)

    ours = train_on("host", micro, x, y, tmp_path)
    litert_losses, litert_variables = _litert(builtin, x, y)

    assert_close(ours.losses, expected.losses, "loss", what=f"{name}: runner, loss")
    assert_close(litert_losses, expected.losses, "loss", what=f"{name}: LiteRT, loss")
    for what, variables in (("runner", ours.variables), ("LiteRT", litert_variables)):
        assert int(variables["step"]) == STEPS
        trained = {n: v for n, v in variables.items() if n not in ("step", "seed")}
        wanted = {n: expected.after[n] for n in trained}
        assert_all_close(trained, wanted, "weights", what=f"{name}: {what}")
