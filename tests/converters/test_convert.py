# SPDX-License-Identifier: Apache-2.0
"""convert(): the files, the report, the C array, and what a reader of the flatbuffer sees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from converters import ConversionError, ConversionResult, convert
from converters import graph as graphs
from converters.emit.c_array import identifier, write_c_array
from converters.emit.work import forward_macs, step_macs
from converters.step.twin import leaf_layers
from tests.compare import assert_close
from tests.converters.conftest import STANDARD
from tests.models import eegnet, perceptron

REPO = Path(__file__).resolve().parents[2]
L = keras.layers

# EEGNet of tests/models.py on 4 electrodes and 128 samples, by hand.
TEMPORAL = 4 * 128 * 4 * 16  # places x filters x taps
SPATIAL = 128 * 8 * 4  # samples x filters x electrodes
SEPARABLE = 32 * 8 * 8 + 32 * 8 * 8  # depthwise taps, then pointwise channels
CLASSIFIER = 32 * 3
FORWARD = TEMPORAL + SPATIAL + SEPARABLE + CLASSIFIER
PARAMETERS = 4 * 16 + 16 + 32 + 32 + (64 + 64) + 32 + (32 * 3 + 3)
STATISTICS = 2 * 4 + 2 * 8 + 2 * 8

LACKING_IN_TFLM = {
    "ONE_HOT",
    "RANDOM_UNIFORM",
    "TILE",
    "POW",
    "SIGN",
    "SELECT",
    "GELU",
    "REDUCE_PROD",
    "RANGE",
    "SCATTER_ND",
}
WRONG_IN_TFLITE_RUNTIME = {"REVERSE_V2"}


@pytest.fixture(scope="module")
def micro(converted: Callable[..., Any]) -> ConversionResult:
    return converted("eegnet_dropout")


@pytest.fixture(scope="module")
def builtin(converted: Callable[..., Any]) -> ConversionResult:
    return converted("eegnet", ops="builtin")


def test_files_exist_and_are_named_after_the_model(micro: ConversionResult) -> None:
    folder = micro.report_path.parent
    files = {name: Path(path) for name, path in micro.report["files"].items()}
    assert {p.name for p in files.values()} == {
        "eegnet_dropout.tflite",
        "eegnet_dropout_model_data.h",
        "eegnet_dropout_model_data.cc",
        "eegnet_dropout_model_ops.cc",
        "eegnet_dropout_tflm_ops.h",
        "report.json",
    }
    assert all(p.parent == folder and p.stat().st_size > 0 for p in files.values())
    assert json.loads(files["report"].read_text()) == micro.report


def test_report_counts(micro: ConversionResult) -> None:
    report = micro.report
    assert report["parameters"] == PARAMETERS
    assert report["trained_parameters"] == PARAMETERS - STATISTICS
    # Three passes over every layer, but the input gradient of the first.
    assert report["textbook_macs_per_step"] == 8 * (3 * FORWARD - TEMPORAL)
    assert report["flatbuffer_bytes"] == micro.model_path.stat().st_size
    assert report["flags"]["learning_rate"] == STANDARD["learning_rate"]
    assert report["flags"]["batch_size"] == 8 and report["flags"]["seed"] == STANDARD["seed"]
    assert report["flags"]["loss"] == "sparse_categorical_crossentropy"
    ram = report["ram_bytes"]
    assert ram["arena"] == micro.arena_bytes >= ram["lower_bound"] > 0
    assert ram["weights_and_optimizer"] + ram["activations_and_gradients"] == ram["arena"]
    variables = 4 * (2 * (PARAMETERS - STATISTICS) + STATISTICS + 2)
    padding = 16 * len(report["variables"])
    assert variables <= ram["weights_and_optimizer"] <= variables + padding
    print(f"parameters={PARAMETERS} macs={report['textbook_macs_per_step']} ram={ram}")


def test_report_lists_ops_and_memory(micro: ConversionResult) -> None:
    report = micro.report
    assert "BiotrainConv2DGradFilter" in report["op_list"] and "BiotrainConv2D" in report["op_list"]
    assert report["op_list"] == sorted(set(report["op_list"]))
    train = report["op_counts"]["train"]
    # The first norm is between convolutions that change places.
    assert train["BiotrainSgdMomentum"] == 12 and train["BiotrainBatchNormGrad"] == 2
    assert train["BiotrainDropout"] == 4
    rows = report["memory_map"]
    names = {row["name"] for row in rows}
    assert set(report["variables"]) <= names and len(rows) > len(report["variables"]) + 10
    assert all(0 <= r["offset"] <= micro.arena_bytes - r["bytes"] for r in rows)


def test_first_layer_separable_counts_its_depthwise_half_only() -> None:
    inputs = keras.Input((4, 10, 3))
    x = L.SeparableConv2D(5, (1, 3), depth_multiplier=2, padding="same", name="first")(inputs)
    x = L.Flatten()(x)
    model = keras.Model(inputs, L.Dense(2)(x))
    depthwise, pointwise, dense = 40 * 6 * 3, 40 * 6 * 5, 200 * 2
    forward = depthwise + pointwise + dense
    names = {layer.name for layer in leaf_layers(model)}
    assert step_macs(leaf_layers(model), 4, trained=names) == 4 * (3 * forward - depthwise)
    # Only the last layer moves: forward of all, and its own weight gradient.
    last = {model.layers[-1].name}
    assert step_macs(leaf_layers(model), 4, trained=last) == 4 * (forward + dense)


def test_other_compiled_loss_is_refused_not_replaced() -> None:
    inputs = keras.Input((5,))
    model = keras.Model(inputs, L.Dense(3, activation="softmax")(inputs))
    model.compile("sgd", loss="hinge")
    with pytest.raises(ConversionError, match="hinge.*--loss"):
        convert(model)


def test_forward_macs_of_each_kind() -> None:
    inputs = keras.Input((6, 20, 3))
    layers: dict[keras.layers.Layer, int] = {
        L.Conv2D(5, (2, 4), strides=(1, 2)): 5 * 9 * 5 * 2 * 4 * 3,
        L.DepthwiseConv2D((3, 3), depth_multiplier=2, padding="same"): 6 * 20 * 6 * 9,
        L.Dense(7): 6 * 20 * 7 * 3,
        L.AveragePooling2D(2): 0,
        L.BatchNormalization(): 0,
    }
    for layer, macs in layers.items():
        layer(inputs)
        assert forward_macs(layer) == macs, layer
    one = keras.Input((20, 3))
    layer = L.Conv1D(4, 5, padding="same", dilation_rate=2)
    layer(one)
    assert forward_macs(layer) == 20 * 4 * 5 * 3


def parse_array(source: str) -> bytes:
    body = re.search(r"\] = \{(.*?)\};", source, re.DOTALL)
    assert body is not None
    return bytes(int(v, 16) for v in re.findall(r"0x[0-9a-f]{2}", body.group(1)))


@pytest.mark.parametrize("flavour", ["micro", "builtin"])
def test_c_array_compiles_alone_and_is_the_flatbuffer(
    flavour: str, request: pytest.FixtureRequest, need_command: Callable[..., None], tmp_path: Path
) -> None:
    need_command("g++")
    result: ConversionResult = request.getfixturevalue(flavour)
    header, source = (Path(result.report["files"][k]) for k in ("header", "source"))
    data = result.model_path.read_bytes()
    assert parse_array(source.read_text()) == data
    symbol = f"g_{result.model_path.stem}_model_data"
    assert f"alignas(16) const unsigned char {symbol}[] = {{" in source.read_text()
    main = tmp_path / "main.cc"
    main.write_text(
        f'#include "{header.name}"\n#include <cstdio>\n'
        f"int main() {{ std::fwrite({symbol}, 1, {symbol}_size, stdout);\n"
        f"  return {symbol}_arena_bytes == {result.arena_bytes} ? 0 : 1; }}\n"
    )
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{header.parent}"]
    subprocess.run(["g++", *flags, "-c", str(source), "-o", str(tmp_path / "a.o")], check=True)
    subprocess.run(
        ["g++", *flags, str(main), str(tmp_path / "a.o"), "-o", str(tmp_path / "a")], check=True
    )
    out = subprocess.run([str(tmp_path / "a")], check=True, capture_output=True).stdout
    assert out == data
    print(f"{flavour}: compared={len(data)} bytes")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("EEGNet v4.1", "eegnet_v4_1"),
        ("8by8", "model_8by8"),
        ("model", "model"),
        ("Größe", "größe"),
        ("---", "model"),
    ],
)
def test_identifiers(name: str, wanted: str, tmp_path: Path) -> None:
    assert identifier(name) == wanted
    header, _ = write_c_array(b"\x00\xff", name=name, folder=tmp_path, arena_bytes=16, comment="c")
    assert header.name == f"{wanted}_model_data.h"


def test_conversion_is_deterministic(tmp_path: Path) -> None:
    """The same model twice, in one process and in another, gives the same bytes."""
    files = []
    for n in range(2):
        result = convert(perceptron(), output_dir=tmp_path / str(n), batch_size=2)
        files.append(result.model_path.read_bytes())
    script = (
        "import sys; from converters import convert; from tests.models import perceptron;"
        "convert(perceptron(), output_dir=sys.argv[1], batch_size=2)"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "other")],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    files.append((tmp_path / "other" / "mlp.tflite").read_bytes())
    assert files[0] == files[1] == files[2]
    print(f"compared={len(files[0])} bytes, 3 conversions")


def test_last_layer_trains_the_last_layer_and_leaves_the_user_s_model_alone(
    tmp_path: Path,
) -> None:
    model = perceptron()
    before = [w.copy() for w in model.get_weights()]
    stages: list[str] = []
    result = convert(
        model, output_dir=tmp_path, strategy="last-layer", batch_size=1, progress=stages.append
    )
    assert len(stages) == 5 and stages[0] == "loading" and stages[-1] == "writing files"
    assert result.report["trained_parameters"] == 5 * 3 + 3
    moving = {name for name in result.report["variables"] if name.endswith("/momentum")}
    assert moving == {"scores/kernel/momentum", "scores/bias/momentum"}

    assert all(layer.trainable for layer in model.layers)
    assert model.layers[-1].activation is keras.activations.softmax
    for now, then in zip(model.get_weights(), before, strict=True):
        assert_close(now, then, "exact", what="weights of the user's model")


def test_names_read_well(micro: ConversionResult) -> None:
    graph = graphs.read(micro.model_path.read_bytes())
    assert set(graph.signatures) == {"infer", "restore", "save", "train"}
    train, infer = graph.signatures["train"], graph.signatures["infer"]
    assert set(train.inputs) == {"x", "y"} and "loss" in train.outputs
    assert set(infer.inputs) == {"x"} and set(infer.outputs) == {"output", "logits"}
    weights = {v.path for v in eegnet(drop=0.25).weights}
    saved = set(graph.signatures["save"].outputs)
    assert weights | {"step", "seed"} <= saved
    assert {n.removesuffix("/momentum") for n in saved - weights - {"step", "seed"}} <= weights
    assert list(graph.signatures["save"].outputs) == sorted(saved)
    assert list(graph.signatures["restore"].inputs) == sorted(saved)
    for subgraph in graph.subgraphs:
        assert subgraph.name
        for op in subgraph.ops:
            if op.custom:
                assert op.kind.startswith("Biotrain") and isinstance(op.options, dict)
    options = next(op for op in graph.subgraph_of("train").ops if op.kind.endswith("GradFilter"))
    assert {"stride_h", "dilation_w", "padding"} <= set(options.options)


def test_tensors_have_names_where_asked_for(tmp_path: Path) -> None:
    sizes = {}
    for named in (False, True):
        result = convert(perceptron(), output_dir=tmp_path / str(named), tensor_names=named)
        graph = graphs.read(result.model_path.read_bytes())
        names = {t.name for s in graph.subgraphs for t in s.tensors}
        assert ("" in names) is not named
        assert not any("tfl.custom" in name for name in names)
        # The report has them in any case.
        assert all(span["name"] for span in result.report["memory_map"])
        for signature in graph.signatures.values():
            tensors = graph.subgraphs[signature.subgraph].tensors
            assert all(tensors[i].name for i in signature.outputs.values())
        sizes[named] = result.report["flatbuffer_bytes"]
    print(f"flatbuffer bytes without and with names: {sizes}")
    assert sizes[False] < 0.9 * sizes[True]


def test_static_batches(micro: ConversionResult, builtin: ConversionResult) -> None:
    for result, infer_batch in ((micro, 1), (builtin, 8)):
        graph = graphs.read(result.model_path.read_bytes())

        def shape(key: str, name: str, graph: graphs.Graph = graph) -> tuple[int, ...]:
            subgraph = graph.subgraph_of(key)
            return subgraph.tensors[graph.signatures[key].inputs[name]].shape

        assert shape("train", "x") == (8, 4, 128, 1) and shape("train", "y") == (8,)
        assert shape("infer", "x") == (infer_batch, 4, 128, 1)


def test_builtin_has_no_custom_op_and_nothing_that_tflm_lacks(builtin: ConversionResult) -> None:
    graph = graphs.read(builtin.model_path.read_bytes())
    kinds = set(graph.op_kinds())
    assert not [op.kind for s in graph.subgraphs for op in s.ops if op.custom]
    assert not kinds & (LACKING_IN_TFLM | WRONG_IN_TFLITE_RUNTIME)
    assert builtin.arena_bytes == 0 and builtin.report["ram_bytes"] is None


def test_train_and_infer_carry_the_dropout_seed(micro: ConversionResult) -> None:
    graph = graphs.read(micro.model_path.read_bytes())
    kinds = [op.kind for op in graph.subgraph_of("infer").ops]
    assert "BiotrainDropout" not in kinds
    layers = {
        op.options["layer"] for op in graph.subgraph_of("train").ops if op.kind == "BiotrainDropout"
    }
    assert layers == {0, 1}


def test_the_command_converts_a_file(tmp_path: Path) -> None:
    pytest.importorskip("biotrain_tf.cli.main", reason="needs the command line of biotrain_tf")
    perceptron().save(tmp_path / "tiny.h5")
    done = subprocess.run(
        [
            sys.executable,
            str(REPO / "converters" / "convert_trainable.py"),
            str(tmp_path / "tiny.h5"),
            "--output-dir",
            str(tmp_path / "out"),
            "--batch-size",
            "2",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / "tiny.tflite").stat().st_size > 1000


def test_the_command_ends_a_bad_file_in_one_line(tmp_path: Path) -> None:
    pytest.importorskip("biotrain_tf.cli.main", reason="needs the command line of biotrain_tf")
    command = [sys.executable, str(REPO / "converters" / "convert_trainable.py"), "none.h5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "none.h5 does not exist" in done.stderr + done.stdout
