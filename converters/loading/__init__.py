# SPDX-License-Identifier: Apache-2.0
"""Keras models in, from any file Keras ever wrote; everything that will not train is listed at
once.

This room knows Keras only; it must not know gradients, flatbuffers or devices.
"""
