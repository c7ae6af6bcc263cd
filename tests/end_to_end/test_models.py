# SPDX-License-Identifier: Apache-2.0
"""Every model of biotrain_tf.models trains on our runner as Keras trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from biotrain_tf.models import NAMES, build
from converters import convert
from converters import graph as graphs
from tests.compare import assert_all_close, assert_close, unmoved
from tests.end_to_end.host_run import train_on
from tests.oracle import keras_reference

STEPS, BATCH, RATE, SEED = 3, 8, 0.05, 6

# Short trials of few channels, and for large models fewer filters.
SMALL: dict[str, dict[str, Any]] = {
    "deep_ae": {"n_chans": 2, "n_outputs": None, "n_times": 20, "n_hidden": 16},
    "deep_conv_net": {
        "n_times": 120,
        "filter_time_length": 5,
        "pool_time_length": 2,
        "n_filters_time": 5,
        "n_filters_spat": 6,
        "n_filters_2": 7,
        "n_filters_3": 8,
        "n_filters_4": 9,
    },
    "ecg_cnn": {"n_chans": 2, "n_times": 61},
    "ecg_transformer": {"n_chans": 2, "n_times": 66},
    "eeg_tcnet": {"n_times": 384, "kern_length": 16},
    "eegnet": {"n_times": 96, "kernel_length": 16},
    "emg_cnn": {"n_times": 50},
    "epidenet": {"n_chans": 2, "n_times": 200},
    "mi_bminet": {"n_times": 96, "F1": 8, "kernel_length": 32},
    "shallow_conv_net": {"n_times": 140, "n_filters_time": 6, "n_filters_spat": 8},
}
TRANSPOSED = {"ecg_transformer": 1}
"""How often a step moves memory into another order: patches are cut from all leads at once."""


def _batches(model: keras.Model, name: str) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    x = generator.standard_normal((STEPS, BATCH, *model.input_shape[1:])).astype(np.float32)
    if name == "deep_ae":
        return x, x.reshape(STEPS, BATCH, -1)
    return x, generator.integers(0, model.output_shape[-1], (STEPS, BATCH)).astype(np.int32)


# What others do not have is trained every time: powers, tokens.
FAST = {"ecg_transformer", "shallow_conv_net"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FAST else [pytest.mark.slow]) for n in NAMES]
)
def test_trains_as_keras_does(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(SEED)
    model = build(name, **{"n_chans": 3, "n_outputs": 3, **SMALL[name]})
    loss = "mse" if name == "deep_ae" else "sparse_categorical_crossentropy"
    x, y = _batches(model, name)
    conversion = convert(
        model, output_dir=tmp_path, batch_size=BATCH, learning_rate=RATE, loss=loss
    )
    expected = keras_reference.train(model, x, y, loss=loss, learning_rate=RATE, momentum=0.9)

    ours = train_on("host", conversion, x, y, tmp_path)

    assert_close(ours.losses, expected.losses, "loss", what=f"{name}: loss")
    variables = {n: v for n, v in ours.variables.items() if n not in ("step", "seed")}
    assert_all_close(variables, expected.after, "weights", what=name)
    still = unmoved(expected.before, expected.after, "weights")
    kernels = {n for n in variables if n.endswith("kernel")}
    assert len(kernels) > 2 and not still & kernels, f"{name}: training hardly moved {still}"
    graph = graphs.read(conversion.model_path.read_bytes())
    runs = graph.runs(graph.signatures["train"].subgraph)
    moves = [graph.subgraphs[at].ops[place].kind for at, place, _ in runs].count("TRANSPOSE")
    assert moves == TRANSPOSED.get(name, 0)
