# SPDX-License-Identifier: Apache-2.0
"""The error that a user can act on."""

from __future__ import annotations


class BiotrainError(Exception):
    """Something the user can put right; its text is one line: the thing, and the remedy."""
