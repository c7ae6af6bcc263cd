# SPDX-License-Identifier: Apache-2.0
"""Networks whose convolutions change places train as Keras trains them: our runner, and LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import convert
from tests.compare import assert_all_close, assert_close
from tests.converters.commuting_models import Drawn
from tests.end_to_end.host_run import train_on
from tests.oracle import keras_reference

STEPS, RATE, SEED = 5, 0.05, 9
NETWORKS = (
    Drawn(5, 33, 8, 4, 2, 3, "same", True, False, "keep", False),
    Drawn(4, 24, 7, 3, 1, 2, "valid", False, True, "keep", False),
    Drawn(6, 5, 8, 4, 2, 1, "same", False, True, "keep", True),
    Drawn(3, 20, 5, 2, 3, 2, "valid", True, True, "none", False),
)


@pytest.mark.parametrize("drawn", NETWORKS, ids=str)
def test_trains_as_keras_does(drawn: Drawn, tmp_path: Path) -> None:
    keras.utils.set_random_seed(SEED)
    model = drawn.build()
    generator = np.random.default_rng(SEED)
    shape = (STEPS, drawn.batch)
    x = generator.normal(0.3, 1.0, (*shape, *model.input_shape[1:])).astype(np.float32)
    y = generator.integers(0, 3, shape).astype(np.int32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = keras_reference.train(model, x, y, loss=loss, learning_rate=RATE, momentum=0.9)

    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    for ops in ("micro", "builtin"):
        conversion = convert(
            model,
            ops=ops,
            commute=True,
            batch_size=drawn.batch,
            learning_rate=RATE,
            output_dir=tmp_path / ops,
        )
        assert len(conversion.report["commuted"]) == 1
        if ops == "micro":
            ours = train_on("host", conversion, x, y, tmp_path)
            found["runner"] = ours.losses, ours.variables
            continue
        interpreter = Interpreter(str(conversion.model_path))
        train = interpreter.get_signature_runner("train")
        losses = [float(train(x=a, y=b)["loss"]) for a, b in zip(x, y, strict=True)]
        found["LiteRT"] = np.array(losses), interpreter.get_signature_runner("save")()

    for where, (losses, variables) in found.items():
        assert_close(losses, expected.losses, "loss", what=f"{where}: loss")
        trained = {n: v for n, v in variables.items() if n not in ("step", "seed")}
        assert_all_close(trained, expected.after, "weights", what=where)
