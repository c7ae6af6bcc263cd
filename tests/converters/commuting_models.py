# SPDX-License-Identifier: Apache-2.0
"""Networks with a temporal convolution before a spatial one, drawn at random or by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import keras
import numpy as np

L = keras.layers


@dataclass(frozen=True)
class Drawn:
    """``norm``: keep, frozen or none. ``mixing``: the spatial convolution is a Conv2D."""

    height: int
    time: int
    taps: int
    filters: int
    width: int
    batch: int
    padding: str
    first_bias: bool
    last_bias: bool
    norm: str
    mixing: bool

    def build(self) -> keras.Model:
        x = inputs = keras.Input((self.height, self.time, 1))
        x = L.Conv2D(
            self.filters,
            (1, self.taps),
            padding=self.padding,
            use_bias=self.first_bias,
            bias_initializer="normal",
            name="first",
        )(x)
        if self.norm != "none":
            x = L.BatchNormalization(
                beta_initializer="normal",
                gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5),
                moving_mean_initializer="normal",
                moving_variance_initializer=keras.initializers.RandomUniform(0.5, 1.5),
                name="norm",
            )(x)
        x = spatial(self.height, self.width, mixing=self.mixing, use_bias=self.last_bias)(x)
        return ended(inputs, L.Activation("elu")(x))


def draw(seed: int) -> Drawn:
    generator = np.random.default_rng(seed)

    def choose(*values: Any) -> Any:
        return values[int(generator.integers(len(values)))]

    taps = int(generator.integers(1, 10))
    padding = choose("same", "valid")
    shortest = taps if padding == "valid" else 2
    return Drawn(
        height=int(generator.integers(2, 7)),
        time=shortest + choose(0, 1, 3, 20),
        taps=taps,
        filters=int(generator.integers(1, 5)),
        width=int(generator.integers(1, 4)),
        batch=choose(1, 2, 3, 8),
        padding=padding,
        first_bias=choose(True, False),
        last_bias=choose(True, False),
        norm=choose("keep", "keep", "frozen", "none"),
        mixing=choose(False, False, True),
    )


def spatial(height: int, width: int, *, mixing: bool = False, **options: Any) -> keras.Layer:
    limit = keras.constraints.MaxNorm(0.9, axis=0)
    if mixing:
        return L.Conv2D(width, (height, 1), kernel_constraint=limit, name="last", **options)
    return L.DepthwiseConv2D(
        (height, 1), depth_multiplier=width, depthwise_constraint=limit, name="last", **options
    )


def ended(inputs: keras.KerasTensor, x: keras.KerasTensor) -> keras.Model:
    return keras.Model(inputs, L.Dense(3, name="dense")(L.Flatten()(x)))


def temporal(filters: int = 4, taps: int = 16, **options: Any) -> keras.Layer:
    return L.Conv2D(filters, (1, taps), **{"padding": "same", "name": "first", **options})


def _chain(
    *between: keras.Layer, first: keras.Layer | None = None, last: keras.Layer | None = None
) -> keras.Model:
    x = inputs = keras.Input((6, 40, 1))
    for layer in (first or temporal(), *between, last or spatial(6, 2)):
        x = layer(x)
    return ended(inputs, x)


def _two_consumers() -> keras.Model:
    inputs = keras.Input((6, 40, 1))
    x = L.BatchNormalization()(temporal()(inputs))
    also = L.GlobalAveragePooling2D()(x)
    x = L.Concatenate()([L.Flatten()(spatial(6, 2)(x)), also])
    return keras.Model(inputs, L.Dense(3)(x))


def _also_an_output_of_the_norm() -> keras.Model:
    inputs = keras.Input((6, 40, 1))
    seen = temporal()(inputs)
    x = spatial(6, 2)(L.BatchNormalization()(seen))
    x = L.Concatenate()([L.Flatten()(x), L.GlobalAveragePooling2D()(seen)])
    return keras.Model(inputs, L.Dense(3)(x))


def _shared_layer() -> keras.Model:
    inputs = keras.Input((6, 40, 1))
    shared, last = temporal(), spatial(6, 2)
    x = L.Add()([last(shared(inputs)), last(shared(L.ReLU()(inputs)))])
    return ended(inputs, x)


def _live_norm_behind_weights() -> keras.Model:
    x = inputs = keras.Input((6, 40, 1))
    x = L.Conv2D(1, (1, 3), padding="same", activation="elu")(x)
    return ended(inputs, spatial(6, 2)(L.BatchNormalization()(temporal()(x))))


def _two_channels() -> keras.Model:
    inputs = keras.Input((6, 40, 2))
    return ended(inputs, spatial(6, 2)(temporal()(inputs)))


NEVER: Mapping[str, Callable[[], keras.Model]] = MappingProxyType(
    {
        "activation inside": lambda: _chain(first=temporal(activation="relu")),
        "activation between": lambda: _chain(L.BatchNormalization(), L.Activation("elu")),
        "pool between": lambda: _chain(L.AveragePooling2D((1, 2))),
        "group norm between": lambda: _chain(L.GroupNormalization(groups=1)),
        "temporal stride": lambda: _chain(first=temporal(strides=(1, 2), padding="valid")),
        "temporal dilation": lambda: _chain(first=temporal(dilation_rate=(1, 2))),
        "spatial stride": lambda: _chain(last=spatial(6, 2, mixing=True, strides=(2, 2))),
        "part of the height": lambda: _chain(last=spatial(5, 2)),
        "wider than a sample": lambda: _chain(last=L.DepthwiseConv2D((6, 2), name="last")),
        "over the height": lambda: _chain(first=L.Conv2D(4, (2, 8), padding="same")),
        "activity regulariser": lambda: _chain(first=temporal(activity_regularizer="l2")),
        "two consumers": _two_consumers,
        "seen before the norm": _also_an_output_of_the_norm,
        "shared layers": _shared_layer,
        "live norm behind weights": _live_norm_behind_weights,
        "two channels": _two_channels,
    }
)
"""Where the other order is wrong or not written."""

DEARER: Mapping[str, Callable[[], keras.Model]] = MappingProxyType(
    {
        "many spatial filters": lambda: _chain(last=spatial(6, 12)),
        "a mixing convolution": lambda: _chain(last=spatial(6, 8, mixing=True)),
        "one filter": lambda: _chain(L.BatchNormalization(), first=temporal(1), last=spatial(6, 5)),
    }
)
"""Where it is right and costs more."""


def front_of_frozen_norm() -> keras.Model:
    """Weights before the chain: nothing of it needs the moments of its input."""
    x = inputs = keras.Input((6, 40, 1))
    x = L.Conv2D(1, (1, 3), padding="same", activation="elu", name="front")(x)
    x = temporal(use_bias=False)(x)
    return ended(inputs, spatial(6, 2)(L.BatchNormalization(name="norm")(x)))


def sequential() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((6, 40)),
            L.Reshape((6, 40, 1)),
            L.DepthwiseConv2D((1, 16), depth_multiplier=4, padding="same", name="first"),
            L.BatchNormalization(name="norm"),
            spatial(6, 2),
            L.Activation("elu"),
            L.Flatten(),
            L.Dense(3, name="dense"),
        ]
    )


def nested() -> keras.Model:
    inner_inputs = keras.Input((6, 40, 1))
    x = spatial(6, 2)(L.BatchNormalization(name="norm")(temporal()(inner_inputs)))
    inner = keras.Model(inner_inputs, x, name="inner")
    inputs = keras.Input((6, 40, 1))
    return ended(inputs, L.Activation("elu")(inner(inputs)))


FORMS: Mapping[str, Callable[[], keras.Model]] = MappingProxyType(
    {f.__name__: f for f in (sequential, nested)}
)
