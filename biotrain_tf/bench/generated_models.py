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
        "groups_a": (_plain(2, 320, (6, 12, 16), taps=(9, 8, 5), groups=2, classes=3), 2),
        "groups_b": (_plain(4, 200, (8, 8), taps=(16, 4), groups=1, adam=True, classes=2), 1),
        "mixed_a": (_mixed(3, 160, (8, 12, 12), taps=(9, 5, 3), classes=4), 2),
        "mixed_b": (_mixed(2, 90, (5, 8, 20), taps=(4, 7, 5), classes=2), 1),
        "tokens_a": (_tokens(2, 96, patch=8, width=16, heads=2, classes=3), 2),
        "tokens_b": (_tokens(1, 150, patch=5, width=12, heads=3, classes=2), 1),
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
        f"groups_{seed}": (
            _plain(r(1, 6), r(200, 600), (6, 12), taps=taps[:2], groups=r(1, 3), classes=classes),
            r(1, 4),
        ),
        f"mixed_{seed}": (_mixed(r(1, 6), r(80, 300), filters, taps=taps, classes=classes), 1),
        f"tokens_{seed}": (
            _tokens(r(1, 3), 6 * r(8, 30), patch=6, width=8 * r(1, 3), heads=2, classes=classes),
            r(1, 3),
        ),
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
    groups: int = 0,
    adam: bool = False,
    classes: int,
) -> Any:
    """Convolutions over time with maxima between, then across channels: like EpiDeNet. ``groups``:
    of group norms in place of batch norms; ``adam``: trains with it, and clips.
    """
    import keras

    layers = keras.layers
    inputs = keras.Input((chans, times, 1))
    x: Any = inputs
    for count, width in zip(filters, taps, strict=True):
        x = layers.Conv2D(count, (1, width), padding="same")(x)
        x = layers.GroupNormalization(groups)(x) if groups else layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
        x = layers.MaxPooling2D((1, pool))(x)
    x = layers.Conv2D(filters[-1], (chans, 1), padding="valid")(x)
    x = layers.ReLU()(x)
    model = _finish("plain", inputs, x, classes)
    if adam:
        optimizer = keras.optimizers.AdamW(global_clipnorm=1.0)
        model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def _mixed(
    chans: int, times: int, filters: tuple[int, ...], *, taps: tuple[int, ...], classes: int
) -> Any:
    """Every activation, and layer norms: of causal convolutions, as those of EEG-TCNet, and the
    powers of ShallowConvNet.
    """
    import keras

    layers = keras.layers
    inputs = keras.Input((times, chans))
    x = layers.Conv1D(filters[0], taps[0], padding="causal")(inputs)
    x = layers.LayerNormalization()(x)
    x = layers.Activation("gelu")(x)
    gate = layers.Conv1D(filters[0], 1, activation="sigmoid")(x)
    x = layers.Add()([x, gate])
    y = layers.Conv1D(filters[1], taps[1], padding="causal", dilation_rate=2)(x)
    y = layers.LeakyReLU()(layers.GroupNormalization(-1)(y))
    y = layers.Conv1D(filters[1], taps[2], padding="same", activation="tanh")(y)
    x = layers.Add()([y, layers.Conv1D(filters[1], 1, activation="relu6")(x)])
    x = layers.Conv1D(filters[2], 3, padding="same", activation="elu")(x)
    x = layers.AveragePooling1D(8, strides=4)(keras.ops.square(x))
    x = keras.ops.log(keras.ops.clip(x, 1e-6, 1e4))
    return _finish("mixed", inputs, x, classes)


def _tokens(chans: int, times: int, *, patch: int, width: int, heads: int, classes: int) -> Any:
    """One block of a transformer on patches."""
    import keras

    layers = keras.layers
    inputs = keras.Input((times, chans))
    x = layers.Reshape((times // patch, patch * chans))(inputs)
    x = layers.Dense(width)(x)
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(heads, width // heads)(y, y)
    x = layers.Add()([x, y])
    y = layers.Dense(3 * width, activation="gelu")(layers.LayerNormalization()(x))
    x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return _finish("tokens", inputs, x, classes)


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
