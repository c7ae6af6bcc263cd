# SPDX-License-Identifier: Apache-2.0
"""Take the sums of a normalisation's gradient behind its activation and average pool.

With d the slope of the pooled output, the gradient of beta is the sum of d times the mean slope of
each window, and that of gamma the sum of d times the mean of slope times normalised input. Both
means are of the pooled size, and the forward half makes them where the input is at hand: the loop
that makes it once more for these sums alone goes, where they are stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from converters.graph import Graph, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.loops import unused_ops_removed
from converters.passes.norm_average_pool import side_by_side

SLOPES, COUNTS = "BiotrainNormSlopePool", "BiotrainSlopesOfCounts"
SUMS, INPUT, _NORM = "BiotrainNormGradSums", "BiotrainNormGradInput", "BiotrainNormalise"
_READ = {SUMS: (0, 1, 2, 3), INPUT: (0, 2, 3, 6)}
"""Where x, mean, variance and dy are among their inputs."""
_POOL_GRAD = "BiotrainAveragePool2DGrad"
_ACTIVATIONS = {
    "BiotrainReluGrad": "RELU",
    "BiotrainRelu6Grad": "RELU6",
    "BiotrainEluGrad": "ELU",
}
_LARGEST_COUNT, _LARGEST_HALF = 255, 15


@dataclass(frozen=True)
class PooledSums:
    """``norm`` and ``sums`` are indices of ops, ``slope`` the tensor that comes back to the pool's
    output.
    """

    norm: int
    sums: int
    slope: int
    activation: str
    pool: dict[str, Any]

    @property
    def counts(self) -> bool:
        """Slopes are zero or one: their number needs a byte."""
        return self.activation != "ELU" and bool(self.pool["filter_w"] <= _LARGEST_COUNT)


def slope_sums(graph: Graph, bodies: Iterable[int]) -> Graph:
    """The graph whose subgraphs ``bodies`` have such sums of products."""
    for index in bodies:
        subgraph = graph.subgraphs[index]
        edit = Editor(subgraph)
        before: dict[int, list[Op]] = {}
        instead: dict[int, list[Op]] = {}
        for found in pooled_sums(subgraph):
            if not _behind_another(subgraph, found):
                continue
            slopes, products = add_slopes(edit, subgraph, found)
            before.setdefault(found.norm, []).extend(edit.taken())
            add_sums(edit, subgraph.ops[found.sums], found.slope, slopes, products, found)
            instead[found.sums] = edit.taken()
        graph = graph.with_subgraph(index, with_inserted(subgraph, edit, before, instead))
    return graph


def _behind_another(subgraph: Subgraph, found: PooledSums) -> bool:
    """Whether the slope waits for the gradient of another normalisation. If not, the input is
    still at hand.
    """
    producer = {t: op for op in subgraph.ops for t in op.outputs}
    stack, seen = [found.slope], set()
    while stack:
        t = stack.pop()
        if t in seen or t not in producer:
            continue
        seen.add(t)
        if producer[t].kind == INPUT:
            return True
        stack += producer[t].inputs
    return False


def pooled_sums(subgraph: Subgraph) -> list[PooledSums]:
    """The sums that can be taken behind a pool."""
    producer = {t: i for i, op in enumerate(subgraph.ops) for t in op.outputs}
    result = []
    for i, op in enumerate(subgraph.ops):
        found = pooled(subgraph, producer, i) if op.kind == SUMS else None
        if found is not None:
            result.append(found)
    return result


def pooled(subgraph: Subgraph, producer: dict[int, int], sums: int) -> PooledSums | None:
    """How what ``sums``, an op of a normalisation's gradient, reads comes from a pool."""
    ops = subgraph.ops
    x, mean, variance, slope = (ops[sums].inputs[k] for k in _READ[ops[sums].kind])
    back = ops[producer[slope]] if slope in producer else None
    activation, y = "NONE", None
    if back is not None and back.kind in _ACTIVATIONS:
        activation = _ACTIVATIONS[back.kind]
        y, slope = back.inputs
        forward = ops[producer[y]] if y in producer else None
        if forward is None or forward.kind != activation:
            return None
        y = forward.inputs[0]
        back = ops[producer[slope]] if slope in producer else None
    if back is None or back.kind != _POOL_GRAD:
        return None
    if not side_by_side(subgraph, x, back.inputs[0], back.options):
        return None
    norms = [
        i
        for i, op in enumerate(ops)
        if op.kind == _NORM
        and (op.inputs[0], *op.inputs[3:]) == (x, mean, variance)
        and (y is None or op.outputs == (y,))
        and op.options == ops[sums].options
    ]
    if not norms:
        return None
    return PooledSums(norms[0], sums, back.inputs[0], activation, dict(back.options))


def add_slopes(edit: Editor, subgraph: Subgraph, found: PooledSums) -> tuple[int, int]:
    """The op that makes both means; its outputs."""
    norm = subgraph.ops[found.norm]
    shape = edit.shape(found.slope)
    a_byte = 2 if found.pool["filter_w"] <= _LARGEST_HALF else 1
    row = -(-shape[3] // (4 * a_byte)) * 4  # bytes, in whole words
    slopes = (
        edit.tensor("window_slopes", (*shape[:3], row), "UINT8")
        if found.counts
        else edit.tensor("window_slopes", shape)
    )
    products = edit.tensor("window_products", shape)
    options = {**found.pool, **norm.options, "activation": found.activation}
    edit.custom(SLOPES, norm.inputs, [slopes, products], **options, counts=found.counts)
    return slopes, products


def as_floats(edit: Editor, slopes: int, found: PooledSums) -> int:
    """Slopes that may be counts."""
    if not found.counts:
        return slopes
    result = edit.tensor("window_slopes", edit.shape(found.slope))
    edit.custom(COUNTS, [slopes], [result], window=found.pool["filter_w"])
    return result


def add_sums(
    edit: Editor, sums: Op, slope: int, slopes: int, products: int, found: PooledSums
) -> None:
    """The outputs of ``sums``, from the slope of the pooled output and both means."""
    for factor, output in ((products, sums.outputs[0]), (slopes, sums.outputs[1])):
        factor = as_floats(edit, factor, found) if factor == slopes else factor
        product = edit.builtin("MUL", [factor, slope], edit.shape(slope))
        rows = edit.reduce("SUM", product, 3)
        edit.reduce("SUM", rows, 2, output)


def with_inserted(
    subgraph: Subgraph, edit: Editor, before: dict[int, list[Op]], instead: dict[int, list[Op]]
) -> Subgraph:
    """Ops put before some and in the places of others; what nobody reads any more is gone."""
    ops: list[Op] = []
    for i, op in enumerate(subgraph.ops):
        ops += before.get(i, [])
        ops += instead.get(i, [op])
    changed = replace(subgraph, tensors=tuple(edit.tensors), ops=tuple(ops))
    return unused_ops_removed(changed)
