# SPDX-License-Identifier: Apache-2.0
"""By which loops the port cuts an operator, as ``tflm_train/cluster/slicing.cc`` has them.

The names and the rules are those of that file, and tests/converters/gap9/test_port.py reads them
there: a kind that is listed here and not there would be planned and never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from converters.gap9.works import Index, Operand
from converters.graph import Op, Tensor

SAMPLE, UNIT = "sample", "unit"
WHOLE = -1
OWN, STATISTIC, LAST = "own", "statistic", "last"
Axes = tuple[int, int | str]
"""Of samples and of units, as slicing.h has them."""

AXES: dict[str, Axes] = {
    "kAll": (WHOLE, WHOLE),
    "kOwned": (WHOLE, OWN),
    "kSample": (0, WHOLE),
    "kLines": (0, 1),
    "kChannels": (WHOLE, 1),
    "kFirst": (WHOLE, 0),
    "kNorm": (0, STATISTIC),
    "kColumns": (WHOLE, LAST),
}


@dataclass(frozen=True)
class Rule:
    """Names of the axes of inputs and outputs; ``multiples``: several elements may be a unit."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    multiples: bool = False


def _rule(inputs: str, outputs: str, *, multiples: bool = False) -> Rule:
    def names(text: str) -> tuple[str, ...]:
        return tuple(f"k{name}" for name in text.split())

    return Rule(names(inputs), names(outputs), multiples)


_NORM = "Lines First First Norm Norm"
RULES = {
    "BiotrainConv2D": _rule("Sample First First", "Lines Owned"),
    "BiotrainConv2DGradFilter": _rule("All Channels", "First Owned"),
    "BiotrainConv2DGradInput": _rule("Channels Sample", "Lines"),
    "BiotrainDepthwiseConv2D": _rule("Lines First First", "Lines Owned", multiples=True),
    "BiotrainDepthwiseConv2DGradFilter": _rule("Channels Channels", "First Owned", multiples=True),
    "BiotrainDepthwiseConv2DGradInput": _rule("First Lines", "Lines Owned", multiples=True),
    "BiotrainBatchNorm": _rule("Channels First First", "Channels First First"),
    "BiotrainBatchNormGrad": _rule("Channels First First First Channels", "Channels First First"),
    "BiotrainGroupNorm": _rule("First All All", "First First First"),
    "BiotrainMoments": _rule("Lines", "Lines Lines"),
    "BiotrainNormalise": _rule(_NORM, "Lines", multiples=True),
    "BiotrainNormGradSums": _rule("Lines Norm Norm Lines", "Lines Lines", multiples=True),
    "BiotrainNormGradInput": _rule(
        "Lines First Norm Norm Norm Norm Lines", "Lines", multiples=True
    ),
    "BiotrainNormAveragePool": _rule(_NORM, "Lines", multiples=True),
    "BiotrainNormSlopePool": _rule(_NORM, "Lines Lines", multiples=True),
    "BiotrainNormPoolGradSums": _rule(f"{_NORM} Lines", "Lines Lines", multiples=True),
    "BiotrainNormPoolGradInput": _rule(
        "First First Norm Norm Norm Norm Lines Lines", "Lines", multiples=True
    ),
    "BiotrainSlopesOfCounts": _rule("Lines", "Lines"),
    "BiotrainAveragePool2D": _rule("Lines", "Lines"),
    "BiotrainAveragePool2DGrad": _rule("Lines", "Lines"),
    "BiotrainMaxPool2D": _rule("Lines First", "Lines"),
    "BiotrainMaxPool2DGrad": _rule("Lines Lines Lines", "Lines"),
    "FULLY_CONNECTED": _rule("All First First", "Columns"),
}
ELEMENTWISE = (
    *("ADD", "SUB", "MUL", "DIV", "NEG", "SQRT", "RSQRT", "SQUARE", "SQUARED_DIFFERENCE"),
    *("MINIMUM", "MAXIMUM", "ADD_N", "RELU", "ELU", "LOGISTIC", "TANH", "BiotrainReluGrad"),
    *("BiotrainEluGrad", "BiotrainSgdMomentum"),
)
STAGED = (
    *("BATCH_MATMUL", "LOG_SOFTMAX", "MEAN", "SOFTMAX", "SUM", "BiotrainDropout"),
    "BiotrainGroupNormGrad",
)
"""Run by one core in L1, as those above are where they cannot be cut."""
MOST_INPUTS, MOST_OUTPUTS = 8, 3


@dataclass(frozen=True)
class PortNest:
    """``loops``: of samples, where there are several, and of units. ``operands`` of the tensors in
    their order, named by their number.
    """

    loops: tuple[tuple[str, int], ...]
    operands: tuple[Operand, ...]


