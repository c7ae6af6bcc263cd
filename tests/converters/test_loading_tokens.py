# SPDX-License-Identifier: Apache-2.0
"""What of attention, products by equation and keras.ops is refused, and why."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from converters.errors import ConversionError
from converters.loading.support import check_supported

L = keras.layers


def refused_by(model: keras.Model) -> str:
    with pytest.raises(ConversionError) as refused:
        check_supported(model)
    return str(refused.value)


def test_settings_that_do_not_train_are_listed() -> None:
    x = inputs = keras.Input((16, 32))
    x = L.EinsumDense("btd,de->bet", output_shape=(32, 16), name="turned")(x)
    x = L.Reshape((16, 32), name="reshape")(x)
    x = L.MultiHeadAttention(2, 4, dropout=0.1, name="dropping")(x, x)
    x = L.MultiHeadAttention(2, 4, name="masked")(x, x, attention_mask=np.ones((1, 16, 16)))
    x = L.Reshape((2, 8, 32), name="picture")(x)
    x = L.MultiHeadAttention(2, 4, name="flat")(x, x)
    x = keras.ops.clip(x, np.zeros(32), 1)
    x = keras.ops.sin(x)
    x = L.Embedding(4, 2, mask_zero=True, name="masking")(L.Flatten()(x))
    x = L.Dense(3, name="scores")(L.Flatten()(x))
    text = refused_by(keras.Model(inputs, x))
    print(text)
    wanted = {
        "turned": "use one like btd,de->bte",
        "dropping": "use a Dropout layer behind it",
        "masked": "only use_causal_mask trains",
        "flat": "Reshape it to (batch, tokens, width)",
        "clip": "use two numbers",
        "sin": "of keras.ops: square, log, clip, gelu and slices",
        "masking": "use mask_zero=False",
    }
    lines = text.splitlines()
    assert len(lines) == 1 + len(wanted)
    for line, (name, advice) in zip(lines[1:], wanted.items(), strict=True):
        assert line.startswith(f"  {name}") and advice in line, line


def test_a_model_ends_in_a_layer() -> None:
    """What is taken off its end, a softmax, is looked for in the last layer."""
    inputs = keras.Input((4,))
    scores = L.Dense(3, activation="softmax")(inputs)
    assert "ends the model" in refused_by(keras.Model(inputs, keras.ops.log(scores)))


@pytest.mark.parametrize("key", [np.s_[:, ::2], np.s_[..., 0], np.s_[:, None]])
def test_slices_with_steps_are_refused(key: Any) -> None:
    inputs = keras.Input((8, 2))
    x = L.Dense(3)(L.Flatten()(L.Dense(2)(inputs)[key]))
    assert "in a slice; use numbers and ranges" in refused_by(keras.Model(inputs, x))
