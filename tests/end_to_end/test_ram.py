# SPDX-License-Identifier: Apache-2.0
"""Every supported layer, loss and strategy trains as Keras trains it in the least RAM there is."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from converters import convert
from tests.compare import assert_all_close, assert_close
from tests.end_to_end.architectures import ARCHITECTURES, batches
from tests.end_to_end.host_run import train_on
from tests.end_to_end.test_layers import SEED, STEPS, reference


@pytest.mark.parametrize("sample", ["float32", "flash"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_least_ram_trains_as_keras_does(name: str, sample: str, tmp_path: Path) -> None:
    architecture = ARCHITECTURES[name]
    keras.utils.set_random_seed(SEED)
    model = architecture.build()
    x, y = batches(model, architecture, STEPS, SEED)
    conversion = convert(
        model,
        name=name,
        output_dir=tmp_path,
        batch_size=architecture.batch_size,
        learning_rate=architecture.learning_rate,
        loss=architecture.loss,
        ram="min",
        sample=sample,
        **architecture.options,
    )
    expected = reference(model, architecture, x, y)
    ours = train_on("host", conversion, x, y, tmp_path)
    assert conversion.report["schedule"]["loops"] > 0, "nothing was streamed"
    assert_close(ours.losses, expected.losses, "loss", what=f"{name}: loss")
    variables = {n: v for n, v in ours.variables.items() if n not in ("step", "seed")}
    assert_all_close(variables, expected.after, "weights", what=name)
