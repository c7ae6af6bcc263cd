# SPDX-License-Identifier: Apache-2.0
"""Recordings of people in, calibration batches out."""
