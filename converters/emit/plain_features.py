# SPDX-License-Identifier: Apache-2.0
"""Which loops an operator without multiply-adds runs, and how often each begins."""

from __future__ import annotations

import math

import numpy as np

from converters.graph import FETCH, FOR_EACH, Op, Tensor

LANES = 4

_NORMS = frozenset(
    {
        "BiotrainBatchNorm",
        "BiotrainBatchNormGrad",
        "BiotrainGroupNorm",
        "BiotrainGroupNormGrad",
        "BiotrainMoments",
        "BiotrainNormalise",
        "BiotrainNormGradSums",
        "BiotrainNormGradInput",
    }
)


def plain_loops(
    op: Op, inputs: list[Tensor], outputs: list[Tensor]
) -> tuple[str, dict[str, float]]:
    """The family of the operator, and its terms."""
    data = [t for t in (*inputs, *outputs) if t.type != "RESOURCE"]
    largest = max(data, key=lambda t: t.elements, default=None)
    width = largest.shape[-1] if largest is not None and largest.shape else 1
    terms: dict[str, float] = {
        "inputs": max((t.elements for t in inputs if t.type != "RESOURCE"), default=0),
        "outputs": sum(t.elements for t in outputs if t.type != "RESOURCE"),
        "rows": 0 if largest is None else largest.elements // max(width, 1),
        "op": 1,
    }
    if getattr(op.options, "fusedActivationFunction", 0):
        terms["activated"] = outputs[0].elements
    family = op.kind
    if op.kind.startswith(("BiotrainNormAveragePool", "BiotrainNormSlope", "BiotrainNormPool")):
        family = f"{op.kind}, {op.options['activation']}"
    elif "Pool2D" in op.kind:
        family = _pool(op, inputs, outputs, terms)
    elif "OfBits" in op.kind or op.kind.endswith("Bits"):
        terms["left"] = terms["rows"] * (width % 8)
    elif op.kind in ("SUM", "MEAN", "REDUCE_MAX"):
        family = _reduction(op, inputs, terms)
    elif op.kind in ("ADD", "SUB", "MUL", "DIV", "MINIMUM", "MAXIMUM", "SQUARED_DIFFERENCE"):
        family = _broadcast(op, inputs, outputs, terms)
    elif op.kind == "ADD_N":
        terms["added"] = float((len(inputs) - 1) * outputs[0].elements)
    elif op.kind == FETCH:
        copied = 0 if op.options["in_place"] else outputs[0].bytes
        terms = {"copied": float(copied), "op": 1.0}
    elif op.kind == FOR_EACH:
        terms = {"ends": len(inputs) + len(outputs), "iterations": op.options["count"], "op": 1.0}
    elif op.kind.startswith("BiotrainAttention"):
        queries, keys, values = (t.shape for t in inputs[:3])
        weights = math.prod(queries[:3]) * keys[1]
        terms = {
            "weights": float(weights),
            "products": float(weights * (queries[3] + values[3])),
            "op": 1.0,
        }
    elif op.kind in _NORMS:
        batch, channels = inputs[0].shape[:2]
        spatial = math.prod(inputs[0].shape[2:])
        terms = {
            "elements": float(inputs[0].elements),
            "left": float(batch * channels * (spatial % 8)),
            "lines": float(batch * channels),
            "channels": float(channels),
            "op": 1.0,
        }
    return family, terms


def _pool(op: Op, inputs: list[Tensor], outputs: list[Tensor], terms: dict[str, float]) -> str:
    """Windows side by side in a row are a loop of their own."""
    o = op.options
    taps = o["filter_h"] * o["filter_w"]
    windows = (inputs if "Grad" in op.kind else outputs)[-1].elements
    apart = o["filter_h"] == 1 == o["stride_h"] and o["filter_w"] == o["stride_w"]
    terms["taps"] = windows * taps
    terms["windows"] = windows
    terms["left"] = windows * (taps % LANES)
    return f"{op.kind}, {'in a row' if apart else 'any'}"


def _reduction(op: Op, inputs: list[Tensor], terms: dict[str, float]) -> str:
    """Sums over neighbours are alone; others are computed four at a time."""
    shape, axes = inputs[0].shape, inputs[1].data
    reduced = {int(a) % max(len(shape), 1) for a in np.ravel(axes)} if axes is not None else set()
    kinds: list[tuple[bool, int]] = []  # runs of axes that are reduced or kept
    for at, size in enumerate(shape):
        if size == 1:
            continue
        if kinds and kinds[-1][0] == (at in reduced):
            kinds[-1] = (kinds[-1][0], kinds[-1][1] * size)
        else:
            kinds.append((at in reduced, size))
    kept = [size for is_reduced, size in kinds if not is_reduced]
    summed = [size for is_reduced, size in kinds if is_reduced]
    run, each = kept[-1] if kept else 1, math.prod(summed)
    outer = math.prod(kept) // run
    fours, singles = divmod(run, LANES)
    terms.clear()
    terms["op"] = 1.0
    for name, count in (("fours", outer * fours), ("singles", outer * singles)):
        terms[name] = float(count)
        terms[f"terms_of_{name}"] = float(count * each)
        terms[f"chunks_of_{name}"] = float(count * -(-each // 128))
    terms["outer"] = float(outer)
    if len(summed) > 1:
        terms["nested"] = float(outer * (fours + singles) * each)
    if op.kind == "MEAN":
        terms["means"] = float(outer * run)
    return op.kind if op.kind == "REDUCE_MAX" else "SUM or MEAN"


def _broadcast(op: Op, inputs: list[Tensor], outputs: list[Tensor], terms: dict[str, float]) -> str:
    sizes = [t.elements for t in inputs[:2]]
    if sizes[0] == sizes[1] == outputs[0].elements:
        return op.kind
    left, right = (t.shape[-1] if t.shape else 1 for t in inputs[:2])
    width = outputs[0].shape[-1] if outputs[0].shape else 1
    terms["steps_of_rows"] = terms["rows"] * len(outputs[0].shape)
    if left == width:
        return f"{op.kind}, {'rows' if right == width else 'one a row'}"
    return f"{op.kind}, repeated"
