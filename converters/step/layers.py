# SPDX-License-Identifier: Apache-2.0
"""Twins of the Keras layers whose training pass must be written our way; weights and names stay
Keras's.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from converters.gradients.dropout import dropout
from converters.gradients.norm import batch_norm, group_norm
from converters.gradients.writer import Writer
from converters.step.counter import Counter


def value_of(variable: keras.Variable | None, channels: int, default: float) -> tf.Tensor:
    if variable is None:
        return tf.fill([channels], default)
    return tf.convert_to_tensor(variable.value)


class Linked:
    """A layer that may be in a chain or a fold, computed together with others (step/commute.py,
    step/fold.py)."""

    chain: Any = None

    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        """What the layer computes by itself."""
        raise NotImplementedError

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        if self.chain is None:
            return self.plain(inputs, training)
        return self.chain.call(self, inputs, training)


def update_moving(norm: keras.layers.Layer, mean: tf.Tensor, variance: tf.Tensor) -> None:
    """The moving averages of a BatchNormalization take in the statistics of a batch."""
    for moving, batch in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        kept = moving.value * norm.momentum
        moving.assign(kept + tf.stop_gradient(batch) * (1.0 - norm.momentum))


class LiveBatchNorm(Linked, keras.layers.BatchNormalization):
    """Statistics of the batch in training, moving averages in inference: ``--norm keep``."""

    writer = Writer(compact=False)

    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        if not (training and self.trainable):
            return keras.layers.BatchNormalization.call(self, inputs, training=False)
        channels = inputs.shape[-1]
        y, mean, variance = batch_norm(
            inputs,
            value_of(self.gamma, channels, 1.0),
            value_of(self.beta, channels, 0.0),
            epsilon=self.epsilon,
            writer=self.writer,
        )
        update_moving(self, mean, variance)
        return y


class FrozenBatchNorm(Linked, keras.layers.BatchNormalization):
    """Moving averages always, never updated; gamma and beta train: ``--norm frozen``."""

    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        return keras.layers.BatchNormalization.call(self, inputs, training=False)


class GroupNorm(Linked, keras.layers.GroupNormalization):
    """Keras's group normalisation over the last axis, on our group_norm."""

    writer = Writer(compact=False)

    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        shape = inputs.shape
        channels = shape[-1]
        groups = channels if self.groups == -1 else self.groups
        flat = tf.reshape(inputs, [shape[0], math.prod(shape[1:-1]), channels])
        y = group_norm(
            flat,
            value_of(self.gamma, channels, 1.0),
            value_of(self.beta, channels, 0.0),
            groups=groups,
            epsilon=self.epsilon,
            writer=self.writer,
        )
        return tf.reshape(y, shape)


class LayerNorm(keras.layers.LayerNormalization):
    """Keras's layer normalisation over trailing axes: a group norm of one group per normalised
    slice.
    """

    writer = Writer(compact=False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        shape = inputs.shape
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        width = math.prod(shape[a] for a in axes)
        flat = tf.reshape(inputs, [math.prod(shape) // width, 1, width])
        gamma = tf.reshape(value_of(self.gamma, width, 1.0), [width])
        beta = tf.reshape(value_of(self.beta, width, 0.0), [width])
        y = group_norm(flat, gamma, beta, groups=1, epsilon=self.epsilon, writer=self.writer)
        return tf.reshape(y, shape)


class HashDropout(keras.layers.Layer):
    """Dropout (element or, when ``spatial``, whole feature maps) by the hash of
    gradients/dropout.py.
    """

    def __init__(
        self,
        *,
        rate: float,
        index: int,
        spatial: bool,
        counter: Counter,
        writer: Writer,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.index = index
        self.spatial = spatial
        self.writer = writer
        self._counter = counter

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if not training or self.rate == 0:
            return inputs
        return dropout(
            inputs,
            self._counter.step.read_value(),
            self._counter.seed.read_value(),
            rate=self.rate,
            layer=self.index,
            spatial=self.spatial,
            writer=self.writer,
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


def _convolve(
    layer: keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor, op: Any
) -> tf.Tensor:
    """One convolution op for 1-D and 2-D layers alike.

    Keras's own call goes through SpaceToBatch for dilations, which hides the convolution, and
    refuses unequal depthwise strides, which TFLite does not.
    """
    strides, dilations = list(layer.strides), list(layer.dilation_rate)
    padding = layer.padding.upper()
    if padding == "CAUSAL":
        # So many zeros before the first step that none sees a later one.
        before = (kernel.shape[0] - 1) * dilations[0]
        inputs, padding = tf.pad(inputs, [[0, 0], [before, 0], [0, 0]]), "VALID"
    one_dimensional = len(inputs.shape) == 3
    if one_dimensional:
        inputs, kernel = tf.expand_dims(inputs, 1), tf.expand_dims(kernel, 0)
        strides, dilations = [1, *strides], [1, *dilations]
    y = op(
        input=inputs,
        filter=kernel,
        strides=[1, *strides, 1],
        padding=padding,
        dilations=[1, *dilations, 1],
    )
    return tf.squeeze(y, [1]) if one_dimensional else y


def _finish(layer: keras.layers.Layer, y: tf.Tensor) -> tf.Tensor:
    if layer.use_bias:
        y = y + layer.bias.value
    return layer.activation(y) if layer.activation is not None else y


def convolve(layer: keras.layers.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """What a Conv2D or DepthwiseConv2D gives with another kernel, without bias and activation."""
    full = isinstance(layer, Conv2D)
    op = tf.raw_ops.Conv2D if full else tf.raw_ops.DepthwiseConv2dNative
    return _convolve(layer, inputs, kernel, op)


def _full(layer: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    kernel = tf.convert_to_tensor(layer._kernel.value)
    if layer.lora_enabled:
        a, b = (tf.convert_to_tensor(v.value) for v in (layer.lora_kernel_a, layer.lora_kernel_b))
        added = tf.matmul(tf.reshape(a, [-1, layer.lora_rank]), b)
        kernel += tf.reshape(added, kernel.shape) * (layer.lora_alpha / layer.lora_rank)
    return _finish(layer, _convolve(layer, inputs, kernel, tf.raw_ops.Conv2D))


def _depthwise(layer: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    kernel = tf.convert_to_tensor(layer.kernel.value)
    return _finish(layer, _convolve(layer, inputs, kernel, tf.raw_ops.DepthwiseConv2dNative))


def _separable(layer: keras.layers.Layer, inputs: tf.Tensor) -> tf.Tensor:
    kernel = tf.convert_to_tensor(layer.depthwise_kernel.value)
    y = _convolve(layer, inputs, kernel, tf.raw_ops.DepthwiseConv2dNative)
    y = tf.nn.convolution(y, layer.pointwise_kernel.value, strides=1, padding="VALID")
    return _finish(layer, y)


class Conv1D(keras.layers.Conv1D):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _full(self, inputs)


class Conv2D(Linked, keras.layers.Conv2D):
    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        return _full(self, inputs)


class DepthwiseConv1D(keras.layers.DepthwiseConv1D):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _depthwise(self, inputs)


class DepthwiseConv2D(Linked, keras.layers.DepthwiseConv2D):
    def plain(self, inputs: tf.Tensor, training: bool | None) -> tf.Tensor:
        return _depthwise(self, inputs)


class SeparableConv1D(keras.layers.SeparableConv1D):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _separable(self, inputs)


class SeparableConv2D(keras.layers.SeparableConv2D):
    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _separable(self, inputs)
