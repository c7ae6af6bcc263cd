# SPDX-License-Identifier: Apache-2.0
"""Recordings of people in, calibration batches out: units explicit, filters causal, no leakage.

This room knows NumPy and MNE; it must not know models, converters or devices.
"""
