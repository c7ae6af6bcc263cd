# SPDX-License-Identifier: Apache-2.0
"""Networks with a norm behind a convolution of their input, drawn at random or by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

from tests.converters.commuting_models import ended

L = keras.layers


@dataclass(frozen=True)
class Folding:
    """``kind``: column (the full height), pixel, line (along time) or, for frozen norms, square.
    ``groups``: of a group normalisation; None: it is a batch normalisation.
    """

    kind: str
    height: int
    time: int
    channels: int
    taps: int
    filters: int
    stride: int
    padding: str
    depthwise: bool
    use_bias: bool
    center: bool
    scale: bool
    batch: int
    norm: str
    groups: int | None = None

    def build(self) -> keras.Model:
        x = inputs = keras.Input((self.height, self.time, self.channels))
        kernel = {
            "column": (self.height, 1),
            "pixel": (1, 1),
            "line": (1, self.taps),
            "square": (2, self.taps),
        }[self.kind]
        options: dict[str, Any] = {
            "strides": self.stride,
            "padding": self.padding,
            "use_bias": self.use_bias,
            "bias_initializer": "normal",
            "name": "first",
        }
        if self.depthwise:
            x = L.DepthwiseConv2D(kernel, depth_multiplier=self.filters, **options)(x)
        else:
            x = L.Conv2D(self.filters, kernel, **options)(x)
        return ended(inputs, L.Activation("elu")(self._norm()(x)))

    def _norm(self) -> keras.Layer:
        uniform = keras.initializers.RandomUniform(0.5, 1.5)
        options: dict[str, Any] = {
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": "normal",
            "gamma_initializer": uniform,
            "name": "norm",
        }
        if self.groups is not None:
            return L.GroupNormalization(groups=self.groups, **options)
        return L.BatchNormalization(
            moving_mean_initializer="normal", moving_variance_initializer=uniform, **options
        )


def draw(seed: int) -> Folding:
    generator = np.random.default_rng(seed)

    def choose(*values: Any) -> Any:
        return values[int(generator.integers(len(values)))]

    norm = choose("keep", "keep", "frozen")
    kind = choose("column", "pixel", "line", "square" if norm == "frozen" else "line")
    taps = int(generator.integers(2, 9))
    line = kind == "line" and norm == "keep"
    channels = 1 if line else int(generator.integers(1, 4))
    return Folding(
        kind=kind,
        height=int(generator.integers(2, 7)),
        time=taps + choose(0, 1, 3, 20),
        channels=channels,
        taps=taps,
        filters=int(generator.integers(1, 6)),
        stride=1 if line else choose(1, 2, 3),
        padding="valid" if kind == "column" else choose("same", "valid"),
        depthwise=choose(True, False) if channels == 1 or norm == "frozen" else False,
        use_bias=choose(True, False),
        center=choose(True, True, False),
        scale=choose(True, True, False),
        batch=choose(1, 2, 3, 8),
        norm=norm,
    )


def draw_groups(seed: int) -> Folding:
    """With a group normalisation."""
    drawn = next(d for n in count(seed, 100) if (d := draw(n)).norm == "keep")
    generator = np.random.default_rng(seed)
    each, groups = int(generator.integers(1, 4)), int(generator.choice([1, 2, 3, -1]))
    return replace(drawn, filters=each * abs(groups), groups=groups)


def first(filters: int = 8, size: tuple[int, int] = (6, 1), **options: Any) -> keras.Layer:
    return L.Conv2D(filters, size, **{"name": "first", **options})


def _model(*layers: keras.Layer, channels: int = 1) -> keras.Model:
    x = inputs = keras.Input((6, 40, channels))
    for layer in layers:
        x = layer(x)
    return ended(inputs, x)


def _norm() -> keras.Layer:
    return L.BatchNormalization(name="norm")


def _two_consumers() -> keras.Model:
    inputs = keras.Input((6, 40, 1))
    x = first()(inputs)
    return ended(inputs, L.Add()([_norm()(x), x]))


NEVER: Mapping[str, Callable[[], keras.Model]] = MappingProxyType(
    {
        "activation inside": lambda: _model(first(activation="relu"), _norm()),
        "activation between": lambda: _model(first(), L.ReLU(), _norm()),
        "activity regulariser": lambda: _model(first(activity_regularizer="l2"), _norm()),
        "two consumers": _two_consumers,
        "instances along two axes": lambda: _model(
            first(), L.GroupNormalization(groups=1, axis=2, name="norm")
        ),
        "group norm with weights before": lambda: _model(
            L.Conv2D(1, (1, 3)), first(), L.GroupNormalization(groups=1, name="norm")
        ),
        "weights before": lambda: _model(L.Conv2D(1, (1, 3)), L.ReLU(), first(), _norm()),
        "windows that overlap twice": lambda: _model(first(size=(2, 3)), _norm()),
        "lines of two channels": lambda: _model(first(size=(1, 3)), _norm(), channels=2),
        "lines with a stride": lambda: _model(first(size=(1, 3), strides=(1, 2)), _norm()),
        "a window for each channel": lambda: _model(
            L.DepthwiseConv2D((6, 1), name="first"), _norm(), channels=2
        ),
        "over the edge": lambda: _model(first(padding="same"), _norm()),
        "long windows": lambda: _model(first(), _norm(), channels=11),
    }
)
"""Live norms that cannot go into the filter, or whose moments are not written."""
