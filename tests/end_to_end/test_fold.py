# SPDX-License-Identifier: Apache-2.0
"""Networks whose group norm became filters of each sample train as Keras trains them: with a batch
in memory, in the least RAM there is, and on LiteRT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from converters import convert
from converters import graph as graphs
from tests.compare import assert_all_close, assert_close
from tests.converters.folding_models import Folding
from tests.end_to_end.host_run import train_on
from tests.oracle import keras_reference

STEPS, RATE, SEED = 5, 0.05, 9
COLUMN = Folding(
    kind="column",
    height=5,
    time=37,
    channels=1,
    taps=1,
    filters=6,
    stride=1,
    padding="valid",
    depthwise=False,
    use_bias=True,
    center=True,
    scale=True,
    batch=3,
    norm="keep",
    groups=2,
)
PIXEL = Folding(**{**vars(COLUMN), "kind": "pixel", "channels": 3, "stride": 2, "groups": 1})
LINE = Folding(**{**vars(COLUMN), "kind": "line", "taps": 5, "padding": "same", "use_bias": False})
WAYS: dict[str, dict[str, Any]] = {
    "resident": {},
    "least RAM": {"ram": "min", "sample": "flash"},
    "LiteRT": {"ops": "builtin"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("drawn", (COLUMN, PIXEL, LINE), ids=lambda drawn: drawn.kind)
def test_trains_as_keras_does(drawn: Folding, way: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(SEED)
    model = drawn.build()
    generator = np.random.default_rng(SEED)
    shape = (STEPS, drawn.batch)
    x = generator.normal(0.3, 1.0, (*shape, *model.input_shape[1:])).astype(np.float32)
    y = generator.integers(0, 3, shape).astype(np.int32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = keras_reference.train(model, x, y, loss=loss, learning_rate=RATE, momentum=0.9)
    conversion = convert(
        model,
        commute=True,
        batch_size=drawn.batch,
        learning_rate=RATE,
        output_dir=tmp_path,
        **WAYS[way],
    )
    assert [fold["layers"] for fold in conversion.report["folded"]] == [["first", "norm"]]
    if way == "LiteRT":
        interpreter = Interpreter(str(conversion.model_path))
        train = interpreter.get_signature_runner("train")
        losses = np.array([float(train(x=a, y=b)["loss"]) for a, b in zip(x, y, strict=True)])
        variables = interpreter.get_signature_runner("save")()
    else:
        _assert_no_norm_is_left(conversion.model_path.read_bytes(), drawn)
        ours = train_on("host", conversion, x, y, tmp_path)
        losses, variables = ours.losses, ours.variables
    assert_close(losses, expected.losses, "loss", what=f"{way}: loss")
    trained = {n: v for n, v in variables.items() if n not in ("step", "seed")}
    assert_all_close(trained, expected.after, "weights", what=way)


def _assert_no_norm_is_left(data: bytes, drawn: Folding) -> None:
    graph = graphs.read(data)
    aside = {graph.signatures[key].subgraph for key in ("save", "restore")}
    kinds = {op.kind for i, s in enumerate(graph.subgraphs) if i not in aside for op in s.ops}
    assert {"BiotrainConv2D", "BiotrainConv2DGradFilter"} <= kinds
    # Samples of several channels come channels last.
    unwanted = ["Norm", "Moments", *(["TRANSPOSE"] if drawn.channels == 1 else [])]
    assert [kind for kind in kinds if any(part in kind for part in unwanted)] == []
