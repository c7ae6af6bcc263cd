# SPDX-License-Identifier: Apache-2.0
"""One optimiser step of a Keras model as a ``tf.Module`` with the signatures train, infer, save
and restore.

Loss, optimiser, constraints, norm policy and strategy live here, a file each. This room knows
Keras and ``gradients``; it must not know flatbuffers, memory or devices.
"""
