# SPDX-License-Identifier: Apache-2.0
"""Layout rule of matrix products: rows, columns and the summed axis may lie in any order inside, as
long as both factors agree on the summed one. A dense kernel follows the features it multiplies.
"""

from __future__ import annotations

from dataclasses import dataclass

from ai_edge_litert import schema_py_generated as schema

from converters.graph import Op
from converters.passes.layout import Digit, Layout, layout_of
from converters.passes.relayout import Form, Rewriter


@dataclass(frozen=True)
class _Matrix:
    """A logical [rows, columns] matrix, stored as [columns, rows] if ``swapped``."""

    shape: tuple[int, int]
    rows: Layout
    columns: Layout
    swapped: bool = False

    def form(self) -> Form:
        """Rows first in the logical order."""
        rows, columns = self.rows, self.columns
        sizes = (*(rows.sizes or (1,)), *(columns.sizes or (1,)))
        first = len(rows.sizes or (1,))
        parts = (list(rows.order or (0,)), [first + i for i in (columns.order or (0,))])
        order = [*parts[1], *parts[0]] if self.swapped else [*parts[0], *parts[1]]
        shape = self.shape[::-1] if self.swapped else self.shape
        return Form(Layout.of(sizes, order), shape)


def _matrix(layout: Layout, shape: tuple[int, int]) -> _Matrix:
    """Logical order if the axes are mixed."""
    digits = layout.digits(shape)
    plain = _Matrix(shape, Layout.of(shape[:1]), Layout.of(shape[1:]))
    if digits is None:
        return plain
    axes = [d.axis for d in digits]
    by_axis: list[list[Digit]] = [[d for d in digits if d.axis == a] for a in (0, 1)]
    if axes not in (sorted(axes), sorted(axes, reverse=True)):
        return plain
    return _Matrix(shape, layout_of(by_axis[0]), layout_of(by_axis[1]), axes != sorted(axes))


def matmul(b: Rewriter, op: Op) -> None:
    """BATCH_MATMUL of two matrices, and FULLY_CONNECTED. Batches of matrices are taken in logical
    order.
    """
    dense = op.kind == "FULLY_CONNECTED"
    x, w = op.inputs[:2]
    x_shape, w_shape = b.logical(x).shape, b.logical(w).shape
    adj_x = not dense and bool(op.options.adjX)
    adj_w = dense or bool(op.options.adjY)
    if len(w_shape) != 2 or (len(x_shape) != 2 and not dense):
        _logical(b, op)
        return
    depth = w_shape[1] if dense else 0
    matrix_shape = (b.logical(x).elements // depth, depth) if dense else (x_shape[0], x_shape[1])
    left = _matrix(b.form(x).layout, matrix_shape)
    right = _matrix(b.form(w).layout, (w_shape[0], w_shape[1]))
    left, right = _agree(b, op, left, right, adj_x=adj_x, adj_w=adj_w)
    columns = right.rows if adj_w else right.columns
    out = _Matrix(
        (
            left.shape[1] if adj_x else left.shape[0],
            right.shape[0] if adj_w else right.shape[1],
        ),
        left.columns if adj_x else left.rows,
        columns,
    )
    inputs = [b.get(x, left.form()), b.get(w, right.form())]
    if dense and (_has_extras(op) or not (left.swapped or right.swapped)):
        if len(op.inputs) > 2:
            bias = op.inputs[2]
            inputs.append(bias if bias < 0 else b.get(bias, Form(columns, out.shape[1:])))
        b.emit(op, inputs, [out.form()])
        return
    options = schema.BatchMatMulOptionsT()
    options.adjX, options.adjY = adj_x != left.swapped, adj_w != right.swapped
    b.emit(op, inputs, [out.form()], kind="BATCH_MATMUL", options=options)


def _has_extras(op: Op) -> bool:
    return bool(op.options.fusedActivationFunction) or any(t >= 0 for t in op.inputs[2:])


def _agree(
    b: Rewriter, op: Op, left: _Matrix, right: _Matrix, *, adj_x: bool, adj_w: bool
) -> tuple[_Matrix, _Matrix]:
    """Both with the same order of the summed axis: a variable or constant yields, else the right
    factor.
    """
    if op.kind == "FULLY_CONNECTED" and _has_extras(op):
        left = _Matrix(left.shape, left.rows, left.columns)
        right = _Matrix(right.shape, right.rows, right.columns)
    x, w = op.inputs[:2]
    yields = [b.is_constant(t) or b.variable_of(t) is not None for t in (x, w)]
    summed_left = left.rows if adj_x else left.columns
    summed_right = right.columns if adj_w else right.rows
    if yields[0] and not yields[1]:
        return _with_summed(left, summed_right, rows=adj_x), right
    return left, _with_summed(right, summed_left, rows=not adj_w)


def _with_summed(matrix: _Matrix, layout: Layout, *, rows: bool) -> _Matrix:
    return _Matrix(
        matrix.shape,
        layout if rows else matrix.rows,
        matrix.columns if rows else layout,
        matrix.swapped,
    )


def _logical(b: Rewriter, op: Op) -> None:
    inputs = [t if t < 0 else b.get(t, Form.logical(b.logical(t).shape)) for t in op.inputs]
    b.emit(op, inputs, [Form.logical(b.logical(t).shape) for t in op.outputs])