Placed = tuple[int, Tensor]
"""A tensor and the place among its operator's inputs or outputs."""


def port_nest(op: Op, inputs: list[Placed], outputs: list[Placed]) -> PortNest | None:
    """None: the port runs it whole, on one core."""
    if op.kind in ELEMENTWISE:
        return _elementwise([t for _, t in inputs], [t for _, t in outputs])
    rule = RULES.get(op.kind)
    if rule is None:
        return None
    if inputs[-1][0] >= len(rule.inputs) or outputs[-1][0] >= len(rule.outputs):
        return None
    tensors = [(t, _axes(t, rule.inputs[place])) for place, t in inputs]
    if op.kind == "BiotrainConv2DGradInput" and tensors[0][0].shape[0] != tensors[1][0].shape[1]:
        return None
    count = len(tensors)
    tensors += [(t, _axes(t, rule.outputs[place])) for place, t in outputs]
    if all(axes == (0, 1) for _, axes in tensors):
        return _lines([t for t, _ in tensors], count)
    samples = {t.shape[axes[0]] for t, axes in tensors if axes[0] != WHOLE}
    units = {t.shape[a[1]] for t, a in tensors if isinstance(a[1], int) and a[1] != WHOLE}
    if len(samples) > 1 or not units or (len(units) > 1 and not rule.multiples):
        return None
    sizes = {SAMPLE: min(samples, default=1), UNIT: min(units)}
    if any(size % sizes[UNIT] for size in units) or max(sizes.values()) == 1:
        return None
    operands = tuple(
        _operand(at, t, axes, sizes, is_output=at >= count) for at, (t, axes) in enumerate(tensors)
    )
    return PortNest(tuple((name, size) for name, size in sizes.items() if size > 1), operands)


def whole_nest(inputs: list[Placed], outputs: list[Placed]) -> PortNest:
    """Of what the port does not cut."""
    operands = [_with(n, t, (Index(t.elements),), False) for n, t in inputs]
    operands += [_with(n, t, (Index(t.elements),), True) for n, t in outputs]
    return PortNest((), tuple(operands))


def is_staged(op: Op) -> bool:
    """Whether the port copies to L1 what it does not cut, where it fits."""
    listed = op.kind in (*STAGED, *RULES, *ELEMENTWISE)
    return listed and len(op.inputs) <= MOST_INPUTS and len(op.outputs) <= MOST_OUTPUTS


def _axes(tensor: Tensor, name: str) -> Axes:
    samples, units = AXES[name]
    if units == LAST:
        return samples, len(tensor.shape) - 1
    if units == STATISTIC:
        if len(tensor.shape) == 1:
            return WHOLE, 0
        return 0, WHOLE if len(tensor.shape) == 2 and tensor.shape[1] == 1 else 1
    return samples, units


def _operand(
    at: int, tensor: Tensor, axes: Axes, sizes: dict[str, int], *, is_output: bool
) -> Operand:
    indices = []
    if axes[0] != WHOLE and sizes[SAMPLE] > 1:
        indices.append(Index(sizes[SAMPLE], SAMPLE))
    if axes[1] not in (WHOLE, OWN) and sizes[UNIT] > 1:
        indices.append(Index(sizes[UNIT], UNIT))
    rest = tensor.elements
    for index in indices:
        rest //= index.size
    return _with(at, tensor, (*indices, Index(rest)), is_output, own=axes[1] == OWN)


def _with(
    at: int, tensor: Tensor, indices: tuple[Index, ...], is_output: bool, *, own: bool = False
) -> Operand:
    item = max(tensor.bytes // max(tensor.elements, 1), 1)
    return Operand(str(at), indices, is_output, item, own)


def _one_loop(tensors: list[Tensor], inputs: int, units: int) -> PortNest | None:
    if units <= 1:
        return None
    operands = tuple(
        _with(
            at,
            t,
            (Index(1),) if t.elements == 1 else (Index(units, UNIT), Index(t.elements // units)),
            at >= inputs,
        )
        for at, t in enumerate(tensors)
    )
    return PortNest(((UNIT, units),), operands)


def _elementwise(inputs: list[Tensor], outputs: list[Tensor]) -> PortNest | None:
    """One long line; what has one element is for all of it."""
    out = outputs[-1]
    tensors = [*inputs, *outputs]
    alike = all(t.shape == out.shape or t.elements == 1 for t in tensors)
    if not alike or len(inputs) > MOST_INPUTS:
        return None
    return _one_loop(tensors, len(inputs), out.elements)


def _lines(tensors: list[Tensor], inputs: int) -> PortNest | None:
    leads = {t.shape[:2] for t in tensors}
    if len(leads) > 1:
        return None
    batch, channels = leads.pop()
    return _one_loop(tensors, inputs, batch * channels)
