# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench step`: one training step, operator by operator."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from biotrain_tf.bench.bench_models import BenchModel
from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.counting import Executed, Interval
from biotrain_tf.device.data import as_stored
from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, DeviceError
from biotrain_tf.device.model import ModelInfo, TensorInfo
from biotrain_tf.device.protocol import Command, Kind, Line, Reply
from biotrain_tf.device.qemu import QemuDevice
from biotrain_tf.errors import BiotrainError
from converters import graph as graphs
from converters.emit.op_features import OpFeatures, features
from converters.targets import TARGETS

TOLERANCE = 0.01
"""How far the sum over operators may be from a run that counts whole steps only."""

CHECKS = "(checks of the input)"


@dataclass(frozen=True)
class OpCost:
    """One operator of the train signature and what it executed in a step, on average.

    ``index`` is its place in the subgraph, -1 for what the runner does before the first. ``runs``:
    how often it runs in a step, in a loop.
    """

    signature: str
    index: int
    features: OpFeatures
    instructions: float
    loads: float
    fmas: float
    runs: int = 1


@dataclass(frozen=True)
class StepCost:
    model: BenchModel
    target: str
    ops: tuple[OpCost, ...]
    whole: float
    """Instructions of a step in a run that does not look at operators."""

    @property
    def instructions(self) -> float:
        return sum(op.instructions for op in self.ops)

    @property
    def difference(self) -> float:
        return abs(self.instructions - self.whole) / self.whole

    @property
    def adds_up(self) -> bool:
        return self.difference <= TOLERANCE

    def to_json(self) -> dict[str, Any]:
        instructions, macs = round(self.instructions), self.model.macs
        return {
            "model": self.model.name,
            "plan": self.model.plan,
            "shape": "x".join(map(str, self.model.info.x.shape)),
            "target": self.target,
            "instructions": instructions,
            "macs": macs,
            "instructions_per_mac": round(instructions / macs, 4) if macs else None,
            "whole_run_instructions_per_step": round(self.whole),
            "loads": round(sum(op.loads for op in self.ops)),
            "fmas": round(sum(op.fmas for op in self.ops)),
            "arena_bytes": self.model.info.arena_bytes,
            "ops": [
                {
                    "signature": op.signature,
                    "index": op.index,
                    "kind": op.features.kind,
                    "shape": op.features.shape,
                    "instructions": round(op.instructions),
                    "macs": op.features.macs,
                    "instructions_per_mac": round(op.instructions / op.features.macs, 4)
                    if op.features.macs
                    else None,
                    "loads": round(op.loads),
                    "fmas": round(op.fmas),
                }
                for op in self.ops
            ],
        }


def bench_step(
    model: BenchModel,
    target: str,
    *,
    steps: int = 1,
    compare: bool = True,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> StepCost:
    """Runs ``steps`` training steps on QEMU by operator and, to ``compare``, as a whole."""
    profile = TARGETS.get(target)
    if profile is None or profile.qemu is None:
        known = ", ".join(name for name, other in TARGETS.items() if other.qemu is not None)
        raise BiotrainError(f"target: wanted one that QEMU runs, {known}; found {target!r}")
    info, commands = training(model.info, steps)
    program = build_firmware(profile=profile, model=info).program

    def run(by_op: bool) -> tuple[Interval, ...]:
        device = QemuDevice(profile=profile, program=program, by_op=by_op)
        counts = device.run(commands, _fail_on_refusal(device), timeout_s=timeout_s)
        if counts.steps is None or len(counts.steps) != steps:
            found = 0 if counts.steps is None else len(counts.steps)
            raise DeviceError(f"{device.name}: wanted counts of {steps} steps; found {found}")
        return counts.steps

    by_op = run(by_op=True)
    whole = run(by_op=False) if compare else by_op
    return StepCost(
        model=model,
        target=target,
        ops=_by_operator(model.info, by_op),
        whole=sum(step.total.instructions for step in whole) / steps,
    )


def training(info: ModelInfo, steps: int) -> tuple[ModelInfo, list[Command]]:
    """``steps`` batches of noise with labels in turn, and the end; the model with the samples that
    it keeps, if it does.
    """
    generator = np.random.default_rng(1)
    commands = []
    stored = b""
    for i in range(steps):
        x = generator.standard_normal(info.x.shape, np.float32)
        y = _labels(info, info.y).tobytes()
        if info.fetches_samples:
            numbers = np.arange(i * info.batch_size, (i + 1) * info.batch_size, dtype="<i4")
            stored += as_stored(x, info)
            commands.append(Command(Kind.TRAIN_STORED, numbers.tobytes() + y))
        else:
            commands.append(Command(Kind.TRAIN, x.tobytes() + y))
    return replace(info, stored=stored), [*commands, Command(Kind.QUIT)]


def _labels(info: ModelInfo, y: TensorInfo) -> np.ndarray[Any, Any]:
    classes = np.arange(info.batch_size) % max(info.classes, 2)
    if y.dtype.kind == "i":
        return classes.astype(y.dtype).reshape(y.shape)
    if y.elements == info.batch_size * info.classes and info.classes > 1:
        return np.eye(info.classes, dtype=y.dtype)[classes].reshape(y.shape)
    return np.resize(classes, y.shape).astype(y.dtype)


def _fail_on_refusal(device: QemuDevice) -> Any:
    def on_reply(command: Command, reply: Reply) -> None:
        if isinstance(reply, Line) and reply.text.startswith("error="):
            if reply.values["error"] == "fault":
                raise DeviceError(device.describe_fault(reply))
            raise DeviceError(f"{device.name}: refused with {reply.text}")

    return on_reply


def execution_order(graph: graphs.Graph, subgraph: int | None = None) -> list[tuple[int, int]]:
    """Subgraph and place of each operator of a training step, as the runner runs them: those of a
    loop's body once an iteration.
    """
    at = graph.signatures["train"].subgraph if subgraph is None else subgraph
    order = []
    for index, op in enumerate(graph.subgraphs[at].ops):
        order.append((at, index))
        if op.kind == graphs.FOR_EACH:
            order += op.options["count"] * execution_order(graph, op.options["subgraph"])
    return order


def _by_operator(info: ModelInfo, steps: tuple[Interval, ...]) -> tuple[OpCost, ...]:
    graph = graphs.read(info.content)
    order = execution_order(graph)
    for step in steps:
        if len(step.ops) != len(order):
            raise DeviceError(
                f"{info.name}: wanted counts of {len(order)} operators; found {len(step.ops)}"
            )
    before = sum((step.before for step in steps), Executed())
    costs = [_cost("train", -1, OpFeatures(CHECKS, ""), before, len(steps), 1)]
    runs = Counter(order)
    sums: dict[tuple[int, int], Executed] = {}
    for i, place in enumerate(order):
        sums[place] = sum((step.ops[i] for step in steps), sums.get(place, Executed()))
    for (at, index), total in sums.items():
        subgraph = graph.subgraphs[at]
        costs.append(
            _cost(
                subgraph.name,
                index,
                features(subgraph, subgraph.ops[index]),
                total,
                len(steps),
                runs[at, index],
            )
        )
    return tuple(costs)


def _cost(name: str, index: int, op: OpFeatures, total: Executed, steps: int, runs: int) -> OpCost:
    return OpCost(
        signature=name,
        index=index,
        features=op,
        instructions=total.instructions / steps,
        loads=total.loads / steps,
        fmas=total.fmas / steps,
        runs=runs,
    )
