# SPDX-License-Identifier: Apache-2.0
"""A flatbuffer written by hand, with its memory plan: softmax regression trained by SGD.

It needs neither TensorFlow nor the converter, trains in microseconds, and its weights after any
number of steps can be told with numpy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

FLOAT32 = schema.TensorType.FLOAT32
INT32 = schema.TensorType.INT32
RESOURCE = schema.TensorType.RESOURCE
Op = schema.BuiltinOperator


@dataclass(frozen=True)
class TinyShape:
    batch: int = 4
    features: int = 6
    classes: int = 3
    learning_rate: float = 0.5


def initial_weights(shape: TinyShape) -> np.ndarray:
    generator = np.random.default_rng(7)
    return generator.normal(0, 0.1, (shape.classes, shape.features)).astype(np.float32)


@dataclass
class _Builder:
    """The whole model; buffer 0 is empty, as the format asks."""

    buffers: list[bytes] = field(default_factory=lambda: [b""])
    codes: list[tuple[int, str]] = field(default_factory=list)

    def code(self, builtin: int, custom: str = "") -> int:
        if (builtin, custom) not in self.codes:
            self.codes.append((builtin, custom))
        return self.codes.index((builtin, custom))


class _Subgraph:
    """Tensors, operators and their part of the plan; no two tensors share memory."""

    def __init__(self, builder: _Builder, name: str, first_free: int) -> None:
        self.builder = builder
        self.graph = schema.SubGraphT()
        self.graph.name = name.encode()
        self.graph.tensors, self.graph.operators = [], []
        self.offsets: list[int] = []
        self.free = first_free
        self.commit_op = -1

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        kind: int = FLOAT32,
        *,
        constant: np.ndarray | None = None,
        offset: int | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name.encode(), list(shape), kind
        tensor.buffer = 0
        if constant is not None:
            self.builder.buffers.append(constant.tobytes())
            tensor.buffer = len(self.builder.buffers) - 1
            offset = -1
        if offset is None:
            offset = self.free
            self.free += -(-4 * int(np.prod(shape, initial=1)) // 16) * 16
        self.graph.tensors.append(tensor)
        self.offsets.append(offset)
        return len(self.graph.tensors) - 1

    def op(
        self,
        builtin: int,
        inputs: list[int],
        outputs: list[int],
        options: object = None,
        options_type: int = 0,
        *,
        custom: str = "",
        custom_options: dict[str, float] | None = None,
    ) -> int:
        op = schema.OperatorT()
        op.opcodeIndex = self.builder.code(builtin, custom)
        op.inputs, op.outputs = inputs, outputs
        op.builtinOptions, op.builtinOptionsType = options, options_type
        if custom_options is not None:
            packed = flexbuffers.Builder()
            with packed.Map():
                for key, value in custom_options.items():
                    packed.Float(key, value)
            op.customOptions = list(packed.Finish())
        self.graph.operators.append(op)
        return len(self.graph.operators) - 1

    def weights(self) -> int:
        """CALL_ONCE, and the handle of the only variable, which is at offset 0."""
        once = schema.CallOnceOptionsT()
        once.initSubgraphIndex = 4
        self.op(Op.CALL_ONCE, [], [], once, schema.BuiltinOptions.CallOnceOptions)
        return self.handle()

    def handle(self) -> int:
        handle = self.tensor("weights", (), RESOURCE, offset=0)
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = b"", b"weights"
        self.op(Op.VAR_HANDLE, [], [handle], options, schema.BuiltinOptions.VarHandleOptions)
        return handle

    def ends(self, inputs: list[int], outputs: list[int]) -> None:
        self.graph.inputs, self.graph.outputs = inputs, outputs


def _dense() -> object:
    return schema.FullyConnectedOptionsT()


def _train(builder: _Builder, shape: TinyShape, first_free: int) -> _Subgraph:
    graph = _Subgraph(builder, "train", first_free)
    batch, features, classes = shape.batch, shape.features, shape.classes
    x = graph.tensor("x", (batch, features))
    y = graph.tensor("y", (batch,), INT32)
    handle = graph.weights()
    weights = graph.tensor("w", (classes, features), offset=0)
    graph.op(Op.READ_VARIABLE, [handle], [weights])
    logits = graph.tensor("logits", (batch, classes))
    options = _dense()
    graph.op(
        Op.FULLY_CONNECTED,
        [x, weights, -1],
        [logits],
        options,
        schema.BuiltinOptions.FullyConnectedOptions,
    )
    one_hot = graph.tensor("one_hot", (batch, classes))
    eye = graph.tensor("eye", (classes, classes), constant=np.eye(classes, dtype=np.float32))
    graph.op(
        Op.GATHER,
        [eye, y],
        [one_hot],
        schema.GatherOptionsT(),
        schema.BuiltinOptions.GatherOptions,
    )
    log_p = graph.tensor("log_p", (batch, classes))
    graph.op(
        Op.LOG_SOFTMAX,
        [logits],
        [log_p],
        schema.LogSoftmaxOptionsT(),
        schema.BuiltinOptions.LogSoftmaxOptions,
    )
    picked = graph.tensor("picked", (batch, classes))
    graph.op(
        Op.MUL, [one_hot, log_p], [picked], schema.MulOptionsT(), schema.BuiltinOptions.MulOptions
    )
    axes = graph.tensor("axes", (2,), INT32, constant=np.array([0, 1], np.int32))
    total = graph.tensor("total", ())
    graph.op(
        Op.SUM,
        [picked, axes],
        [total],
        schema.ReducerOptionsT(),
        schema.BuiltinOptions.ReducerOptions,
    )
    scale = graph.tensor("scale", (), constant=np.array(-1 / batch, np.float32))
    loss = graph.tensor("loss", ())
    graph.op(Op.MUL, [total, scale], [loss], schema.MulOptionsT(), schema.BuiltinOptions.MulOptions)
    p = graph.tensor("p", (batch, classes))
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.op(Op.SOFTMAX, [logits], [p], softmax, schema.BuiltinOptions.SoftmaxOptions)
    error = graph.tensor("error", (batch, classes))
    graph.op(Op.SUB, [p, one_hot], [error], schema.SubOptionsT(), schema.BuiltinOptions.SubOptions)
    mean_error = graph.tensor("mean_error", (batch, classes))
    share = graph.tensor("share", (), constant=np.array(1 / batch, np.float32))
    graph.op(
        Op.MUL, [error, share], [mean_error], schema.MulOptionsT(), schema.BuiltinOptions.MulOptions
    )
    gradient = graph.tensor("gradient", (classes, features))
    product = schema.BatchMatMulOptionsT()
    product.adjX = True
    graph.op(
        Op.BATCH_MATMUL,
        [mean_error, x],
        [gradient],
        product,
        schema.BuiltinOptions.BatchMatMulOptions,
    )
    updated = graph.tensor("w_next", (classes, features), offset=0)
    graph.commit_op = graph.op(
        Op.CUSTOM,
        [weights, gradient],
        [updated],
        custom="BiotrainSgd",
        custom_options={"learning_rate": shape.learning_rate},
    )
    graph.op(Op.ASSIGN_VARIABLE, [handle, updated], [])
    graph.ends([x, y], [loss])
    return graph


def _infer(builder: _Builder, shape: TinyShape, first_free: int) -> _Subgraph:
    graph = _Subgraph(builder, "infer", first_free)
    x = graph.tensor("x", (1, shape.features))
    handle = graph.weights()
    weights = graph.tensor("w", (shape.classes, shape.features), offset=0)
    graph.op(Op.READ_VARIABLE, [handle], [weights])
    logits = graph.tensor("logits", (1, shape.classes))
    options = _dense()
    graph.op(
        Op.FULLY_CONNECTED,
        [x, weights, -1],
        [logits],
        options,
        schema.BuiltinOptions.FullyConnectedOptions,
    )
    output = graph.tensor("output", (1, shape.classes))
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.op(Op.SOFTMAX, [logits], [output], softmax, schema.BuiltinOptions.SoftmaxOptions)
    graph.ends([x], [output])
    return graph


def _save(builder: _Builder, shape: TinyShape, first_free: int) -> _Subgraph:
    graph = _Subgraph(builder, "save", first_free)
    handle = graph.weights()
    weights = graph.tensor("w", (shape.classes, shape.features), offset=0)
    graph.op(Op.READ_VARIABLE, [handle], [weights])
    graph.ends([], [weights])
    return graph


def _restore(builder: _Builder, shape: TinyShape, first_free: int) -> _Subgraph:
    graph = _Subgraph(builder, "restore", first_free)
    values = graph.tensor("w", (shape.classes, shape.features))
    handle = graph.weights()
    graph.commit_op = graph.op(Op.ASSIGN_VARIABLE, [handle, values], [])
    # A signature has an output; this one gives back what it was given.
    graph.ends([values], [values])
    return graph


def _init(builder: _Builder, shape: TinyShape, first_free: int) -> _Subgraph:
    graph = _Subgraph(builder, "init", first_free)
    handle = graph.handle()
    initial = initial_weights(shape)
    values = graph.tensor("initial", initial.shape, constant=initial)
    graph.commit_op = graph.op(Op.ASSIGN_VARIABLE, [handle, values], [])
    graph.ends([], [])
    return graph


def _signature(key: str, index: int, graph: _Subgraph) -> schema.SignatureDefT:
    def entries(tensors: list[int]) -> list[schema.TensorMapT]:
        result = []
        for tensor in tensors:
            entry = schema.TensorMapT()
            name = graph.graph.tensors[tensor].name.decode()
            entry.name = b"weights" if name == "w" else name.encode()
            entry.tensorIndex = tensor
            result.append(entry)
        return result

    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = key.encode(), index
    signature.inputs, signature.outputs = entries(graph.graph.inputs), entries(graph.graph.outputs)
    return signature


def tiny_model(shape: TinyShape | None = None) -> bytes:
    """The flatbuffer."""
    shape = shape or TinyShape()
    builder = _Builder()
    variable_bytes = -(-4 * shape.classes * shape.features // 16) * 16
    makers = (_train, _infer, _save, _restore, _init)
    graphs = [make(builder, shape, variable_bytes) for make in makers]
    arena_bytes = max(graph.free for graph in graphs)
    plan = [3, arena_bytes, variable_bytes, variable_bytes, len(graphs)]
    for graph in graphs:
        plan += [len(graph.offsets), graph.commit_op, 0, *graph.offsets]
    builder.buffers.append(struct.pack(f"<{len(plan)}i", *plan))

    model = schema.ModelT()
    model.version, model.description = 3, b"softmax regression"
    model.subgraphs = [graph.graph for graph in graphs]
    model.operatorCodes = []
    for builtin, custom in builder.codes:
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = builtin, 1
        code.deprecatedBuiltinCode = min(builtin, 127)
        code.customCode = custom.encode() if custom else None
        model.operatorCodes.append(code)
    model.buffers = []
    for data in builder.buffers:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8) if data else None
        model.buffers.append(buffer)
    metadata = schema.MetadataT()
    metadata.name, metadata.buffer = b"biotrain_plan", len(builder.buffers) - 1
    model.metadata = [metadata]
    names = ("train", "infer", "save", "restore")
    model.signatureDefs = [_signature(name, i, graphs[i]) for i, name in enumerate(names)]
    packer = flatbuffers.Builder(4096)
    packer.Finish(model.Pack(packer), b"TFL3")
    return bytes(packer.Output())


def tiny_data(shape: TinyShape, samples: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Separable samples and their labels."""
    generator = np.random.default_rng(seed)
    y = (np.arange(samples) % shape.classes).astype(np.int32)
    x = generator.normal(0, 0.5, (samples, shape.features)).astype(np.float32)
    x[np.arange(samples), y] += 2.0
    return x, y


def reference_losses(
    shape: TinyShape, x: np.ndarray, y: np.ndarray, steps: int
) -> tuple[list[float], np.ndarray]:
    """The same training in float64: losses and weights."""
    weights = initial_weights(shape).astype(np.float64)
    losses = []
    for step in range(steps):
        rows = np.arange(step * shape.batch, (step + 1) * shape.batch) % len(x)
        logits = x[rows].astype(np.float64) @ weights.T
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        one_hot = np.eye(shape.classes)[y[rows]]
        losses.append(float(-np.log((p * one_hot).sum(axis=1)).mean()))
        weights -= shape.learning_rate * (p - one_hot).T @ x[rows] / shape.batch
    return losses, weights


def write_tiny_model(folder: Path, shape: TinyShape | None = None) -> Path:
    path = folder / "tiny.tflite"
    path.write_bytes(tiny_model(shape))
    return path
