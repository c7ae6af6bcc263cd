# SPDX-License-Identifier: Apache-2.0
"""Rewrite one subgraph op by op while its tensors change layout.

Reshapes and transposes only give memory another meaning: nothing is written for them until an op
wants another order than memory has, and then one TRANSPOSE is, once a tensor and order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from converters.graph import Op, Subgraph, Tensor
from converters.passes.layout import Layout, dims_on, rearrange

MAX_RANK = 6
"""Of a tensor in the runner."""


@dataclass(frozen=True)
class Form:
    """How a tensor lies in memory: its layout, and the shape that ops are told."""

    layout: Layout
    shape: tuple[int, ...]

    @staticmethod
    def logical(shape: Sequence[int]) -> Form:
        return Form(Layout.of(shape), tuple(shape))

    @staticmethod
    def permuted(shape: Sequence[int], order: Sequence[int]) -> Form:
        """The axes of the logical ``shape`` in ``order``."""
        return Form(Layout.of(shape, order), tuple(shape[i] for i in order))


@dataclass(frozen=True)
class Stored:
    """A tensor of the old subgraph: which tensor of the new one holds it, and how. ``variable`` is
    set for values as read from one.
    """

    tensor: int
    form: Form
    variable: str | None = None


@dataclass
class Rewriter:
    """The new subgraph as it grows. ``variables``: the form of each; ``hints``: forms that later
    ops will want; ``wants``: the layouts that uses of variables asked for; ``moved``: the forms for
    which tensors were transposed.
    """

    old: Subgraph
    variables: Mapping[str, Form]
    hints: Mapping[int, Form]
    tensors: list[Tensor] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    wants: dict[str, list[Form]] = field(default_factory=dict)
    moved: dict[int, Form] = field(default_factory=dict)
    _stored: dict[int, Stored] = field(default_factory=dict)
    _constants: dict[tuple[str, tuple[int, ...], bytes], int] = field(default_factory=dict)
    _views: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    _moves: dict[tuple[int, tuple[int, ...], tuple[int, ...]], int] = field(default_factory=dict)

    def logical(self, t: int) -> Tensor:
        return self.old.tensors[t]

    def is_constant(self, t: int) -> bool:
        return self.old.tensors[t].data is not None

    def form(self, t: int) -> Form:
        """How the old tensor ``t`` lies now; constants lie as anyone wants."""
        stored = self._stored.get(t)
        return Form.logical(self.logical(t).shape) if stored is None else stored.form

    def variable_of(self, t: int) -> str | None:
        stored = self._stored.get(t)
        return None if stored is None else stored.variable

    def stored(self, t: int) -> Stored:
        return self._stored[t]

    def bind(self, t: int, stored: Stored) -> None:
        self._stored[t] = stored

    def alias(self, t: int, source: int, layout: Layout) -> None:
        """Old tensor ``t`` is the memory of old tensor ``source``, read as ``layout``."""
        stored = self._stored[source]
        self.bind(t, Stored(stored.tensor, Form(layout, stored.form.shape), stored.variable))

    def get(self, t: int, form: Form) -> int:
        """The new tensor that holds old tensor ``t`` in ``form``; -1 stays -1."""
        if t < 0:
            return t
        if self.is_constant(t):
            return self._constant_in(t, form)
        stored = self._stored[t]
        if stored.variable is not None:
            self._want(stored, form)
        if stored.form.layout != form.layout:
            self.moved.setdefault(t, form)
        return self.convert(stored, form, self.logical(t).name)

    def convert(self, stored: Stored, form: Form, name: str) -> int:
        move = stored.form.layout.inverse().then(form.layout)
        if move is None:
            # By way of the logical order, with which every layout has digits in common.
            flat = Form.logical((prod(form.shape),))
            stored = Stored(self.convert(stored, flat, name), flat)
            return self.convert(stored, form, name)
        if move.is_logical:
            return self._view(stored.tensor, form.shape, name)
        key = (stored.tensor, move.sizes, move.order)
        if key not in self._moves:
            self._moves[key] = self._transpose(stored.tensor, move, form.shape, name)
        return self._view(self._moves[key], form.shape, name)

    def emit(self, op: Op, inputs: Sequence[int], forms: Sequence[Form], **change: Any) -> None:
        """Append ``op`` with new ``inputs``; its outputs lie in ``forms``."""
        outputs = []
        for t, form in zip(op.outputs, forms, strict=True):
            like = self.logical(t)
            outputs.append(self.tensor(like.name, form.shape, like.type))
            self.bind(t, Stored(outputs[-1], form))
        kind, options = change.get("kind", op.kind), change.get("options", op.options)
        version = change.get("version", op.version)
        self.ops.append(Op(kind, tuple(inputs), tuple(outputs), options, version))

    def tensor(self, name: str, shape: Sequence[int], type_: str) -> int:
        self.tensors.append(Tensor(name, tuple(shape), type_))
        return len(self.tensors) - 1

    def constant(self, name: str, value: np.ndarray, type_: str = "INT32") -> int:
        key = (type_, value.shape, value.tobytes())
        if key not in self._constants:
            self.tensors.append(Tensor(name, value.shape, type_, value))
            self._constants[key] = len(self.tensors) - 1
        return self._constants[key]

    def ints(self, name: str, values: Sequence[int]) -> int:
        return self.constant(name, np.array(values, np.int32))

    def values(self, t: int) -> list[int] | None:
        """A constant's integers."""
        data = self.logical(t).data
        return None if data is None else [int(v) for v in data.reshape(-1)]

    def _constant_in(self, t: int, form: Form) -> int:
        tensor = self.logical(t)
        assert tensor.data is not None
        data = rearrange(tensor.data, form.layout) if tensor.elements > 1 else tensor.data
        return self.constant(tensor.name, data.reshape(form.shape), tensor.type)

    def _want(self, stored: Stored, form: Form) -> None:
        assert stored.variable is not None
        move = stored.form.layout.inverse().then(form.layout)
        if move is None or move.is_logical:
            return  # served as it lies
        layout = self.variables[stored.variable].layout.then(move)
        if layout is not None:
            self.wants.setdefault(stored.variable, []).append(Form(layout, form.shape))

    def _view(self, tensor: int, shape: tuple[int, ...], name: str) -> int:
        if self.tensors[tensor].shape == shape:
            return tensor
        key = (tensor, shape)
        if key not in self._views:
            out = self.tensor(name, shape, self.tensors[tensor].type)
            self.ops.append(Op("RESHAPE", (tensor,), (out,)))
            self._views[key] = out
        return self._views[key]

    def _transpose(self, tensor: int, move: Layout, shape: tuple[int, ...], name: str) -> int:
        """As one TRANSPOSE, between views only where the shapes ask for them: what is written to a
        variable's memory is better no view.
        """
        source, out_shape, order = _axes_moved(move, self.tensors[tensor].shape, shape)
        before = self._view(tensor, source, name)
        out = self.tensor(name, out_shape, self.tensors[tensor].type)
        self.ops.append(Op("TRANSPOSE", (before, self.ints("permutation", order)), (out,)))
        return self._view(out, shape, name)


def _axes_moved(
    move: Layout, before: tuple[int, ...], after: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """(input shape, output shape, permutation) of a TRANSPOSE from ``before`` to ``after``; of the
    digits themselves where the shapes are no permutation of one another.
    """
    dims = dims_on(move, before, after)
    whole = [i for i, d in enumerate(before) if d > 1]
    axes = [d.axis for dim in dims or [] for d in dim]
    if dims is None or sorted(axes) != whole or len(whole) != sum(d > 1 for d in after):
        return move.sizes, move.stored, move.order
    source = before
    if len(before) != len(after):
        units = len(after) - len(whole)
        source = (1,) * units + tuple(before[i] for i in whole)
        axes = [units + whole.index(axis) for axis in axes]
    ones = iter([i for i, d in enumerate(source) if d == 1])
    moved = iter(axes)
    return source, after, tuple(next(moved) if d > 1 else next(ones) for d in after)
