# SPDX-License-Identifier: Apache-2.0
"""Files of every age load exactly; everything that will not train is refused, all of it at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from converters import ConversionError, convert
from converters.loading.load import load
from converters.loading.support import SUPPORTED, check_supported
from converters.step.choose_optimizer import choose_optimizer
from converters.step.losses import compiled_loss_name
from converters.step.options import StepOptions
from tests.compare import assert_close
from tests.models import eegnet, perceptron

L = keras.layers
KERAS_2_REFUSED = {
    "DepthwiseConv2D": {"groups": 1},
    "SeparableConv2D": {
        "groups": 1,
        "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": None}},
        "kernel_regularizer": None,
        "kernel_constraint": None,
    },
}
"""What Keras 2 writes into the configuration of these layers, and Keras 3 does not take."""


def make_legacy(path: Path) -> None:
    """Rewrite the configuration of a Keras 3 .h5 as Keras 2 would have written it."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(v) for v in value]
        if not isinstance(value, dict):
            return value
        if value.get("class_name") == "DTypePolicy":
            return value["config"]["name"]
        if value.get("class_name") == "__keras_tensor__":
            return plain(value["config"]["keras_history"])
        kept = {k: plain(v) for k, v in value.items()}
        for key in (
            "module",
            "registered_name",
            "build_config",
            "compile_config",
            "quantization_config",
        ):
            kept.pop(key, None)
        return kept

    with h5py.File(path, "r+") as file:
        config = plain(json.loads(file.attrs["model_config"]))
        for layer in config["config"]["layers"]:
            kind, settings = layer["class_name"], layer["config"]
            settings.update(KERAS_2_REFUSED.get(kind, {}))
            if kind == "InputLayer":
                settings["batch_input_shape"] = settings.pop("batch_shape")
                settings["ragged"] = False
            if kind == "BatchNormalization":
                settings["axis"] = [3]
                settings.pop("synchronized", None)
            nodes = layer["inbound_nodes"]
            histories = [arg for node in nodes for arg in node["args"]]
            layer["inbound_nodes"] = [[[*history, {}]] for history in histories]
        for side in ("input_layers", "output_layers"):
            layers = config["config"][side]
            config["config"][side] = layers if isinstance(layers[0], list) else [layers]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file.attrs.pop("training_config", None)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, dict[str, Path]]:
    folder = tmp_path_factory.mktemp("models")
    model = eegnet()
    paths = {"keras": folder / "m.keras", "h5": folder / "m.h5", "legacy": folder / "old.h5"}
    for path in paths.values():
        model.save(path)
    make_legacy(paths["legacy"])
    return model, paths


@pytest.mark.parametrize("kind", ["keras", "h5", "legacy"])
def test_files_load_exactly(kind: str, saved: tuple[keras.Model, dict[str, Path]]) -> None:
    model, paths = saved
    loaded = load(paths[kind])
    check_supported(loaded)
    weights = {v.path: v.numpy() for v in model.weights}
    assert {v.path for v in loaded.weights} == set(weights)
    for variable in loaded.weights:
        assert_close(variable.numpy(), weights[variable.path], "exact", what=variable.path)
    x = np.random.default_rng(0).normal(size=(3, 4, 128, 1)).astype(np.float32)
    assert_close(loaded(x), model(x), "exact", what=f"{kind} output")
    constraint = loaded.get_layer("spatial_conv").depthwise_constraint
    assert isinstance(constraint, keras.constraints.MaxNorm)


def test_keras_alone_refuses_the_legacy_file(
    saved: tuple[keras.Model, dict[str, Path]],
) -> None:
    """Otherwise the file is no test of the shims."""
    with pytest.raises(Exception, match="groups|kernel_initializer"):
        keras.models.load_model(saved[1]["legacy"], compile=False)


