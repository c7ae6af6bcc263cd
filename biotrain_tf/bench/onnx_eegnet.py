# SPDX-License-Identifier: Apache-2.0
"""EEGNet for onnxruntime-training, layer for layer that of biotrain_tf.models, same weights.

Written in operators whose gradients onnxruntime 1.19 has: ELU is made of Relu and Exp, average
pooling is a convolution, SAME padding a Pad.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_OPSET, _IR_VERSION = 15, 8


class _Writer:
    """Nodes, weights and constants of one graph."""

    def __init__(self) -> None:
        self._onnx = importlib.import_module("onnx")
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.trained: list[str] = []

    def constant(self, value: np.ndarray, *, trained: bool = False) -> str:
        name = f"w{len(self.initializers)}"
        array = np.asarray(value, order="C")  # a scalar stays one
        self.initializers.append(self._onnx.numpy_helper.from_array(array, name))
        if trained:
            self.trained.append(name)
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(self._onnx.helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def convolution(self, x: str, kernel: np.ndarray, *, same: bool, groups: int = 1) -> str:
        """``kernel`` as torch has it; Keras pads more after than before."""
        if same:
            total = kernel.shape[3] - 1
            before, after = total // 2, total - total // 2
            pads = np.array([0, 0, 0, before, 0, 0, 0, after], np.int64)
            x = self.node("Pad", x, self.constant(pads))
        weight = self.constant(kernel, trained=True)
        return self.node("Conv", x, weight, group=groups, kernel_shape=list(kernel.shape[2:]))

    def norm(self, x: str, vectors: Sequence[np.ndarray], epsilon: float) -> str:
        names = [self.constant(vector, trained=i < 2) for i, vector in enumerate(vectors)]
        options: dict[str, Any] = {"training_mode": 1, "epsilon": epsilon}
        return self.node("BatchNormalization", x, *names, outputs=3, **options)

    def elu(self, x: str) -> str:
        """relu(x) + exp(-relu(-x)) - 1."""
        negative = self.node("Neg", self.node("Relu", self.node("Neg", x)))
        both = self.node("Add", self.node("Relu", x), self.node("Exp", negative))
        return self.node("Sub", both, self.constant(np.array(1, np.float32)))

    def pool(self, x: str, channels: int, size: int) -> str:
        shares = self.constant(np.full((channels, 1, 1, size), 1 / size, np.float32))
        sizes: dict[str, Any] = {"kernel_shape": [1, size], "strides": [1, size]}
        return self.node("Conv", x, shares, group=channels, **sizes)

    def dropout(self, x: str, rate: float) -> str:
        if rate == 0:
            return x
        values = (np.array(rate, np.float32), np.array(True))
        return self.node("Dropout", x, *map(self.constant, values), outputs=2)


def training_module(model: Any, batch: int, folder: Path, learning_rate: float) -> tuple[Any, Any]:
    """An onnxruntime training Module and its optimiser, SGD; on one thread."""
    onnx = importlib.import_module("onnx")
    runtime = importlib.import_module("onnxruntime")
    artifacts = importlib.import_module("onnxruntime.training.artifacts")
    api = importlib.import_module("onnxruntime.training.api")
    writer = _Writer()
    logits = _layers(writer, model)
    floats = onnx.TensorProto.FLOAT
    n_chans, n_times = model.input_shape[1:3]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        writer.nodes,
        "eegnet",
        [value("x", floats, [batch, 1, n_chans, n_times])],
        [value(logits, floats, [batch, model.output_shape[-1]])],
        writer.initializers,
    )
    opset = onnx.helper.make_opsetid("", _OPSET)
    forward = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)
    artifacts.generate_artifacts(
        forward,
        requires_grad=writer.trained,
        loss=artifacts.LossType.CrossEntropyLoss,
        optimizer=artifacts.OptimType.SGD,
        artifact_directory=str(folder),
    )
    # A newer onnx stamps what it makes with a version that this onnxruntime does not read.
    made = onnx.load(folder / "optimizer_model.onnx")
    made.ir_version = _IR_VERSION
    onnx.save(made, folder / "optimizer_model.onnx")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    state = api.CheckpointState.load_checkpoint(str(folder / "checkpoint"))
    paths = [str(folder / f"{name}_model.onnx") for name in ("training", "optimizer")]
    module = api.Module(paths[0], state, device="cpu", session_options=options)
    optimizer = api.Optimizer(paths[1], module)
    optimizer.set_learning_rate(learning_rate)
    return module, optimizer


def _layers(writer: _Writer, model: Any) -> str:
    left = iter(model.get_weights())
    layer = model.get_layer
    epsilon = layer("temporal_norm").epsilon

    def norm(x: str) -> str:
        return writer.norm(x, [next(left) for _ in range(4)], epsilon)

    def block_end(x: str, name: str, channels: int) -> str:
        x = writer.pool(writer.elu(x), channels, layer(f"{name}_pool").pool_size[1])
        return writer.dropout(x, layer(f"{name}_dropout").rate)

    x = norm(writer.convolution("x", next(left).transpose(3, 2, 0, 1), same=True))
    kernel = next(left).transpose(2, 3, 0, 1)  # [temporal, multiplier, height, 1]
    channels = kernel.shape[0] * kernel.shape[1]
    spatial = kernel.reshape(channels, 1, *kernel.shape[2:])
    x = norm(writer.convolution(x, spatial, same=False, groups=kernel.shape[0]))
    x = block_end(x, "spatial", channels)
    depthwise, pointwise = next(left).transpose(2, 3, 0, 1), next(left).transpose(3, 2, 0, 1)
    x = writer.convolution(x, depthwise, same=True, groups=channels)
    x = norm(writer.convolution(x, pointwise, same=False))
    x = block_end(x, "separable", len(pointwise))
    kernel = next(left)  # rows by time, then channels
    rows = kernel.reshape(-1, len(pointwise), kernel.shape[1]).transpose(1, 0, 2)
    weight = writer.constant(rows.reshape(kernel.shape), trained=True)
    bias = writer.constant(next(left), trained=True)
    return writer.node("Gemm", writer.node("Flatten", x, axis=1), weight, bias)
