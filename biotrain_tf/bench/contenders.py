# SPDX-License-Identifier: Apache-2.0
"""One training step in each framework, on one thread; each tells how long a step took."""

from __future__ import annotations

import contextlib
import importlib
import math
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from biotrain_tf.device.build import build_step_timer
from biotrain_tf.device.interface import DeviceError
from converters import graph as graphs
from converters.targets import TARGETS

LEARNING_RATE, MOMENTUM = 0.01, 0.9


class Contender(ABC):
    """A model in one framework, and one batch that it trains on again and again."""

    name: str
    loss = math.nan
    """Of the last step, before its update."""

    @abstractmethod
    def step(self) -> float:
        """Trains once; seconds of that alone."""

    def close(self) -> None:  # noqa: B027
        """Frees what it holds."""


class HostRunner(Contender):
    name = "biotrain host runner"

    def __init__(self, model: Path, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
        program = build_step_timer(TARGETS["host"])
        (folder / "x.bin").write_bytes(x.astype("<f4").tobytes())
        (folder / "y.bin").write_bytes(y.astype("<i4").tobytes())
        command = [program, model.resolve(), folder / "x.bin", folder / "y.bin"]
        self._process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def step(self) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b".")
            self._process.stdin.flush()
        line = self._process.stdout.readline().decode()
        if not line.startswith("step_ns="):
            raise DeviceError(f"{self.name}: wanted step_ns=..; found {line.strip() or 'no word'}")
        values = dict(part.split("=") for part in line.split())
        self.loss = float(values["loss"])
        return int(values["step_ns"]) * 1e-9

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(timeout=10)


class LiteRT(Contender):
    """The train body as the main subgraph: neither the selector nor a branch is in its way."""

    name = "LiteRT (XNNPACK)"

    def __init__(self, model: Path, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        alone = folder / "litert_train.tflite"
        alone.write_bytes(graphs.write(train_body_alone(graphs.read(model.read_bytes()))))
        self._interpreter = Interpreter(model_path=str(alone), num_threads=1)
        self._interpreter.allocate_tensors()
        self._feeds = {}
        for detail in self._interpreter.get_input_details():
            is_y = detail["name"] == "y"
            value = y.astype(np.int32) if is_y else x
            self._feeds[detail["index"]] = value.reshape(detail["shape"])

    def step(self) -> float:
        for index, value in self._feeds.items():
            self._interpreter.set_tensor(index, value)
        started = time.perf_counter()
        self._interpreter.invoke()
        taken = time.perf_counter() - started
        details = self._interpreter.get_output_details()
        loss = next(detail for detail in details if np.prod(detail["shape"]) == 1)
        self.loss = float(self._interpreter.get_tensor(loss["index"]).squeeze())
        return taken


def train_body_alone(graph: graphs.Graph) -> graphs.Graph:
    """Of a file with the selector: what a train call branches into, and the initialiser."""
    from ai_edge_litert import schema_py_generated as schema

    entry = graph.subgraph_of("train")
    init = graph.init_subgraph()
    branch = next(op for op in entry.ops if op.kind == "IF")
    body = graph.subgraphs[branch.options.thenSubgraphIndex]
    once = schema.CallOnceOptionsT()
    once.initSubgraphIndex = 1
    assert init is not None
    tensors = list(body.tensors)
    for index, name in zip(body.inputs, ("x", "y"), strict=True):
        old = tensors[index]
        tensors[index] = graphs.Tensor(name, old.shape, old.type)
    main = graphs.Subgraph(
        "main",
        tuple(tensors),
        (graphs.Op("CALL_ONCE", (), (), once), *body.ops),
        body.inputs,
        body.outputs,
    )
    return graphs.Graph((main, graph.subgraphs[init]), {})


def twin_of(model: Any) -> Any:
    """A copy with the same weights, to be trained on its own."""
    import keras

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


class KerasTrainOnBatch(Contender):
    name = "Keras train_on_batch"

    def __init__(self, model: Any, x: np.ndarray, y: np.ndarray) -> None:
        import keras

        self._model, self._x, self._y = twin_of(model), x, y
        self._model.compile(
            keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM),
            "sparse_categorical_crossentropy",
            jit_compile=False,
        )

    def step(self) -> float:
        started = time.perf_counter()
        loss = self._model.train_on_batch(self._x, self._y)
        taken = time.perf_counter() - started
        self.loss = float(np.ravel(loss)[0])
        # Keras tells the mean over an epoch's batches.
        self._model.reset_metrics()
        return taken


class TensorFlowFunction(Contender):
    name = "tf.function"

    def __init__(self, model: Any, x: np.ndarray, y: np.ndarray) -> None:
        import keras
        import tensorflow as tf

        twin = twin_of(model)
        optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
        loss_of = keras.losses.SparseCategoricalCrossentropy()
        optimizer.build(twin.trainable_variables)

        @tf.function
        def train(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = loss_of(y, twin(x, training=True))
            gradients = tape.gradient(loss, twin.trainable_variables)
            optimizer.apply_gradients(zip(gradients, twin.trainable_variables, strict=True))
            return loss

        self._train, self._x, self._y = train, tf.constant(x), tf.constant(y)

    def step(self) -> float:
        started = time.perf_counter()
        loss = self._train(self._x, self._y).numpy()
        taken = time.perf_counter() - started
        self.loss = float(loss)
        return taken


class PyTorch(Contender):
    name = "PyTorch (channels_last)"

    def __init__(self, model: Any, x: np.ndarray, y: np.ndarray) -> None:
        from biotrain_tf.bench.torch_eegnet import constrained, torch_eegnet

        self._torch = torch = importlib.import_module("torch")
        torch.set_num_threads(1)
        self._model = torch_eegnet(model).to(memory_format=torch.channels_last).train()
        self._constrained = constrained(self._model, model)
        self._optimizer = torch.optim.SGD(
            self._model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM
        )
        images = torch.from_numpy(x.reshape(len(x), 1, *x.shape[1:3]).copy())
        self._x = images.to(memory_format=torch.channels_last)
        self._y = torch.from_numpy(y.astype(np.int64))
        self._loss = torch.nn.CrossEntropyLoss()

    def step(self) -> float:
        started = time.perf_counter()
        self._optimizer.zero_grad()
        loss = self._loss(self._model(self._x), self._y)
        loss.backward()
        self._optimizer.step()
        with self._torch.no_grad():
            for weight, limit in self._constrained:
                weight.copy_(weight.renorm(2, 0, limit))
        value = loss.item()
        taken = time.perf_counter() - started
        self.loss = float(value)
        return taken


class OnnxRuntime(Contender):
    """It has no momentum and no limits on norms, so that only its first two losses are ours."""

    name = "onnxruntime-training (plain SGD)"

    def __init__(self, model: Any, x: np.ndarray, y: np.ndarray, folder: Path) -> None:
        from biotrain_tf.bench.onnx_eegnet import training_module

        artifacts = folder / "onnx"
        artifacts.mkdir()
        self._module, self._optimizer = training_module(model, len(x), artifacts, LEARNING_RATE)
        self._module.train()
        self._x = np.ascontiguousarray(x.reshape(len(x), 1, *x.shape[1:3]))
        self._y = y.astype(np.int64)

    def step(self) -> float:
        started = time.perf_counter()
        loss = self._module(self._x, self._y)
        self._optimizer.step()
        self._module.lazy_reset_grad()
        taken = time.perf_counter() - started
        self.loss = float(loss)
        return taken
