# SPDX-License-Identifier: Apache-2.0
"""Reference Keras models, one a file, checked against published counts of parameters and MACs.

This room knows Keras only; it must not know data, converters or devices.
"""
