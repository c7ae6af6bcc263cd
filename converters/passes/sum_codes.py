# SPDX-License-Identifier: Apache-2.0
"""Sum the rows of a sample of int16 codes as a convolution does, whose filter is all ones.

The kernel of such a convolution reads codes as they are (see ``read_codes``): no row becomes floats
in memory, and no loop over rows has to fetch and add them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from converters.graph import FETCH, Op, Subgraph
from converters.passes.editor import Editor
from converters.passes.loops import unused_ops_removed

DEQUANTISE = "BiotrainDequantise"
LANES = 8
"""Columns that the kernel takes at a time, and needs (codes_column.h)."""


def sum_codes(subgraph: Subgraph) -> Subgraph:
    """``subgraph``, a body that fetches its sample, with SUM and MEAN over rows as convolutions of
    the dequantised sample.
    """
    fetch = next((op for op in subgraph.ops if op.kind == FETCH), None)
    made = {op.outputs[0]: op for op in subgraph.ops if op.kind == DEQUANTISE}
    sums = [op for op in subgraph.ops if op.inputs and op.inputs[0] in made]
    sums = [op for op in sums if _picture(subgraph, op) is not None]
    if fetch is None or not sums:
        return subgraph
    edit = Editor(subgraph)
    for op in subgraph.ops:
        if op in sums:
            _add(edit, op, made[op.inputs[0]])
        else:
            edit.ops.append(op)
    return unused_ops_removed(replace(subgraph, tensors=tuple(edit.tensors), ops=tuple(edit.ops)))


def _picture(subgraph: Subgraph, op: Op) -> tuple[int, int] | None:
    """Rows and columns, if ``op`` sums the rows of one picture."""
    if op.kind not in ("SUM", "MEAN"):
        return None
    shape = subgraph.tensors[op.inputs[0]].shape
    axes = subgraph.tensors[op.inputs[1]].data
    long = [axis for axis, size in enumerate(shape) if size > 1]
    if axes is None or len(long) != 2 or shape[long[1]] < LANES:
        return None
    summed = {int(axis) % len(shape) for axis in np.atleast_1d(axes)}
    if long[0] not in summed or long[1] in summed:
        return None
    return shape[long[0]], shape[long[1]]


def _add(edit: Editor, op: Op, dequantise: Op) -> None:
    rows, columns = (size for size in edit.shape(op.inputs[0]) if size > 1)
    codes = _view(edit, dequantise.inputs[0], (1, 1, rows, columns))
    values = edit.tensor("rows", (1, 1, rows, columns))
    edit.custom(DEQUANTISE, [codes], [values], **dequantise.options)
    weight = 1.0 if op.kind == "SUM" else 1.0 / rows
    w = edit.constant("ones", np.full((1, 1, rows, 1), weight, np.float32))
    total = edit.tensor("total", (1, 1, 1, columns))
    steps = {"stride_h": 1, "stride_w": 1, "dilation_h": 1, "dilation_w": 1}
    edit.custom("BiotrainConv2D", [values, w], [total], **steps, padding="VALID", activation="NONE")
    edit.builtin("RESHAPE", [total], op.outputs[0])


def _view(edit: Editor, codes: int, shape: tuple[int, ...]) -> int:
    """The same sample in another shape: one more output of the op that fetches it."""
    for n, op in enumerate(edit.ops):
        if op.kind == FETCH and codes in op.outputs:
            for t in op.outputs:
                if edit.shape(t) == shape:
                    return t
            view = edit.tensor(edit.tensors[codes].name, shape, edit.tensors[codes].type)
            edit.ops[n] = replace(op, outputs=(*op.outputs, view))
            return view
    raise ValueError(f"no op fetches tensor {codes}")
