# SPDX-License-Identifier: Apache-2.0
"""Step and seed: the two saved integers that dropout's masks depend on."""

from __future__ import annotations

import tensorflow as tf


class Counter(tf.Module):
    """``step`` counts training steps since conversion, ``seed`` is the user's; both int32
    scalars.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.step = tf.Variable(0, dtype=tf.int32, trainable=False, name="step")
        self.seed = tf.Variable(seed, dtype=tf.int32, trainable=False, name="seed")
