# SPDX-License-Identifier: Apache-2.0
"""`biotrain bench memory --update-stacks`: which operator needs how much of the stack.

An emulator's plugin sees every store, and so the deepest of each operator in a training step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from biotrain_tf.bench.generated_models import generated_models
from biotrain_tf.bench.memory import BATCH_SIZE, CASES
from biotrain_tf.bench.step import execution_order, training
from biotrain_tf.device.build import build_firmware
from biotrain_tf.device.interface import DEFAULT_TIMEOUT_S, DeviceError
from biotrain_tf.device.model import read_model
from biotrain_tf.device.protocol import Command, Line, Reply
from biotrain_tf.device.qemu import QemuDevice
from converters.emit.stack_family import stack_family
from converters.graph import read
from converters.search.budget import loop_depth
from converters.targets import TARGETS
from converters.targets.stacks import StackTable, write_stacks

_SCALE = 1 / 4096
_NOTED = ("plain_a", "mixed_a", "square")
"""Generated models whose gradients read all kinds of bits and indices, in a little less RAM than
the fastest step takes.
"""


def converted_models(folder: Path, *, target: str) -> Iterator[Path]:
    """What a table is made of: the cases of `bench memory` in the least RAM and in what they are
    given, and generated models with their batch in memory, which the cases are too large for, with
    bits and indices for gradients, too.
    """
    from converters import convert

    for number, case in enumerate(CASES):
        flash, int16 = f"{case.limit_kib}K", f"{case.codes_limit_kib}K"
        plans = [("flash", "min"), ("flash", flash), ("int16", "min"), ("int16", int16)]
        # Too little for the batch, enough for a sample of floats: its checks go deepest.
        plans += [("float32", f"{3 * case.codes_limit_kib}K")] if number == 0 else []
        for sample, ram in plans:
            yield convert(
                case.model.build(),
                output_dir=folder / f"{case.model.name} {number} {sample} {ram}",
                norm=case.norm,
                batch_size=BATCH_SIZE,
                ram=ram,
                sample=sample,
                sample_scale=_SCALE if sample == "int16" else None,
                target=target,
            ).model_path
    for name, (model, batch) in generated_models().items():
        out = folder / name
        fastest = convert(model, output_dir=out, batch_size=batch, target=target)
        yield fastest.model_path
        if name in _NOTED:
            ram = 9 * fastest.report["ram_total_bytes"] // 10
            out = folder / f"{name} {ram}"
            yield convert(
                model, output_dir=out, batch_size=batch, ram=ram, target=target
            ).model_path


@dataclass
class _Seen:
    """``ops``: the deepest by (fetched, loops around it, family)."""

    ops: dict[tuple[bool, int, str], int] = field(default_factory=lambda: defaultdict(int))
    start: dict[int, int] = field(default_factory=lambda: defaultdict(int))


def update_stacks(
    target: str,
    models: Iterable[Path],
    *,
    on_progress: Callable[[str], None] = lambda text: None,
) -> StackTable:
    """Measures a step of each converted model, writes the table of ``target``."""
    seen = _Seen()
    for path in models:
        on_progress(f"stack of {path.parent.name} on {target}")
        _measure(path, target, seen)
    table = _table(target, seen)
    write_stacks(table)
    return table


def _measure(path: Path, target: str, seen: _Seen) -> None:
    info, commands = training(read_model(path), 1)
    profile = TARGETS[target]
    program = build_firmware(profile=profile, model=info).program
    device = QemuDevice(profile=profile, program=program, by_op=True, stack=True)

    def on_reply(command: Command, reply: Reply) -> None:
        if isinstance(reply, Line) and reply.text.startswith("error="):
            raise DeviceError(f"{device.name}: {reply.text}")

    counts = device.run(commands, on_reply, timeout_s=DEFAULT_TIMEOUT_S)
    assert counts.steps is not None
    (step,) = counts.steps
    graph = read(info.content)
    order = list(execution_order(graph))
    if len(order) != len(step.stacks):
        raise DeviceError(f"{device.name}: wanted {len(order)} operators; found {len(step.stacks)}")
    around = graph.loops_around(graph.signatures["train"].subgraph)
    for (at, i), stack in zip(order, step.stacks, strict=True):
        family = stack_family(graph.subgraphs[at], graph.subgraphs[at].ops[i])
        key = (info.fetches_samples, around[at], family)
        seen.ops[key] = max(seen.ops[key], stack)
    depth = loop_depth(graph)
    seen.start[depth] = max(seen.start[depth], step.stack_at_start)


def _table(target: str, seen: _Seen) -> StackTable:
    """Of an operator that only looks at its tensors there is no need of its own."""

    def least(fetched: bool, loops: int) -> int:
        found = [v for (f, n, _), v in seen.ops.items() if (f, n) == (fetched, loops)]
        return min(found, default=0)

    added = Counter(
        stack - seen.ops[True, 1, name]
        for (fetched, loops, name), stack in seen.ops.items()
        if fetched and loops == 2 and (True, 1, name) in seen.ops
    )
    if not added:
        raise DeviceError(f"{target}: wanted a model with loops in loops; found none")
    loop = added.most_common(1)[0][0]
    bases = {True: least(True, 0), False: least(False, 0)}
    families: dict[str, int] = defaultdict(int)
    for (fetched, loops, name), stack in seen.ops.items():
        families[name] = max(families[name], stack - bases[fetched] - loops * loop)
    deepest = max(seen.start)
    start = tuple(
        max((stack for depth, stack in seen.start.items() if depth <= most), default=0)
        for most in range(deepest + 1)
    )
    return StackTable(target, bases[False], bases[True], loop, start, dict(families))