def test_compiled_choices_are_taken_from_the_file(tmp_path: Path) -> None:
    model = perceptron()
    named = {
        "mse": "mse",
        "mean_squared_error": "mse",
        "sparse_categorical_crossentropy": "sparse_categorical_crossentropy",
        "binary_crossentropy": "binary_crossentropy",
    }
    for loss, ours in named.items():
        model.compile(keras.optimizers.SGD(0.03, momentum=0.5), loss=loss)
        for name in ("m.keras", "m.h5"):
            model.save(tmp_path / name)
            loaded = load(tmp_path / name)
            assert compiled_loss_name(loaded) == ours, (loss, name)
            sgd, origin = choose_optimizer(StepOptions(), loaded)
            assert (sgd.momentum, origin) == (0.5, "compiled into the model")
            assert sgd.learning_rate == pytest.approx(0.03)


def truncate(source: Path, target: Path) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: len(data) // 2])
    return target


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def weights_only(model: keras.Model, path: Path) -> Path:
    model.save_weights(path)
    return path


BadFile = Callable[[Path, keras.Model, dict[str, Path]], Path]
BAD_FILES: dict[str, tuple[BadFile, str]] = {
    "missing": (lambda d, m, s: d / "none.h5", "does not exist"),
    "a folder": (lambda d, m, s: d, "does not exist|end in"),
    "truncated h5": (lambda d, m, s: truncate(s["h5"], d / "t.h5"), "cannot be rebuilt"),
    "truncated keras": (
        lambda d, m, s: truncate(s["keras"], d / "t.keras"),
        "not a .keras archive",
    ),
    "garbage h5": (lambda d, m, s: write(d / "g.h5", b"garbage" * 99), "not an HDF5 file"),
    "garbage keras": (lambda d, m, s: write(d / "g.keras", b"PK\x03\x04" * 99), "not a .keras"),
    "empty h5": (lambda d, m, s: write(d / "e.h5", b""), "not an HDF5 file"),
    "empty keras": (lambda d, m, s: write(d / "e.keras", b""), "not a .keras archive"),
    "h5 header": (lambda d, m, s: write(d / "h.h5", b"\x89HDF\r\n\x1a\n" + b"x" * 99), "rebuilt"),
    "weights": (lambda d, m, s: weights_only(m, d / "w.weights.h5"), "weights only"),
    "wrong suffix": (lambda d, m, s: write(d / "m.tflite", b"x"), "must end in .keras or .h5"),
    "no suffix": (lambda d, m, s: write(d / "model", b"x"), "'no suffix'"),
    "h5 named keras": (
        lambda d, m, s: write(d / "x.keras", s["h5"].read_bytes()),
        "not a .keras archive",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_bad_files_end_in_one_line(
    what: str, tmp_path: Path, saved: tuple[keras.Model, dict[str, Path]]
) -> None:
    make, message = BAD_FILES[what]
    path = make(tmp_path, *saved)
    with pytest.raises(ConversionError, match=message) as refused:
        convert(path, output_dir=tmp_path / "out")
    text = str(refused.value)
    print(text)
    assert "\n" not in text and str(path) in text
    assert not (tmp_path / "out").exists()


def test_not_a_model_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="must be a keras.Model or the path .* got int"):
        load(7)


def test_an_h5_that_is_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(ConversionError, match="weights only"):
        load(path)


def test_an_unknown_custom_layer_says_what_to_do(tmp_path: Path) -> None:
    class Odd(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

    inputs = keras.Input((3,))
    for name in ("odd.keras", "odd.h5"):
        keras.Model(inputs, Odd()(inputs)).save(tmp_path / name)
        with pytest.raises(ConversionError, match="register_keras_serializable") as refused:
            load(tmp_path / name)
        assert "\n" not in str(refused.value)


def refused_by(model: keras.Model) -> str:
    with pytest.raises(ConversionError) as refused:
        check_supported(model)
    return str(refused.value)


def test_all_unsupported_layers_are_listed_at_once() -> None:
    x = inputs = keras.Input((8, 16, 4))
    x = L.Conv2DTranspose(4, 3, padding="same", name="up")(x)
    x = L.Conv2D(4, 3, groups=2, padding="same", name="grouped")(x)
    x = L.Conv2D(4, 3, activation="swish", padding="same", name="swished")(x)
    x = L.Activation("selu", name="selu")(x)
    x = L.BatchNormalization(axis=1, name="rows")(x)
    x = L.ReLU(max_value=3, name="relu3")(x)
    x = L.ELU(alpha=0.5, name="elu")(x)
    x = L.Softmax(axis=1, name="softmax1")(x)
    x = L.Dropout(0.5, noise_shape=(None, 1, 1, 4), name="noisy")(x)
    x = L.LayerNormalization(axis=1, name="layernorm1")(x)
    x = L.Lambda(lambda v: v * 2, name="lambda_")(x)
    x = L.Reshape((16, 32), name="reshape")(x)
    x = L.LSTM(5, name="lstm")(x)
    x = L.Dense(3, name="scores", dtype="mixed_float16")(x)
    model = keras.Model(inputs, x)
    text = refused_by(model)
    print(text)
    bad = ["up", "grouped", "swished", "selu", "rows", "relu3", "elu", "softmax1", "noisy"]
    bad += ["layernorm1", "lambda_", "lstm", "scores"]
    lines = text.splitlines()
    assert len(lines) == 1 + len(bad) and f"{len(bad)} things" in lines[0]
    for line, name in zip(lines[1:], bad, strict=True):
        assert line.startswith(f"  {name} ("), line
        assert line.count(";") >= 1 or "rows" in line, f"no advice in: {line}"
    assert "reshape (" not in text


def test_channels_first_is_refused() -> None:
    inputs = keras.Input((4, 8, 16))
    x = L.Conv2D(2, 3, data_format="channels_first", name="conv")(inputs)
    x = L.MaxPooling2D(2, data_format="channels_first", name="pool")(x)
    text = refused_by(keras.Model(inputs, x))
    assert text.count("channels_first") == 2


def test_models_that_are_no_graph_of_layers() -> None:
    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    subclassed = Subclassed()
    subclassed(np.zeros((1, 3), np.float32))
    assert "functional API" in refused_by(subclassed)
    assert "functional API" in refused_by(Subclassed())
    assert "functional API" in refused_by(keras.Sequential([L.Dense(2)]))


def test_two_inputs_two_outputs_open_shape() -> None:
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    x = L.Add(name="sum")([a, b])
    assert "2 inputs and 1 outputs" in refused_by(keras.Model([a, b], x))
    assert "1 inputs and 2 outputs" in refused_by(keras.Model(a, [L.Dense(2)(a), L.Dense(3)(a)]))
    c = keras.Input((4, None, 1))
    assert "is open" in refused_by(keras.Model(c, L.Conv2D(2, 3, padding="same")(c)))


def test_a_shared_batch_norm_is_refused_and_a_shared_dense_is_not() -> None:
    inputs = keras.Input((4,))
    norm, dense = L.BatchNormalization(name="norm"), L.Dense(4, name="dense")
    twice = norm(norm(inputs))
    assert "used more than once" in refused_by(keras.Model(inputs, twice))
    check_supported(keras.Model(inputs, dense(dense(inputs))))


def test_one_batch_norm_in_two_models_is_not_shared() -> None:
    """A layer that another model uses too is used once in this one."""
    inputs = keras.Input((4,))
    norm = L.BatchNormalization(name="norm")
    model = keras.Model(inputs, L.Dense(2)(norm(inputs)))
    norm(keras.Input((4,)))
    check_supported(model)
    # A nested model is a use; two uses of it are two of the norm.
    outer = keras.Input((4,), name="outer")
    check_supported(keras.Model(outer, model(outer)))
    inner = keras.Model(inputs, norm(inputs), name="inner")
    assert "used more than once" in refused_by(keras.Model(outer, inner(inner(outer))))
    check_supported(keras.Sequential([outer, model, L.Dense(3)]))


def test_duplicate_variable_names_are_refused(tmp_path: Path) -> None:
    """Layers of two nested models may have one name; saved variables may not."""

    def block() -> keras.Model:
        inputs = keras.Input((4,))
        return keras.Model(inputs, L.Dense(4, name="dense")(inputs), name=f"block{id(inputs)}")

    inputs = keras.Input((4,))
    model = keras.Model(inputs, block()(block()(inputs)))
    paths = [v.path for v in model.variables]
    if len(set(paths)) == len(paths):
        pytest.skip("this Keras names variables of nested models apart")
    with pytest.raises(ConversionError, match="two variables are named dense/"):
        convert(model, output_dir=tmp_path)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("ops", "flex", "ops must be one of micro, builtin, got 'flex'"),
        ("norm", "instance", "norm must be one of keep, frozen, group"),
        ("strategy", "half", "strategy must be one of none, last-layer"),
        ("optimizer", "lion", "optimizer must be one of sgd, momentum, adam"),
        ("loss", "hinge", "loss must be one of"),
        ("batch_size", 0, "batch_size must be a whole number of at least 1, got 0"),
        ("batch_size", 2.5, "batch_size must be a whole number"),
        ("learning_rate", 0.0, "learning_rate must be a positive number, got 0.0"),
        ("learning_rate", float("nan"), "learning_rate must be a positive number, got nan"),
        ("learning_rate", float("inf"), "learning_rate must be a positive number, got inf"),
        ("momentum", 1.0, r"momentum must be in \[0, 1\), got 1.0"),
        ("momentum", float("nan"), "momentum must be in"),
        ("seed", -1, "seed must be in"),
        ("seed", 8_000_000, "seed must be in"),
    ],
)
def test_bad_options_end_in_one_line(option: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=message) as refused:
        convert(perceptron(), output_dir=tmp_path, **{option: value})
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("loss", "last", "message"),
    [
        ("sparse_categorical_crossentropy", "sigmoid", "ends in softmax or linear, but it ends in"),
        ("binary_crossentropy", "softmax", "ends in sigmoid or linear, but it ends in softmax"),
        ("categorical_crossentropy", "tanh", "but it ends in tanh"),
    ],
)
def test_a_loss_that_does_not_fit_the_output(
    loss: str, last: str, message: str, tmp_path: Path
) -> None:
    inputs = keras.Input((4,))
    model = keras.Model(inputs, L.Dense(3, activation=last)(inputs))
    with pytest.raises(ConversionError, match=message):
        convert(model, output_dir=tmp_path, loss=loss)


def test_nothing_to_train_is_refused(tmp_path: Path) -> None:
    model = perceptron()
    model.trainable = False
    with pytest.raises(ConversionError, match="no variable to train"):
        convert(model, output_dir=tmp_path)


def test_the_table_of_layers_is_the_promised_one() -> None:
    separable = [f"{kind}{n}D" for n in (1, 2) for kind in ("Depthwise", "Separable", "")]
    promised = {name.replace("1D", "Conv1D").replace("2D", "Conv2D") for name in separable}
    both = ["AveragePooling", "MaxPooling", "GlobalAveragePooling", "SpatialDropout", "ZeroPadding"]
    promised |= {f"{kind}{n}D" for kind in both for n in (1, 2)}
    promised |= {f"{kind}Normalization" for kind in ("Batch", "Group", "Layer")}
    promised |= {"Dense", "ReLU", "LeakyReLU", "ELU", "Softmax", "Activation", "Dropout"}
    promised |= {"Flatten", "Reshape", "Permute", "Add", "Concatenate"}
    assert len(promised) == 31
    assert promised <= {kind.__name__ for kind in SUPPORTED}
