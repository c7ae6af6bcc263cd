# SPDX-License-Identifier: Apache-2.0
"""Keras to trainable flatbuffer. Knows nothing of biotrain_tf, of emulators or of data."""

from typing import Any

__all__ = ["ConversionError", "ConversionResult", "convert"]

from converters.errors import ConversionError


def __getattr__(name: str) -> Any:
    """``convert`` on first use: importing this package must not cost the import of TensorFlow."""
    if name in ("convert", "ConversionResult"):
        from converters import convert_trainable

        return getattr(convert_trainable, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
