# SPDX-License-Identifier: Apache-2.0
"""Small networks that between them use every supported layer, loss and option, none of them a
known model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from keras import layers as L


@dataclass(frozen=True)
class Architecture:
    """``build`` makes the model; ``loss`` is Keras's name; ``options`` go to convert()."""

    build: Callable[[], keras.Model]
    loss: str = "sparse_categorical_crossentropy"
    options: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = 0.05
    batch_size: int = 3


def conv1d_chain() -> keras.Model:
    x = i = keras.Input((23, 3))
    x = L.Conv1D(4, 5, strides=2, padding="same", activation="relu")(x)
    x = L.DepthwiseConv1D(3, depth_multiplier=2, activation="elu")(x)
    x = L.MaxPooling1D(2)(x)
    x = L.GlobalAveragePooling1D()(x)
    return keras.Model(i, L.Softmax()(L.Dense(3)(x)))


def dilated_conv2d() -> keras.Model:
    x = i = keras.Input((7, 19, 2))
    x = L.Conv2D(5, (3, 3), dilation_rate=(1, 2), padding="same")(x)
    x = L.LeakyReLU(negative_slope=0.2)(x)
    x = L.MaxPooling2D((3, 3), strides=(2, 2), padding="same")(x)
    x = L.Conv2D(3, (2, 3), strides=(1, 2))(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Dense(4)(x))


