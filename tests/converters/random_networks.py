# SPDX-License-Identifier: Apache-2.0
"""Random small convolutional steps as they are traced, channels last: all that moves axes about.

The gradients of convolutions are there, but what flows into them is made up: a step need not be one
of any loss to be compared with itself rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from converters.graph import Graph, Op, Signature, Subgraph, Tensor
from converters.passes.builder import SubgraphBuilder

MOVES = (
    *("conv", "depthwise", "pool", "norm", "tanh", "pad", "slice"),
    *("concat", "residual", "permute", "reshape", "mean", "scale", "bias"),
)
RATE = {"learning_rate": 0.1, "momentum": 0.5}


@dataclass
class _Variables:
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def new(self, generator: np.random.Generator, kind: str, shape: tuple[int, ...]) -> str:
        name = f"{kind}{len(self.values)}"
        self.values[name] = generator.normal(0, 0.5, shape).astype(np.float32)
        return name


@dataclass
class _Net:
    """A subgraph that grows by moves. ``seen`` are the convolutions to be differentiated."""

    b: SubgraphBuilder
    generator: np.random.Generator
    variables: _Variables
    custom: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    gradients: list[tuple[str, int]] = field(default_factory=list)

    def op(self, kind: str, inputs: list[int], shape: tuple[int, ...], *a: Any, **o: Any) -> int:
        out = self.b.op(kind, inputs, [self.b.tensor(kind.lower(), shape)], *a, **o)
        self.shapes[out] = shape
        return out

    def compact(
        self, kind: str, inputs: list[int], shapes: list[tuple[int, ...]], **options: Any
    ) -> list[int]:
        outputs = [self.b.tensor(kind, shape) for shape in shapes]
        self.b.op(kind, inputs, outputs)
        self.custom.append((outputs[0], kind, options))
        self.shapes.update(zip(outputs, shapes, strict=True))
        return outputs

    def variable(self, kind: str, shape: tuple[int, ...]) -> int:
        name = self.variables.new(self.generator, kind, shape)
        self.read[name] = self.op("READ_VARIABLE", [self.b.handle(name)], shape)
        return self.read[name]

    def name_of(self, value: int) -> str:
        return next(name for name, t in self.read.items() if t == value)

    def ints(self, *values: int) -> int:
        return self.b.constant("ints", np.array(values, np.int32))

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.generator.integers(len(choices)))]

    def reshape(self, t: int, shape: tuple[int, ...]) -> int:
        return self.op("RESHAPE", [t, self.ints(*shape)], shape)

    def convolution(self, x: int, *, depthwise: bool) -> int:
        batch, height, width, channels = self.shapes[x]
        kernel = (int(self.pick(1, 2, min(3, height))), int(self.pick(1, 3, 4)))
        last = int(self.pick(1, 2, 3))
        w = self.variable("filter", (*kernel, channels, last))
        stride = int(self.pick(1, 2))
        out = (batch, height, -(-width // stride), channels * last if depthwise else last)
        zeros = self.b.constant("zeros", np.zeros(out[3], np.float32))
        window = {"strideH": 1, "strideW": stride, "padding": 0}
        dilation = {"dilationHFactor": 1, "dilationWFactor": 1}
        if depthwise:
            filters = self.reshape(w, (1, *kernel, out[3]))
            options = {"depthMultiplier": last, **window, **dilation}
            y = self.op(
                "DEPTHWISE_CONV_2D", [x, filters, zeros], out, "DepthwiseConv2DOptions", **options
            )
        else:
            order = self.ints(3, 0, 1, 2)
            filters = self.op("TRANSPOSE", [w, order], (last, *kernel, channels))
            y = self.op("CONV_2D", [x, filters, zeros], out, "Conv2DOptions", **window, **dilation)
        options = {"stride_h": 1, "stride_w": stride, "dilation_h": 1, "dilation_w": 1}
        kind = "DepthwiseConv2D" if depthwise else "Conv2D"
        dw = self.compact(
            f"Biotrain{kind}GradFilter", [x, y], [self.shapes[w]], padding="SAME", **options
        )
        self.gradients.append((self.name_of(w), dw[0]))
        dx = self.compact(
            f"Biotrain{kind}GradInput", [w, y], [self.shapes[x]], padding="SAME", **options
        )
        return dx[0] if self.generator.random() < 0.3 else y

    def move(self, kind: str, x: int) -> int:
        shape = self.shapes[x]
        batch, height, width, channels = shape
        out: tuple[int, ...]
        if kind in ("conv", "depthwise"):
            return self.convolution(x, depthwise=kind == "depthwise")
        if kind == "pool":
            out = (batch, height, -(-width // 2), channels)
            options = {"filterHeight": 1, "filterWidth": 2, "strideH": 1, "strideW": 2}
            return self.op("AVERAGE_POOL_2D", [x], out, "Pool2DOptions", padding=0, **options)
        if kind == "norm":
            vectors = [self.variable(n, (channels,)) for n in ("gamma", "beta")]
            outputs = [shape, (channels,), (channels,)]
            y, mean, _ = self.compact("BiotrainBatchNorm", [x, *vectors], outputs, epsilon=0.1)
            self.gradients.append((self.name_of(vectors[0]), mean))
            return y
        if kind == "tanh":
            return self.op("TANH", [x], shape)
        if kind == "pad":
            pads = self.generator.integers(0, 2, (4, 2))
            pads[0] = 0
            out = tuple(int(n + p.sum()) for n, p in zip(shape, pads, strict=True))
            return self.op("PAD", [x, self.b.constant("pads", pads.astype(np.int32))], out)
        if kind == "slice":
            begin = [0, *(int(n > 2) for n in shape[1:])]
            out = tuple(n - b for n, b in zip(shape, begin, strict=True))
            return self.op("SLICE", [x, self.ints(*begin), self.ints(*out)], out)
        if kind == "concat":
            axis = int(self.pick(1, 2, 3))
            y = self.op("TANH", [x], shape)
            out = (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :])
            return self.op("CONCATENATION", [x, y], out, "ConcatenationOptions", axis=axis)
        if kind == "residual":
            return self.op("ADD", [self.op("TANH", [x], shape), x], shape)
        if kind == "permute":
            order = (0, *(int(i) + 1 for i in self.generator.permutation(3)))
            return self.op("TRANSPOSE", [x, self.ints(*order)], tuple(shape[i] for i in order))
        if kind == "reshape":
            cut = self.pick(
                (batch, 1, height * width, channels),
                (batch, width, height, channels),
                (batch, height, channels, width),
                (batch, width * channels, 1, height),
            )
            return self.reshape(x, cut)
        if kind == "mean":
            axes = self.pick((1,), (2,), (1, 2), (3,))
            kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
            mean = self.op("MEAN", [x, self.ints(*axes)], kept, "ReducerOptions", keepDims=True)
            wide = self.op("BROADCAST_TO", [mean, self.ints(*shape)], shape)
            return self.op("ADD", [x, wide], shape)
        sizes = (channels,) if kind == "bias" else self.pick((width, 1), (height, 1, channels))
        return self.op("MUL", [x, self.variable(kind, sizes)], shape)


def random_network(seed: int, *, moves: int = 5) -> Graph:
    """Signatures train(x), infer(x), save and restore over the same variables."""
    generator = np.random.default_rng(seed)
    variables = _Variables()
    shape = tuple(int(generator.integers(1, high)) for high in (3, 5, 9, 4))
    train, ends = _train(_Net(SubgraphBuilder("train"), generator, variables), shape, moves)
    names = sorted(variables.values)
    save, restore, first = _save(variables), _restore(variables), _init(variables)
    subgraphs = []
    for s in (train, save, restore):
        b = SubgraphBuilder("call")
        b.call_once(3)
        subgraphs.append(replace(s, ops=(*b.build([], []).ops, *s.ops)))
    signatures = {
        "train": Signature("train", 0, {"x": train.inputs[0]}, ends),
        "save": Signature("save", 1, {}, dict(zip(names, save.outputs, strict=True))),
        "restore": Signature("restore", 2, dict(zip(names, restore.inputs, strict=True)), {}),
    }
    return Graph((*subgraphs, first), signatures)


def _train(net: _Net, shape: tuple[int, ...], moves: int) -> tuple[Subgraph, dict[str, int]]:
    b = net.b
    x = b.tensor("x", shape)
    net.shapes[x] = shape
    y = x
    for kind in net.generator.choice(MOVES, moves):
        if prod(net.shapes[y]) < 2000:
            y = net.move(str(kind), y)
    y = net.convolution(y, depthwise=False)
    before = net.shapes[y]
    flat = net.reshape(y, (before[0], prod(before[1:])))
    w = net.variable("dense", (prod(before[1:]), 3))
    logits = net.op("BATCH_MATMUL", [flat, w], (before[0], 3), "BatchMatMulOptions")
    output = net.op("SOFTMAX", [logits], (before[0], 3), "SoftmaxOptions", beta=1.0)
    back = net.op("FULLY_CONNECTED", [output, w, -1], net.shapes[flat], "FullyConnectedOptions")
    slope = net.compact("BiotrainTanhGrad", [y, net.reshape(back, before)], [before])[0]
    loss = net.op("SUM", [slope, net.ints(0, 1, 2, 3)], (), "ReducerOptions")
    dw = net.op("BATCH_MATMUL", [flat, output], net.shapes[w], "BatchMatMulOptions", adjX=True)
    for name, gradient in [*net.gradients, (net.name_of(w), dw)]:
        momentum = net.variable("momentum", net.shapes[gradient])
        values = [net.read[name], momentum, gradient]
        new = net.compact("BiotrainSgdMomentum", values, [net.shapes[gradient]] * 2, **RATE)
        for variable, value in zip((name, net.name_of(momentum)), new, strict=True):
            b.op("ASSIGN_VARIABLE", [b.handle(variable), value], [])
    subgraph = b.build([x], [loss, output, slope])
    options = {out: (kind, values) for out, kind, values in net.custom}
    ops = tuple(
        Op(op.kind, op.inputs, op.outputs, options[op.outputs[0]][1])
        if op.custom and op.outputs
        else op
        for op in subgraph.ops
    )
    ends = {"loss": loss, "output": output, "slope": slope}
    return replace(subgraph, ops=ops), ends


def _save(variables: _Variables) -> Subgraph:
    b = SubgraphBuilder("save")
    names = sorted(variables.values)
    read = [
        b.op("READ_VARIABLE", [b.handle(n)], [b.tensor(n, variables.values[n].shape)])
        for n in names
    ]
    return b.build([], read)


def _restore(variables: _Variables) -> Subgraph:
    b = SubgraphBuilder("restore")
    names = sorted(variables.values)
    given = [b.like(Tensor(n, variables.values[n].shape, "FLOAT32")) for n in names]
    for name, t in zip(names, given, strict=True):
        b.op("ASSIGN_VARIABLE", [b.handle(name), t], [])
    return b.build(given, [])


def _init(variables: _Variables) -> Subgraph:
    b = SubgraphBuilder("init")
    for name, value in variables.values.items():
        b.op("ASSIGN_VARIABLE", [b.handle(name), b.constant(name, value)], [])
    return b.build([], [])
