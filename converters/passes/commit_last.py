# SPDX-License-Identifier: Apache-2.0
"""Order the training step so that no variable is written before the loss is known and all samples
were read, and gradients die early.

The runner looks at the loss before the first write (a refused step changes nothing), and updates
weights in place, for which every reader of a weight must come before its update.
"""

from __future__ import annotations

import heapq
from dataclasses import replace

from converters.errors import ConversionError
from converters.graph import FETCH, FOR_EACH, Graph, Op, Subgraph

UPDATES = ("BiotrainSgd", "BiotrainAdam")
"""What the kinds of updates begin with: a weight, its states and the gradient are their inputs."""

NOTES = ("BiotrainReluBits", "BiotrainRelu6Bits", "BiotrainMaxPool2DIndices")
"""What keeps of a tensor what the backward half asks of it."""


def commit_last(graph: Graph) -> Graph:
    """Reorder the ops of ``train``; its values do not change."""
    signature = graph.signatures["train"]
    subgraph = graph.subgraphs[signature.subgraph]
    loss = signature.outputs["loss"]
    ordered = subgraph.once((commit_last, loss), lambda: order_step(subgraph, loss))
    return graph.with_subgraph(signature.subgraph, ordered)


def order_step(subgraph: Subgraph, loss: int) -> Subgraph:
    _check_reads_come_first(subgraph)
    ops = subgraph.ops
    producer = {t: i for i, op in enumerate(ops) for t in op.outputs}
    before_loss = forward_ops(subgraph, loss)
    written = {i for i in before_loss if ops[i].kind == "ASSIGN_VARIABLE"}
    if written:
        raise ValueError("an output of the training step depends on a variable it has just written")
    first = [i for i in range(len(ops)) if i in before_loss]
    # Samples may not come: nothing is written before the last of them was read.
    samples = {t for op in ops if op.kind == FETCH for t in op.outputs}
    results = {
        t
        for op in ops
        if op.kind in (FOR_EACH, FETCH) or samples & set(op.inputs)
        for t in op.outputs
    }
    in_loops = _ancestors(ops, producer, results) - before_loss
    rest = [i for i in range(len(ops)) if i not in before_loss]
    looping = _schedule(subgraph, [i for i in rest if i in in_loops], producer)
    writing = _schedule(subgraph, [i for i in rest if i not in in_loops], producer)
    return replace(subgraph, ops=tuple(ops[i] for i in [*first, *looping, *writing]))


def forward_ops(subgraph: Subgraph, loss: int) -> set[int]:
    """The ops that the loss and the outputs of a step need, and what they note for the backward
    half, which must not wait for it.
    """
    ops = subgraph.ops
    producer = {t: i for i, op in enumerate(ops) for t in op.outputs}
    found = _ancestors(ops, producer, set(subgraph.outputs) | {loss})
    return found | {
        i
        for i, op in enumerate(ops)
        if op.kind in NOTES and all(producer.get(t, i) in found for t in op.inputs)
    }


def _ancestors(ops: tuple[Op, ...], producer: dict[int, int], tensors: set[int]) -> set[int]:
    found: set[int] = set()
    stack = [producer[t] for t in tensors if t in producer]
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack.extend(producer[t] for t in ops[i].inputs if t in producer)
    return found


def _schedule(subgraph: Subgraph, members: list[int], producer: dict[int, int]) -> list[int]:
    """Topological order in which an update waits for all other readers of its variable.

    Among ready ops: filter gradients first (the activation they read dies), then the original
    order.
    """
    ops = subgraph.ops
    inside = set(members)
    needs: dict[int, set[int]] = {
        i: {producer[t] for t in ops[i].inputs if producer.get(t) in inside} for i in members
    }
    for update, readers in _updates(subgraph).items():
        if update in inside:
            needs[update] |= readers & inside
    position = {i: n for n, i in enumerate(members)}
    ready = [(_rank(ops[i]), position[i], i) for i in members if not needs[i]]
    heapq.heapify(ready)
    users: dict[int, list[int]] = {i: [] for i in members}
    for i, sources in needs.items():
        for source in sources:
            users[source].append(i)
    order: list[int] = []
    while ready:
        _, _, i = heapq.heappop(ready)
        order.append(i)
        for user in users[i]:
            needs[user].discard(i)
            if not needs[user]:
                heapq.heappush(ready, (_rank(ops[user]), position[user], user))
    if len(order) != len(members):
        raise ValueError("the training step has a cycle of updates")
    return order


def _rank(op: Op) -> int:
    """Ops that free memory go first: assignments and updates, then filter gradients, then the
    rest.
    """
    writes = ("ASSIGN_VARIABLE", "VAR_HANDLE", "READ_VARIABLE", "BiotrainSquareSum")
    if op.kind in writes or op.kind.startswith(UPDATES):
        return 0
    return 1 if op.kind.endswith("GradFilter") else 2


def _updates(subgraph: Subgraph) -> dict[int, set[int]]:
    """Op that rewrites a variable (its update in place, its assignment) -> the ops that must have
    read it before.
    """
    handles = subgraph.variable_of_handle()
    variable_of_value: dict[int, str] = {}
    readers: dict[str, set[int]] = {}
    for i, op in enumerate(subgraph.ops):
        if op.kind == "READ_VARIABLE":
            variable_of_value[op.outputs[0]] = handles[op.inputs[0]]
            readers.setdefault(handles[op.inputs[0]], set()).add(i)
    for i, op in enumerate(subgraph.ops):
        for variable in {variable_of_value[t] for t in op.inputs if t in variable_of_value}:
            readers[variable].add(i)
    result: dict[int, set[int]] = {}
    for i, op in enumerate(subgraph.ops):
        if op.kind == "ASSIGN_VARIABLE":
            result[i] = readers.get(handles[op.inputs[0]], set()) - {i}
        elif op.kind.startswith(UPDATES):
            rewritten = {variable_of_value[t] for t in op.inputs if t in variable_of_value}
            # Who compares the new value with the old one comes after; then it is not in place.
            later = _followers(subgraph.ops, i)
            result[i] = set().union(*(readers[v] for v in rewritten)) - later
    return result


def _followers(ops: tuple[Op, ...], first: int) -> set[int]:
    """Op ``first`` and all that depend on what it gives; ops are in an order of execution."""
    found, made = {first}, set(ops[first].outputs)
    for i in range(first + 1, len(ops)):
        if made & set(ops[i].inputs):
            found.add(i)
            made |= set(ops[i].outputs)
    return found


def _check_reads_come_first(subgraph: Subgraph) -> None:
    """A read after a write of the same variable means something else than before it: not to be
    reordered.
    """
    handles = subgraph.variable_of_handle()
    written: set[str] = set()
    for op in subgraph.ops:
        if op.kind == "ASSIGN_VARIABLE":
            written.add(handles[op.inputs[0]])
        elif op.kind == "READ_VARIABLE" and handles[op.inputs[0]] in written:
            raise ConversionError(
                f"variable {handles[op.inputs[0]]} is read again after the step has updated it: "
                "a layer with state of its own is used twice; give each use a layer of its own"
            )
