# SPDX-License-Identifier: Apache-2.0
"""Find norms that can go into the filter of the convolution before them, and let the twin do it.

A fold is a linear convolution and the BatchNorm or group normalisation that alone reads it. A live
norm takes the statistics of the convolution, so those have to come from the moments of its input,
on which no gradient may depend (step/folded.py, step/folded_group.py). A frozen one can always go.
Layers, variables and their names stay: the norm computes everything from the input of the
convolution, and what that computes by itself is dead code that the converter drops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step import layers
from converters.step.calls import CONVOLUTIONS, CallGraph, is_group_norm, is_norm, is_used_once
from converters.step.chain import Macs
from converters.step.folded import folded
from converters.step.folded_group import folded_group
from converters.step.windows import has_moments, windows_macs

# Multiply-accumulates, or what takes as long, for every element of an activation.
_STATISTICS, _AFFINE, _SUMS, _SLOPES, _SUM = 2, 1, 2, 2, 1
# Statistics of each sample in closed form, with the gradient through them: for each tap of its
# filters, besides their products with the moments; and to begin some 80 ops on a few numbers.
_OWN_FILTERS, _CLOSED_FORM = 10, 80_000
_LARGEST_WINDOW = 64


@dataclass
class Fold:
    """``conv`` and ``norm``, each used once, the second directly after the first."""

    conv: keras.layers.Layer
    norm: keras.layers.Layer
    writer: Writer
    _input: tf.Tensor | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        return [self.conv.name, self.norm.name]

    @property
    def live(self) -> bool:
        """The norm takes statistics of its input in training."""
        of_batch = isinstance(self.norm, layers.LiveBatchNorm) and bool(self.norm.trainable)
        return of_batch or self.of_samples

    @property
    def of_samples(self) -> bool:
        """Each sample has its own statistics, in inference too."""
        return isinstance(self.norm, layers.GroupNorm)

    def call(self, layer: Any, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        """What ``layer`` returns; the value counts for the norm alone."""
        if layer is self.conv:
            self._input = inputs
            return layer.plain(inputs, training)
        x, self._input = self._input, None
        if x is None:
            raise AssertionError(f"{layer.name} was called before {self.conv.name}")
        if self.of_samples:
            return folded_group(self.conv, self.norm, x, writer=self.writer)
        live = bool(training) and self.live
        return folded(self.conv, self.norm, x, live=live, writer=self.writer)

    def report(self, batch_size: int) -> dict[str, Any]:
        """For report.json: what the norm takes of a training step on a batch."""
        return self.training_macs().report(self.names, batch_size)

    def training_macs(self) -> Macs:
        """Of the norm alone: the convolution and its gradients stay what they are."""
        elements = math.prod(self.conv.output.shape[1:])
        before, after = _AFFINE, 0
        if self.conv.trainable_variables or self.norm.trainable_variables:
            before, after = before + _SLOPES, _SUM
            before += _SUMS if self.live or self.norm.trainable_variables else 0
        if self._scale_moves_alone():
            # The gradient of gamma is then one through the filters, which else have none.
            after += math.prod(self.conv.kernel.shape[: 3 if _is_full(self.conv) else 2])
        if not self.live:
            return Macs(before * elements, after * elements)
        before += _STATISTICS
        once = windows_macs(self.conv)
        if self.of_samples:
            # What a batch norm does with its moments once a batch.
            *window, filters = self.conv.kernel.shape
            taps = math.prod(window)
            once += filters * taps * (taps + _OWN_FILTERS) + _CLOSED_FORM
        return Macs(before * elements, after * elements + once)

    def _scale_moves_alone(self) -> bool:
        names = {v.name for v in self.norm.trainable_variables}
        return "gamma" in names and not self.conv.kernel.trainable


def fold_norms(model: keras.Model, writer: Writer, *, when: bool | str) -> list[Fold]:
    """Change every fold of ``model`` that ``when`` allows, as for ``commute``, and return those."""
    if when is False or (when == "auto" and not writer.compact):
        return []
    found = list(find_folds(model, writer))
    chosen = [fold for fold in found if when is True or fold.training_macs().saved > 0]
    for fold in chosen:
        fold.conv.chain = fold.norm.chain = fold
    return chosen


def find_folds(model: keras.Model, writer: Writer, *, fixed: bool = True) -> Iterator[Fold]:
    """Folds of a model and of the models inside, where no other rewrite has its layers. ``fixed``:
    what the model is given depends on nothing that trains.
    """
    graph = CallGraph(model, fixed)
    for node in graph.nodes:
        given = graph.is_fixed(node)
        if isinstance(node.operation, keras.Model):
            yield from find_folds(node.operation, writer, fixed=given)
        if not _is_linear(node.operation) or not is_used_once(node):
            continue
        following = graph.only_consumer(node)
        if following is None:
            continue
        if not (is_norm(following.operation) or is_group_norm(following.operation)):
            continue
        fold = Fold(node.operation, following.operation, writer)
        if not fold.live or (given and _has_small_windows(fold.conv)):
            yield fold


def _is_full(conv: keras.layers.Layer) -> bool:
    return isinstance(conv, layers.Conv2D)


def _is_linear(layer: Any) -> bool:
    return (
        type(layer) in CONVOLUTIONS
        and layer.chain is None
        and layer.activation is keras.activations.linear
        and layer.activity_regularizer is None
    )


def _has_small_windows(conv: keras.layers.Layer) -> bool:
    return math.prod(conv.kernel.shape[:3]) <= _LARGEST_WINDOW and has_moments(conv)
