# SPDX-License-Identifier: Apache-2.0
"""How many instructions a training step will execute, from the graph and a target's cost table."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from converters.emit.op_features import features
from converters.emit.stack_family import stack_family
from converters.errors import ConversionError
from converters.graph import FETCH, FOR_EACH, Graph, Op, Same, Subgraph, Tensor
from converters.targets import ESTIMATED, TARGETS
from converters.targets.costs import CostTable, read_costs
from converters.targets.stacks import read_stacks

Known = dict[Hashable, float]
"""Instructions of ops by all that they depend on."""


def predict_step(graph: Graph, table: CostTable, known: Known | None = None) -> int:
    """Instructions of one call of ``train``. ``known``: of ops that were met before; it grows."""
    known = {} if known is None else known
    constant, by_element = table.step
    total = _instructions_of(graph, graph.signatures["train"].subgraph, table, known)
    return round(total + constant + by_element * elements_checked(graph))


def _instructions_of(graph: Graph, index: int, table: CostTable, known: Known) -> float:
    """Of one call of a subgraph, bodies of its loops included."""
    subgraph = graph.subgraphs[index]
    total = subgraph.once((predict_step, Same((table,))), lambda: _own(subgraph, table, known))
    for body, count in subgraph.once(_loops, partial(_loops, subgraph)):
        total += count * _instructions_of(graph, body, table, known)
    return total


def _own(subgraph: Subgraph, table: CostTable, known: Known) -> float:
    """Bodies of loops not counted."""
    places = range(len(subgraph.ops))
    return sum(_instructions(subgraph, place, table, known) for place in places)


def _loops(subgraph: Subgraph) -> list[tuple[int, int]]:
    """Of each: the number of its body, and how often that runs."""
    loops = (op.options for op in subgraph.ops if op.kind == FOR_EACH)
    return [(options["subgraph"], options["count"]) for options in loops]


def _instructions(subgraph: Subgraph, place: int, table: CostTable, known: Known) -> float:
    op = subgraph.ops[place]
    key = _key(subgraph, op)
    if key not in known:
        found = features(subgraph, op)
        known[key] = table.instructions(found.family, found.terms)
    return known[key]


def _key(subgraph: Subgraph, op: Op) -> Hashable:
    """All that the features of an op depend on."""
    tensors = [subgraph.tensors[t] for t in (*op.inputs, *op.outputs) if t >= 0]
    return (op.kind, len(op.inputs), _content(op.options), *map(_form, tensors))


def _content(options: Any) -> Hashable:
    fields = options if isinstance(options, dict) else vars(options) if options else {}
    return tuple((name, str(value)) for name, value in fields.items())


def _form(tensor: Tensor) -> Hashable:
    """Of a constant the content, where it may be a list of axes."""
    data = tensor.data if tensor.type == "INT32" else None
    return tensor.type, tensor.shape, None if data is None else data.tobytes()


def elements_checked(graph: Graph) -> int:
    """Of x and y, before a step; samples that are fetched are not looked through."""
    train = graph.subgraph_of("train")
    read = {t for op in train.ops for t in op.inputs}
    return sum(train.tensors[i].elements for i in train.inputs if i in read)


def cost_on(target: str) -> Callable[[Graph], float]:
    """What decides between schedules: instructions of a step on ``target``."""
    table = read_costs(measured_on(target))
    if table is None:
        names = ", ".join(name for name in TARGETS if read_costs(name) is not None)
        raise ConversionError(f"target must be one whose costs are known, {names}; got {target!r}")
    known: Known = {}
    return lambda graph: predict_step(graph, table, known)


def measured_on(target: str) -> str:
    """The target whose table serves."""
    return ESTIMATED[target].costs if target in ESTIMATED else target


def counts_on(target: str) -> Callable[[Subgraph, Op], tuple[float, int]]:
    """(instructions, multiply-adds) of an operator on one core of ``target``."""
    table = read_costs(measured_on(target))
    assert table is not None

    def counts(subgraph: Subgraph, op: Op) -> tuple[float, int]:
        found = features(subgraph, op)
        return table.instructions(found.family, found.terms), found.macs

    return counts


def stack_on(target: str) -> Callable[[Graph], int]:
    """Bytes of the stack that a firmware needs on ``target``, for training and inference."""
    table = read_stacks(target)
    families: dict[Hashable, str] = {}

    def family(subgraph: Subgraph, op: Op) -> str:
        key = _key(subgraph, op)
        if key not in families:
            families[key] = stack_family(subgraph, op)
        return families[key]

    def stack(graph: Graph) -> int:
        runs: dict[tuple[str, int], None] = {}
        fetched = False
        for name in ("train", "infer"):
            around = graph.loops_around(graph.signatures[name].subgraph)
            for at, loops in around.items():
                subgraph = graph.subgraphs[at]
                for name_of_family in subgraph.once(stack_on, partial(_families, subgraph, family)):
                    runs[name_of_family, loops] = None
                fetched |= any(op.kind == FETCH for op in subgraph.ops)
        return table.deepest(runs, fetched=fetched)

    return stack


def _families(subgraph: Subgraph, family: Callable[[Subgraph, Op], str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(family(subgraph, op) for op in subgraph.ops))


def predict_steps(graph: Graph) -> dict[str, int]:
    """Of each target that has a cost table."""
    tables = {target: read_costs(target) for target in TARGETS}
    return {
        target: predict_step(graph, table) for target, table in tables.items() if table is not None
    }
