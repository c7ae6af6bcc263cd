# SPDX-License-Identifier: Apache-2.0
"""Which schedule a training step runs by: the fewest instructions that fit a RAM budget.

``recipe`` makes the graph of a schedule, ``dial`` chooses one. This room knows passes, planner and
costs; it must not know Keras, TensorFlow or how a graph is written.
"""