def separable1d_layernorm() -> keras.Model:
    x = i = keras.Input((21, 4))
    x = L.SeparableConv1D(6, 4, strides=2, padding="same", depth_multiplier=2)(x)
    x = L.LayerNormalization()(x)
    x = L.ReLU()(x)
    x = L.AveragePooling1D(4, strides=2, padding="same")(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def separable2d_groupnorm() -> keras.Model:
    x = i = keras.Input((4, 18, 3))
    x = L.SeparableConv2D(8, (3, 5), padding="same")(x)
    x = L.GroupNormalization(groups=2)(x)
    x = L.ReLU(max_value=6)(x)
    x = L.AveragePooling2D((1, 5), strides=(1, 2), padding="same")(x)
    x = L.GroupNormalization(groups=-1)(x)
    x = L.GlobalAveragePooling2D()(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def depthwise_residual() -> keras.Model:
    x = i = keras.Input((5, 16, 2))
    x = L.DepthwiseConv2D(
        (1, 3), dilation_rate=(1, 2), depth_multiplier=3, use_bias=False, padding="same"
    )(x)
    x = skip = L.BatchNormalization()(x)
    x = L.Activation("tanh")(x)
    x = L.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = L.DepthwiseConv2D((2, 4))(x)
    x = L.Add()([x, skip])
    x = L.DepthwiseConv2D((5, 1), use_bias=False, depth_multiplier=2)(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def branches_binary() -> keras.Model:
    i = keras.Input((6, 8))
    a = L.Dense(5, activation="sigmoid")(i)
    b = L.Permute((2, 1))(i)
    b = L.Dense(4, activation="tanh")(b)
    b = L.Reshape((6, -1))(L.ZeroPadding1D((1, 3))(L.Reshape((8, 4))(b)))
    x = L.Concatenate()([a, b])
    x = L.Flatten()(x)
    x = L.BatchNormalization(center=False)(x)
    return keras.Model(i, L.Dense(2, activation="sigmoid")(x))


def regression() -> keras.Model:
    x = i = keras.Input((12,))
    x = L.Dense(9, activation="relu6")(x)
    x = L.BatchNormalization(scale=False)(x)
    x = L.ELU()(x)
    return keras.Model(i, L.Dense(2)(x))


def categorical_softmax_inside() -> keras.Model:
    x = i = keras.Input((9, 6))
    x = L.Conv1D(5, 3, activation="leaky_relu")(x)
    gate = L.Softmax()(L.Dense(5)(x))
    x = L.Concatenate(axis=1)([x, gate])
    x = L.BatchNormalization()(x)
    x = L.GlobalAveragePooling1D(keepdims=True)(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Activation("softmax")(L.Dense(3)(x)))


def constrained_nested() -> keras.Model:
    inner = keras.Sequential(
        [
            keras.Input((10, 2)),
            L.Conv1D(
                4, 3, kernel_constraint=keras.constraints.UnitNorm(axis=[0, 1]), name="inner_conv"
            ),
            L.BatchNormalization(name="inner_norm"),
        ],
        name="inner",
    )
    i = keras.Input((10, 2))
    x = L.Activation("relu")(inner(i))
    x = L.Flatten()(x)
    x = L.Dense(
        6,
        activation="relu",
        kernel_regularizer=keras.regularizers.L2(0.01),
        bias_constraint=keras.constraints.NonNeg(),
    )(x)
    x = L.Dense(3, kernel_constraint=keras.constraints.MaxNorm(0.25))(x)
    return keras.Model(i, x)


def unequal_strides() -> keras.Model:
    x = i = keras.Input((6, 17, 3))
    x = L.Conv2D(4, (2, 3), strides=(2, 3), padding="same", activation="elu")(x)
    x = L.MaxPooling2D((2, 3), strides=(1, 1))(x)
    x = L.AveragePooling2D((2, 2), strides=(1, 1))(x)
    x = L.SeparableConv2D(5, (1, 2), strides=(1, 1), activation="relu")(x)
    x = L.LayerNormalization(axis=[1, 2, 3])(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def dropouts() -> keras.Model:
    x = i = keras.Input((5, 14, 2))
    x = L.Conv2D(4, (1, 3), activation="relu")(x)
    x = L.SpatialDropout2D(0.45)(x)
    x = L.Conv2D(3, (5, 1), activation="elu")(x)
    x = L.Dropout(0.3)(x)
    x = L.Reshape((12, 3))(x)
    x = L.SpatialDropout1D(0.2)(x)
    x = L.Flatten()(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(L.Dropout(0.6)(x)))


def causal_power() -> keras.Model:
    x = i = keras.Input((19, 3))
    x = L.Conv1D(4, 3, dilation_rate=2, padding="causal", name="causal")(x)
    skip = L.Conv1D(4, 2, strides=1, padding="causal", activation="elu", name="short")(x)
    x = L.Add()([x, skip])
    x = keras.ops.square(L.BatchNormalization()(x))
    x = L.AveragePooling1D(5, strides=3)(x)
    x = keras.ops.log(keras.ops.clip(x, 0.3, 2.5))
    late = L.Cropping1D((2, 1))(x)
    x = L.Concatenate()([L.Flatten()(late), x[:, -1]])
    return keras.Model(i, L.Dense(3, activation="softmax")(x))


def cropped_picture() -> keras.Model:
    x = i = keras.Input((6, 12, 2))
    x = L.Conv2D(3, (2, 3), activation="gelu")(x)
    x = L.Cropping2D(((1, 0), (2, 3)))(x)
    x = keras.ops.gelu(L.DepthwiseConv2D((2, 2))(x))
    return keras.Model(i, L.Dense(3, activation="softmax")(L.Flatten()(x)))


def tokens() -> keras.Model:
    i = keras.Input((21, 2))
    x = L.Reshape((7, 6))(i)
    x = L.EinsumDense("btd,de->bte", output_shape=(7, 8), bias_axes="te", name="patches")(x)
    seen = L.LayerNormalization()(x)
    seen = L.MultiHeadAttention(2, 4, name="self")(seen, seen, use_causal_mask=True)
    x = L.Add()([x, L.Dropout(0.2)(seen)])
    few = L.Cropping1D((3, 1))(x)
    x = L.MultiHeadAttention(3, 2, value_dim=5, output_shape=6, name="cross")(few, x)
    x = L.SpatialDropout1D(0.2)(x)
    x = L.Dense(9, activation="gelu")(L.LayerNormalization()(x))
    x = keras.ops.gelu(L.EinsumDense("btd,dhe->bthe", output_shape=(3, 2, 4))(x), approximate=False)
    return keras.Model(i, L.Dense(3, activation="softmax")(L.Flatten()(x)))


def codes() -> keras.Model:
    """Embedded codes of a signal: of how many standard deviations it is above its mean."""
    i = keras.Input((9,))
    code = keras.ops.clip(i, -1.4, 2.4)
    code = L.Dense(9, trainable=False, kernel_initializer="identity", bias_initializer="ones")(code)
    x = L.Embedding(4, 5, name="embedding")(code)
    x = L.Conv1D(4, 3, padding="causal", activation="elu")(x)
    return keras.Model(i, L.Dense(3, activation="softmax")(L.Flatten()(x)))


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "conv1d_chain": Architecture(conv1d_chain),
        "dilated_conv2d": Architecture(dilated_conv2d),
        "separable1d_layernorm": Architecture(separable1d_layernorm),
        "separable2d_groupnorm": Architecture(separable2d_groupnorm),
        "depthwise_residual": Architecture(depthwise_residual),
        "branches_binary": Architecture(branches_binary, loss="binary_crossentropy"),
        "regression": Architecture(regression, loss="mse"),
        "categorical": Architecture(categorical_softmax_inside, loss="categorical_crossentropy"),
        "constrained_nested": Architecture(constrained_nested),
        "unequal_strides": Architecture(unequal_strides),
        "dropouts": Architecture(dropouts),
        "causal_power": Architecture(causal_power),
        "cropped_picture": Architecture(cropped_picture),
        "tokens": Architecture(tokens),
        "codes": Architecture(codes),
        "plain_sgd": Architecture(conv1d_chain, options={"optimizer": "sgd"}),
        "last_layer": Architecture(depthwise_residual, options={"strategy": "last-layer"}),
    }
)


def batches(
    model: keras.Model, architecture: Architecture, steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """X [steps, B, ...] and y fitting the loss, from a seeded generator."""
    rng = np.random.default_rng(seed)
    shape = (steps, architecture.batch_size)
    x = rng.standard_normal((*shape, *model.input_shape[1:])).astype(np.float32)
    units = model.output_shape[-1]
    if architecture.loss == "sparse_categorical_crossentropy":
        return x, rng.integers(0, units, shape).astype(np.int32)
    if architecture.loss == "categorical_crossentropy":
        return x, np.eye(units, dtype=np.float32)[rng.integers(0, units, shape)]
    if architecture.loss == "binary_crossentropy":
        return x, rng.integers(0, 2, (*shape, units)).astype(np.float32)
    return x, rng.standard_normal((*shape, units)).astype(np.float32)
