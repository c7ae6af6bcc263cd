# SPDX-License-Identifier: Apache-2.0
"""The table of rewritten gradients, and the scope in which TensorFlow's autodiff uses it.

TensorFlow remains the one that differentiates: inside ``rewritten_gradients`` an op of a listed
type carries the public graph attribute that names our way of writing its gradient
(``tf.Graph.gradient_override_map``).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from converters.gradients import activation, convolution, pointwise, pooling, shape
from converters.gradients.writer import PREFIX, Writer

Gradient = Callable[..., Any]

GRADIENTS: Mapping[str, Gradient] = MappingProxyType(
    {
        "AvgPool": pooling.avg_pool,
        "BiasAdd": shape.bias_add,
        "ConcatV2": shape.concat,
        "Conv2D": convolution.conv2d,
        "DepthwiseConv2dNative": convolution.depthwise_conv2d,
        "Elu": activation.elu,
        "ExpandDims": shape.reshape,
        "GatherV2": shape.gather,
        "LeakyRelu": activation.leaky_relu,
        "Log": pointwise.log,
        "MaxPool": pooling.max_pool,
        "Maximum": pointwise.maximum,
        "Mean": shape.mean,
        "Minimum": pointwise.minimum,
        "Pad": shape.pad,
        "PadV2": shape.pad,
        "Relu": activation.relu,
        "Relu6": activation.relu6,
        "Reshape": shape.reshape,
        "Sigmoid": activation.sigmoid,
        "Square": pointwise.square,
        "Squeeze": shape.reshape,
        "StridedSlice": shape.strided_slice,
        "Sum": shape.reduce_sum,
        "Tanh": activation.tanh,
        "Transpose": shape.transpose,
    }
)


@contextlib.contextmanager
def rewritten_gradients(writer: Writer) -> Iterator[None]:
    """Within a traced function: ops created here get their gradients written by ``writer``."""
    graph = tf.compat.v1.get_default_graph()
    with graph.gradient_override_map({kind: _registered(kind, writer) for kind in GRADIENTS}):
        yield


@functools.cache
def _registered(kind: str, writer: Writer) -> str:
    """Name of the gradient of ``kind`` in TensorFlow's registry, which knows each name once per
    process.
    """
    name = f"{PREFIX}.{writer.name}.{kind}"

    @tf.RegisterGradient(name)
    def gradient(op: tf.Operation, *dy: tf.Tensor) -> Any:
        return GRADIENTS[kind](op, dy[0], writer)

    return name
