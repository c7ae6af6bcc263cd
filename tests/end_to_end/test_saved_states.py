# SPDX-License-Identifier: Apache-2.0
"""A saved state is Keras's weights in Keras's order, however the runner keeps them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Kind
from converters import ConversionResult, convert
from converters.targets import TARGETS
from tests.compare import assert_close
from tests.device.talk import talk_to
from tests.end_to_end.host_run import split_variables
from tests.models import eegnet

SAVE, QUIT = Command(Kind.SAVE), Command(Kind.QUIT)


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {v.path: np.asarray(v.value) for v in model.variables if "seed" not in v.path}


def state_of(conversion: ConversionResult, values: dict[str, np.ndarray]) -> bytes:
    """As a device sends it; what Keras does not have is zero."""
    return b"".join(
        values.get(name, np.zeros(shape)).astype("<i4" if not shape else "<f4").tobytes()
        for name, shape in conversion.report["variables"].items()
    )


def test_states_are_in_the_order_of_keras(tmp_path: Path) -> None:
    model = eegnet()
    before = weights_of(model)
    conversion = convert(model, output_dir=tmp_path, batch_size=2)
    device = HostDevice(profile=TARGETS["host"], model=read_model(conversion.model_path))
    generator = np.random.default_rng(5)
    x = generator.standard_normal((1, *model.input_shape[1:])).astype(np.float32)
    others = {n: generator.uniform(0.02, 0.2, v.shape).astype("<f4") for n, v in before.items()}
    state = state_of(conversion, others)
    sample = Command(Kind.INFER, x.tobytes())
    commands = [SAVE, sample, Command(Kind.RESTORE, state), SAVE, sample, QUIT]

    talk = talk_to(device, commands)

    first, restored = talk.frames(Kind.WEIGHTS)
    assert restored == state
    saved = split_variables(first, conversion)
    compared = 0
    for name, value in before.items():
        np.testing.assert_array_equal(saved[name], value, err_msg=name)
        compared += value.size
    print(f"compared={compared}")
    assert compared == model.count_params() > 0

    for frame, values in zip(talk.frames(Kind.OUTPUT), (before, others), strict=True):
        for variable in model.variables:
            if variable.path in values:
                variable.assign(values[variable.path])
        output = np.frombuffer(frame, "<f4")
        assert_close(output, model(x, training=False).numpy()[0], "output", what="infer")
