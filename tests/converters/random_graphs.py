# SPDX-License-Identifier: Apache-2.0
"""Random training steps without arithmetic: the kinds, lifetimes and variables a planner meets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from converters.graph import Graph, Signature, Subgraph
from converters.passes.builder import SubgraphBuilder

UNARY = ("RELU", "TANH", "SQRT", "SOFTMAX", "RESHAPE", "EXPAND_DIMS")
BINARY = ("ADD", "MUL", "BATCH_MATMUL", "BiotrainConv2D", "BiotrainReluGrad", "BiotrainDropout")
SIZES = (1, 3, 4, 5, 16, 40)


def random_graph(seed: int, *, ops: int = 25, variables: int = 4) -> Graph:
    """Subgraphs train, infer, save, restore and init over the same variables."""
    generator = np.random.default_rng(seed)
    sizes = {f"v{i}": int(generator.choice(SIZES)) for i in range(variables)}
    momentum = {n: f"{n}/momentum" for n in sizes if generator.random() < 0.5}
    sizes |= {m: sizes[n] for n, m in momentum.items()}
    train, loss = _train(generator, sizes, momentum, ops)
    infer = _infer(generator, sizes)
    subgraphs = [train, infer, _save(sizes), _restore(sizes), _init(sizes)]
    called = []
    for s in subgraphs[:-1]:
        b = SubgraphBuilder("call")
        b.call_once(4)
        called.append(replace(s, ops=(*b.build([], []).ops, *s.ops)))
    signatures = {
        "train": Signature("train", 0, {"x": train.inputs[0]}, {"loss": loss}),
        "infer": Signature("infer", 1, {"x": infer.inputs[0]}, {"output": infer.outputs[0]}),
        "save": Signature("save", 2, {}, dict(zip(sizes, called[2].outputs, strict=True))),
        "restore": Signature("restore", 3, dict(zip(sizes, called[3].inputs, strict=True)), {}),
    }
    return Graph((*called, subgraphs[-1]), signatures)


def _body(
    b: SubgraphBuilder, generator: np.random.Generator, live: list[tuple[int, int]], ops: int
) -> None:
    """Append random ops; ``live`` holds (tensor, size) and grows."""
    for n in range(ops):
        t, size = live[int(generator.integers(max(0, len(live) - 8), len(live)))]
        if generator.random() < 0.4:
            kind = str(generator.choice(UNARY))
            shape = (1, size) if kind == "EXPAND_DIMS" else (size,)
            inputs = [t]
        else:
            kind = str(generator.choice(BINARY))
            u, other = live[int(generator.integers(len(live)))]
            grows = kind in ("BATCH_MATMUL", "BiotrainConv2D")
            size = int(generator.choice(SIZES)) if grows else max(size, other)
            shape, inputs = (size,), [t, u]
        out = b.tensor(f"t{n}", shape)
        b.op(kind, inputs, [out])
        live.append((out, size))


def _read(b: SubgraphBuilder, name: str, size: int) -> int:
    return b.op("READ_VARIABLE", [b.handle(name)], [b.tensor(name, (size,))])


def _train(
    generator: np.random.Generator, sizes: dict[str, int], momentum: dict[str, str], ops: int
) -> tuple[Subgraph, int]:
    b = SubgraphBuilder("train")
    x_size = int(generator.choice(SIZES))
    x = b.tensor("x", (x_size,))
    weights = [n for n in sizes if n not in momentum.values()]
    values = {n: _read(b, n, sizes[n]) for n in weights}
    live = [(x, x_size), *((values[n], sizes[n]) for n in weights)]
    _body(b, generator, live, ops)
    loss = b.tensor("loss", ())
    b.op("SUM", [live[-1][0]], [loss])
    _body(b, generator, live, ops)
    for name in weights:
        gradient = b.op("SUM", [live[-1][0]], [b.tensor(f"{name}/gradient", (sizes[name],))])
        updated = b.tensor(f"{name}/new", (sizes[name],))
        # Some graphs read a variable twice; both reads come before its update.
        again = values[name] if generator.random() < 0.5 else _read(b, name, sizes[name])
        if name in momentum:
            velocity = b.tensor(f"{name}/velocity", (sizes[name],))
            old = _read(b, momentum[name], sizes[name])
            inputs, outputs = [again, old, gradient], [updated, velocity]
            b.op("BiotrainSgdMomentum", inputs, outputs)
            b.op("ASSIGN_VARIABLE", [b.handle(momentum[name]), velocity], [])
        elif generator.random() < 0.5:
            b.op("BiotrainSgd", [again, gradient], [updated])
        else:
            b.op("SUB", [again, gradient], [updated])
        if generator.random() < 0.3:
            clipped = b.tensor(f"{name}/clipped", (sizes[name],))
            updated = b.op("MUL", [updated, b.constant("c", np.float32(0.5))], [clipped])
        b.op("ASSIGN_VARIABLE", [b.handle(name), updated], [])
        # The backward pass goes on, and may still read the old value of what is updated already.
        _body(b, generator, live, 2)
    return b.build([x], [loss]), loss


def _infer(generator: np.random.Generator, sizes: dict[str, int]) -> Subgraph:
    b = SubgraphBuilder("infer")
    x = b.tensor("x", (16,))
    live = [(x, 16), *((_read(b, n, s), s) for n, s in sizes.items())]
    _body(b, generator, live, 12)
    return b.build([x], [live[-1][0]])


def _save(sizes: dict[str, int]) -> Subgraph:
    b = SubgraphBuilder("save")
    return b.build([], [_read(b, n, s) for n, s in sizes.items()])


def _restore(sizes: dict[str, int]) -> Subgraph:
    b = SubgraphBuilder("restore")
    given = {n: b.tensor(n, (s,)) for n, s in sizes.items()}
    for name, t in given.items():
        b.op("ASSIGN_VARIABLE", [b.handle(name), t], [])
    return b.build(list(given.values()), [b.constant("restored", np.int32(len(sizes)))])


def _init(sizes: dict[str, int]) -> Subgraph:
    b = SubgraphBuilder("init")
    for name, size in sizes.items():
        value = b.constant(f"{name}/first", np.ones(size, np.float32))
        b.op("ASSIGN_VARIABLE", [b.handle(name), value], [])
    return b.build([], [])
