# SPDX-License-Identifier: Apache-2.0
"""`--norm group` trains as Keras with GroupNormalization, `--norm frozen` on moving averages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from converters import convert
from tests.compare import assert_all_close, assert_close, unmoved
from tests.end_to_end.host_run import train_on
from tests.oracle import keras_reference

STEPS, BATCH, RATE, SEED = 5, 4, 0.05, 11
L = keras.layers


class FrozenNorm(keras.layers.BatchNormalization):
    """Gamma and beta train, the statistics are those of inference."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return super().call(inputs, training=False)


def _network(norm: Any) -> keras.Model:
    keras.utils.set_random_seed(SEED)
    x = inputs = keras.Input((3, 24, 1))
    x = L.Conv2D(4, (1, 5), padding="same", use_bias=False, name="conv")(x)
    x = L.Activation("elu")(norm(name="norm")(x))
    x = L.AveragePooling2D((1, 4))(x)
    return keras.Model(inputs, L.Dense(3, name="dense")(L.Flatten()(x)))


@pytest.mark.parametrize(
    ("norm", "same_in_keras"),
    [
        ("group", lambda name: L.GroupNormalization(groups=1, name=name)),
        ("frozen", lambda name: FrozenNorm(name=name)),
    ],
)
def test_norm_policy(norm: str, same_in_keras: Any, tmp_path: Path) -> None:
    model = _network(L.BatchNormalization)
    reference = _network(same_in_keras)
    for layer in model.layers:
        values = {v.name: v.numpy() for v in layer.weights}
        twin = reference.get_layer(layer.name) if values else None
        if twin is not None:
            twin.set_weights([values[v.name] for v in twin.weights])
    rng = np.random.default_rng(SEED)
    x = rng.standard_normal((STEPS, BATCH, 3, 24, 1)).astype(np.float32)
    y = rng.integers(0, 3, (STEPS, BATCH)).astype(np.int32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    expected = keras_reference.train(reference, x, y, loss=loss, learning_rate=RATE, momentum=0.9)

    conversion = convert(
        model, norm=norm, batch_size=BATCH, learning_rate=RATE, output_dir=tmp_path
    )
    ours = train_on("host", conversion, x, y, tmp_path)

    assert_close(ours.losses, expected.losses, "loss", what=f"{norm}: loss")
    variables = {n: v for n, v in ours.variables.items() if n not in ("step", "seed")}
    assert set(variables) == set(expected.after)
    assert_all_close(variables, expected.after, "weights", what=norm)
    still = unmoved(expected.before, expected.after, "weights")
    assert still <= {"norm/moving_mean", "norm/moving_variance"}, still
