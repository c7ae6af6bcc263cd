# SPDX-License-Identifier: Apache-2.0
"""Store convolutional activations as [B, C, H, W] and filters in the order of their kernels.

The step is traced in Keras's order, channels last. Here every tensor gets a layout, op by op, so
that a training step executes no TRANSPOSE where all its ops have a rule: reshapes and transposes
become another reading of the same memory, a dense kernel behind a Flatten has its rows permuted,
and what is elementwise follows its inputs. ``save`` and ``restore`` keep Keras's shapes and order.
All values are what they were; only sums over several axes may run in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from converters.graph import Graph, Op, Signature, Subgraph
from converters.passes.layout_rules import ELEMENTWISE, RULES, VIEWS, logical
from converters.passes.relayout import Form, Rewriter, Stored
from converters.passes.window_rules import CHANNELS_FIRST, channels_first_form

_LIKE_THEIR_OUTPUT = ELEMENTWISE | VIEWS | {"BiotrainDropout", "BiotrainBatchNorm"}
_MOST_ROUNDS = 20


def channels_first(graph: Graph) -> Graph:
    """The same signatures over tensors that lie channels first."""
    variables = {
        name: Form.logical(shape) for s in graph.subgraphs for name, shape in _shapes(s).items()
    }
    moved: list[dict[int, Form]] = [{} for _ in graph.subgraphs]
    logical_forms = dict(variables)
    settled: set[str] = set()
    for _ in range(_MOST_ROUNDS):
        rewritten = [
            _rewrite(s, dict(variables), _hints(s, known))
            for s, known in zip(graph.subgraphs, moved, strict=True)
        ]
        changed = False
        for b, known in zip(rewritten, moved, strict=True):
            changed = changed or not b.moved.keys() <= known.keys()
            known.update({t: form for t, form in b.moved.items() if t not in known})
        for name, wants in _wants(rewritten).items():
            form = _agreed(wants, logical_forms[name])
            if name in settled or form.layout == variables[name].layout:
                continue
            if not variables[name].layout.is_logical:
                # Its uses disagree: the logical order, for good.
                form = logical_forms[name]
                settled.add(name)
            variables[name] = form
            changed = True
        if not changed:
            break
    return _assemble(graph, rewritten)


def _shapes(subgraph: Subgraph) -> dict[str, tuple[int, ...]]:
    """Logical shape of each variable that is read or assigned."""
    handles = subgraph.variable_of_handle()
    shapes = {}
    for op in subgraph.ops:
        if op.kind in ("READ_VARIABLE", "ASSIGN_VARIABLE"):
            value = op.outputs[0] if op.kind == "READ_VARIABLE" else op.inputs[1]
            shapes[handles[op.inputs[0]]] = subgraph.tensors[value].shape
    return shapes


def _hints(subgraph: Subgraph, moved: Mapping[int, Form]) -> dict[int, Form]:
    """Forms that ops further on will want, for ops that are free to choose. ``moved``: what had to
    be transposed in the round before.
    """
    hints: dict[int, Form] = dict(moved)
    for op in reversed(subgraph.ops):
        for i in CHANNELS_FIRST.get(op.kind, ()):
            shape = subgraph.tensors[op.inputs[i]].shape
            hints.setdefault(op.inputs[i], channels_first_form(shape))
        following: tuple[int, ...] = ()
        if op.kind in _LIKE_THEIR_OUTPUT:
            following = op.inputs
        elif op.kind == "BiotrainBatchNormGrad":
            following = op.inputs[4:]
        for t in following:
            if op.outputs[0] in hints and _same_elements(subgraph, t, op):
                hints.setdefault(t, hints[op.outputs[0]])
    return hints


def _same_elements(subgraph: Subgraph, t: int, op: Op) -> bool:
    return subgraph.tensors[t].elements == subgraph.tensors[op.outputs[0]].elements


def _rewrite(
    subgraph: Subgraph, variables: Mapping[str, Form], hints: Mapping[int, Form]
) -> Rewriter:
    b = Rewriter(subgraph, variables, hints)
    for t in subgraph.inputs:
        tensor = subgraph.tensors[t]
        new = b.tensor(tensor.name, tensor.shape, tensor.type)
        b.bind(t, Stored(new, Form.logical(tensor.shape)))
    for op in subgraph.ops:
        RULES.get(op.kind, logical)(b, op)
    return b


def _wants(rewritten: list[Rewriter]) -> dict[str, list[Form]]:
    wants: dict[str, list[Form]] = {}
    for b in rewritten:
        for name, forms in b.wants.items():
            wants.setdefault(name, []).extend(forms)
    return wants


def _agreed(wants: list[Form], logical_form: Form) -> Form:
    """What all uses want, else the logical order."""
    if len({form.layout for form in wants}) > 1 or wants[0].layout.is_logical:
        return logical_form
    return wants[0]


def _assemble(graph: Graph, rewritten: list[Rewriter]) -> Graph:
    """Subgraphs whose inputs and outputs are in logical order, and signatures that name them."""
    places = [_outward(b) for b in rewritten]
    subgraphs = tuple(
        replace(
            b.old,
            tensors=tuple(b.tensors),
            ops=tuple(b.ops),
            inputs=tuple(place[t] for t in b.old.inputs),
            outputs=tuple(place[t] for t in b.old.outputs),
        )
        for b, place in zip(rewritten, places, strict=True)
    )
    signatures = {
        key: _renumbered(signature, places[signature.subgraph])
        for key, signature in graph.signatures.items()
    }
    return replace(graph, subgraphs=subgraphs, signatures=signatures)


def _outward(b: Rewriter) -> dict[int, int]:
    """New index of every input and output of a subgraph."""
    place = {}
    for t in (*b.old.inputs, *b.old.outputs):
        form = Form.logical(b.logical(t).shape)
        place[t] = b.get(t, form)
    return place


def _renumbered(signature: Signature, place: dict[int, int]) -> Signature:
    return replace(
        signature,
        inputs={name: place[t] for name, t in signature.inputs.items()},
        outputs={name: place[t] for name, t in signature.outputs.items()},
    )
