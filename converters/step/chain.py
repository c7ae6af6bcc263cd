# SPDX-License-Identifier: Apache-2.0
"""Layers of the twin that are computed together, in another order than they stand in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from converters.gradients.writer import Writer
from converters.step import layers
from converters.step.commuted import commuted
from converters.step.window_moments import moments_macs


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of one sample, with the layers in either order."""

    before: int
    after: int

    @property
    def saved(self) -> int:
        return self.before - self.after

    def report(self, layers: list[str], batch_size: int) -> dict[str, Any]:
        """For report.json: of a batch."""
        return {
            "layers": layers,
            "macs_before": batch_size * self.before,
            "macs_after": batch_size * self.after,
        }


@dataclass
class Chain:
    """``first``, ``norm`` or nothing, ``last``, each used once. ``fixed_input``: no gradient flows
    to the input of ``first``.
    """

    first: keras.layers.Layer
    norm: keras.layers.Layer | None
    last: keras.layers.Layer
    fixed_input: bool
    writer: Writer
    in_inference: bool = True
    _input: tf.Tensor | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        return [layer.name for layer in (self.first, self.norm, self.last) if layer is not None]

    @property
    def live(self) -> bool:
        """The norm takes the statistics of the batch in training."""
        return isinstance(self.norm, layers.LiveBatchNorm) and bool(self.norm.trainable)

    def call(self, layer: Any, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        """What ``layer`` of this chain returns; the value counts for ``last`` alone."""
        if not (training or self.in_inference):
            return layer.plain(inputs, training)
        if layer is self.norm:
            return inputs
        if layer is self.first:
            self._input = inputs
            return layer.plain(inputs, training)
        x, self._input = self._input, None
        if x is None:
            raise AssertionError(f"{layer.name} was called before {self.first.name}")
        live = bool(training) and self.live
        y = commuted(self.first, self.norm, self.last, x, live=live, writer=self.writer)
        return self.last.activation(y)

    def report(self, batch_size: int) -> dict[str, Any]:
        """For report.json: multiply-accumulates of a training step on a batch."""
        return self.training_macs().report(self.names, batch_size)

    def inference_macs(self) -> Macs:
        work = self._work()
        return Macs(work.long_temporal + work.late_spatial, work.spatial + work.temporal)

    def training_macs(self) -> Macs:
        """Forward, and the gradients that are needed."""
        first = bool(self.first.trainable_variables)
        last = bool(self.last.trainable_variables)
        # Gamma and beta of the norm are in the temporal filters of the other order.
        scaled = first or bool(self.norm is not None and self.norm.trainable_variables)
        upstream = not self.fixed_input
        work = self._work()
        before = work.long_temporal * (1 + first + upstream)
        before += work.late_spatial * (1 + last + (scaled or upstream))
        after = work.spatial * (1 + last + upstream)
        after += work.temporal * (1 + scaled + (last or upstream))
        return Macs(before, after + (work.moments if self.live else 0))

    def _work(self) -> _Work:
        _, height, time, _ = self.first.input.shape
        _, taps, _, filters = self.first.kernel.shape
        out_time, width = self.first.output.shape[2], self.last.kernel.shape[3]
        return _Work(
            long_temporal=out_time * height * filters * taps,
            late_spatial=out_time * height * filters * width,
            spatial=time * height * filters * width,
            temporal=out_time * filters * width * taps,
            moments=moments_macs(height, time, taps, self.first.padding.upper()),
        )


@dataclass(frozen=True)
class _Work:
    """Multiply-accumulates of one sample through each layer, and for the statistics: temporal
    filters on every row, then the spatial ones; or the spatial ones, then temporal on what is left.
    """

    long_temporal: int
    late_spatial: int
    spatial: int
    temporal: int
    moments: int
