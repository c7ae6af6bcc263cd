# SPDX-License-Identifier: Apache-2.0
"""Every supported layer, loss and strategy trains as Keras trains it in the least RAM there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from biotrain_tf.device.data import as_stored
from biotrain_tf.device.host import HostDevice
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Frame, Kind, Line, Reply
from converters import ConversionResult, convert
from converters.graph import read
from converters.search import refine
from converters.targets import TARGETS
from tests.compare import assert_all_close, assert_close
from tests.end_to_end.architectures import ARCHITECTURES, Architecture, batches
from tests.end_to_end.host_run import split_variables, train_on
from tests.end_to_end.test_layers import SEED, STEPS, reference

BUFFERED = ("conv1d_chain", "dropouts")
"""Networks whose samples are copied into a buffer, too: that differs in Fetch alone."""
CODES = ("conv1d_chain",)
"""Networks whose samples come as int16 codes, too, with an odd number of them."""
CODE = 2.0**-10


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        *((name, "flash") for name in ARCHITECTURES),
        *((name, "float32") for name in BUFFERED),
        *((name, "int16") for name in CODES),
    ],
)
def test_least_ram_trains_as_keras_does(name: str, sample: str, tmp_path: Path) -> None:
    architecture = ARCHITECTURES[name]
    keras.utils.set_random_seed(SEED)
    model = architecture.build()
    x, y = batches(model, architecture, STEPS, SEED)
    if sample == "int16":
        x = (np.rint(x / CODE) * CODE).astype(np.float32)
    conversion = convert(
        model,
        name=name,
        output_dir=tmp_path,
        batch_size=architecture.batch_size,
        learning_rate=architecture.learning_rate,
        loss=architecture.loss,
        ram="min",
        sample=sample,
        sample_scale=CODE if sample == "int16" else None,
        **architecture.options,
    )
    assert conversion.report["schedule"]["loops"] > 0, "nothing was streamed"
    _assert_trains_as_keras(conversion, model, architecture, (x, y), name)


def _assert_trains_as_keras(
    conversion: ConversionResult,
    model: keras.Model,
    architecture: Architecture,
    given: tuple[np.ndarray, np.ndarray],
    what: str,
) -> None:
    """On batches x [steps, B, ...], y [steps, B, ...]."""
    expected = reference(model, architecture, *given)
    ours = train_on("host", conversion, *given, conversion.model_path.parent)
    assert_close(ours.losses, expected.losses, "loss", what=f"{what}: loss")
    variables = {n: v for n, v in ours.variables.items() if n not in ("step", "seed")}
    assert_all_close(variables, expected.after, "weights", what=what)


def _first(kernel: tuple[int, int], **options: object) -> keras.Model:
    """A convolution over 6 electrodes, or along each, then a norm and a dense layer."""
    layers = keras.layers
    x = layers.Input((6, 42, 1))
    y = layers.Conv2D(4, kernel, use_bias=False, **options)(x)
    y = layers.BatchNormalization()(y)
    y = layers.Activation("elu")(y)
    y = layers.AveragePooling2D((1, 4))(y)
    y = layers.Dense(3, activation="softmax")(layers.Flatten()(y))
    return keras.Model(x, y)


@pytest.mark.parametrize(
    ("kernel", "options"),
    [((6, 1), {}), ((1, 9), {"padding": "same"}), ((3, 2), {"strides": (2, 3)})],
)
def test_convolutions_that_read_codes_train_as_keras_does(
    kernel: tuple[int, int],
    options: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As floats they would be faster, and here there is always room for them.
    monkeypatch.setattr(refine, "moves", lambda *_: ())
    keras.utils.set_random_seed(SEED)
    architecture = Architecture(lambda: _first(kernel, **options))
    model = architecture.build()
    x, y = batches(model, architecture, STEPS, SEED)
    x = (np.rint(x / CODE) * CODE).astype(np.float32)
    conversion = convert(
        model,
        output_dir=tmp_path,
        batch_size=architecture.batch_size,
        learning_rate=architecture.learning_rate,
        commute=False,
        ram="min",
        sample="int16",
        sample_scale=CODE,
    )
    ops = set(conversion.report["op_list"])
    assert {"BiotrainConv2DOfCodes", "BiotrainConv2DOfCodesGradFilter"} <= ops, ops
    assert "BiotrainDequantise" not in ops, "the sample is floats somewhere"
    _assert_trains_as_keras(conversion, model, architecture, (x, y), str(kernel))


def test_sums_over_electrodes_are_filters_of_codes(tmp_path: Path) -> None:
    """Commuted, a temporal filter before a live norm wants the mean over the electrodes."""
    keras.utils.set_random_seed(SEED)
    architecture = Architecture(_temporal_first)
    model = architecture.build()
    x, y = batches(model, architecture, STEPS, SEED)
    x = (np.rint(x / CODE) * CODE).astype(np.float32)
    conversion = convert(
        model,
        output_dir=tmp_path,
        batch_size=architecture.batch_size,
        learning_rate=architecture.learning_rate,
        ram="min",
        sample="int16",
        sample_scale=CODE,
    )
    graph = read(conversion.model_path.read_bytes())
    filters = [
        body.tensors[op.inputs[1]].data
        for body in graph.subgraphs
        for op in body.ops
        if op.kind == "BiotrainConv2DOfCodes"
    ]
    assert any(w is not None for w in filters), "no filter of ones"
    _assert_trains_as_keras(conversion, model, architecture, (x, y), "sums of codes")


def _temporal_first() -> keras.Model:
    """Filters along each of 6 electrodes, a norm, then over the electrodes."""
    layers = keras.layers
    x = layers.Input((6, 42, 1))
    y = layers.Conv2D(3, (1, 9), padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.DepthwiseConv2D((6, 1), depth_multiplier=2, use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    y = layers.Activation("elu")(y)
    y = layers.AveragePooling2D((1, 4))(y)
    y = layers.Dense(3, activation="softmax")(layers.Flatten()(y))
    return keras.Model(x, y)


def test_a_step_that_breaks_off_leaves_the_weights(tmp_path: Path) -> None:
    """A sample that is not there, in the middle of a batch whose sums are in the momentum."""
    keras.utils.set_random_seed(SEED)
    architecture = ARCHITECTURES["conv1d_chain"]
    model = architecture.build()
    x, y = batches(model, architecture, 1, SEED)
    conversion = convert(
        model, output_dir=tmp_path, batch_size=len(x[0]), ram="min", sample="flash"
    )
    info = read_model(conversion.model_path)
    info = replace(info, stored=as_stored(x[0], info))
    device = HostDevice(profile=TARGETS["host"], model=info)
    labels = y[0].tobytes()
    good = Command(Kind.TRAIN_STORED, np.arange(len(x[0]), dtype="<i4").tobytes() + labels)
    missing = np.arange(len(x[0]), dtype="<i4")
    missing[-1] = len(x[0])
    bad = Command(Kind.TRAIN_STORED, missing.tobytes() + labels)
    replies: list[Reply] = []
    commands = [good, Command(Kind.SAVE), bad, Command(Kind.SAVE), good, Command(Kind.QUIT)]
    device.run(commands, lambda _, reply: replies.append(reply), timeout_s=60)
    states = [reply.payload for reply in replies if isinstance(reply, Frame)]
    refusals = [r.text for r in replies if isinstance(r, Line) and r.text.startswith("error=")]
    assert len(refusals) == 1 and "kMomentumLost" in refusals[0], refusals
    before, after = (split_variables(state, conversion) for state in states)
    momenta = {name for name in before if name.endswith("/momentum")}
    assert momenta and any(before[name].any() for name in momenta)
    lost = {name for name in momenta if not after[name].any()}
    assert lost, "no sum was in a momentum"
    kept = before.keys() - lost
    assert_all_close(
        {n: after[n] for n in kept}, {n: before[n] for n in kept}, "exact", what="kept"
    )
