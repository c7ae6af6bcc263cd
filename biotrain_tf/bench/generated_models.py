# SPDX-License-Identifier: Apache-2.0
"""Small networks in which every operator occurs in several shapes, to fit its cost by."""

from __future__ import annotations

import random
from typing import Any


def generated_models() -> dict[str, tuple[Any, int]]:
    """Keras models and batch sizes, by name."""
    return {
        "temporal_a": (_temporal(22, 250, filters=8, taps=64, depth=2, classes=4), 2),
        "temporal_b": (_temporal(8, 480, filters=4, taps=33, depth=3, classes=3), 1),
        "temporal_c": (_temporal(4, 1000, filters=16, taps=128, depth=1, classes=2), 1),
        "temporal_d": (_temporal(16, 125, filters=6, taps=16, depth=2, classes=5), 4),
        "spatial_a": (_spatial_first(8, 950, filters=32, taps=128, classes=4), 1),
        "spatial_b": (_spatial_first(3, 200, filters=12, taps=25, classes=2), 3),
        "plain_a": (_plain(2, 512, (4, 16, 16), taps=(16, 8, 8), pool=8, classes=2), 1),
        "plain_b": (_plain(4, 256, (8, 8, 24), taps=(4, 16, 5), classes=3), 2),
        "plain_c": (_plain(1, 400, (6, 12, 12), taps=(10, 32, 3), classes=2), 1),
        "square": (_square(24, (8, 16), classes=4), 2),
    }


def drawn_models(seed: int) -> dict[str, tuple[Any, int]]:
    """One of each kind in sizes that depend on ``seed``, and batch sizes: never fitted to."""
    draw = random.Random(seed)
    r = draw.randint
    classes = r(2, 5)
    filters = (r(3, 10), r(4, 16), r(4, 24))
    taps = (r(3, 32), r(3, 24), r(3, 12))
    return {
        f"temporal_{seed}": (
            _temporal(
                r(3, 24),
                r(100, 600),
                filters=r(3, 12),
                taps=r(9, 96),
                depth=r(1, 3),
                classes=classes,
            ),
            r(1, 4),
        ),
        f"spatial_{seed}": (
            _spatial_first(
                r(2, 12), r(150, 900), filters=r(5, 32), taps=r(9, 140), classes=classes
            ),
            r(1, 4),
        ),
        f"plain_{seed}": (
            _plain(r(1, 6), r(200, 600), filters, taps=taps, classes=classes),
            r(1, 4),
        ),
        f"square_{seed}": (_square(r(11, 30), (r(3, 12), r(4, 20)), classes=classes), r(1, 3)),
    }


def _finish(name: str, inputs: Any, x: Any, classes: int) -> Any:
    import keras

    x = keras.layers.Dropout(0.25)(x)
    x = keras.layers.Flatten()(x)
    constraint = keras.constraints.MaxNorm(0.5)
    y = keras.layers.Dense(classes, activation="softmax", kernel_constraint=constraint)(x)
    return keras.Model(inputs, y, name=name)


def _temporal(chans: int, times: int, *, filters: int, taps: int, depth: int, classes: int) -> Any:
    """Temporal, spatial, separable: the order of EEGNet."""
    import keras

    layers = keras.layers
    inputs = keras.Input((chans, times, 1))
    x = layers.Conv2D(filters, (1, taps), padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D((chans, 1), depth_multiplier=depth, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ELU()(x)
    x = layers.AveragePooling2D((1, 4))(x)
    x = layers.Dropout(0.25)(x)
    x = layers.SeparableConv2D(filters * depth, (1, 16), padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ELU()(x)
    x = layers.AveragePooling2D((1, 8))(x)
    return _finish("temporal", inputs, x, classes)


def _spatial_first(chans: int, times: int, *, filters: int, taps: int, classes: int) -> Any:
    """Spatial, temporal depthwise, separable: the order of MI-BMInet."""
    import keras

    layers = keras.layers
    inputs = keras.Input((chans, times, 1))
    x = layers.Conv2D(filters, (chans, 1), use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.DepthwiseConv2D((1, taps), padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D((1, 8))(x)
    x = layers.Dropout(0.25)(x)
    x = layers.SeparableConv2D(filters, (1, 16), padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.AveragePooling2D((1, 8))(x)
    return _finish("spatial", inputs, x, classes)


def _plain(
    chans: int,
    times: int,
    filters: tuple[int, ...],
    *,
    taps: tuple[int, ...],
    pool: int = 4,
    classes: int,
) -> Any:
    """Convolutions over time with maxima between, then across channels: like EpiDeNet."""
    import keras

    layers = keras.layers
    inputs = keras.Input((chans, times, 1))
    x: Any = inputs
    for count, width in zip(filters, taps, strict=True):
        x = layers.Conv2D(count, (1, width), padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D((1, pool))(x)
    x = layers.Conv2D(filters[-1], (chans, 1), padding="valid")(x)
    x = layers.ReLU()(x)
    return _finish("plain", inputs, x, classes)


def _square(size: int, filters: tuple[int, int], *, classes: int) -> Any:
    """3 x 3 convolutions, as on images."""
    import keras

    layers = keras.layers
    inputs = keras.Input((size, size, 2))
    x = layers.Conv2D(filters[0], 3, padding="same")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters[1], 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
    return _finish("square", inputs, x, classes)
