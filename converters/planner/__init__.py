# SPDX-License-Identifier: Apache-2.0
"""Lifetimes to offsets: one arena for the variables and for every signature, planned before
anything is flashed.

``storage`` decides what shares memory, ``solver`` where it lies, ``verify`` whether that is right;
solver and verifier share no code. This room knows ``graph`` only; it must not know TensorFlow,
kernels or file formats.
"""
