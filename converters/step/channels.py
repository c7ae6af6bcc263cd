# SPDX-License-Identifier: Apache-2.0
"""Which output channels of a layer contribute most: what strategy ``sparse`` moves.

With data, a channel counts by |sum of w * dL/dw| over its filter, the first-order change of the
loss if it were gone (Molchanov et al., "Importance Estimation for Neural Network Pruning", 2019);
like the contribution analysis of "On-Device Training Under 256KB Memory" (Lin et al., 2022) it is
made once, before conversion. Without data it counts by the L2 norm of its filter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from converters.errors import ConversionError

Scores = Mapping[str, np.ndarray]
"""Of each kernel, by its Keras path, a number for each channel of its last axis."""
KERNELS = frozenset({"kernel", "depthwise_kernel", "pointwise_kernel"})


def is_filter(variable: keras.Variable) -> bool:
    """Whether it has channels to choose from: filters, or the weights of a Dense layer."""
    return variable.name in KERNELS and len(variable.shape) >= 2


def channel_scores(
    model: keras.Model, x: Any, y: Any, *, loss: Any = None
) -> dict[str, np.ndarray]:
    """Contributions on the samples ``x`` with labels ``y``. ``loss``: default the compiled one,
    else sparse categorical crossentropy of probabilities.
    """
    chosen = loss if loss is not None else getattr(model, "loss", None)
    function = keras.losses.get(chosen or "sparse_categorical_crossentropy")
    filters = [v for v in model.weights if is_filter(v)]
    values = [v.value for v in filters]
    with tf.GradientTape() as tape:
        tape.watch(values)
        mean = tf.reduce_mean(function(tf.constant(y), model(tf.constant(x), training=False)))
    gradients = tape.gradient(mean, values)
    return {
        v.path: np.abs(_by_channel(v.numpy() * g.numpy()).sum(0))
        for v, g in zip(filters, gradients, strict=True)
        if g is not None
    }


def chosen_channels(
    variable: keras.Variable, fraction: float, scores: Scores | None
) -> tuple[bool, ...]:
    """The ``fraction`` of its channels, at least one, with the highest scores."""
    filters = _by_channel(variable.numpy())
    score = np.linalg.norm(filters, axis=0)
    if scores is not None:
        if variable.path not in scores or np.shape(scores[variable.path]) != score.shape:
            raise ConversionError(
                f"channel_scores: wanted {score.size} numbers for {variable.path}; found "
                f"{np.shape(scores.get(variable.path, ()))}; make them with channel_scores"
            )
        score = np.asarray(scores[variable.path])
    if not np.isfinite(score).all():
        raise ConversionError(f"channel_scores: wanted finite numbers for {variable.path}")
    best = np.argsort(-score, kind="stable")[: math.ceil(fraction * score.size)]
    return tuple(bool(n in best) for n in range(score.size))


def _by_channel(filters: np.ndarray) -> np.ndarray:
    return filters.reshape(-1, filters.shape[-1]).astype(np.float64)
