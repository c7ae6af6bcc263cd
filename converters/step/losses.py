# SPDX-License-Identifier: Apache-2.0
"""The losses of Keras, from logits, averaged over the batch as Keras averages them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from converters.errors import ConversionError
from converters.step.options import LOSSES


@dataclass(frozen=True)
class Loss:
    """``function(y, logits) -> scalar``; y is int32 [B] when ``sparse``, else float32 shaped like
    the output.
    """

    name: str
    sparse: bool
    function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def _cross_entropy(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Mean over the batch of -sum(targets * log softmax(logits)); dlogits = (softmax - targets) /
    B.
    """
    batch = float(logits.shape[0])

    @tf.custom_gradient
    def apply(logits: tf.Tensor):  # type: ignore[no-untyped-def]
        loss = tf.reduce_sum(targets * tf.nn.log_softmax(logits)) * (-1.0 / batch)

        def gradient(dloss: tf.Tensor) -> tf.Tensor:
            total = tf.reduce_sum(targets, axis=-1, keepdims=True)
            return (tf.nn.softmax(logits) * total - targets) * (dloss * (1.0 / batch))

        return loss, gradient

    return apply(logits)


def sparse_categorical_crossentropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """y int32 [B]. The one-hot rows are gathered: the converter would turn comparisons into
    ONE_HOT, which TFLM lacks.

    A label outside 0..n-1 is then an index out of range, which the runner refuses.
    """
    classes = int(logits.shape[-1])
    batch = float(logits.shape[0])
    targets = tf.gather(tf.constant(np.eye(classes, dtype=np.float32)), y)

    @tf.custom_gradient
    def apply(logits: tf.Tensor):  # type: ignore[no-untyped-def]
        loss = tf.reduce_sum(targets * tf.nn.log_softmax(logits)) * (-1.0 / batch)

        def gradient(dloss: tf.Tensor) -> tf.Tensor:
            return (tf.nn.softmax(logits) - targets) * (dloss * (1.0 / batch))

        return loss, gradient

    return apply(logits)


def categorical_crossentropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """y float32 [B, n], rows that sum to one."""
    return _cross_entropy(y, logits)


def binary_crossentropy(y: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """y float32 [B, units] of zeros and ones: mean of max(z, 0) - z*y + log(1 + exp(-|z|))."""
    count = float(np.prod(logits.shape.as_list()))

    @tf.custom_gradient
    def apply(logits: tf.Tensor):  # type: ignore[no-untyped-def]
        softplus = tf.math.log(1.0 + tf.exp(-tf.abs(logits)))
        loss = tf.reduce_sum(tf.maximum(logits, 0.0) - logits * y + softplus) * (1.0 / count)

        def gradient(dloss: tf.Tensor) -> tf.Tensor:
            return (tf.sigmoid(logits) - y) * (dloss * (1.0 / count))

        return loss, gradient

    return apply(logits)


def mse(y: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """y float32 like the output: mean squared difference."""
    return tf.reduce_mean(tf.square(output - y))


def choose_loss(
    requested: str | None, compiled: str | None, final_activation: str, units: int
) -> tuple[Loss, str]:
    """The loss, and where the choice came from.

    Requested wins over compiled; with neither, softmax means sparse cross-entropy, sigmoid binary
    cross-entropy, and a linear output cross-entropy for two units or more, else MSE.
    """
    functions = {
        "sparse_categorical_crossentropy": sparse_categorical_crossentropy,
        "categorical_crossentropy": categorical_crossentropy,
        "binary_crossentropy": binary_crossentropy,
        "mse": mse,
    }
    if requested is not None:
        name, origin = requested, "--loss"
    elif compiled is not None:
        name, origin = compiled, "compiled into the model"
    elif final_activation == "softmax" or (final_activation == "linear" and units > 1):
        name, origin = LOSSES[0], f"from the {final_activation} output"
    elif final_activation == "sigmoid":
        name, origin = "binary_crossentropy", "from the sigmoid output"
    else:
        name, origin = "mse", f"from the {final_activation} output"
    expected = {
        "sparse_categorical_crossentropy": ("softmax", "linear"),
        "categorical_crossentropy": ("softmax", "linear"),
        "binary_crossentropy": ("sigmoid", "linear"),
    }.get(name)
    if expected is not None and final_activation not in expected:
        raise ConversionError(
            f"loss {name} needs a model that ends in {' or '.join(expected)}, but it ends in "
            f"{final_activation}; "
            "choose another --loss or change the last layer"
        )
    return Loss(name, name == LOSSES[0], functions[name]), origin


def compiled_loss_name(model: keras.Model) -> str | None:
    """The Keras loss a model was compiled with, by our name for it; None when there is none.

    Raises:
        ConversionError: another loss than ours. Training on a different one must be a choice.
    """
    loss = getattr(model, "loss", None)
    if loss is None:
        return None
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    name = {"mean_squared_error": "mse", "MeanSquaredError": "mse", "MSE": "mse"}.get(name, name)
    if name not in LOSSES:
        raise ConversionError(
            f"the model was compiled with loss {name!r}, which does not train on a device; "
            f"choose one of {', '.join(LOSSES)} with --loss"
        )
    return str(name)
