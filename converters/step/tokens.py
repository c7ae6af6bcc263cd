# SPDX-License-Identifier: Apache-2.0
"""Twins of the layers on tokens, and GELU wherever a model has it: matrix products and gradients
written our way.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from converters.gradients.attention import attention
from converters.gradients.gelu import gelu
from converters.gradients.writer import Writer


def project(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable | None, summed: int) -> tf.Tensor:
    """x [..., I] times kernel [I, O], where I and O may be several axes each, ``summed`` those of
    I; a bias is of axes O, or of some before them too.
    """
    kept = x.shape[: len(x.shape) - summed]
    width = math.prod(kernel.shape[:summed])
    rows = tf.reshape(x, [math.prod(kept), width])
    y = tf.matmul(rows, tf.reshape(kernel.read_value(), [width, -1]))
    made = kernel.shape[summed:]
    if bias is not None and bias.shape == made:
        # One row for all, whatever its axes.
        y, bias = y + tf.reshape(bias.read_value(), [1, -1]), None
    y = tf.reshape(y, [*kept, *made])
    return y if bias is None else y + bias.read_value()


def _value(variable: keras.Variable | None) -> tf.Variable | None:
    return None if variable is None else variable.value


class EinsumDense(keras.layers.EinsumDense):
    """One matrix product of flattened axes; loading/token_layers.py lets no other in."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        inputs_axes, weights = self.equation.split("->")[0].split(",")
        summed = len([axis for axis in weights if axis in inputs_axes])
        y = project(inputs, self.kernel.value, _value(self.bias), summed)
        return y if self.activation is None else self.activation(y)


class Embedding(keras.layers.Embedding):
    """Rows of a table, by codes that come as floats."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.embeddings.value.read_value(), tf.cast(inputs, tf.int32))


class MultiHeadAttention(keras.layers.MultiHeadAttention):
    """Keras's attention on our op, heads where the projections leave them."""

    writer = Writer(compact=False)

    def call(
        self,
        query: tf.Tensor,
        value: tf.Tensor,
        key: tf.Tensor | None = None,
        use_causal_mask: bool = False,
        training: bool | None = None,
        **masks: Any,
    ) -> tf.Tensor:
        given = {"query": query, "key": value if key is None else key, "value": value}
        dense = {"query": self._query_dense, "key": self._key_dense, "value": self._value_dense}
        q, k, v = (
            project(x, dense[name].kernel.value, _value(dense[name].bias), 1)
            for name, x in given.items()
        )
        y = attention(
            q,
            k,
            v,
            scale=1.0 / math.sqrt(float(self.key_dim)),
            causal=use_causal_mask,
            writer=self.writer,
        )
        out = self._output_dense
        return project(y, out.kernel.value, _value(out.bias), 2)


class Gelu(keras.Operation):
    """keras.ops.gelu, written our way."""

    def __init__(self, *, approximate: bool, writer: Writer, name: str) -> None:
        super().__init__(name=name)
        self.approximate, self.writer = approximate, writer

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return gelu(x, approximate=self.approximate, writer=self.writer)

    def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor(x.shape, dtype=x.dtype)


def rewrite_gelu(layers: Sequence[keras.layers.Layer], writer: Writer) -> None:
    """The activation of every layer that has GELU as one."""
    for layer in layers:
        if getattr(layer, "activation", None) is keras.activations.gelu:
            layer.activation = functools.partial(gelu, approximate=False, writer=writer)
