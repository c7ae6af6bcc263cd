# SPDX-License-Identifier: Apache-2.0
"""The one error a user of the converters can cause."""

from __future__ import annotations


class ConversionError(ValueError):
    """A model, file or option that cannot be converted. The message names the thing, the wanted
    and the found.
    """
